"""Everything about encryption in one place: what the server presents, what the client insists on, what a link is bound to."""

from __future__ import annotations

import ssl
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from requests.adapters import HTTPAdapter

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.interfaces.credentials import ClientTls, Credentials, ServerTls
from sorcha_peer_core.model.peer import Endpoint

if TYPE_CHECKING:
    import socket

_HANDSHAKE_TIMEOUT_S = 10.0
"""For the TLS handshake of somebody who connects: whoever does not go on with it holds no place for long."""


class Security(NamedTuple):
    """What a link knows of its encryption; see Link."""

    channel_binding: bytes = b""
    remote_certificate: bytes = b""


class Pinned(NamedTuple):
    """How to connect to one server, and what such a connection is bound to."""

    adapter: HTTPAdapter
    security: Security


class Encryption:
    """The TLS side of the transport; without credentials everything is plaintext.

    ``public_certificate`` is what peers see when a proxy ends TLS in front of this node.
    """

    def __init__(self, credentials: Credentials | None, public_certificate: Path | None = None) -> None:
        self._credentials = credentials
        self._public_der = _read_certificate(public_certificate) if public_certificate else b""

    @property
    def url_scheme(self) -> str:
        """How the address of a peer begins."""
        return "https" if self._credentials else "http"

    def server_arguments(self) -> dict[str, Any]:
        """What the WSGI server is built with."""
        return {"ssl_context": _CurrentContext(self._credentials)} if self._credentials else {}

    def accepted(self, certificate: bytes) -> Security:
        """Of a link that was opened here by somebody who presented ``certificate`` (DER, or nothing)."""
        if self._credentials is None:
            return Security()
        binding = sha256(self._public_der).digest() if self._public_der else self._credentials.server_binding
        return Security(binding, certificate)

    def dial(self, remote: Endpoint, timeout_s: float, connections: int) -> Pinned:
        """Look at the server there and insist on it for every connection of one link.

        Raises:
            PeerUnreachable, LinkTimeout, NotOffered: as ``Credentials.client``.
        """
        if self._credentials is None:
            return Pinned(HTTPAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0), Security())
        tls = self._credentials.client(remote.host, remote.port, timeout_s)
        return Pinned(_PinningAdapter(tls, connections), Security(tls.binding, tls.server_certificate_der))


class _PinningAdapter(HTTPAdapter):
    """Connects only to a server that presents the certificate seen before: chain and dates were checked with it."""

    def __init__(self, tls: ClientTls, connections: int) -> None:
        self._fingerprint = tls.binding.hex()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE
        if tls.key_pem:
            _load(self._context, tls.certificate_pem, tls.key_pem)
        super().__init__(pool_connections=1, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Every connection of the pool is pinned."""
        pinned: dict[str, Any] = {
            "ssl_context": self._context,
            "assert_fingerprint": self._fingerprint,
            "assert_hostname": False,
        }
        super().init_poolmanager(*arguments, **{**options, **pinned})


class _CurrentContext:
    """Wraps accepted sockets with the certificate as it is now."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._revision = -1
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def wrap_socket(self, accepted: socket.socket, server_side: bool) -> ssl.SSLSocket:
        """Shake hands, within a time. Raises OSError."""
        tls = self._credentials.server()
        if tls.revision != self._revision:
            self._context, self._revision = _server_context(tls), tls.revision
        accepted.settimeout(_HANDSHAKE_TIMEOUT_S)
        return self._context.wrap_socket(accepted, server_side=server_side)


def _server_context(tls: ServerTls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, tls.certificate_pem, tls.key_pem)
    if tls.client_roots_pem:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=tls.client_roots_pem.decode("ascii"))
    return context


def _load(context: ssl.SSLContext, certificate_pem: bytes, key_pem: bytes) -> None:
    # OpenSSL takes a key from a file only; this one nobody else can read, and it is gone at once.
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate_pem + b"\n" + key_pem)
        file.flush()
        context.load_cert_chain(file.name)


def _read_certificate(path: Path) -> bytes:
    try:
        return ssl.PEM_cert_to_DER_cert(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise ConfigError(f"plugins.rest.public_certificate is {str(path)!r}, which is no certificate in PEM: {error}") from None
