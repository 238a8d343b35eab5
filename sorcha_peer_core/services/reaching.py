"""One attempt to reach a peer: over one transport, at one endpoint, for a link or for a look."""

from __future__ import annotations

from collections.abc import Callable, Container
from time import monotonic
from typing import TYPE_CHECKING

from sorcha_peer_core.errors import LinkClosed, TransportError
from sorcha_peer_core.model.handshake import Purpose
from sorcha_peer_core.services.looking import Look, Looked
from sorcha_peer_core.services.session import EnoughLinks
from sorcha_peer_core.wire.codec import encode_frame

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.transport import LinkEvents, Transport
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import Endpoint, PeerRecord
    from sorcha_peer_core.services.handshakes import Handshakes
    from sorcha_peer_core.services.link_session import LinkSession
    from sorcha_peer_core.services.supervisor import Supervisor

_LAST_WORDS_S = 0.5
_TOO_LONG = "the look takes too long"


class Reaching:
    """Dials and shakes hands. Every method blocks, for at most the share of time that it is given."""

    def __init__(
        self,
        events: LinkEvents,
        handshakes: Handshakes,
        supervisor: Supervisor,
        linked: Container[PeerId | None],
        rung_timeout_s: Callable[[], float],
    ) -> None:
        self._events = events
        self._handshakes = handshakes
        self._supervisor = supervisor
        self._linked = linked
        self._rung_timeout_s = rung_timeout_s

    def link(self, transport: Transport, endpoint: Endpoint, expected: PeerId | None, rung: int, share_s: float) -> PeerId:
        """A link to whoever answers there; returns who it is.

        Raises:
            EnoughLinks, HandshakeRefused: this way leads to somebody, and no other one leads further.
            TransportError: this way leads nowhere now.
        """
        until_s = monotonic() + share_s
        session = self._reach(transport, endpoint, expected, until_s, rung=rung, purpose=Purpose.LINK)
        hello, look = session.handshake.remote, session.look
        assert hello is not None
        if isinstance(look, Look):
            raise self._enough(session, look, hello.record, until_s)
        return hello.record.peer_id

    def look(
        self, transport: Transport, endpoint: Endpoint, expected: PeerId | None, rung: int, share_s: float, *, ask: int
    ) -> Looked:
        """A look at whoever answers there, and of how many others it should tell. Raises HandshakeRefused, TransportError."""
        until_s = monotonic() + share_s
        session = self._reach(transport, endpoint, expected, until_s, rung=rung, purpose=Purpose.LOOK)
        hello, look = session.handshake.remote, session.look
        assert hello is not None
        assert isinstance(look, Look)
        self._limit(session, until_s)
        try:
            rtt_s = look.rtt_s(until_s)
            records = look.ask(ask, until_s) if ask > 0 else ()
        finally:
            # What was to be seen is seen: nobody waits for this.
            self._supervisor.spawn("leaving a look", look.leave)
        return Looked(hello.record, rtt_s, records, hello.observed_host, transport.name, endpoint.host)

    def _reach(
        self,
        transport: Transport,
        endpoint: Endpoint,
        expected: PeerId | None,
        until_s: float,
        *,
        rung: int,
        purpose: Purpose,
    ) -> LinkSession:
        """Dial, and return the session at the end of its handshake."""
        link = transport.dial(endpoint, self._events, min(self._rung_timeout_s(), until_s - monotonic()))
        # There are other transports to try: one that takes the dial and then carries nothing is passed over as soon.
        session = self._handshakes.begin(link, expected, min(self._rung_timeout_s(), until_s - monotonic()))
        try:
            link.send(encode_frame(session.handshake.first(rung, expected in self._linked, purpose)))
        except LinkClosed:
            # Why, the other side may have said in a batch that is not delivered yet.
            session.outcome.wait(_LAST_WORDS_S)
            # It may have ended before it was known here, and then nothing else would forget it.
            self._handshakes.drop(link)
            if not session.outcome.ready():
                raise
        session.outcome.get()
        return session

    def _enough(self, session: LinkSession, look: Look, record: PeerRecord, until_s: float) -> EnoughLinks:
        """What the peer says instead of becoming a link."""
        self._limit(session, until_s)
        records: tuple[PeerRecord, ...] = ()
        try:
            goodbye, records = look.last_words(until_s)
            reason = goodbye.reason
        except TransportError as error:
            reason = str(error)
        finally:
            session.link.close("there is no room for a link")
        return EnoughLinks(f"it has no room for a link: {reason}", record, records)

    def _limit(self, session: LinkSession, until_s: float) -> None:
        # Also for a look whose greenlet waits for room in the pipe.
        left_s = max(0.0, until_s - monotonic())
        session.deadline = self._supervisor.spawn_later(left_s, "look timeout", session.link.close, _TOO_LONG)
