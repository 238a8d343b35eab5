"""A transport is a pipe of opaque batches and nothing else; all meaning is in the core.

Every method may be called from several greenlets, never from a native thread. A method that blocks yields to the
other greenlets; one that is said not to block must not.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.credentials import Credentials
    from sorcha_peer_core.interfaces.peer_api import PeerApi
    from sorcha_peer_core.model.peer import Endpoint

MAX_BATCH_BYTES = 1024 * 1024
"""The largest batch that crosses a link, in either direction."""


class Link(Protocol):
    """One open pipe to one peer, reliable and in order until it closes."""

    @property
    def transport(self) -> str:
        """Name of the transport it belongs to."""

    @property
    def outbound(self) -> bool:
        """Whether this side dialled."""

    @property
    def remote(self) -> Endpoint:
        """Where the other side is, as far as this side can see."""

    @property
    def channel_binding(self) -> bytes:
        """What Hello signs: SHA-256 of the server's certificate (DER), empty when plaintext."""

    @property
    def remote_certificate(self) -> bytes:
        """The certificate (DER) that the other side presented on this link; empty when it presented none."""

    def send(self, batch: bytes) -> None:
        """Hand over one batch (1 byte to 1 MiB). Blocks while the pipe is full: that is the back-pressure.

        Called by one greenlet at a time. Returning means handed over, not delivered.

        Raises:
            LinkClosed: the pipe is or was closed while this waited; the batch may or may not have arrived.
        """

    def close(self, reason: str) -> None:
        """End the pipe, in both directions, and wake whoever blocks in ``send``. Idempotent; does not block long.

        ``LinkEvents.closed`` follows once, also when the other side closed first.
        """


class LinkEvents(Protocol):
    """The core's side of a pipe. A transport calls these from greenlets of its own, in order for one link."""

    def opened(self, link: Link) -> None:
        """Somebody dialled this node. Comes before the first ``received``; not called for links made by ``dial``."""

    def received(self, link: Link, batch: bytes) -> None:
        """A batch arrived. May block: a transport then reads no further from this link (back-pressure)."""

    def closed(self, link: Link, reason: str) -> None:
        """The pipe has ended; the last event of a link, called exactly once, also for links made by ``dial``."""


class Transport(Protocol):
    """A way to open pipes to peers and to be dialled by them."""

    @property
    def name(self) -> str:
        """As it stands in ``communication.transports``."""

    @property
    def schemes(self) -> Sequence[str]:
        """The endpoint schemes (``Endpoint.scheme``) that it can dial."""

    def listen(self, events: LinkEvents) -> Sequence[Endpoint]:
        """Accept links from now on; returns where, with the real ports. Empty for a transport that only dials.

        Raises:
            StartError: the address cannot be listened on; the message names it and why.
        """

    def dial(self, endpoint: Endpoint, events: LinkEvents, timeout_s: float) -> Link:
        """Open a pipe; blocks at most ``timeout_s``. Batches may reach ``events`` before this returns.

        Raises:
            PeerUnreachable: nobody answers there.
            LinkTimeout: no answer in time.
            NotOffered: somebody answers who does not speak this transport.
        """

    def stop(self, grace_s: float) -> None:
        """Close every link and stop listening; returns within about ``grace_s``. Idempotent."""


@runtime_checkable
class CertifiedElsewhere(Protocol):
    """A second role of a transport whose peers see another certificate than the node's own: a proxy's, for instance."""

    @property
    def tls_keys(self) -> Sequence[bytes]:
        """SHA-256 of the public keys of such certificates (SubjectPublicKeyInfo), as they are now; may read a file.

        The node names them in its record beside its own.
        """


@dataclass(frozen=True)
class TransportContext:
    """All a transport factory gets from the node."""

    listen: tuple[str, int] | None
    """Host and port of ``communication.listen``; port 0 lets the system choose. None: the node listens on nothing."""
    settings: Mapping[str, Any]
    """The section ``[plugins.NAME]`` of the configuration, unchecked."""
    peer_api: PeerApi
    """What request/response services of the transport serve."""
    data_dir: Path
    max_transaction_bytes: int
    streaming_threshold_bytes: int
    max_connections: int
    """Most links that others may have open here at once, also those that are in their handshake or come to nothing."""
    credentials: Credentials | None = None
    """How links are encrypted; None: they are not."""
    shared: MutableMapping[str, Any] = field(default_factory=dict)
    """One per node: transports that use one listener between them keep it here."""
