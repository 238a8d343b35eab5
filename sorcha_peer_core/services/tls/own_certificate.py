"""The key and the self-signed certificate that a node makes for itself, in the ``tls`` folder of its data directory."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sorcha_peer_core.services.tls.certificates import (
    CertificateKey,
    CertificateUnusable,
    date_flaw,
    is_self_made,
    key_pem,
    key_sha256,
    new_key,
    peer_uri,
    peer_uris,
    self_signed,
    validity_from,
)
from sorcha_peer_core.services.tls.files import CERTIFICATE_FILE, DIRECTORY, KEY_FILE, PUBLIC, SECRET, Draft, create, replace
from sorcha_peer_core.services.tls.pair import KeyMismatch, Pair, read_certificates, read_key, read_pair

log = logging.getLogger(__name__)

PREVIOUS_FILE = "previous.pem"
VALID_DAYS = 3650
_RENEWED_BEFORE = timedelta(days=30)
_MOST_PREVIOUS = 3


class OwnPair(NamedTuple):
    """What the node presents, and the keys that its peer record names."""

    pair: Pair
    tls_keys: tuple[bytes, ...]
    """SHA-256 of the public keys, the one in use first, then those in use before."""


class OwnCertificate:
    """Files ``key.pem``, ``certificate.pem`` and, after a rotation, ``previous.pem``. Every method may raise OSError."""

    def __init__(self, data_dir: Path, network_id: str, peer_id: str) -> None:
        folder = data_dir / DIRECTORY
        self._uri = peer_uri(network_id, peer_id)
        self._key_file = folder / KEY_FILE
        self._certificate_file = folder / CERTIFICATE_FILE
        self._previous_file = folder / PREVIOUS_FILE

    @property
    def files(self) -> tuple[Path, ...]:
        """What to watch."""
        return self._key_file, self._certificate_file, self._previous_file

    def ensure(self, now: float) -> None:
        """Make what is missing; renew a self-made certificate that no longer fits this node. For the start of a node.

        Raises:
            CertificateUnusable: what is there was not made here and cannot be used; it is left as it is.
        """
        if self._key_file.exists():
            key = read_key(self._key_file)
        elif self._certificate_file.exists():
            raise CertificateUnusable(
                f"{self._certificate_file} is there without {self._key_file}; restore the key, or move the certificate away"
            )
        else:
            create(Draft(self._key_file, key_pem(new_key()), SECRET))
            # Read and not remembered: two that start at the same time end with one key.
            key = read_key(self._key_file)
        if not self._certificate_file.exists():
            create(self._certificate(key, now))
        elif self._is_left_behind():
            replace([self._certificate(key, now)])
        self.renew_if_due(now)

    def renew_if_due(self, now: float) -> bool:
        """A new certificate for the same key when the dates of a self-made one are wrong or near their end.

        Wrong dates come from a clock that was wrong when the certificate was made. Raises CertificateUnusable.
        """
        pair = read_pair(self._key_file, self._certificate_file)
        moment = datetime.fromtimestamp(now, UTC)
        if pair.leaf.not_valid_before_utc <= moment <= pair.leaf.not_valid_after_utc - _RENEWED_BEFORE:
            return False
        if not is_self_made(pair.leaf):
            return False
        replace([self._certificate(pair.key, now)])
        log.info("the node's own certificate was renewed for the same key")
        return True

    def rotate(self, now: float) -> None:
        """Change to a new key and certificate. The keys before stay among those that the peer record names.

        A running node takes it up with its next refresh. Raises CertificateUnusable.
        """
        before = read_pair(self._key_file, self._certificate_file)
        kept = [before.leaf, *self._previous()][:_MOST_PREVIOUS]
        key = new_key()
        replace(
            [
                Draft(self._previous_file, b"".join(c.public_bytes(Encoding.PEM) for c in kept), PUBLIC),
                # A crash after the key leaves the old certificate beside it, which ``ensure`` knows for what it is.
                Draft(self._key_file, key_pem(key), SECRET),
                self._certificate(key, now),
            ]
        )

    def read(self, now: float) -> OwnPair:
        """What is there. Raises CertificateUnusable when the files do not fit together or peers would refuse them."""
        pair = read_pair(self._key_file, self._certificate_file)
        flaw = date_flaw(pair.leaf, now)
        if flaw:
            raise CertificateUnusable(f"{self._certificate_file} {flaw}")
        if pair.leaf.subject != pair.leaf.issuer:
            raise CertificateUnusable(
                f"{self._certificate_file} is the certificate of an authority; mode open needs one that the node signs itself: "
                "move it away together with its key, or set security.mode to ca"
            )
        keys = [key_sha256(certificate.public_key()) for certificate in (pair.leaf, *self._previous())]
        return OwnPair(pair, tuple(dict.fromkeys(keys)))

    def _is_left_behind(self) -> bool:
        """Whether the certificate was made here for another key or under another name than the node has now."""
        (leaf, *_) = read_certificates(self._certificate_file)
        if not is_self_made(leaf):
            return False
        try:
            read_pair(self._key_file, self._certificate_file)
        except KeyMismatch:
            return True
        return peer_uris(leaf) != [self._uri]

    def _previous(self) -> tuple[x509.Certificate, ...]:
        return read_certificates(self._previous_file) if self._previous_file.exists() else ()

    def _certificate(self, key: CertificateKey, now: float) -> Draft:
        pem = self_signed(key, self._uri, validity_from(now, VALID_DAYS)).public_bytes(Encoding.PEM)
        return Draft(self._certificate_file, pem, PUBLIC)
