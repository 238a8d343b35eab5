"""Mode ``open``: every node makes its own certificate, and the session's handshake proves whose it is."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding

from sorcha_peer_core.errors import NotOffered, StartError
from sorcha_peer_core.interfaces.credentials import ClientTls, ServerTls
from sorcha_peer_core.services.tls.certificates import CertificateUnusable, date_flaw, fingerprint, read_der
from sorcha_peer_core.services.tls.files import stamps
from sorcha_peer_core.services.tls.look import look_at, looking_context, server_name_of
from sorcha_peer_core.services.tls.own_certificate import OwnCertificate, OwnPair

log = logging.getLogger(__name__)

_DATES_CHECKED_EVERY_S = 3600.0


class _InUse(NamedTuple):
    """All of one revision; exchanged as a whole, so that certificate and binding always belong together."""

    server: ServerTls
    binding: bytes
    tls_keys: tuple[bytes, ...]
    expires_at: int


class OpenCredentials:
    """Credentials of a node without an authority. Those who dial it present no certificate."""

    mode = "open"

    def __init__(self, data_dir: Path, network_id: str, peer_id: str, clock: Callable[[], float] = time.time) -> None:
        """Read the certificate of the data directory, or make it.

        Raises:
            StartError: it cannot be read, written or used.
        """
        self._own = OwnCertificate(data_dir, network_id, peer_id)
        self._clock = clock
        self._context = looking_context()
        try:
            self._own.ensure(clock())
            self._stamps = stamps(self._own.files)
            self._in_use = _in_use(self._own.read(clock()), revision=1)
        except CertificateUnusable as error:
            raise StartError(f"this node has no usable certificate: {error}") from None
        except OSError as error:
            raise StartError(f"the certificate cannot be made: {error.filename}: {error.strerror}") from None
        self._dates_checked_at = clock()

    @property
    def tls_keys(self) -> tuple[bytes, ...]:
        """What the peer record names: SHA-256 of the public key in use, then of those in use before."""
        return self._in_use.tls_keys

    @property
    def expires_at(self) -> int:
        """Unix seconds of the end of the certificate in use."""
        return self._in_use.expires_at

    @property
    def server_binding(self) -> bytes:
        """Channel binding of links that were dialled here."""
        return self._in_use.binding

    def server(self) -> ServerTls:
        """What to present. Safe on any thread."""
        return self._in_use.server

    def client(self, host: str, port: int, timeout_s: float) -> ClientTls:
        """See what the server there presents, and trust that for one connection; the handshake then settles whose it is."""
        der = look_at(host, port, timeout_s, self._context)
        name = server_name_of(der, host)
        certificate = read_der(der)
        flaw = date_flaw(certificate, self._clock())
        if flaw:
            raise NotOffered(f"the certificate of {host}:{port} {flaw}")
        return ClientTls(certificate.public_bytes(Encoding.PEM), name, b"", b"", der)

    def rotate(self) -> None:
        """Change to a new key now. Raises StartError, and then nothing has changed."""
        try:
            self._own.rotate(self._clock())
        except CertificateUnusable as error:
            raise StartError(f"the certificate cannot be rotated: {error}") from None
        except OSError as error:
            raise StartError(f"the certificate cannot be rotated: {error.filename}: {error.strerror}") from None
        self.refresh()

    def refresh(self) -> bool:
        """Take up what has changed in the files; True when there is a new revision. One greenlet at a time calls this.

        What cannot be used is logged once and leaves everything as it is.
        """
        now = self._clock()
        dates_due = abs(now - self._dates_checked_at) >= _DATES_CHECKED_EVERY_S
        found = stamps(self._own.files)
        if found == self._stamps and not dates_due:
            return False
        self._stamps, self._dates_checked_at = found, now
        try:
            if self._own.renew_if_due(now):
                self._stamps = stamps(self._own.files)
            read = _in_use(self._own.read(now), self._in_use.server.revision + 1)
        except (CertificateUnusable, OSError) as error:
            log.warning("the changed certificate is not taken up, the one in use stays: %s", error)
            return False
        if (read.server[1:], read.tls_keys) == (self._in_use.server[1:], self._in_use.tls_keys):
            return False
        self._in_use = read
        log.info("the node presents a new certificate, SHA-256 %s", read.binding.hex())
        return True


def _in_use(own: OwnPair, revision: int) -> _InUse:
    pair = own.pair
    return _InUse(
        ServerTls(revision, pair.key_pem, pair.certificate_pem, b""),
        fingerprint(pair.leaf_der),
        own.tls_keys,
        int(pair.leaf.not_valid_after_utc.timestamp()),
    )
