"""Mode ``ca``: both sides of every connection present a certificate of an authority that the operator trusts."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from sorcha_peer_core.errors import NotOffered, StartError
from sorcha_peer_core.interfaces.credentials import ClientTls, ServerTls
from sorcha_peer_core.services.tls.certificates import (
    CertificateUnusable,
    date_flaw,
    date_text,
    fingerprint,
    key_sha256,
    peer_uri,
    peer_uris,
    read_der,
)
from sorcha_peer_core.services.tls.files import (
    CERTIFICATE_FILE,
    DIRECTORY,
    KEY_FILE,
    REVOKED_FILE,
    TRUSTED_FILE,
    read,
    stamps,
)
from sorcha_peer_core.services.tls.look import look_at, looking_context, server_name_of
from sorcha_peer_core.services.tls.pair import Pair, is_issued_under, parse_certificates, read_pair
from sorcha_peer_core.services.tls.revocation import Revoked, read_revoked

log = logging.getLogger(__name__)

_DAY_S = 86_400.0
_WARNED_BEFORE_S = 14 * _DAY_S


class CaFiles(NamedTuple):
    """Where the four files lie."""

    certificate: Path
    key: Path
    trusted_cas: Path
    revoked: Path
    revoked_is_required: bool
    """The operator named a list, so its absence is a mistake and not an empty list."""

    @classmethod
    def of(cls, data_dir: Path, certificate: str = "", key: str = "", trusted_cas: str = "", revoked: str = "") -> CaFiles:
        """As configured, relative to the data directory; the usual names where nothing is said."""
        folder = data_dir / DIRECTORY
        return cls(
            data_dir / certificate if certificate else folder / CERTIFICATE_FILE,
            data_dir / key if key else folder / KEY_FILE,
            data_dir / trusted_cas if trusted_cas else folder / TRUSTED_FILE,
            data_dir / revoked if revoked else folder / REVOKED_FILE,
            bool(revoked),
        )


class _InUse(NamedTuple):
    """All of one revision; exchanged as a whole."""

    server: ServerTls
    binding: bytes
    context: ssl.SSLContext
    expires: datetime


class CaCredentials:
    """Credentials of a node under a private authority."""

    mode = "ca"
    tls_keys: tuple[bytes, ...] = ()
    """The authority vouches for the key, so the peer record names none."""

    def __init__(self, files: CaFiles, network_id: str, peer_id: str, clock: Callable[[], float] = time.time) -> None:
        """Read and check everything.

        Raises:
            StartError: a file is missing or cannot be used, or the certificate is not this node's, expired or revoked.
        """
        self._files = files
        self._uri = peer_uri(network_id, peer_id)
        self._clock = clock
        self._certificate_stamps = self._stamps_of_certificates()
        self._revoked_stamps = stamps([files.revoked])
        try:
            self._in_use = self._read(revision=1)
            self._revoked = self._read_revoked_at_start()
            own = self._objection_to_own()
        except CertificateUnusable as error:
            raise StartError(f"mode ca cannot be used: {error}") from None
        if own:
            raise StartError(f"this node may not take part: {own}")
        self._warned_at = float("-inf")
        self._warn_of_the_end()

    @property
    def revoked(self) -> Revoked:
        """Who is out, as it is now."""
        return self._revoked

    @property
    def expires_at(self) -> int:
        """Unix seconds of the end of the certificate in use."""
        return int(self._in_use.expires.timestamp())

    @property
    def server_binding(self) -> bytes:
        """Channel binding of links that were dialled here."""
        return self._in_use.binding

    def server(self) -> ServerTls:
        """What to present, and under which authorities those who dial must be. Safe on any thread."""
        return self._in_use.server

    def client(self, host: str, port: int, timeout_s: float) -> ClientTls:
        """See whether the server there is of a trusted authority and not revoked, and how to dial it."""
        in_use = self._in_use
        der = look_at(host, port, timeout_s, in_use.context)
        name = server_name_of(der, host)
        objection = self._revoked.objection_to(read_der(der))
        if objection:
            raise NotOffered(f"{host}:{port}: {objection}")
        own = in_use.server
        return ClientTls(own.client_roots_pem, name, own.key_pem, own.certificate_pem, der)

    def refresh(self) -> bool:
        """Take up what has changed in the files; True when there is something new. One greenlet at a time calls this.

        What cannot be used is logged once and leaves its part as it is: a damaged certificate does not keep a
        revocation from being obeyed. After True, open links are to be looked at again with CaTrust.
        """
        certificates, revoked = self._refresh_certificates(), self._refresh_revoked()
        self._warn_of_the_end()
        return certificates or revoked

    def _refresh_certificates(self) -> bool:
        found = self._stamps_of_certificates()
        if found == self._certificate_stamps:
            return False
        self._certificate_stamps = found
        try:
            read = self._read(self._in_use.server.revision + 1)
        except CertificateUnusable as error:
            log.warning("the changed certificates are not taken up, those in use stay: %s", error)
            return False
        if read.server[1:] == self._in_use.server[1:]:
            return False
        self._in_use = read
        self._warned_at = float("-inf")
        log.info("the node presents a new certificate or trusts other authorities; its SHA-256 is %s", read.binding.hex())
        return True

    def _refresh_revoked(self) -> bool:
        found = stamps([self._files.revoked])
        if found == self._revoked_stamps:
            return False
        self._revoked_stamps = found
        try:
            read = read_revoked(self._files.revoked)
        except CertificateUnusable as error:
            log.warning("the changed list of revoked peers is not taken up, the one in use stays: %s", error)
            return False
        if read == self._revoked:
            return False
        self._revoked = read
        log.info("the list of revoked peers and certificates has %d entries now", len(read.entries))
        own = self._objection_to_own()
        if own:
            log.error("other nodes no longer link to this node: %s", own)
        return True

    def _read(self, revision: int) -> _InUse:
        files = self._files
        pair = read_pair(files.key, files.certificate)
        roots_pem = read(files.trusted_cas)
        self._check(pair, self._roots(roots_pem))
        context = looking_context()
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(cadata=roots_pem.decode("ascii", errors="replace"))
            context.load_cert_chain(files.certificate, files.key)
        except (ssl.SSLError, OSError) as error:
            raise CertificateUnusable(f"{files.certificate} and {files.trusted_cas} cannot be used: {error}") from None
        return _InUse(
            ServerTls(revision, pair.key_pem, pair.certificate_pem, roots_pem),
            fingerprint(pair.leaf_der),
            context,
            pair.leaf.not_valid_after_utc,
        )

    def _check(self, pair: Pair, roots: tuple[x509.Certificate, ...]) -> None:
        what = f"the certificate {self._files.certificate}"
        flaw = date_flaw(pair.leaf, self._clock())
        if flaw:
            raise CertificateUnusable(f"{what} {flaw}")
        found = peer_uris(pair.leaf)
        if found != [self._uri]:
            raise CertificateUnusable(f"{what} is made out to {' and '.join(found) or 'no peer'}; this node is {self._uri}")
        if not _serves_and_dials(pair.leaf):
            raise CertificateUnusable(f"{what} is not for servers and clients both; a node is both")
        if not is_issued_under(pair.chain, roots):
            raise CertificateUnusable(f"{what} is not of an authority in {self._files.trusted_cas}")

    def _roots(self, pem: bytes) -> tuple[x509.Certificate, ...]:
        path = self._files.trusted_cas
        roots = parse_certificates(pem, path)
        keys: dict[x509.Name, bytes] = {}
        for root in roots:
            key = key_sha256(root.public_key())
            if keys.setdefault(root.subject, key) != key:
                name = root.subject.rfc4514_string()
                raise CertificateUnusable(f"{path} holds two authorities of the one name {name}; gRPC cannot tell them apart")
        return roots

    def _read_revoked_at_start(self) -> Revoked:
        files = self._files
        return Revoked() if not (files.revoked_is_required or files.revoked.exists()) else read_revoked(files.revoked)

    def _objection_to_own(self) -> str | None:
        own = x509.load_pem_x509_certificate(self._in_use.server.certificate_pem)
        return self._revoked.objection_to(own)

    def _warn_of_the_end(self) -> None:
        now, ends_at = self._clock(), self._in_use.expires.timestamp()
        if ends_at - now >= _WARNED_BEFORE_S or now - self._warned_at < _DAY_S:
            return
        self._warned_at = now
        if now > ends_at:
            log.error("this node's certificate expired on %s; no peer links to it any more", date_text(self._in_use.expires))
        else:
            days = int((ends_at - now) // _DAY_S)
            log.warning("this node's certificate expires in %d days, on %s", days, date_text(self._in_use.expires))

    def _stamps_of_certificates(self) -> object:
        return stamps([self._files.certificate, self._files.key, self._files.trusted_cas])


def _serves_and_dials(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH} <= set(usage)
