"""The three modes of ``security.mode``, each with its credentials and what it asks of peers."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from cryptography.hazmat.primitives.serialization import Encoding

from sorcha_peer_core.config import SecuritySection
from sorcha_peer_core.interfaces.credentials import Credentials
from sorcha_peer_core.services.tls.ca_credentials import CaCredentials, CaFiles
from sorcha_peer_core.services.tls.certificates import fingerprint
from sorcha_peer_core.services.tls.open_credentials import OpenCredentials
from sorcha_peer_core.services.tls.pair import read_certificates
from sorcha_peer_core.services.tls.trust import CaTrust, InsecureTrust, OpenTrust, Trust


class NodeCredentials(Credentials, Protocol):
    """Credentials as the node itself sees them: it keeps them fresh and names their keys in its record."""

    @property
    def tls_keys(self) -> tuple[bytes, ...]:
        """SHA-256 of public keys, for the peer record."""

    @property
    def expires_at(self) -> int:
        """Unix seconds of the end of the certificate in use."""

    def refresh(self) -> bool:
        """Take up changed files; True when open links are to be looked at again."""


class Protection(NamedTuple):
    """How links are encrypted and whom they may be with; ``credentials`` is None for plaintext."""

    credentials: NodeCredentials | None
    trust: Trust


def protect(security: SecuritySection, data_dir: Path, network_id: str, peer_id: str) -> Protection:
    """As configured. Raises StartError."""
    if security.mode == "insecure":
        return insecure()
    if security.mode == "open":
        return open_network(data_dir, network_id, peer_id)
    files = CaFiles.of(data_dir, security.certificate, security.key, security.trusted_cas, security.revoked)
    return private_network(files, network_id, peer_id)


def certificate_fingerprint(security: SecuritySection, data_dir: Path) -> str:
    """SHA-256 of the certificate that the node presents, as hex; empty when there is none (yet). Raises CertificateUnusable."""
    if security.mode == "insecure":
        return ""
    file = CaFiles.of(data_dir, security.certificate if security.mode == "ca" else "").certificate
    return fingerprint(read_certificates(file)[0].public_bytes(Encoding.DER)).hex() if file.exists() else ""


def insecure() -> Protection:
    """Mode ``insecure``."""
    return Protection(None, InsecureTrust())


def open_network(data_dir: Path, network_id: str, peer_id: str) -> Protection:
    """Mode ``open``. Raises StartError."""
    return Protection(OpenCredentials(data_dir, network_id, peer_id), OpenTrust())


def private_network(files: CaFiles, network_id: str, peer_id: str) -> Protection:
    """Mode ``ca``. Raises StartError."""
    credentials = CaCredentials(files, network_id, peer_id)
    return Protection(credentials, CaTrust(network_id, lambda: credentials.revoked))
