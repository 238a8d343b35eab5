"""Links on their way to a peer: opened, introduced, or turned away, in bounded time and number."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING

from sorcha_peer_core.errors import LinkClosed, LinkTimeout, RemoteProtocolError
from sorcha_peer_core.model import events as e
from sorcha_peer_core.model.handshake import Hello, Proof
from sorcha_peer_core.model.hosts import family_of, plain_host
from sorcha_peer_core.model.messages import Farewell, Goodbye, Message
from sorcha_peer_core.services.link_session import LinkSession, goodbye_among
from sorcha_peer_core.services.places import Places
from sorcha_peer_core.services.session import DialledItself, Handshake, HandshakeRefused, LocalSide
from sorcha_peer_core.wire.codec import encode_frame

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.transport import Link
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.services.events import EventBus
    from sorcha_peer_core.services.supervisor import Supervisor

log = logging.getLogger(__name__)

TIMEOUT_S = 5.0
NO_ROOM = "this node has no room for another link"
CROWDED = "too many are in their handshakes here; try again in a moment"
MOST_AT_ONCE = 32
"""Of those who dialled this node: they have proved nothing yet."""
_PATIENCE_S = 1.0
"""A handshake takes three times the way there and back; who is slower gives way when others wait."""


class Handshakes:
    """Makes a session of every link, and brings it to the end of its handshake."""

    def __init__(
        self,
        local: LocalSide,
        events: EventBus,
        supervisor: Supervisor,
        admits: Callable[[PeerId], bool],
        stretch: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self._local = local
        self._events = events
        self._supervisor = supervisor
        self._admits = admits
        self._stretch = stretch
        self._places = Places(MOST_AT_ONCE, _PATIENCE_S, stretch=stretch)
        self.sessions: dict[Link, LinkSession] = {}
        """All of them, also those that are long over their handshake."""

    def begin(self, link: Link, expected: PeerId | None = None, most_s: float = inf) -> LinkSession:
        """A session for a new link. Its handshake takes no longer than that, and ``TIMEOUT_S`` (longer on a slow machine)."""
        handshake = Handshake(
            self._local,
            link.outbound,
            link.channel_binding,
            expected,
            link.remote_certificate,
            observed_host=observed_host(link),
            admits=self._admits,
        )
        session = LinkSession(link, handshake)
        timeout_s = max(0.0, min(TIMEOUT_S * self._stretch(), most_s))
        session.deadline = self._supervisor.spawn_later(timeout_s, "handshake timeout", self._give_up, session)
        self.sessions[link] = session
        return session

    def receive(self, link: Link) -> None:
        """Somebody dialled this node: begin, or refuse where too many are at it; blocks a refused link only."""
        if self._places.take(link):
            self.begin(link)
        else:
            self._events.emit(e.HandshakeRefused(str(link.remote), "too many are in their handshakes"))
            # Not ENOUGH: in a moment there is room again.
            self.refuse(link, CROWDED)

    def go_on(
        self, session: LinkSession, messages: Sequence[Message | Hello | Proof]
    ) -> Sequence[Message | Hello | Proof] | None:
        """The next frames of a handshake; at its end, and only then, what follows it in the same batch.

        Raises HandshakeRefused, LinkClosed.
        """
        if session.handshake.done:
            self._last_words(messages)
            return None
        for at, message in enumerate(messages):
            answer = session.handshake.receive(message)
            if answer is not None and not self._answer(session, answer):
                return None
            if session.handshake.done:
                session.call_off_deadline()
                self._places.give_back(session.link)
                return messages[at + 1 :]
        return None

    def drop(self, link: Link) -> LinkSession | None:
        """Forget a link that has ended."""
        self._places.give_back(link)
        session = self.sessions.pop(link, None)
        if session is not None:
            session.call_off_deadline()
        return session

    def turn_away(self, session: LinkSession, error: RemoteProtocolError) -> None:
        """It is not to be linked; blocks until the other side is told, or does not listen."""
        if isinstance(error, DialledItself):
            self._dialled_itself(error)
        self._events.emit(e.HandshakeRefused(str(session.link.remote), str(error)))
        session.failed(error if isinstance(error, HandshakeRefused) else HandshakeRefused(str(error)))
        self.refuse(session.link, str(error))

    def refuse(self, link: Link, reason: str, farewell: Farewell = Farewell.UNSAID) -> None:
        """Say why and close. Whoever does not read must not hold the link open by that."""
        deadline = self._supervisor.spawn_later(TIMEOUT_S, "refusal timeout", link.close, reason)
        try:
            link.send(encode_frame(Goodbye(reason, farewell)))
        except LinkClosed:
            log.debug("the refused link to %s was closed before it could be told why", link.remote)
        finally:
            deadline.kill(block=False)
        link.close(reason)

    def _answer(self, session: LinkSession, answer: Hello | Proof) -> bool:
        try:
            session.link.send(encode_frame(answer))
        except LinkClosed:
            if not session.handshake.done:
                raise
            # The other side closed when it had this dialler's proof, and may have said why in a batch still to come.
            # A look hears it as well as any answer; a link comes to nothing.
            return session.handshake.is_look
        return True

    def _last_words(self, messages: Sequence[Message | Hello | Proof]) -> None:
        goodbye = goodbye_among(messages)
        if goodbye is not None:
            raise HandshakeRefused(f"it was refused there: {goodbye.reason}", goodbye.farewell)

    def _give_up(self, session: LinkSession) -> None:
        if not session.outcome.ready() and self.drop(session.link) is not None:
            session.failed(LinkTimeout("the handshake was not finished in time"))
            session.link.close("the handshake was not finished in time")

    def _dialled_itself(self, refusal: DialledItself) -> None:
        # The dialling end would only hear that it was refused; nobody else can know its nonce.
        for other in self.sessions.values():
            if other.link.outbound and other.handshake.nonce == refusal.nonce:
                other.failed(refusal)


def observed_host(link: Link) -> str:
    """The IP address of the other side; empty where this side knows a name or nothing."""
    host = link.remote.host
    return plain_host(host) if family_of(host) else ""
