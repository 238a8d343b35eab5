"""One open link: in its handshake, in use, or lingering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gevent.event import AsyncResult

from sorcha_peer_core.errors import PeerError, RemoteProtocolError
from sorcha_peer_core.model.handshake import Hello, Proof
from sorcha_peer_core.model.ids import PeerId
from sorcha_peer_core.model.messages import Message

if TYPE_CHECKING:
    from gevent import Greenlet

    from sorcha_peer_core.interfaces.transport import Link
    from sorcha_peer_core.services.peer_link import PeerLink
    from sorcha_peer_core.services.session import Handshake


class LinkSession:
    """A link, its handshake, and the peer it leads to once that is over."""

    def __init__(self, link: Link, handshake: Handshake) -> None:
        self.link = link
        self.handshake = handshake
        self.peer: PeerLink | None = None
        self.outcome: AsyncResult[PeerId] = AsyncResult()
        """Answered when the handshake is over; only a dialler waits for it."""
        self.deadline: Greenlet[..., object] | None = None
        """Gives the handshake up, unless it is over before."""

    def failed(self, error: PeerError) -> None:
        """It comes to nothing. What is known first is the reason: a link that was refused is closed next."""
        if not self.outcome.ready():
            self.outcome.set_exception(error)

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
