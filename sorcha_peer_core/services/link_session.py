"""One open link: in its handshake, in use, lingering, or no more than a look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from gevent.event import AsyncResult

from sorcha_peer_core.errors import PeerError, RemoteProtocolError
from sorcha_peer_core.model.handshake import Hello, Proof
from sorcha_peer_core.model.ids import PeerId
from sorcha_peer_core.model.messages import Goodbye, Message

if TYPE_CHECKING:
    from gevent import Greenlet

    from sorcha_peer_core.interfaces.transport import Link
    from sorcha_peer_core.services.peer_link import PeerLink
    from sorcha_peer_core.services.session import Handshake


class LookSide(Protocol):
    """One side of a link that is only a look: what it does with the frames that come."""

    def received(self, message: Message) -> None:
        """A frame after the handshake. Raises RemoteProtocolError for one that ends the look, LinkClosed."""

    def failed(self, error: PeerError) -> None:
        """The link has ended."""


class LinkSession:
    """A link, its handshake, and what it leads to once that is over: a peer, or a look."""

    def __init__(self, link: Link, handshake: Handshake) -> None:
        self.link = link
        self.handshake = handshake
        self.peer: PeerLink | None = None
        self.look: LookSide | None = None
        self.outcome: AsyncResult[PeerId] = AsyncResult()
        """Answered when the handshake is over; only a dialler waits for it."""
        self.deadline: Greenlet[..., object] | None = None
        """Gives the handshake or the look up, unless it is over before."""

    def failed(self, error: PeerError) -> None:
        """It comes to nothing. What is known first is the reason: a link that was refused is closed next."""
        if not self.outcome.ready():
            self.outcome.set_exception(error)
        if self.look is not None:
            self.look.failed(error)

    def call_off_deadline(self) -> None:
        """The handshake is over, well or not."""
        if self.deadline is not None:
            self.deadline.kill(block=False)
            self.deadline = None


def only_messages(messages: Sequence[Message | Hello | Proof]) -> Sequence[Message]:
    """What may follow a handshake. Raises RemoteProtocolError."""
    for message in messages:
        if isinstance(message, Hello | Proof):
            raise RemoteProtocolError(f"a {type(message).__name__} frame after the handshake")
    return messages  # type: ignore[return-value]  # just proved


def goodbye_among(messages: Sequence[Message | Hello | Proof]) -> Goodbye | None:
    """The last word of the other side, if it is among these."""
    return next((message for message in messages if isinstance(message, Goodbye)), None)
