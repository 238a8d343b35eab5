"""The list of those who are out: peers, or single certificates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sorcha_peer_core.model.ids import short
from sorcha_peer_core.services.tls.certificates import CertificateUnusable, fingerprint, parse_peer_uri, peer_uris
from sorcha_peer_core.services.tls.files import read

_ENTRY = re.compile(r"[0-9a-f]{1,64}")


@dataclass(frozen=True, slots=True)
class Revoked:
    """Peer ids (40 hex digits), SHA-256 fingerprints (64) and serial numbers of certificates, all in lower case."""

    entries: frozenset[str] = frozenset()

    def objection_to_peer(self, peer_id: str) -> str | None:
        """Why this peer is out, in words; None when it is not."""
        return f"peer {short(peer_id)} is revoked" if peer_id in self.entries else None

    def objection_to(self, certificate: x509.Certificate) -> str | None:
        """Why this certificate is out, in words; None when it is not."""
        der = certificate.public_bytes(Encoding.DER)
        if fingerprint(der).hex() in self.entries:
            return f"the certificate with the fingerprint {fingerprint(der).hex()} is revoked"
        serial = format(certificate.serial_number, "x")
        # Tools write serial numbers with leading zeros or without.
        if any(entry.lstrip("0") == serial for entry in self.entries):
            return f"the certificate with the serial number {serial} is revoked"
        return next(filter(None, map(self._objection_to_name, peer_uris(certificate))), None)

    def _objection_to_name(self, uri: str) -> str | None:
        try:
            return self.objection_to_peer(parse_peer_uri(uri)[1])
        except ValueError:
            return None


def parse_entry(text: str) -> str:
    """One entry as people and tools write it, colons included; ValueError says what it should be.

    >>> parse_entry("AB:CD")
    'abcd'
    """
    digits = text.strip().lower().replace(":", "")
    if not _ENTRY.fullmatch(digits) or not digits.strip("0"):
        raise ValueError(f"{text.strip()!r} is no peer id, serial number or SHA-256 fingerprint, which are hex digits")
    return digits


def read_revoked(path: Path) -> Revoked:
    """Read a list: one entry a line, ``#`` begins a comment. Raises CertificateUnusable: one bad line spoils it."""
    entries = set()
    lines = read(path).decode("utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        try:
            entries.add(parse_entry(entry))
        except ValueError as error:
            raise CertificateUnusable(f"{path}, line {number}: {error}") from None
    return Revoked(frozenset(entries))
