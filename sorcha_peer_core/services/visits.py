"""Looks at this node, from its own side: few at a time, short, and no more than a question or two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.errors import PeerError, RemoteProtocolError
from sorcha_peer_core.model import events as e
from sorcha_peer_core.model.messages import Farewell, Goodbye, Message, Peers, PeersRequest, Ping, Pong
from sorcha_peer_core.services import handshakes
from sorcha_peer_core.services.places import Places
from sorcha_peer_core.wire.codec import encode_frame

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.transport import Link
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import PeerRecord
    from sorcha_peer_core.services.events import EventBus
    from sorcha_peer_core.services.handshakes import Handshakes
    from sorcha_peer_core.services.link_session import LinkSession
    from sorcha_peer_core.services.supervisor import Supervisor

MOST_AT_ONCE = 16
BESIDE_LINKS = handshakes.MOST_AT_ONCE + MOST_AT_ONCE + 16
"""What transports have to have room for beside the links: handshakes, looks, and those who are being refused."""
MOST_TOLD = 50
"""Records in the answer to a look: enough to go on from, and one frame."""
LIFE_S = 5.0
_PATIENCE_S = 1.0
"""A look takes twice the way there and back; who is slower gives way when others wait."""
_ENOUGH = "this node has as many links as it allows"


class Visits:
    """Those who look at this node, and newcomers for whom there is no room."""

    def __init__(
        self,
        handshakes: Handshakes,
        events: EventBus,
        supervisor: Supervisor,
        newcomers: Callable[[], Sequence[PeerRecord]],
    ) -> None:
        self._handshakes = handshakes
        self._events = events
        self._supervisor = supervisor
        self._newcomers = newcomers
        self._places = Places(MOST_AT_ONCE, _PATIENCE_S)
        self.on_turned_away: Callable[[PeerRecord, str], None] = lambda record, host: None
        """Somebody at this host wanted a link, and there was no place; must not block."""

    def begin(self, session: LinkSession, visitor: PeerRecord, *, wants_link: bool) -> None:
        """The handshake of somebody is over who may only look. Who wants a link is told of others, and leaves.

        Without room even for that it is refused. Blocks while the other side does not read. Raises LinkClosed.
        """
        if not self._places.take(session.link):
            self._events.emit(e.HandshakeRefused(str(session.link.remote), "too many look at this node"))
            self._handshakes.refuse(session.link, handshakes.NO_ROOM, Farewell.ENOUGH)
            return
        session.look = visit = Visit(session.link, visitor.peer_id, self._newcomers)
        session.deadline = self._supervisor.spawn_later(LIFE_S, "look timeout", session.link.close, "the look takes too long")
        if wants_link:
            self._events.emit(e.TurnedAway(visitor.peer_id, str(session.link.remote)))
            self.on_turned_away(visitor, session.link.remote.host)
            visit.turn_away(_ENOUGH)

    def over(self, link: Link) -> None:
        """A link has ended, whatever it was."""
        self._places.give_back(link)


class Visit:
    """The listener's end of a link that is only a look. Called by the transport's greenlet alone."""

    def __init__(self, link: Link, visitor: PeerId, newcomers: Callable[[], Sequence[PeerRecord]]) -> None:
        self._link = link
        self._visitor = visitor
        self._newcomers = newcomers
        self._has_asked = False

    def received(self, message: Message) -> None:
        """See LookSide; blocks while the answer has no room in the pipe."""
        if isinstance(message, Ping):
            self._link.send(encode_frame(Pong(message.nonce)))
        elif isinstance(message, PeersRequest) and not self._has_asked:
            self._has_asked = True
            self._link.send(encode_frame(self._peers(message.most)))
        elif isinstance(message, Goodbye):
            self._link.close("the look is over")
        else:
            raise RemoteProtocolError(f"a {type(message).__name__} frame in a look")

    def failed(self, error: PeerError) -> None:
        """See LookSide: nobody waits for anything here."""

    def turn_away(self, reason: str) -> None:
        """Tell a newcomer whom else to dial, and not to come back soon. Raises LinkClosed."""
        self._link.send(encode_frame(self._peers(MOST_TOLD)) + encode_frame(Goodbye(reason, Farewell.ENOUGH)))
        self._link.close(reason)

    def _peers(self, most: int) -> Peers:
        others = [record for record in self._newcomers() if record.peer_id != self._visitor]
        return Peers(tuple(others[: min(most, MOST_TOLD)]))
