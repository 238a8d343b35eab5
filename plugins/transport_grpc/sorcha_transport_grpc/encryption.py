"""TLS for the gRPC server and its channels: certificates that rotate, and servers that were looked at before they are dialled."""

from __future__ import annotations

from ssl import DER_cert_to_PEM_cert, PEM_cert_to_DER_cert
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc

from sorcha_peer_core.model.peer import Endpoint
from sorcha_transport_grpc.addresses import target_of

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.credentials import Credentials, ServerTls

_PEER_CERTIFICATE = "x509_pem_cert"
"""Where gRPC keeps what a client presented."""


class Security(NamedTuple):
    """What a link knows of its encryption; see Link."""

    channel_binding: bytes = b""
    remote_certificate: bytes = b""


class Channel(NamedTuple):
    """A channel to one server, to be closed by whoever opened it."""

    channel: Any
    security: Security


def server_credentials(credentials: Credentials) -> grpc.ServerCredentials:
    """What a server presents; a rotated certificate is taken up with the next connection."""
    first = credentials.server()
    presented = [first.revision]

    def refreshed() -> Any:
        # gRPC calls this on a native thread for every connection: nothing in here may wait or log. None: nothing has changed.
        now = credentials.server()
        if now.revision == presented[0]:
            return None
        changed = _configuration(now)
        presented[0] = now.revision
        return changed

    # Whether clients present one is a matter of the mode, and a node changes that with a restart only.
    return grpc.dynamic_ssl_server_credentials(
        _configuration(first), refreshed, require_client_authentication=bool(first.client_roots_pem)
    )


def open_channel(remote: Endpoint, options: list[tuple[str, Any]], credentials: Credentials | None, timeout_s: float) -> Channel:
    """A channel to ``remote``; with credentials it trusts only what the server there presents right now.

    Raises:
        PeerUnreachable, LinkTimeout, NotOffered: as ``Credentials.client``.
    """
    if credentials is None:
        return Channel(grpc.insecure_channel(target_of(remote), options=options), Security())
    tls = credentials.client(remote.host, remote.port, timeout_s)
    # Only the certificate seen, also under an authority: a channel connects again by itself, and the server it then finds
    # would get the link's token. That another member of the network stands there must not be enough.
    pinned = DER_cert_to_PEM_cert(tls.server_certificate_der).encode("ascii")
    secret = grpc.ssl_channel_credentials(pinned, tls.key_pem or None, tls.certificate_pem or None)
    named = [*options, ("grpc.ssl_target_name_override", tls.server_name)]
    channel = grpc.secure_channel(target_of(remote), secret, options=named)
    return Channel(channel, Security(tls.binding, tls.server_certificate_der))


def accepted_security(context: Any, credentials: Credentials | None) -> Security:
    """The same for a call that came in."""
    if credentials is None:
        return Security()
    presented = context.auth_context().get(_PEER_CERTIFICATE, [])
    certificate = PEM_cert_to_DER_cert(presented[0].decode("ascii")) if presented else b""
    return Security(credentials.server_binding, certificate)


def _configuration(tls: ServerTls) -> Any:
    pair = [(tls.key_pem, tls.certificate_pem)]
    return grpc.ssl_server_certificate_configuration(pair, root_certificates=tls.client_roots_pem or None)
