"""The protocol's host in real time: one greenlet owns the Core, everything else hands it work."""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Protocol

import gevent
from gevent.event import Event as Signal

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.events import Dropped, SyncGap, TransactionRejected
from sorcha_peer_core.model.transaction import Arrival, Due, Transaction
from sorcha_peer_core.protocol.host import Priority
from sorcha_peer_core.services.backlog import Backlog
from sorcha_peer_core.services.storage import Delivered, Done, GivenUp, KeepCursor, Postponed
from sorcha_peer_core.wire.codec import encode_frame

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.filter import HashFilter
    from sorcha_peer_core.model.events import Event
    from sorcha_peer_core.model.ids import PeerId, TxHash
    from sorcha_peer_core.protocol.core import Core
    from sorcha_peer_core.protocol.reputation import Deed, Standing
    from sorcha_peer_core.protocol.sendqueue import SendQueue
    from sorcha_peer_core.services.events import EventBus
    from sorcha_peer_core.services.storage import Storage
    from sorcha_peer_core.services.verifier import Verifier

_TURN_ITEMS = 256
"""Work done before other greenlets get a turn: a few milliseconds."""
_MOST_DEPARTED = 1024


class Outlet(Protocol):
    """Where frames for one linked peer go."""

    peer_id: PeerId
    queue: SendQueue[bytes]

    def wake(self, apart_s: float = 0.0) -> None:
        """Something waits in the queue. ``apart_s``: how far apart batches leave, unless much waits."""

    def close(self, reason: str) -> None:
        """End the link."""


class Driver:
    """Runs a Core: an inbox, a heap of timers, and the answers of the world. All methods belong to the hub's thread."""

    def __init__(  # noqa: PLR0915 - so much there is to know
        self,
        events: EventBus,
        hash_filter: HashFilter,
        aside: Callable[[PeerId, m.Message], None],
        unix_ms: Callable[[], float],
    ) -> None:
        self._events = events
        self._filter = hash_filter
        self._aside = aside
        """Messages that are not about transactions go there."""
        self._unix_ms = unix_ms
        self._core: Core | None = None
        self._storage: Storage | None = None
        self._verifier: Verifier | None = None
        self._inbox: deque[tuple[Callable[..., None], tuple[object, ...]]] = deque()
        self._timers: list[tuple[float, int, m.Timer]] = []
        self._order = count()
        self._wake = Signal()
        self._backlog = Backlog(lambda: self._storage is not None and bool(self._storage.failure))
        self._outlets: dict[int, Outlet] = {}
        self._dirty: set[int] = set()
        self._last_message: m.Message | None = None
        self._last_frame = b""
        self._own_queued_ms: dict[TxHash, float] = {}
        self._stopping = False
        self.last_seq = 0
        self.log_grew = Signal()
        """Set whenever arrivals were committed; whoever waits on it clears nothing, a new one takes its place."""
        self.online_since = 0.0
        """When a peer was linked after a time without any; monotonic seconds."""
        self.cursors: dict[PeerId, m.Cursor] = {}
        """How far each peer's log was read, for the next link to it; filled from the store before ``run``."""
        self.on_deed: Callable[[PeerId, Deed, float], None] = lambda peer_id, deed, count: None
        """Called with what a peer did; must not block."""
        self._departed: dict[int, PeerId] = {}
        self.dropped_frames = 0
        self.own_in_flight = 0
        """Own transactions released and not yet committed to the log,"""
        self.own_in_flight_bytes = 0
        """and the bytes of their payloads."""

    def attach(self, core: Core, storage: Storage, verifier: Verifier) -> None:
        """Complete the circle; called once, before ``run``."""
        self._core, self._storage, self._verifier = core, storage, verifier

    @property
    def core(self) -> Core:
        """The core it runs."""
        assert self._core is not None
        return self._core

    # What other greenlets hand in.

    def post(self, function: Callable[..., None], *args: object) -> None:
        """Have ``function(*args)`` called by the greenlet that owns the core."""
        self._inbox.append((function, args))
        self._wake.set()

    def received(self, peer: int, messages: Sequence[m.Message], size: int) -> None:
        """Messages of one batch of ``size`` bytes from a linked peer; blocks while too much is waiting."""
        self._backlog.wait_for_room(peer)
        self._backlog.hold(size)
        self.post(self._on_received, peer, messages, size)

    def link_up(self, peer: int, outlet: Outlet, cursor: m.Cursor) -> None:
        """``peer`` is linked."""
        self.post(self._on_link_up, peer, outlet, cursor)

    def link_down(self, peer: int) -> None:
        """The last link to ``peer`` is gone."""
        self.post(self._on_link_down, peer)

    def submit(self, transactions: Sequence[Transaction], queued_ms: Sequence[float]) -> None:
        """Release own, signed transactions; ``queued_ms`` says when each was committed to the outbox."""
        self._count_own(transactions, 1)
        self.post(self._on_submit, transactions, queued_ms)

    def renew(self, transaction: Transaction, attempts: int) -> None:
        """Offer an own transaction again, in a new envelope; it was offered ``attempts`` times."""
        self._count_own([transaction], 1)
        self.post(self._on_renew, transaction, attempts)

    def offer_again(self, offers: Sequence[Due]) -> None:
        """Ask for receipts of own transactions that were released before."""
        self.post(self._on_offer_again, offers)

    def want_to_flush(self, waiting: int, waiting_bytes: int) -> bool:
        """So many submissions wait; returns whether the next ones may be released."""
        self.post(self._on_want_to_flush, waiting, waiting_bytes)
        return self.core.flush.is_ready(time.monotonic())

    def verified(self, transactions: Sequence[Transaction], flaws: Sequence[str | None]) -> None:
        """The verifier's answer."""
        self.post(self._on_verified, transactions, flaws)

    def carried_out(self, done: Done) -> None:
        """The storage's answer."""
        self.post(self._on_carried_out, done)

    def regard(self, peer: int, standing: Standing) -> None:
        """What this node thinks of a peer from now on."""
        self.post(lambda: self.core.regard(peer, standing, time.monotonic()))

    # The greenlet.

    def run(self) -> None:
        """Work until ``stop``."""
        self.core.start(time.monotonic())
        while not self._stopping:
            # What arrived comes before timers: a node that was slow must not take its own pause for others' silence.
            for _ in range(min(len(self._inbox), _TURN_ITEMS)):
                function, args = self._inbox.popleft()
                function(*args)
            now = time.monotonic()
            # Nor must whoever waits because of this node seem silent.
            for peer in set(self._backlog.kept_waiting):
                self.core.heard(peer, now)
            while self._timers and self._timers[0][0] <= now:
                self.core.timer(heapq.heappop(self._timers)[2], now)
            self._wake_senders()
            if self._inbox:
                gevent.sleep(0)
                continue
            self._wake.clear()
            self._wake.wait(self._timers[0][0] - now if self._timers else None)

    def stop(self) -> None:
        """End after the current turn and let blocked readers go."""
        self._stopping = True
        self._wake.set()
        self._backlog.end()
        self.log_grew.set()

    @property
    def send_backlog_bytes(self) -> int:
        """What waits in the fullest send queue."""
        return max((outlet.queue.waiting_bytes for outlet in self._outlets.values()), default=0)

    @property
    def awaiting_receipts(self) -> int:
        """Own transactions that the core has offered and that too few peers have."""
        return len(self.core.receipts)

    @property
    def logs_read(self) -> int:
        """Linked peers whose log was read to its end since they were linked."""
        return self.core.reconciling.logs_read

    @property
    def linked(self) -> int:
        """Peers the core is linked to."""
        return len(self._outlets)

    # Host: what the core asks for.

    def send(self, peer: int, message: m.Message, priority: Priority) -> None:
        """Queue a frame; encoded once however many peers it goes to."""
        outlet = self._outlets.get(peer)
        if outlet is None:
            return
        if message is not self._last_message:
            self._last_message, self._last_frame = message, encode_frame(message)
        frame = self._last_frame
        dropped = outlet.queue.put(frame, len(frame), priority)
        self._dirty.add(peer)
        if dropped:
            self.dropped_frames += dropped
            self._events.emit(Dropped(outlet.peer_id, "send queue full", dropped))
        if outlet.queue.overflowed:
            self.unlink(peer, "it reads too slowly")

    def send_control(self, peer: int, message: m.Message) -> None:
        """Queue a message of a service; by the owner of the core only."""
        self.send(peer, message, Priority.CONTROL)

    def broadcast_control(self, peers: Sequence[int], message: m.Message) -> None:
        """The same for many."""
        for peer in peers:
            self.send(peer, message, Priority.CONTROL)

    def unlink(self, peer: int, reason: str) -> None:
        """Close the link; ``link_down`` follows from there."""
        outlet = self._outlets.get(peer)
        if outlet is not None:
            outlet.close(reason)

    def set_timer(self, delay_s: float, timer: m.Timer) -> None:
        """Remember a timer."""
        heapq.heappush(self._timers, (time.monotonic() + delay_s, next(self._order), timer))

    def unix_ms(self) -> float:
        """The time for what others made."""
        return self._unix_ms()

    def verify(self, transaction: Transaction) -> None:
        """Pass to the verifier."""
        assert self._verifier is not None
        self._backlog.hold(len(transaction.payload))
        self._verifier.add(transaction)

    def store(self, transaction: Transaction, hops: int, own: bool) -> None:
        """Pass to the storage, with the time of arrival: now, or for an own one when it was queued."""
        assert self._storage is not None
        tx_hash = transaction.hash
        received_ms = self._own_queued_ms.pop(tx_hash, None) or time.time() * 1000
        self._filter.add(tx_hash, max(received_ms, transaction.header.created_ms))
        self._backlog.hold(len(transaction.payload))
        self._storage.add(Arrival(transaction, received_ms, hops, own))

    def load(self, question: m.Load) -> None:
        """Pass to the storage."""
        assert self._storage is not None
        self._storage.add(question)

    def remember(self, peer: int, cursor: m.Cursor) -> None:
        """Pass to the storage, behind the arrivals it depends on."""
        assert self._storage is not None
        outlet = self._outlets.get(peer)
        if outlet is not None:
            self.cursors[outlet.peer_id] = cursor
            self._storage.add(KeepCursor(outlet.peer_id, cursor))

    def delivered(self, hashes: Sequence[TxHash]) -> None:
        """Pass to the storage, behind the arrivals."""
        assert self._storage is not None
        self._storage.add(Delivered(hashes))

    def postpone(self, hashes: Sequence[TxHash], delay_s: float, attempts: int, reason: str) -> None:
        """Pass to the storage; the outbox finds them there when their time has come."""
        assert self._storage is not None
        self._storage.add(Postponed(hashes, attempts, time.time() * 1000 + delay_s * 1000, reason))

    def give_up(self, tx_hash: TxHash, reason: str) -> None:
        """Pass to the storage."""
        assert self._storage is not None
        self._storage.add(GivenUp(tx_hash, reason))

    def missed(self, peer: int, lines: int) -> None:
        """Tell the operator whose log has a gap."""
        outlet = self._outlets.get(peer)
        if outlet is not None:
            self._events.emit(SyncGap(outlet.peer_id, lines))

    def rejected(self, peer: int, tx_hash: TxHash, reason: str) -> None:
        """Tell the operator who sent it."""
        outlet = self._outlets.get(peer)
        self._events.emit(TransactionRejected(tx_hash, outlet.peer_id if outlet else None, reason))

    def noticed(self, peer: int, deed: Deed, count: float = 1.0) -> None:
        """Pass to whoever judges, also for those who have just left."""
        outlet = self._outlets.get(peer)
        peer_id = outlet.peer_id if outlet else self._departed.get(peer)
        if peer_id is not None:
            self.on_deed(peer_id, deed, count)

    def emit(self, event: Event) -> None:
        """Tell everybody who listens."""
        self._events.emit(event)

    # Work, by the owner of the core.

    def _on_received(self, peer: int, messages: Sequence[m.Message], size: int) -> None:
        now = time.monotonic()
        core = self.core
        for message in messages:
            if type(message) in _ASIDE:
                outlet = self._outlets.get(peer)
                if outlet is not None:
                    self._aside(outlet.peer_id, message)
            core.receive(peer, message, now)
        self._backlog.release(size)

    def _on_link_up(self, peer: int, outlet: Outlet, cursor: m.Cursor) -> None:
        if not self._outlets:
            self.online_since = time.monotonic()
        self._outlets[peer] = outlet
        self.core.link_up(peer, cursor, time.monotonic())

    def _on_link_down(self, peer: int) -> None:
        outlet = self._outlets.pop(peer, None)
        if outlet is not None:
            # What it sent last may still be verified: to leave quickly is no way out.
            self._departed[peer] = outlet.peer_id
            if len(self._departed) > _MOST_DEPARTED:
                del self._departed[next(iter(self._departed))]
        self.core.link_down(peer, time.monotonic())

    def _on_submit(self, transactions: Sequence[Transaction], queued_ms: Sequence[float]) -> None:
        for transaction, queued in zip(transactions, queued_ms, strict=True):
            self._own_queued_ms[transaction.hash] = queued
            self.core.submit(transaction, time.monotonic())

    def _on_renew(self, transaction: Transaction, attempts: int) -> None:
        self.core.renew(transaction, attempts, time.monotonic())

    def _on_offer_again(self, offers: Sequence[Due]) -> None:
        self.core.offer_again(offers, time.monotonic())

    def _on_want_to_flush(self, waiting: int, waiting_bytes: int) -> None:
        self.core.flush.want(waiting, waiting_bytes, time.monotonic())

    def _on_verified(self, transactions: Sequence[Transaction], flaws: Sequence[str | None]) -> None:
        now = time.monotonic()
        for transaction, flaw in zip(transactions, flaws, strict=True):
            self.core.verified(transaction, flaw, now)
            self._backlog.release(len(transaction.payload))

    def _on_carried_out(self, done: Done) -> None:
        now = time.monotonic()
        self.core.stored([arrival.transaction.hash for arrival in done.stored], now)
        own = [arrival.transaction for arrival in (*done.stored, *done.put_aside) if arrival.own]
        self._count_own(own, -1)
        for aside in done.put_aside:
            self.core.not_stored(aside.transaction.hash, now)
        for arrival in (*done.stored, *done.put_aside):
            self._backlog.release(len(arrival.transaction.payload))
        for answer in done.answers:
            self.core.loaded(answer, now)
        if done.stored:
            self.last_seq = done.last_seq
            grew, self.log_grew = self.log_grew, Signal()
            grew.set()

    def _count_own(self, transactions: Sequence[Transaction], sign: int) -> None:
        self.own_in_flight += sign * len(transactions)
        self.own_in_flight_bytes += sign * sum(len(transaction.payload) for transaction in transactions)

    def _wake_senders(self) -> None:
        apart_s = self.core.batches_apart_s
        for peer in self._dirty:
            outlet = self._outlets.get(peer)
            if outlet is not None:
                outlet.wake(apart_s)
        self._dirty.clear()


_ASIDE = frozenset({m.Peers, m.PeersRequest, m.Goodbye, m.DialBack, m.DialledBack})
