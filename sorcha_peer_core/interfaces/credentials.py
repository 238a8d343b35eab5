"""How links are encrypted: what a transport needs to know to serve and to dial over TLS.

One object per node, handed to every transport in its TransportContext; None there means plaintext.
"""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple, Protocol


class ServerTls(NamedTuple):
    """What a listener presents, in PEM. A new ``revision`` means the certificate was rotated."""

    revision: int
    key_pem: bytes
    certificate_pem: bytes
    """The chain, the node's own certificate first."""
    client_roots_pem: bytes
    """Whoever dials must present a certificate under one of these; empty: clients present none."""


class ClientTls(NamedTuple):
    """What a dialler uses for one connection, in PEM; the server at the other end was looked at just before."""

    roots_pem: bytes
    """The only certificates to trust for this connection."""
    server_name: str
    """The name that the server's certificate is known to carry."""
    key_pem: bytes
    certificate_pem: bytes
    """This side's own, both empty where clients present none."""
    server_certificate_der: bytes
    """The certificate seen."""

    @property
    def binding(self) -> bytes:
        """The link's channel binding: SHA-256 of the certificate seen."""
        return sha256(self.server_certificate_der).digest()


class Credentials(Protocol):
    """The node's certificates and whom it trusts. Callable from any greenlet."""

    @property
    def mode(self) -> str:
        """open | ca"""

    def server(self) -> ServerTls:
        """What to present to those who dial, as it is now; cheap, does no I/O of its own."""

    @property
    def server_binding(self) -> bytes:
        """SHA-256 of the certificate (DER) that ``server`` presents: the channel binding of links that were dialled here."""

    def client(self, host: str, port: int, timeout_s: float) -> ClientTls:
        """Look at the server there (one TLS handshake; blocks at most ``timeout_s``) and say how to dial it.

        Who it really is, is settled by the session's handshake, which signs the channel binding: a certificate that is
        not the peer's own makes that fail.

        Raises:
            PeerUnreachable: nobody answers there.
            LinkTimeout: no answer in time.
            NotOffered: somebody answers who does not speak TLS, or whose certificate is not acceptable here (expired,
                of another authority); the message says which.
        """
