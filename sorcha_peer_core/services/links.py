"""All links of a node: dialling, being dialled, and one link per peer in the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING

import gevent
from gevent.pool import Pool

from sorcha_peer_core.errors import LinkClosed, LinkTimeout, RemoteProtocolError
from sorcha_peer_core.model import events as e
from sorcha_peer_core.model.handshake import Hello, Proof
from sorcha_peer_core.model.ids import PeerId, short
from sorcha_peer_core.model.messages import Cursor, Goodbye, Message
from sorcha_peer_core.protocol.breaker import BreakerConfig
from sorcha_peer_core.services.dialling import Dialling
from sorcha_peer_core.services.link_choice import is_better, is_given_up
from sorcha_peer_core.services.link_session import LinkSession, only_messages
from sorcha_peer_core.services.peer_link import PeerLink
from sorcha_peer_core.services.session import DialledItself, Handshake, HandshakeRefused, LocalSide
from sorcha_peer_core.wire.codec import decode_batch, encode_frame

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.transport import Link, Transport
    from sorcha_peer_core.model.peer import Endpoint, PeerRecord, RungView
    from sorcha_peer_core.services.driver import Driver
    from sorcha_peer_core.services.events import EventBus
    from sorcha_peer_core.services.supervisor import Supervisor

log = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT_S = 5.0
_LAST_WORDS_S = 0.5
_NO_BREAKER = BreakerConfig(failures_to_open=1_000_000, open_s=0.0)
_CLIMBS_AT_ONCE = 8
"""A peer whose better transports do not answer takes seconds: others need not wait behind it."""
_LINGER_S = 2.0
"""A link that was replaced is still read for so long: frames may be under way in it."""


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
        self._transports: Sequence[Transport] = ()
        self._rung_timeout_s = 2.0
        self._dialling = Dialling((), _NO_BREAKER, self._call, events)
        self._sessions: dict[Link, LinkSession] = {}
        self._peers: dict[PeerId, PeerLink] = {}
        # Never given twice: an answer that was meant for somebody who left reaches nobody.
        self._indexes = count()
        self._closed_bytes = [0, 0]
        self._stopping = False
        self.on_linked: Callable[[PeerLink], None] = lambda _: None
        self.on_unlinked: Callable[[PeerId], None] = lambda _: None

    # Life.

    def start(
        self,
        transports: Sequence[Transport],
        rung_timeout_s: float,
        breaker: BreakerConfig = _NO_BREAKER,
        dial_timeout_s: float = 30.0,
    ) -> list[Endpoint]:
        """Listen on all transports, best first; returns where, each address once. Raises StartError."""
        self._transports = list(transports)
        self._rung_timeout_s = rung_timeout_s
        self._dialling = Dialling(self._transports, breaker, self._call, self._events, timeout_s=dial_timeout_s)
        found = [endpoint for transport in self._transports for endpoint in transport.listen(self)]
        return list(dict.fromkeys(found))

    def stop(self, grace_s: float) -> None:
        """Close every link, stop listening."""
        self._stopping = True
        # Side by side: each may need all of the grace.
        gevent.joinall([gevent.spawn(transport.stop, grace_s) for transport in self._transports], raise_error=True)

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

    def learned(self, records: Iterable[PeerRecord]) -> None:
        """Genuine records: what linked peers say of themselves now, where to climb to for instance."""
        for record in records:
            peer = self._peers.get(record.peer_id)
            if peer is not None and record.seq > peer.record.seq:
                peer.record = record

    def recheck(self) -> None:
        """End open links whose certificate is no longer acceptable: it was revoked, or its time is over."""
        for peer in list(self._peers.values()):
            link = peer.link
            objection = self._local.trust.objection(peer.peer_id, peer.tls_keys, link.remote_certificate, link.outbound)
            if objection:
                self._events.emit(e.HandshakeRefused(str(link.remote), objection))
                link.close(objection)

    # Dialling.

    def dial(self, endpoints: Sequence[Endpoint], expected: PeerId | None) -> PeerId:
        """Link to whoever answers at one of ``endpoints``; see Dialling."""
        return self._dialling.dial(endpoints, expected)

    def climb(self) -> None:
        """Try a better transport for every peer that this node dialled by a lesser one, a few at a time; blocks."""
        Pool(_CLIMBS_AT_ONCE).map(self._climb, list(self._peers.values()))

    def _climb(self, peer: PeerLink) -> None:
        if not self._stopping and peer.link.outbound and not self._dialling.is_best(peer):
            self._dialling.climb(peer)

    def rungs(self, peer_id: PeerId) -> Sequence[RungView]:
        """What is known of each transport of a peer."""
        return self._dialling.rungs(peer_id)

    @property
    def connection_errors(self) -> Mapping[tuple[str, str], int]:
        """Dials that failed, by transport and kind of error."""
        return self._dialling.errors

    def _call(self, transport: Transport, endpoint: Endpoint, expected: PeerId | None, rung: int) -> PeerId:
        link = transport.dial(endpoint, self, self._rung_timeout_s)
        session = self._open(link, expected)
        try:
            link.send(encode_frame(session.handshake.first(rung, linked=expected in self._peers)))
        except LinkClosed:
            # Why, the other side may have said in a batch that is not delivered yet.
            session.outcome.wait(_LAST_WORDS_S)
            # It may have ended before it was known here, and then nothing else would forget it.
            self._drop(link)
            if not session.outcome.ready():
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
                self._driver.received(peer.index, only_messages(messages), len(batch))
        except DialledItself as error:
            self._dialled_itself(error)
            self._turn_away(session, str(error))
        except RemoteProtocolError as error:
            self._turn_away(session, str(error))
        except LinkClosed as error:
            self._end(session, str(error))

    def closed(self, link: Link, reason: str) -> None:
        """The pipe has ended."""
        session = self._drop(link)
        if session is None:
            return
        session.failed(LinkClosed(f"the link was closed: {reason}"))
        peer = session.peer
        if peer is None or peer.link is not link:
            return
        for other in self._sessions.values():
            if other.peer is peer:
                peer.switch(other.link, other.handshake.rung)
                return
        self._forget(peer, reason)

    # Handshakes.

    def _open(self, link: Link, expected: PeerId | None) -> LinkSession:
        handshake = Handshake(self._local, link.outbound, link.channel_binding, expected, link.remote_certificate)
        session = LinkSession(link, handshake)
        # A dialler has other transports to try: one that takes the dial and then carries nothing is passed over as soon.
        timeout_s = min(HANDSHAKE_TIMEOUT_S, self._rung_timeout_s) if link.outbound else HANDSHAKE_TIMEOUT_S
        session.deadline = self._supervisor.spawn_later(timeout_s, "handshake timeout", self._give_up, session)
        self._sessions[link] = session
        return session

    def _give_up(self, session: LinkSession) -> None:
        if session.peer is None and self._drop(session.link) is not None:
            session.failed(LinkTimeout("the handshake was not finished in time"))
            session.link.close("the handshake was not finished in time")

    def _drop(self, link: Link) -> LinkSession | None:
        session = self._sessions.pop(link, None)
        if session is not None:
            session.call_off_deadline()
        return session

    def _shake_hands(
        self, session: LinkSession, messages: Sequence[Message | Hello | Proof]
    ) -> Sequence[Message | Hello | Proof]:
        """Go on with the handshake; returns what follows its end in the same batch."""
        for at, message in enumerate(messages):
            answer = session.handshake.receive(message)
            if answer is not None:
                session.link.send(encode_frame(answer))
            if session.handshake.done:
                self._establish(session)
                return messages[at + 1 :]
        return ()

    def _establish(self, session: LinkSession) -> None:
        hello = session.handshake.remote
        assert hello is not None
        record = hello.record
        peer = self._peers.get(record.peer_id)
        if peer is None:
            session.peer = self._link_up(session.link, record, hello.log_epoch, session.handshake.rung)
        else:
            session.peer = peer
            peer.record, peer.tls_keys, peer.log_epoch = record, record.tls_keys, hello.log_epoch
            self._choose(peer, session)
        session.call_off_deadline()
        session.outcome.set(record.peer_id)

    def _choose(self, peer: PeerLink, session: LinkSession) -> None:
        """Two links to one peer: both sides keep the same one."""
        old, new = peer.link, session.link
        smaller_dials = self._local.identity.peer_id < peer.peer_id
        given_up = is_given_up(peer, session.handshake.linked)
        keep_new = given_up or is_better(peer, session.link, session.handshake.rung, smaller_dials)
        if keep_new:
            peer.switch(new, session.handshake.rung)
        if given_up:
            # It may have restarted: nothing that was under way can be counted on, and its log may be another.
            self._driver.link_down(peer.index)
            self._tell_core(peer)
        retired = old if keep_new else new
        # Two links of one dialler may come up here in another order than there: it decides, the listener waits longer.
        linger_s = _LINGER_S if retired.outbound else 2 * _LINGER_S
        self._supervisor.spawn_later(linger_s, "linger", self._retire, peer, retired)

    def _retire(self, peer: PeerLink, link: Link) -> None:
        # It may be in use again: the one that took its place has ended since.
        if peer.link is not link:
            link.close("another link to this peer took its place")

    def _link_up(self, link: Link, record: PeerRecord, log_epoch: int, rung: int) -> PeerLink:
        index = next(self._indexes)
        peer = PeerLink(index, record, link, log_epoch, rung)
        peer.on_given_up = lambda reason: self._given_up(peer, reason)
        self._peers[record.peer_id] = peer
        self._supervisor.spawn(f"sender to {short(record.peer_id)}", self._run_sender, peer)
        self._tell_core(peer)
        self._events.emit(e.PeerLinked(record.peer_id, link.transport, link.outbound, str(link.remote)))
        self.on_linked(peer)
        return peer

    def _given_up(self, peer: PeerLink, reason: str) -> None:
        # What was dialled says something about the way there; a link that came in says nothing about ours.
        if peer.link.outbound:
            self._dialling.fell_silent(peer, reason)

    def _tell_core(self, peer: PeerLink) -> None:
        cursor = self._cursor_of(peer.peer_id)
        if cursor is None or cursor.log_epoch != peer.log_epoch:
            cursor = Cursor(peer.log_epoch, 0)
        self._driver.link_up(peer.index, peer, cursor)

    def _dialled_itself(self, refusal: DialledItself) -> None:
        # The dialling end would only hear that it was refused; nobody else can know its nonce.
        for other in self._sessions.values():
            if other.link.outbound and other.handshake.nonce == refusal.nonce:
                other.failed(refusal)

    def _run_sender(self, peer: PeerLink) -> None:
        try:
            peer.run()
        except Exception:
            # A link that nobody sends over any more would only look alive.
            peer.close("internal error")
            raise

    def _forget(self, peer: PeerLink, reason: str) -> None:
        del self._peers[peer.peer_id]
        self._closed_bytes[0] += peer.sent_bytes
        self._closed_bytes[1] += peer.received_bytes
        peer.end()
        self._driver.link_down(peer.index)
        self._events.emit(e.PeerUnlinked(peer.peer_id, reason))
        self.on_unlinked(peer.peer_id)

    def _turn_away(self, session: LinkSession, reason: str) -> None:
        if session.peer is not None:
            # Its sender is in charge of what is sent, and may be blocked: only one may use a link at a time.
            log.warning("peer %s broke the rules: %s", short(session.peer.peer_id), reason)
            session.link.close(reason)
            return
        self._events.emit(e.HandshakeRefused(str(session.link.remote), reason))
        session.failed(HandshakeRefused(reason))
        self._refuse(session.link, reason)

    def _end(self, session: LinkSession, reason: str) -> None:
        session.failed(LinkClosed(reason))
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
