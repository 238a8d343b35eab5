"""All links of a node: dialling, being dialled, and one link per peer in the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING

import gevent
from gevent.pool import Pool

from sorcha_peer_core.errors import LinkClosed, RemoteProtocolError
from sorcha_peer_core.model import events as e
from sorcha_peer_core.model.handshake import Hello, Proof
from sorcha_peer_core.model.hosts import family_of, plain_host
from sorcha_peer_core.model.ids import PeerId, short
from sorcha_peer_core.model.messages import Cursor, Farewell, Goodbye, Message
from sorcha_peer_core.protocol.breaker import BreakerConfig
from sorcha_peer_core.services.compression import CompressionCounters, expand
from sorcha_peer_core.services.dialling import Dialling
from sorcha_peer_core.services.handshakes import Handshakes
from sorcha_peer_core.services.link_choice import is_better, is_given_up
from sorcha_peer_core.services.link_session import LinkSession, goodbye_among, only_messages
from sorcha_peer_core.services.looking import Look, Looked
from sorcha_peer_core.services.peer_link import PeerLink
from sorcha_peer_core.services.pinging import Pinging
from sorcha_peer_core.services.reaching import Reaching
from sorcha_peer_core.services.session import Banned, LocalSide
from sorcha_peer_core.services.visits import Visits
from sorcha_peer_core.wire.bounds import check_handshake
from sorcha_peer_core.wire.codec import decode_batch, encode_frame

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.transport import Link, Transport
    from sorcha_peer_core.model.peer import Endpoint, PeerRecord, RungView
    from sorcha_peer_core.services.driver import Driver
    from sorcha_peer_core.services.events import EventBus
    from sorcha_peer_core.services.supervisor import Supervisor

log = logging.getLogger(__name__)

_FAREWELL_S = 1.0
"""For what was queued before a goodbye, and the goodbye."""
_NO_BREAKER = BreakerConfig(failures_to_open=1_000_000, open_s=0.0)
_CLIMBS_AT_ONCE = 8
"""A peer whose better transports do not answer takes seconds: others need not wait behind it."""
_OF_DISCOURAGED = 0.75
"""The share of all places that must not be taken, for a discouraged peer to get one."""
_LINGER_S = 2.0
"""A link that was replaced is still read for so long: frames may be under way in it."""
_MOST_LINGERING = 3
"""Links of one peer beside the one in use."""


class Links:
    """LinkEvents of all transports. Knows who is linked, and tells those who care."""

    on_clock: Callable[[PeerId, float], None] = staticmethod(lambda peer_id, origin_ms: None)
    """A handshake is over that told what the peer's clock shows (``Handshake.clock_origin_ms``)."""

    on_broken_rules: Callable[[PeerId], None] = staticmethod(lambda peer_id: None)
    """A linked peer sent what no peer may send; its link ends."""
    discourages: Callable[[PeerId], bool] = staticmethod(lambda peer_id: False)
    """Who gets a place only while many are left."""

    _stopping = False

    def __init__(
        self,
        local: LocalSide,
        driver: Driver,
        events: EventBus,
        supervisor: Supervisor,
        *,
        max_connections: int,
        cursor_of: Callable[[PeerId], Cursor | None],
        own_hosts: Callable[[], Iterable[str]] = tuple,
        stretch: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self._local = local
        self._driver = driver
        self._events = events
        self._supervisor = supervisor
        self._max_connections = max_connections
        self._cursor_of = cursor_of
        self._own_hosts = own_hosts
        """The addresses of this machine."""
        self._transports: Sequence[Transport] = ()
        self._stretch = stretch
        """By how much limits of time are longer than usual: this machine may be slow."""
        self._handshakes = Handshakes(local, events, supervisor, self._admits, stretch)
        self.visits = Visits(self._handshakes, events, supervisor, lambda: self.newcomers())  # noqa: PLW0108 - set later
        self._peers: dict[PeerId, PeerLink] = {}
        self._open((), 2.0, _NO_BREAKER, 30.0)
        # Never given twice: an answer that was meant for somebody who left reaches nobody.
        self._indexes = count()
        self._closed_bytes = [0, 0]
        self.pinging = Pinging(self.send)
        self.compression = CompressionCounters()
        """Of all links together, also those that are over."""
        self.on_linked: Callable[[PeerLink], None] = lambda _: None
        """A peer is linked; also called again when it seems to have restarted before its old link was over."""
        self.on_unlinked: Callable[[PeerId, Farewell], None] = lambda peer_id, farewell: None
        """The last link to a peer is gone; the farewell is what the peer said, UNSAID when it said nothing."""
        self.on_observed: Callable[[PeerId, str, bool], None] = lambda peer_id, host, outbound: None
        """A handshake is over, of a link or a look, in which the peer named the IP address from which it sees this node.
        ``outbound``: this node dialled, so it is where its dials come from; otherwise it is what the peer dialled."""
        self.coming: Callable[[], int] = lambda: 0
        """How many links this node's own dials may still become: their places are not given to others."""
        self.newcomers: Callable[[], Sequence[PeerRecord]] = tuple
        """Whom to tell those who look and those for whom there is no room, at most 50; must not block."""

    # Life.

    def start(
        self,
        transports: Sequence[Transport],
        rung_timeout_s: float,
        breaker: BreakerConfig = _NO_BREAKER,
        dial_timeout_s: float = 30.0,
    ) -> list[Endpoint]:
        """Listen on all transports, best first; returns where, each address once. Raises StartError."""
        self._open(list(transports), rung_timeout_s, breaker, dial_timeout_s)
        found = [endpoint for transport in self._transports for endpoint in transport.listen(self)]
        return list(dict.fromkeys(found))

    def _open(self, transports: Sequence[Transport], rung_timeout_s: float, breaker: BreakerConfig, timeout_s: float) -> None:
        self._transports = transports
        self._reaching = Reaching(self, self._handshakes, self._supervisor, self._peers, lambda: rung_timeout_s * self._stretch())
        self._dialling = Dialling(
            transports, breaker, self._reaching.link, self._events, timeout_s=timeout_s, own_hosts=self._own_hosts
        )

    def stop(self, grace_s: float) -> None:
        """Tell every peer that this node stops, close every link, stop listening."""
        self._stopping = True
        begin_s = monotonic()
        peers = list(self._peers.values())
        for peer in peers:
            self.hang_up(peer.peer_id, "this node stops", Farewell.STOPPING)
        gevent.wait([peer.ended for peer in peers], timeout=min(_FAREWELL_S, grace_s / 2))
        left_s = grace_s - (monotonic() - begin_s)
        # Side by side: each may need all of what is left.
        gevent.joinall([gevent.spawn(transport.stop, left_s) for transport in self._transports], raise_error=True)

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

    def hang_up(self, peer_id: PeerId, reason: str, farewell: Farewell = Farewell.UNSAID) -> None:
        """Say goodbye to a linked peer, behind what waits for it already, and unlink it. Returns at once.

        Within about a second it is over and ``on_unlinked`` was called, also for a peer that does not read.
        """
        peer = self._peers.get(peer_id)
        if peer is not None:
            peer.on_left = lambda: self._close_all(peer, reason)
            peer.leave(encode_frame(Goodbye(reason, farewell)))
            self._supervisor.spawn_later(_FAREWELL_S, "last words", self._close_all, peer, reason)

    # Dialling.

    def dial(self, endpoints: Sequence[Endpoint], expected: PeerId | None, timeout_s: float | None = None) -> PeerId:
        """Link to whoever answers at one of ``endpoints``, by the best transport that works; blocks.

        All of it takes at most ``timeout_s``; without one, as long as ``communication.connection_timeout_s`` says.

        Raises:
            EnoughLinks: it is the right one and has no room; the error has the records that it told instead. No failure.
            HandshakeRefused: somebody answers, but not who is expected, or one side does not want the link.
            TransportError: nobody could be reached; the reason of the last attempt.
        """
        return self._dialling.dial(endpoints, expected, timeout_s)

    def look(self, endpoints: Sequence[Endpoint], expected: PeerId | None, *, ask: int = 0, timeout_s: float) -> Looked:
        """See who answers at one of ``endpoints`` and how fast; with ``ask``, have it tell of so many peers. Blocks.

        It is no link: nobody hears of it but the caller, and a link to the same peer stays what it is.

        Raises:
            HandshakeRefused: somebody answers, but not who is expected, or it does not let this node look now.
            TransportError: nobody could be reached, or answered in time; the reason of the last attempt.
        """
        return self._dialling.look(endpoints, expected, partial(self._reaching.look, ask=ask), timeout_s)

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
        """Dials and looks that failed, by transport and kind of error."""
        return self._dialling.errors

    # LinkEvents.

    def opened(self, link: Link) -> None:
        """Somebody dialled this node."""
        if self._stopping:
            self._handshakes.refuse(link, "this node stops", Farewell.STOPPING)
        else:
            self._handshakes.receive(link)

    def received(self, link: Link, batch: bytes) -> None:
        """A batch: a step of the handshake, messages for the core, or a question of somebody who looks."""
        session = self._handshakes.sessions.get(link)
        if session is None:
            return
        try:
            self._receive(session, batch)
        except RemoteProtocolError as error:
            self._broke_the_rules(session, error)
        except LinkClosed as error:
            session.failed(error)
            link.close(str(error))

    def closed(self, link: Link, reason: str) -> None:
        """The pipe has ended."""
        session = self._handshakes.drop(link)
        self.visits.over(link)
        if session is None:
            return
        session.failed(LinkClosed(f"the link was closed: {reason}"))
        peer = session.peer
        if peer is None or peer.link is not link:
            return
        for other in self._sessions_of(peer):
            peer.switch(other.link, other.handshake.rung, other.handshake.form)
            return
        self._forget(peer, reason)

    def _receive(self, session: LinkSession, batch: bytes) -> None:
        # Only a link has agreed on anything: nothing is expanded for strangers, nor for those who look.
        if not session.outcome.ready():
            check_handshake(batch)
        expanded = expand(batch, self._local.forms if session.peer is not None else (), self.compression)
        messages: Sequence[Message | Hello | Proof] = decode_batch(expanded)
        if not session.outcome.ready():
            rest = self._handshakes.go_on(session, messages)
            if rest is None:
                return
            self._establish(session)
            messages = rest
        if session.look is not None:
            for message in only_messages(messages):
                session.look.received(message)
        elif session.peer is not None and messages:
            session.peer.received_bytes += len(batch)
            if expanded is not batch:
                self.compression.received(len(batch), len(expanded))
            self._hand_in(session.peer, only_messages(messages), len(expanded))

    def _hand_in(self, peer: PeerLink, messages: Sequence[Message], size: int) -> None:
        self.pinging.heard(peer.peer_id, messages)
        self._driver.received(peer.index, messages, size)
        goodbye = goodbye_among(messages)
        if goodbye is not None:
            # The peer reads no more: to wait for its end of the link to close would only take longer.
            peer.farewell = goodbye.farewell
            self._close_all(peer, f"it says goodbye: {goodbye.reason}")

    def _broke_the_rules(self, session: LinkSession, error: RemoteProtocolError) -> None:
        if session.peer is None and not isinstance(session.look, Look):
            self._handshakes.turn_away(session, error)
            return
        # Another greenlet is in charge of what is sent, and may be blocked: only one may use a link at a time.
        if session.peer is not None:
            peer_id = session.peer.peer_id
            log.warning("peer %s broke the rules: %s", short(peer_id), error, extra={"peer_id": peer_id})
            self.on_broken_rules(peer_id)
        session.failed(LinkClosed(str(error)))
        session.link.close(str(error))

    # From the handshake to the peer.

    def _admits(self, peer_id: PeerId) -> bool:
        most = self._max_connections * (_OF_DISCOURAGED if self.discourages(peer_id) else 1.0)
        return peer_id in self._peers or len(self._peers) + self.coming() < most

    def _establish(self, session: LinkSession) -> None:
        hello, handshake = session.handshake.remote, session.handshake
        assert hello is not None
        peer_id = hello.record.peer_id
        if self._local.is_banned(peer_id):
            # Since its Hello.
            raise Banned(peer_id)
        if family_of(hello.observed_host):
            self.on_observed(peer_id, plain_host(hello.observed_host), session.link.outbound)
        self.on_clock(peer_id, handshake.clock_origin_ms)
        if handshake.is_look and session.link.outbound:
            session.look = Look(session.link)
        elif handshake.is_look or not (session.link.outbound or self._admits(peer_id)):
            # The last place may have been taken while this one shook hands.
            self.visits.begin(session, hello.record, wants_link=handshake.is_turned_away or not handshake.is_look)
        else:
            self._link(session, hello)
        session.outcome.set(peer_id)

    def _link(self, session: LinkSession, hello: Hello) -> None:
        record = hello.record
        peer = self._peers.get(record.peer_id)
        if peer is None:
            session.peer = self._link_up(session, record, hello.log_epoch)
            return
        session.peer = peer
        peer.record, peer.tls_keys, peer.log_epoch = record, record.tls_keys, hello.log_epoch
        self._choose(peer, session)
        for lingering in [link for each in self._sessions_of(peer) if (link := each.link) is not peer.link][:-_MOST_LINGERING]:
            lingering.close("too many links of one peer")

    def _choose(self, peer: PeerLink, session: LinkSession) -> None:
        """Two links to one peer: both sides keep the same one."""
        old, new = peer.link, session.link
        smaller_dials = self._local.identity.peer_id < peer.peer_id
        given_up = is_given_up(peer, session.handshake.linked)
        keep_new = given_up or is_better(peer, session.link, session.handshake.rung, smaller_dials)
        if keep_new:
            peer.switch(new, session.handshake.rung, session.handshake.form)
        if given_up:
            # It may have restarted: nothing that was under way can be counted on, and its log may be another.
            self._driver.link_down(peer.index)
            self._tell_core(peer)
            self.on_linked(peer)
        retired = old if keep_new else new
        # Two links of one dialler may come up here in another order than there: it decides, the listener waits longer.
        linger_s = _LINGER_S if retired.outbound else 2 * _LINGER_S
        self._supervisor.spawn_later(linger_s, "linger", self._retire, peer, retired)

    def _retire(self, peer: PeerLink, link: Link) -> None:
        # It may be in use again: the one that took its place has ended since.
        if peer.link is not link:
            link.close("another link to this peer took its place")

    def _link_up(self, session: LinkSession, record: PeerRecord, log_epoch: int) -> PeerLink:
        link, handshake = session.link, session.handshake
        peer = PeerLink(next(self._indexes), record, link, log_epoch, handshake.rung, handshake.form, self.compression)
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

    def _run_sender(self, peer: PeerLink) -> None:
        try:
            peer.run()
        except Exception:
            # A link that nobody sends over any more would only look alive.
            peer.close("internal error")
            raise

    def _sessions_of(self, peer: PeerLink) -> list[LinkSession]:
        return [session for session in self._handshakes.sessions.values() if session.peer is peer]

    def _close_all(self, peer: PeerLink, reason: str) -> None:
        for session in self._sessions_of(peer):
            session.link.close(reason)

    def _forget(self, peer: PeerLink, reason: str) -> None:
        del self._peers[peer.peer_id]
        self._closed_bytes[0] += peer.sent_bytes
        self._closed_bytes[1] += peer.received_bytes
        peer.end()
        self._driver.link_down(peer.index)
        self._events.emit(e.PeerUnlinked(peer.peer_id, reason))
        self.on_unlinked(peer.peer_id, peer.farewell)
