"""Everything about encryption in one place: what the server presents, what the client insists on, what a link is bound to."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, NamedTuple

from requests.adapters import HTTPAdapter

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.interfaces.credentials import ClientTls, Credentials, ServerTls
from sorcha_peer_core.model.peer import Endpoint
from sorcha_transport_rest.adapter import ClosingAdapter
from sorcha_transport_rest.certificates import PublicCertificate, binding_of, load_pair

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence
    from pathlib import Path

_HTTP = ["http/1.1"]


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

    ``public_certificate`` is what peers see when a proxy ends TLS in front of this node. Raises ConfigError.
    """

    def __init__(self, credentials: Credentials | None, public_certificate: Path | None = None) -> None:
        self._credentials = credentials
        self._public = PublicCertificate(public_certificate) if public_certificate else None
        if self._public and (credentials is None or credentials.mode != "open"):
            raise ConfigError(
                "plugins.rest.public_certificate is for security.mode 'open': in the others a proxy that ends TLS cannot be used"
            )

    @property
    def url_scheme(self) -> str:
        """How the address of a peer begins."""
        return "https" if self._credentials else "http"

    @property
    def tls_keys(self) -> Sequence[bytes]:
        """Keys of certificates that peers see and the credentials do not know."""
        return (self._public.tls_key,) if self._public else ()

    def server_arguments(self) -> dict[str, Any]:
        """What the WSGI server is built with."""
        return {"ssl_context": _CurrentContext(self._credentials)} if self._credentials else {}

    def accepted(self, seen: Security) -> Security:
        """Of a link that was opened over a connection of which this much is known here."""
        return seen._replace(channel_binding=self._public.binding) if self._public else seen

    def dial(self, remote: Endpoint, timeout_s: float, connections: int) -> Pinned:
        """Look at the server there and insist on it for every connection of one link.

        Raises:
            PeerUnreachable, LinkTimeout, NotOffered: as ``Credentials.client``.
        """
        if self._credentials is None:
            return Pinned(ClosingAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0), Security())
        tls = self._credentials.client(remote.host, remote.port, timeout_s)
        return Pinned(_PinningAdapter(tls, connections), Security(tls.binding, tls.server_certificate_der))


def security_of(connection: Any) -> Security:
    """What an accepted connection says of itself: the certificate presented in it, here and there."""
    if not isinstance(connection, ssl.SSLSocket):
        return Security()
    context: Any = connection.context
    return Security(context.binding, connection.getpeercert(binary_form=True) or b"")


class _PinningAdapter(ClosingAdapter):
    """Connects only to a server that presents the certificate seen before: chain and dates were checked with it."""

    def __init__(self, tls: ClientTls, connections: int) -> None:
        self._fingerprint = tls.binding.hex()
        self._context = _ClientContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE
        self._context.set_alpn_protocols(_HTTP)
        if tls.key_pem:
            load_pair(self._context, tls.certificate_pem, tls.key_pem)
        super().__init__(pool_connections=1, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Every connection of the pool is pinned."""
        pinned: dict[str, Any] = {
            "ssl_context": self._context,
            "assert_fingerprint": self._fingerprint,
            "assert_hostname": False,
        }
        super().init_poolmanager(*arguments, **{**options, **pinned})


class _ClientContext(ssl.SSLContext):
    """Closes what it opened also when the handshake is ended by a time limit, or by the end of the link."""

    def wrap_socket(self, sock: socket.socket, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        """The socket under TLS."""
        secured = super().wrap_socket(sock, *arguments, **{**options, "do_handshake_on_connect": False})
        try:
            secured.do_handshake()
        except BaseException:
            secured.close()
            raise
        return secured


class _CurrentContext:
    """Wraps accepted sockets with the certificate as it is now."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        first = credentials.server()
        self._revision, self._context = first.revision, _ServerContext.of(first)

    def wrap_socket(self, accepted: socket.socket, server_side: bool) -> ssl.SSLSocket:
        """The socket under TLS; the handshake is still to come."""
        tls = self._credentials.server()
        if tls.revision != self._revision:
            self._revision, self._context = tls.revision, _ServerContext.of(tls)
        return self._context.wrap_socket(accepted, server_side=server_side, do_handshake_on_connect=False)


class _ServerContext(ssl.SSLContext):
    """One revision of the certificate; its connections know what they are bound to, also after the next rotation."""

    binding = b""

    @classmethod
    def of(cls, tls: ServerTls) -> _ServerContext:
        """For what the node presents now."""
        context = cls(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Every handshake is a whole one: what was resumed would rest on checks of the past, of a root or of dates.
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        context.num_tickets = 0
        context.set_alpn_protocols(_HTTP)
        load_pair(context, tls.certificate_pem, tls.key_pem)
        if tls.client_roots_pem:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=tls.client_roots_pem.decode("ascii", errors="replace"))
        context.binding = binding_of(tls.certificate_pem)
        return context
