"""All links of a node: dialling, being dialled, and one link per peer in the end."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING

from gevent.event import AsyncResult

from sorcha_peer_core.errors import LinkClosed, LinkTimeout, PeerError, PeerUnreachable, RemoteProtocolError, TransportError
from sorcha_peer_core.model import events as e
from sorcha_peer_core.model.handshake import Hello, Proof
from sorcha_peer_core.model.ids import PeerId, short
from sorcha_peer_core.model.messages import Cursor, Goodbye, Message
from sorcha_peer_core.services.peer_link import PeerLink
from sorcha_peer_core.services.session import Handshake, HandshakeRefused, LocalSide
from sorcha_peer_core.wire.codec import decode_batch, encode_frame

if TYPE_CHECKING:
    from gevent import Greenlet

    from sorcha_peer_core.interfaces.transport import Link, Transport
    from sorcha_peer_core.model.peer import Endpoint, PeerRecord
    from sorcha_peer_core.services.driver import Driver
    from sorcha_peer_core.services.events import EventBus
    from sorcha_peer_core.services.supervisor import Supervisor

log = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT_S = 5.0
_LINGER_S = 2.0
"""A link that was replaced is still read for so long: frames may be under way in it."""


class _Session:
    """One open link: in its handshake, in use, or lingering."""

    def __init__(self, link: Link, handshake: Handshake) -> None:
        self.link = link
        self.handshake = handshake
        self.peer: PeerLink | None = None
        self.outcome: AsyncResult[PeerId] = AsyncResult()
        """Answered when the handshake is over; only a dialler waits for it."""
        self.deadline: Greenlet[..., object] | None = None
        """Gives the handshake up, unless it is over before."""

    def call_off_deadline(self) -> None:
        """The handshake is over, well or not."""
        if self.deadline is not None:
            self.deadline.kill(block=False)
            self.deadline = None


class Links:
    """LinkEvents of all transports. Knows who is linked; ``linked`` and ``unlinked`` tell those who care."""

    def __init__(
        self,
        local: LocalSide,
        driver: Driver,
        events: EventBus,
        supervisor: Supervisor,
        *,
        max_connections: int,
        cursor_of: Callable[[PeerId], Cursor | None],
    ) -> None:
        self._local = local
        self._driver = driver
        self._events = events
        self._supervisor = supervisor
        self._max_connections = max_connections
        self._cursor_of = cursor_of
        self._transports: list[Transport] = []
        self._rung_timeout_s = 2.0
        self._sessions: dict[Link, _Session] = {}
        self._peers: dict[PeerId, PeerLink] = {}
        # Never given twice: an answer that was meant for somebody who left reaches nobody.
        self._indexes = count()
        self._closed_bytes = [0, 0]
        self.connection_errors: Counter[tuple[str, str]] = Counter()
        """Dials that failed, by transport and kind of error."""
        self._stopping = False
        self.on_linked: Callable[[PeerLink], None] = lambda _: None
        self.on_unlinked: Callable[[PeerId], None] = lambda _: None

    # Life.

    def start(self, transports: Sequence[Transport], rung_timeout_s: float) -> list[Endpoint]:
        """Listen on all transports; returns where, each address once. Raises StartError."""
        self._transports = list(transports)
        self._rung_timeout_s = rung_timeout_s
        found = [endpoint for transport in self._transports for endpoint in transport.listen(self)]
        return list(dict.fromkeys(found))

    def stop(self, grace_s: float) -> None:
        """Close every link, stop listening."""
        self._stopping = True
        for transport in self._transports:
            transport.stop(grace_s)

    # Who is linked.

    @property
    def network_id(self) -> str:
        """The network that links are made in."""
        return self._local.network_id

    def is_own(self, endpoint: Endpoint) -> bool:
        """Whether this node itself listens there, as far as it knows."""
        return endpoint in self._local.record().endpoints

    @property
    def peers(self) -> Mapping[PeerId, PeerLink]:
        """Linked peers."""
        return self._peers

    def traffic(self) -> tuple[int, int]:
        """Bytes of batches sent and received since the start."""
        sent = sum(peer.sent_bytes for peer in self._peers.values())
        received = sum(peer.received_bytes for peer in self._peers.values())
        return self._closed_bytes[0] + sent, self._closed_bytes[1] + received

    def send(self, peer_id: PeerId, message: Message) -> None:
        """Queue a control message for a linked peer; nothing happens for one that is not."""
        peer = self._peers.get(peer_id)
        if peer is not None:
            self._driver.post(self._driver.send_control, peer.index, message)

    def broadcast(self, message: Message, but: Iterable[PeerId] = ()) -> None:
        """Queue a control message for all linked peers except some."""
        skip = set(but)
        indexes = [peer.index for peer in self._peers.values() if peer.peer_id not in skip]
        self._driver.post(self._driver.broadcast_control, indexes, message)

    # Dialling.

    def dial(self, endpoints: Sequence[Endpoint], expected: PeerId | None) -> PeerId:
        """Link to whoever answers at one of ``endpoints``, by the best transport that works; blocks.

        Raises:
            HandshakeRefused: somebody answers, but not who is expected, or one side does not want the link.
            TransportError: nobody could be reached; the reason of the last attempt.
        """
        failure: PeerError = PeerUnreachable("no transport of this node can dial its addresses")
        refused: set[Endpoint] = set()
        for transport in self._transports:
            for endpoint in endpoints:
                if endpoint.scheme not in transport.schemes or endpoint in refused:
                    continue
                try:
                    return self._dial(transport, endpoint, expected)
                except TransportError as error:
                    failure = error
                    self.connection_errors[transport.name, type(error).__name__] += 1
                    self._events.emit(e.DialFailed(str(endpoint), transport.name, str(error)))
                except HandshakeRefused as error:
                    # Somebody else may live at a private address of its; the other addresses may still be right.
                    failure = error
                    refused.add(endpoint)
        raise failure

    def _dial(self, transport: Transport, endpoint: Endpoint, expected: PeerId | None) -> PeerId:
        link = transport.dial(endpoint, self, self._rung_timeout_s)
        session = self._open(link, expected)
        try:
            link.send(encode_frame(session.handshake.first()))
        except LinkClosed:
            # It may have ended before it was known here, and then nothing else would forget it.
            self._drop(link)
            raise
        peer_id = session.outcome.get()
        assert isinstance(peer_id, str)
        return PeerId(peer_id)

    # LinkEvents.

    def opened(self, link: Link) -> None:
        """Somebody dialled this node."""
        if self._stopping or len(self._sessions) >= self._max_connections:
            self._refuse(link, "this node has no room for another link")
            return
        self._open(link, None)

    def received(self, link: Link, batch: bytes) -> None:
        """A batch: a step of the handshake, or messages for the core."""
        session = self._sessions.get(link)
        if session is None:
            return
        try:
            messages: Sequence[Message | Hello | Proof] = decode_batch(batch)
            if session.peer is None:
                messages = self._shake_hands(session, messages)
            peer = session.peer
            if peer is not None and messages:
                peer.received_bytes += len(batch)
                self._driver.received(peer.index, _only_messages(messages), len(batch))
        except RemoteProtocolError as error:
            self._turn_away(session, str(error))
        except LinkClosed as error:
            self._end(session, str(error))

    def closed(self, link: Link, reason: str) -> None:
        """The pipe has ended."""
        session = self._drop(link)
        if session is None:
            return
        session.outcome.set_exception(LinkClosed(f"the link was closed: {reason}"))
        peer = session.peer
        if peer is None or peer.link is not link:
            return
        for other in self._sessions.values():
            if other.peer is peer:
                peer.switch(other.link)
                return
        self._forget(peer, reason)

    # Handshakes.

    def _open(self, link: Link, expected: PeerId | None) -> _Session:
        session = _Session(link, Handshake(self._local, link.outbound, link.channel_binding, expected))
        session.deadline = self._supervisor.spawn_later(HANDSHAKE_TIMEOUT_S, "handshake timeout", self._give_up, session)
        self._sessions[link] = session
        return session

    def _give_up(self, session: _Session) -> None:
        if session.peer is None and self._drop(session.link) is not None:
            session.outcome.set_exception(LinkTimeout("the handshake was not finished in time"))
            session.link.close("the handshake was not finished in time")

    def _drop(self, link: Link) -> _Session | None:
        session = self._sessions.pop(link, None)
        if session is not None:
            session.call_off_deadline()
        return session

    def _shake_hands(self, session: _Session, messages: Sequence[Message | Hello | Proof]) -> Sequence[Message | Hello | Proof]:
        """Go on with the handshake; returns what follows its end in the same batch."""
        for at, message in enumerate(messages):
            answer = session.handshake.receive(message)
            if answer is not None:
                session.link.send(encode_frame(answer))
            if session.handshake.done:
                self._establish(session)
                return messages[at + 1 :]
        return ()

    def _establish(self, session: _Session) -> None:
        hello = session.handshake.remote
        assert hello is not None
        record = hello.record
        peer = self._peers.get(record.peer_id)
        if peer is None:
            session.peer = self._link_up(session.link, record, hello.log_epoch)
        else:
            session.peer = peer
            peer.record = record
            self._choose(peer, session.link)
        session.call_off_deadline()
        session.outcome.set(record.peer_id)

    def _choose(self, peer: PeerLink, new: Link) -> None:
        """Two links to one peer: both sides keep the one dialled by the smaller id, the newer of one dialler's two."""
        old = peer.link
        smaller_dials = self._local.identity.peer_id < peer.peer_id
        keep_new = new.outbound in (old.outbound, smaller_dials)
        if keep_new:
            peer.switch(new)
        retired = old if keep_new else new
        # Two links of one dialler may come up here in another order than there: it decides, the listener waits longer.
        linger_s = _LINGER_S if retired.outbound else 2 * _LINGER_S
        self._supervisor.spawn_later(linger_s, "linger", self._retire, peer, retired)

    def _retire(self, peer: PeerLink, link: Link) -> None:
        # It may be in use again: the one that took its place has ended since.
        if peer.link is not link:
            link.close("another link to this peer took its place")

    def _link_up(self, link: Link, record: PeerRecord, log_epoch: int) -> PeerLink:
        index = next(self._indexes)
        peer = PeerLink(index, record, link, log_epoch)
        self._peers[record.peer_id] = peer
        self._supervisor.spawn(f"sender to {short(record.peer_id)}", peer.run)
        cursor = self._cursor_of(record.peer_id)
        if cursor is None or cursor.log_epoch != log_epoch:
            cursor = Cursor(log_epoch, 0)
        self._driver.link_up(index, peer, cursor)
        self._events.emit(e.PeerLinked(record.peer_id, link.transport, link.outbound, str(link.remote)))
        self.on_linked(peer)
        return peer

    def _forget(self, peer: PeerLink, reason: str) -> None:
        del self._peers[peer.peer_id]
        self._closed_bytes[0] += peer.sent_bytes
        self._closed_bytes[1] += peer.received_bytes
        peer.end()
        self._driver.link_down(peer.index)
        self._events.emit(e.PeerUnlinked(peer.peer_id, reason))
        self.on_unlinked(peer.peer_id)

    def _turn_away(self, session: _Session, reason: str) -> None:
        if session.peer is not None:
            # Its sender is in charge of what is sent, and may be blocked: only one may use a link at a time.
            log.warning("peer %s broke the rules: %s", short(session.peer.peer_id), reason)
            session.link.close(reason)
            return
        self._events.emit(e.HandshakeRefused(str(session.link.remote), reason))
        session.outcome.set_exception(HandshakeRefused(reason))
        self._refuse(session.link, reason)

    def _end(self, session: _Session, reason: str) -> None:
        session.outcome.set_exception(LinkClosed(reason))
        session.link.close(reason)

    def _refuse(self, link: Link, reason: str) -> None:
        # Whoever does not read must not hold the link open by that.
        deadline = self._supervisor.spawn_later(HANDSHAKE_TIMEOUT_S, "refusal timeout", link.close, reason)
        try:
            link.send(encode_frame(Goodbye(reason)))
        except LinkClosed:
            log.debug("the refused link to %s was closed before it could be told why", link.remote)
        finally:
            deadline.kill(block=False)
        link.close(reason)


def _only_messages(messages: Sequence[Message | Hello | Proof]) -> Sequence[Message]:
    for message in messages:
        if isinstance(message, Hello | Proof):
            raise RemoteProtocolError(f"a {type(message).__name__} frame after the handshake")
    return messages  # type: ignore[return-value]  # just proved
