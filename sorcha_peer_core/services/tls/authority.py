"""A private certificate authority: a folder with a key, a certificate, an index of what was issued and a list of who is out."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sorcha_peer_core.errors import StartError
from sorcha_peer_core.services.tls.certificates import (
    CertificateKey,
    CertificateUnusable,
    Validity,
    date_flaw,
    fingerprint,
    key_pem,
    key_sha256,
    key_usage,
    new_key,
    node_certificate,
    peer_uri,
    validity_from,
)
from sorcha_peer_core.services.tls.files import PUBLIC, REVOKED_FILE, SECRET, TRUSTED_FILE, Draft, create, read, replace
from sorcha_peer_core.services.tls.pair import read_certificates, read_key
from sorcha_peer_core.services.tls.request import Request
from sorcha_peer_core.services.tls.revocation import Revoked, parse_entry, read_revoked

AUTHORITY_KEY_FILE = "ca-key.pem"
INDEX_FILE = "issued.jsonl"
_SERIAL_BITS = 128

_REVOKED_HEAD = (
    "# Peers and certificates that are out, one a line: peer id, serial number or SHA-256 fingerprint.\n"
    "# Every node needs the newest version of this file as tls/revoked.txt in its data directory.\n"
)


@dataclass(frozen=True, slots=True)
class Issued:
    """One line of the index."""

    serial: str
    """32 hex digits, so that it is never taken for a peer id (40) or a fingerprint (64)."""
    fingerprint: str
    peer_id: str
    network_id: str
    issued_at: int
    expires_at: int

    def state(self, revoked: Revoked, now: float) -> str:
        """valid | expired | revoked"""
        if revoked.entries & {self.serial, self.fingerprint, self.peer_id}:
            return "revoked"
        return "valid" if now < self.expires_at else "expired"


@dataclass(frozen=True, slots=True)
class Authority:
    """What is in the folder of an authority; made by ``open_authority``."""

    folder: Path
    key: CertificateKey
    certificate: x509.Certificate

    @property
    def certificate_file(self) -> Path:
        """What nodes trust: ``tls/ca.pem`` of each."""
        return self.folder / TRUSTED_FILE

    @property
    def revoked_file(self) -> Path:
        """Who is out: ``tls/revoked.txt`` of each node."""
        return self.folder / REVOKED_FILE

    def revoked(self) -> Revoked:
        """Who is out. Raises CertificateUnusable."""
        return read_revoked(self.revoked_file) if self.revoked_file.exists() else Revoked()

    def issued(self) -> Sequence[Issued]:
        """Everything issued, oldest first. Raises CertificateUnusable."""
        index = self.folder / INDEX_FILE
        lines = read(index).decode("utf-8", errors="replace").splitlines() if index.exists() else []
        try:
            return [Issued(**json.loads(line)) for line in lines if line.strip()]
        except (ValueError, TypeError):
            raise CertificateUnusable(f"{index} is damaged: a line is not an entry of the index") from None

    def issue(self, request: Request, days: int, now: float) -> tuple[bytes, Issued]:
        """A certificate (PEM) for a request that was checked; it ends with the authority's own at the latest.

        Raises:
            StartError: the authority's certificate has expired, or the peer is revoked.
            OSError: the index cannot be written; nothing was issued.
        """
        self._check_may_issue(request, now)
        wanted = validity_from(now, days)
        validity = Validity(wanted.not_before, min(wanted.not_after, self.certificate.not_valid_after_utc))
        # 128 bits with the highest set: always 32 digits, never zero, and nobody can guess it.
        serial = secrets.randbits(_SERIAL_BITS - 1) | 1 << (_SERIAL_BITS - 1)
        uri = peer_uri(request.network_id, request.peer_id)
        certificate = (
            node_certificate(request.peer_id, request.key, uri, validity, serial)
            .issuer_name(self.certificate.subject)
            .add_extension(x509.AuthorityKeyIdentifier(key_sha256(self.key.public_key())[:20], None, None), critical=False)
            .sign(self.key, SHA256())
        )
        entry = Issued(
            serial=format(serial, "x"),
            fingerprint=fingerprint(certificate.public_bytes(Encoding.DER)).hex(),
            peer_id=request.peer_id,
            network_id=request.network_id,
            issued_at=int(now),
            expires_at=int(validity.not_after.timestamp()),
        )
        # Entered before anybody has it: what exists can be found and revoked.
        _append(self.folder / INDEX_FILE, json.dumps(asdict(entry)))
        return certificate.public_bytes(Encoding.PEM), entry

    def revoke(self, target: str, now: float) -> tuple[str, bool]:
        """Add a peer id, serial number or fingerprint to the list; returns the entry, and whether it is new there.

        Raises:
            ValueError: it is none of the three.
            CertificateUnusable, OSError: the list cannot be read or written.
        """
        entry = parse_entry(target)
        if entry in self.revoked().entries:
            return entry, False
        about = [issued for issued in self.issued() if entry in (issued.serial, issued.fingerprint, issued.peer_id)]
        whom = f"peer {about[0].peer_id}" if about else "not issued here"
        line = f"{entry}  # {datetime.fromtimestamp(now, UTC):%Y-%m-%d}, {whom}\n"
        head = read(self.revoked_file).decode() if self.revoked_file.exists() else _REVOKED_HEAD
        if not head.endswith("\n"):
            head += "\n"
        replace([Draft(self.revoked_file, (head + line).encode(), PUBLIC)])
        return entry, True

    def _check_may_issue(self, request: Request, now: float) -> None:
        flaw = date_flaw(self.certificate, now)
        if flaw:
            raise StartError(f"the authority's certificate {self.certificate_file} {flaw}; make a new authority")
        objection = self.revoked().objection_to_peer(request.peer_id)
        if objection:
            raise StartError(f"{objection}; take it out of {self.revoked_file} first")


def init_authority(folder: Path, name: str, days: int, now: float) -> Authority:
    """Make an authority in a folder that holds none.

    Raises:
        StartError: something is there already; nothing was changed.
        OSError: the folder cannot be written.
    """
    files = [folder / file for file in (AUTHORITY_KEY_FILE, TRUSTED_FILE, INDEX_FILE, REVOKED_FILE)]
    for file in files:
        if file.exists():
            raise StartError(f"{file} is already there and is not overwritten")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = new_key()
    certificate = _root(key, name, validity_from(now, days))
    if not create(Draft(files[0], key_pem(key), SECRET)):
        raise StartError(f"{files[0]} is already there and is not overwritten")
    create(Draft(files[1], certificate.public_bytes(Encoding.PEM), PUBLIC))
    create(Draft(files[2], b"", PUBLIC))
    create(Draft(files[3], _REVOKED_HEAD.encode(), PUBLIC))
    return Authority(folder, key, certificate)


def open_authority(folder: Path) -> Authority:
    """The authority in a folder. Raises CertificateUnusable when there is none."""
    key_file, certificate_file = folder / AUTHORITY_KEY_FILE, folder / TRUSTED_FILE
    if not key_file.exists():
        raise CertificateUnusable(f"{folder} holds no authority; make one with: sorcha-peer ca init --dir {folder}")
    key, (certificate, *_) = read_key(key_file), read_certificates(certificate_file)
    if key_sha256(certificate.public_key()) != key_sha256(key.public_key()):
        raise CertificateUnusable(f"the certificate {certificate_file} does not belong to the key {key_file}")
    return Authority(folder, key, certificate)


def _root(key: ec.EllipticCurvePrivateKey, name: str, validity: Validity) -> x509.Certificate:
    # The key's hash makes the subject unique: gRPC cannot tell two trusted authorities of one name apart.
    digest = key_sha256(key.public_key())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.SERIAL_NUMBER, digest.hex())])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier(digest[:20]), critical=False)
        .sign(key, SHA256())
    )


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
