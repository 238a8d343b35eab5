"""One node: a real Core, the Host it speaks to, a CPU, an uplink and a disk, all in virtual time."""

from __future__ import annotations

from itertools import islice
from math import inf
from typing import TYPE_CHECKING

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.transaction import Due, Transaction
from sorcha_peer_core.protocol.core import Core
from sorcha_peer_core.protocol.host import Priority
from sorcha_peer_core.sim.ledger import START_MS

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Sequence

    from sorcha_peer_core.interfaces.strategy import Strategy
    from sorcha_peer_core.model.events import Event
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.protocol.reputation import Deed, Standing
    from sorcha_peer_core.sim.network import Network
    from sorcha_peer_core.sim.parcel import Batch, Parcel
    from sorcha_peer_core.sim.pipe import Pipe


_LOGS_READ, _ROWS_AT_ONCE, _MOST_AWAITING, _LOOK_S = 3, 128, 4096, 0.02
"""As in the outbox of a node."""


FORGED = b"not signed by its origin".ljust(64)
"""The signature of what a liar made up."""
_FLAW = "its signature is not its origin's"


class Machine:
    """Everything the core asks of the world, answered in virtual time.

    Work is done in the order in which it comes, by one CPU: ``now`` is when it gets to it, which may be a little later than
    when it came.
    """

    honest = True

    __slots__ = (
        "_bulk_free_at", "_dirty", "_down_free_at", "_life", "_net", "_numbers", "_packing", "_todo", "_urgent_free_at",
        "apart_s", "arrive", "arrive_many", "core", "cpu_s", "cursors", "due", "index", "log", "now", "pipes", "running",
        "sent_bytes", "sessions",
    )  # fmt: skip

    def __init__(self, net: Network, index: int) -> None:
        self._net = net
        self._packing = net.packing
        self.index = index
        self.core: Core = None  # type: ignore[assignment] # there is one from ``start`` on
        self.running = False
        """False: it neither hears nor says anything, and nobody is told."""
        self.pipes: dict[int, Pipe] = {}
        """To linked peers, by the core's numbers for them."""
        self.now = 0.0
        """When the CPU has done what it was given."""
        self.apart_s = 0.0
        """How far apart the core wants batches of one link."""
        self.cpu_s = 0.0
        self.sent_bytes = 0
        self.log: list[TxHash] = []
        """On disk, in the order of arrival."""
        self.cursors: dict[int, m.Cursor] = {}
        """On disk, by the peers' indexes."""
        self.sessions: list[tuple[float, float]] = []
        """From when until when it ran; inf: it still does."""
        self._life = 0
        self._numbers: dict[int, int] = {}
        self._dirty: list[Pipe] = []
        self._todo: list[Transaction | TxHash | m.Load] = []
        """What the core asked for in this turn and is answered at once."""
        self._down_free_at = self._urgent_free_at = self._bulk_free_at = 0.0
        # Bound once, not for every event.
        self.arrive = self._on_message
        self.arrive_many = self._on_batch
        self.due = self._on_timer

    def start(self, strategy: Strategy) -> None:
        """Begin a life with what is on disk."""
        net = self._net
        self._life += 1
        self.running = True
        self._catch_up()
        self.sessions.append((self.now, inf))
        self.core = Core(net.core_config, self, strategy, self, net.core_rng)
        self.core.start(self.now)
        self.core.known_peers(net.known_peers)
        self._settle()

    def fall_silent(self) -> None:
        """It is dead, and nobody is told."""
        self.running = False
        for pipe in self.pipes.values():
            pipe.twin.deaf = True
        self.sessions[-1] = (self.sessions[-1][0], self._net.calendar.now)

    def ran(self, since: float, until: float) -> bool:
        """Whether it ran all the time."""
        return any(start <= since and until <= end for start, end in self.sessions)

    def number_of(self, peer: Machine) -> int:
        """What this node's core calls another node; the same for as long as both exist."""
        return self._numbers.setdefault(peer.index, len(self._numbers))

    def index_of(self, number: int) -> int:
        """Which node its core calls by this number."""
        return next(islice(self._numbers, number, None))

    def regard(self, peer: int, standing: Standing) -> None:
        """What the node thinks of a peer from now on."""
        if self.running:
            self._catch_up()
            self.core.regard(peer, standing, self.now)
            self._settle()

    # What happens to the node.

    def link_up(self, pipe: Pipe) -> None:
        """A link is there."""
        self.pipes[pipe.there] = pipe
        self._catch_up()
        self.core.link_up(pipe.there, self.cursors.get(pipe.far.index, m.Cursor(0, 0)), self.now)
        self._settle()

    def link_down(self, pipe: Pipe) -> None:
        """It is gone."""
        if self.running and self.pipes.get(pipe.there) is pipe:
            del self.pipes[pipe.there]
            self._catch_up()
            self.core.link_down(pipe.there, self.now)
            self._settle()

    def submit(self, transaction: Transaction) -> None:
        """A submission, signed and released."""
        self._catch_up()
        self.core.submit(transaction, self.now)
        self._settle()

    def flush(self, waiting: deque[Transaction]) -> None:
        """Release what waited for a link, as an outbox does: when peers' logs have been read, and no more than they take."""
        self._catch_up()
        self._on_flush(self.now, waiting, self._life)

    def _on_flush(self, at: float, waiting: deque[Transaction], life: int) -> None:
        if not self.running or life != self._life:
            return
        self.now = max(self.now, at)
        core = self.core
        if self.pipes and core.reconciling.logs_read >= min(_LOGS_READ, len(self.pipes)):
            core.flush.want(len(waiting), sum(len(transaction.payload) for transaction in waiting), self.now)
            if core.flush.is_ready(self.now) and len(core.receipts) < _MOST_AWAITING:
                for _ in range(min(_ROWS_AT_ONCE, len(waiting))):
                    core.submit(waiting.popleft(), self.now)
        self._settle()
        if waiting:
            self._net.calendar.add((self.now + _LOOK_S, self._on_flush, waiting, life))

    def _on_message(self, at: float, pipe: Pipe, parcel: Parcel) -> None:
        _, message, cell, amount, _, down_s, cpu_s, _ = parcel
        if pipe.deaf:
            cell[2] -= amount
            return
        free_at = self._down_free_at
        self._down_free_at = at = (at if at > free_at else free_at) + down_s
        cpu_s += self._net.receive_s()
        self.cpu_s += cpu_s
        self.now = now = (at if at > self.now else self.now) + cpu_s
        self.core.receive(pipe.peer, message, now)
        if self._todo:
            self._answer()
        if self._dirty:
            self._flush()

    def _on_batch(self, at: float, pipe: Pipe, batch: Batch) -> None:
        _, messages, _, down_s, cpu_s = batch
        if pipe.deaf:
            self._net.tally.unheard(messages)
            return
        self._down_free_at = at = max(at, self._down_free_at) + down_s
        cpu_s += self._net.receive_s()
        self.cpu_s += cpu_s
        self.now = max(at, self.now) + cpu_s
        for message in messages:
            self.core.receive(pipe.peer, message, self.now)
        self._settle()

    def _on_timer(self, at: float, timer: m.Timer, life: int) -> None:
        if not self.running or life != self._life:
            return
        if at > self.now:
            self.now = at
        self.core.timer(timer, self.now)
        self._settle()

    def _catch_up(self) -> None:
        self.now = max(self.now, self._net.calendar.now)

    def _settle(self) -> None:
        if self._todo:
            self._answer()
        if self._dirty:
            self._flush()

    def _answer(self) -> None:
        todo, core = self._todo, self.core
        # Answers lead to further questions, which are answered in the same turn.
        for question in todo:
            if isinstance(question, bytes):
                core.stored((question,), self.now)
            elif isinstance(question, Transaction):
                core.verified(question, _FLAW if question.signature is FORGED else None, self.now)
            else:
                core.loaded(self._net.ledger.answer(self, question), self.now)
        todo.clear()

    def _flush(self) -> None:  # noqa: PLR0915 - one loop, in which calls would cost more than the work
        """Send what the core said in this turn. Here is the way that most messages go: alone, small, over a link that is free."""
        net, waiting = self._net, []
        dirty, self._dirty = self._dirty, []
        fixed_s = net.model.batches_apart_s
        self.apart_s = apart_s = self.core.batches_apart_s if fixed_s is None else fixed_s
        stretch, send_s, hop_s, bulk_bytes, calendar = net.stretch, net.send_s, net.hop_s, net.model.bulk_bytes, net.calendar
        days, days_per_s = calendar.days, calendar.days_per_s
        now, urgent_at = self.now, self._urgent_free_at
        last: Parcel | None = None
        up_s, copies = 0.0, 0
        for pipe in dirty:
            parcel: Parcel = pipe.said  # type: ignore[assignment] # a pipe to which nothing was said is not dirty
            if now < pipe.ready_at or parcel[0] >= bulk_bytes:
                waiting.append(pipe)
                continue
            if parcel is not last:
                self._count(last, copies)
                last, copies = parcel, 0
                up_s = parcel[4]
            copies += 1
            pipe.said = None
            now += send_s
            urgent_at = (now if now > urgent_at else urgent_at) + up_s
            pipe.sent_at = now
            pipe.ready_at = pipe.free_at = urgent_at
            if apart_s:
                pipe.ready_at = max(urgent_at, now + apart_s)
            at = urgent_at + pipe.base_s * stretch() + hop_s
            if at < pipe.last_at:
                at = pipe.last_at
            pipe.last_at = at
            day = days.get(int(at * days_per_s))
            if day is None:
                calendar.add((at, pipe.arrive, pipe, parcel))
            else:
                day.append((at, pipe.arrive, pipe, parcel))
        self._count(last, copies)
        self.now, self._urgent_free_at = now, urgent_at
        for pipe in waiting:
            pipe.flush(self.now)

    def _count(self, parcel: Parcel | None, copies: int) -> None:
        """So many of them were sent."""
        if parcel is None:
            return
        size, _, cell, amount, up_s, _, _, _ = parcel
        cell[0] += copies
        cell[1] += copies * size
        cell[2] += copies * amount
        self.sent_bytes += copies * size
        self.cpu_s += copies * self._net.send_s
        # What is small delays what is large, never the other way round.
        self._bulk_free_at += copies * up_s

    def upload(self, now: float, size: int, up_s: float) -> float:
        """Put so many bytes into the uplink; returns when the last one has left. Small messages pass large ones."""
        send_s = self._net.send_s
        self.sent_bytes += size
        self.cpu_s += send_s
        self.now = now = (now if now > self.now else self.now) + send_s
        start = now if now > self._urgent_free_at else self._urgent_free_at
        if size < self._net.model.bulk_bytes:
            self._urgent_free_at = start = start + up_s
            # What is small delays what is large, never the other way round.
            self._bulk_free_at += up_s
            return start
        if start < self._bulk_free_at:
            start = self._bulk_free_at
        self._bulk_free_at = start + up_s
        return start + up_s

    # Host: what the core asks for.

    def send(self, peer: int, message: m.Message, priority: Priority) -> None:
        """Into the link's send queue, when there is a link."""
        pipe = self.pipes.get(peer)
        if pipe is None:
            return
        packing = self._packing
        parcel = packing.last
        if parcel[1] is not message:
            parcel = packing.one(message, priority)
        if pipe.said is None:
            pipe.said = parcel
            self._dirty.append(pipe)
        else:
            pipe.say_more(parcel)

    def unlink(self, peer: int, reason: str) -> None:
        """End the link; both sides hear of it."""
        pipe = self.pipes.get(peer)
        if pipe is not None:
            self._net.calendar.add((self.now, self._net.hang_up, pipe, reason))

    def set_timer(self, delay_s: float, timer: m.Timer) -> None:
        """As long as this life lasts."""
        self._net.calendar.add((self.now + delay_s, self.due, timer, self._life))

    def unix_ms(self) -> float:
        """Every clock here is right."""
        return START_MS + self.now * 1000

    def verify(self, transaction: Transaction) -> None:
        """What no liar had in its hands is genuine; finding that out may take time."""
        costs = self._net.model.costs
        if not costs.verify_ms:
            self._todo.append(transaction)
            return
        self.cpu_s += costs.verify_ms / 1000
        self.now += costs.verify_ms / 1000
        self._net.calendar.add((self.now, self._on_verified, transaction, self._life))

    def store(self, transaction: Transaction, hops: int, own: bool) -> None:
        """Into the log, now or after the commit."""
        if self.honest:
            self._net.arrived(self.index, transaction.hash, self.now, hops)
        commit_ms = self._net.model.costs.commit_ms
        if not commit_ms:
            self._commit(transaction.hash)
            return
        self._net.calendar.add((self.now + commit_ms / 1000, self._on_committed, transaction.hash, self._life))

    def load(self, question: m.Load) -> None:
        """Answered at once."""
        self._todo.append(question)

    def remember(self, peer: int, cursor: m.Cursor) -> None:
        """On disk, for the next link."""
        pipe = self.pipes.get(peer)
        if pipe is not None:
            self.cursors[pipe.far.index] = cursor

    def delivered(self, hashes: Sequence[TxHash]) -> None:
        """Nobody waits for it."""

    def postpone(self, hashes: Sequence[TxHash], delay_s: float, attempts: int, reason: str) -> None:
        """As long as this life lasts."""
        offers = [Due(tx_hash, self._net.ledger.size_of(tx_hash), attempts, inf) for tx_hash in hashes]
        self._net.calendar.add((self.now + delay_s, self._on_offers, offers, self._life))

    def give_up(self, tx_hash: TxHash, reason: str) -> None:
        """Nobody reads dead letters."""

    def missed(self, peer: int, lines: int) -> None:
        """Never here: nothing is pruned."""

    def rejected(self, peer: int, tx_hash: TxHash, reason: str) -> None:
        """Nobody looks; ``noticed`` tells what counts."""

    def noticed(self, peer: int, deed: Deed, count: float = 1.0) -> None:
        """For whoever watches, if anybody does."""
        watch = self._net.watch
        if watch is not None:
            watch.noticed(self, peer, deed, count)

    def emit(self, event: Event) -> None:
        """Nobody looks."""

    # HashFilter: a perfect one.

    def add(self, tx_hash: TxHash, received_ms: float) -> None:
        """The ledger knows already."""

    def definitely_new(self, tx_hash: TxHash, created_ms: float | None = None) -> bool:
        """Whether it is not in the log."""
        return not self._net.ledger.has(self, tx_hash)

    def _commit(self, tx_hash: TxHash) -> None:
        self.log.append(tx_hash)
        self._net.ledger.keep(self, tx_hash)
        self._todo.append(tx_hash)

    def _on_committed(self, at: float, tx_hash: TxHash, life: int) -> None:
        if self.running and life == self._life:
            self.now = max(self.now, at)
            self._commit(tx_hash)
            self._settle()

    def _on_offers(self, at: float, offers: Sequence[Due], life: int) -> None:
        if self.running and life == self._life:
            self.now = max(self.now, at)
            self.core.offer_again(offers, self.now)
            self._settle()

    def _on_verified(self, at: float, transaction: Transaction, life: int) -> None:
        if self.running and life == self._life:
            self.now = max(self.now, at)
            self.core.verified(transaction, _FLAW if transaction.signature is FORGED else None, self.now)
            self._settle()
