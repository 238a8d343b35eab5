"""One node of a network in virtual time: a real Core, its Host, and the disk that survives a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import TYPE_CHECKING, Protocol

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.chunks import chunk_list, chunk_root
from sorcha_peer_core.model.ids import PeerId, TxHash, tx_hash_of
from sorcha_peer_core.model.transaction import Due, Header, Transaction
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.core import Core
from sorcha_peer_core.protocol.reputation import Reputation
from sorcha_peer_core.testing.recording_host import created_among

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.strategy import Strategy
    from sorcha_peer_core.model.events import Event
    from sorcha_peer_core.protocol.host import Priority
    from sorcha_peer_core.protocol.reputation import Deed

GOOD = b"good signature"
START_MS = 1_700_000_000_000.0
"""Unix milliseconds at the beginning of virtual time."""
_ENVELOPE_BYTES = 300
_ITEM_BYTES = 36
_FRAME_BYTES = 12


def make_transaction(
    payload: bytes, origin: int = 0, signature: bytes = GOOD, created_ms: float = START_MS, chunk_bytes: int = 0
) -> Transaction:
    """A transaction that this network's nodes take for valid exactly when its signature is ``GOOD``.

    With a list of chunks of ``chunk_bytes``, unless that is 0.
    """
    origin_key = origin.to_bytes(32, "big")
    header = Header("test", tx_hash_of(payload), len(payload), "text/plain", "", origin_key, created_ms, 86_400, origin)
    if chunk_bytes:
        header = header._replace(chunk_bytes=chunk_bytes, chunk_root=chunk_root(chunk_list(payload, chunk_bytes)))
    return Transaction(header, b"header", signature, payload)


def size_of(message: m.Message) -> int:
    """About what the message takes on the wire."""
    match message:
        case m.Push(transaction):
            return _ENVELOPE_BYTES + len(transaction.payload)
        case m.Chunk(data=data):
            return 4 * _FRAME_BYTES + len(data)
        case m.ChunkList(hashes=hashes):
            return _ENVELOPE_BYTES + len(hashes)
        case m.Announce(items) | m.SyncPage(items=items):
            return _FRAME_BYTES + _ITEM_BYTES * len(items)
        case m.Want(hashes) | m.Absent(hashes):
            return _FRAME_BYTES + _ITEM_BYTES * len(hashes)
        case _:
            return _size_of_digest(message)


def _size_of_digest(message: m.Message) -> int:
    match message:
        case m.Digest(marks=marks) | m.DigestRange(marks=marks):
            return 2 * _FRAME_BYTES + 8 * sum(mark.members > 0 for mark in marks) + 2 * len(marks)
        case m.DigestIds(ids=ids) | m.DigestWant(ids=ids):
            return 2 * _FRAME_BYTES + 8 * len(ids)
        case _:
            return _FRAME_BYTES


@dataclass(frozen=True, slots=True)
class World:
    """What the network and the machines are like."""

    latency_s: tuple[float, float] = (0.005, 0.05)
    """Each link's one-way latency is drawn from here."""
    bytes_per_s: float = 12_500_000.0
    batch_bytes: int = 256 * 1024
    queue_limit_bytes: int = 4 * 1024 * 1024
    verify_s: float = 0.001
    commit_s: float = 0.003
    load_s: float = 0.001
    redial_s: float = 1.0
    loss_ratio: float = 0.0
    """Messages that vanish. No transport loses any, but a peer may."""
    filter_helps: bool = True
    """False: the filter never rules anything out, every hash is looked up in the store."""
    full_mesh_max_peers: int = 32
    chunk_bytes: int = 0
    """Of the lists of chunks that origins make; 0: they make none."""
    config: CoreConfig = field(default_factory=CoreConfig)


class Disk:
    """What survives a crash of a node. Writes are committed in the order in which they were asked."""

    def __init__(self, log_epoch: int) -> None:
        self.log_epoch = log_epoch
        self.log: list[TxHash] = []
        self.transactions: dict[TxHash, Transaction] = {}
        self.outbox: dict[TxHash, Transaction] = {}
        """Own ones that are not delivered."""
        self.dead: dict[TxHash, str] = {}
        self.cursors: dict[int, m.Cursor] = {}
        self.arrived_at: dict[TxHash, float] = {}

    def append(self, transaction: Transaction, own: bool, now: float) -> None:
        """Into the log, once; an own one that the network had first leaves the outbox."""
        tx_hash = transaction.hash
        if tx_hash not in self.transactions:
            self.log.append(tx_hash)
            self.transactions[tx_hash] = transaction
            self.arrived_at[tx_hash] = now
            if own:
                return
        self.outbox.pop(tx_hash, None)

    def answer(self, question: m.Load) -> m.Answer:
        """What the store knows now."""
        held = self.transactions
        match question:
            case m.LoadKnown(hashes):
                return m.KnownHashes(question, frozenset(h for h in hashes if h in held))
            case m.LoadWanted(_, hashes):
                return m.Loaded(question, tuple(held[h] for h in dict.fromkeys(hashes) if h in held))
            case m.LoadChunks(_, want):
                return m.Loaded(question, (held[want.hash],) if want.hash in held else ())
            case m.LoadLog(_, log_epoch, after_seq, most):
                after = min(after_seq, len(self.log)) if log_epoch == self.log_epoch else 0
                items = tuple(m.Announced(h, len(held[h].payload)) for h in self.log[after : after + most])
                end = after + len(items)
                return m.LogPage(question, self.log_epoch, items, end, end < len(self.log))
            case m.LoadCreated():
                return m.CreatedPage(question, created_among(question, held.values()))


class _Filter:
    def __init__(self, hashes: Iterable[TxHash], helps: bool) -> None:
        self._hashes = set(hashes)
        self._helps = helps

    def add(self, tx_hash: TxHash, received_ms: float) -> None:
        self._hashes.add(tx_hash)

    def definitely_new(self, tx_hash: TxHash, created_ms: float | None = None) -> bool:
        return self._helps and tx_hash not in self._hashes


class Surroundings(Protocol):
    """What a node needs of the network around it."""

    now: float
    seed: int

    @property
    def world(self) -> World:
        """What it is like."""

    def after(self, delay_s: float, call: Callable[[], object]) -> None:
        """Schedule a call."""

    def send(self, source: int, target: int, message: m.Message, priority: Priority) -> None:
        """Put a message into a link's send queue; without a link it is lost."""

    def dial(self, one: int, two: int) -> None:
        """Bring a wanted link up."""

    def drop_link(self, one: int, two: int) -> None:
        """A link breaks."""


class Node:
    """One node: a Core, its Host, and its disk."""

    def __init__(self, net: Surroundings, index: int) -> None:
        self._net = net
        self.index = index
        self.disk = Disk(log_epoch=1000 + index)
        self.core: Core | None = None
        self.life = 0
        self.rejections: list[tuple[int, TxHash, str]] = []
        self.gaps: list[tuple[int, int]] = []
        self.events: list[Event] = []
        self.reputation = Reputation()
        """Of the others, by their numbers; it outlives what is not on disk, so that tests see all of it."""
        self._writes: list[Callable[[], TxHash | None]] = []
        self._filter = _Filter((), True)

    @property
    def alive(self) -> Core:
        """The Core of a node that runs."""
        assert self.core is not None, f"node {self.index} is down"
        return self.core

    def boot(self, strategy: Strategy) -> None:
        """Start with what the disk has; the outbox is released again."""
        world, self.life = self._net.world, self.life + 1
        rng = Random(f"{self._net.seed}/{self.index}/{self.life}")
        self._filter = _Filter(self.disk.log, world.filter_helps)
        self.core = Core(world.config, self, strategy, self._filter, rng)
        self.core.start(self._net.now)
        for transaction in list(self.disk.outbox.values()):
            if transaction.hash not in self.disk.transactions:
                self.core.submit(transaction, self._net.now)
        self._offer(self.core, [tx_hash for tx_hash in self.disk.outbox if tx_hash in self.disk.transactions], 0)

    def die(self) -> None:
        """Lose everything that is not on disk."""
        self.core = None
        self._writes = []

    def send(self, peer: int, message: m.Message, priority: Priority) -> None:
        """Into the link's send queue, when there is a link."""
        self._net.send(self.index, peer, message, priority)

    def unlink(self, peer: int, reason: str) -> None:
        """End the link and dial again later."""
        self._net.after(0.0, lambda: self._net.drop_link(self.index, peer))
        self._net.after(self._net.world.redial_s, lambda: self._net.dial(self.index, peer))

    def set_timer(self, delay_s: float, timer: m.Timer) -> None:
        """As long as this life lasts."""
        self._later(delay_s, lambda core, now: core.timer(timer, now))

    def unix_ms(self) -> float:
        """Every clock here is right."""
        return START_MS + self._net.now * 1000

    def verify(self, transaction: Transaction) -> None:
        """Hash and signature, after a while."""
        payload = transaction.payload
        # Without a payload it is the envelope alone that is asked about.
        good = transaction.signature == GOOD and (not payload or tx_hash_of(payload) == transaction.hash)
        reason = None if good else "bad signature"
        self._later(self._net.world.verify_s, lambda core, now: core.verified(transaction, reason, now))

    def store(self, transaction: Transaction, hops: int, own: bool) -> None:
        """Committed with whatever gathers."""
        self._filter.add(transaction.hash, 0.0)

        def write() -> TxHash:
            self.disk.append(transaction, own, self._net.now)
            return transaction.hash

        self._write(write)

    def load(self, question: m.Load) -> None:
        """Answered with the state of the log at that moment."""
        self._later(self._net.world.load_s, lambda core, now: core.loaded(self.disk.answer(question), now))

    def remember(self, peer: int, cursor: m.Cursor) -> None:
        """Committed after everything that was stored before."""
        self._write(lambda: self.disk.cursors.__setitem__(peer, cursor))

    def delivered(self, hashes: Sequence[TxHash]) -> None:
        """Committed after the log."""

        def write() -> None:
            for tx_hash in hashes:
                self.disk.outbox.pop(tx_hash, None)

        self._write(write)

    def postpone(self, hashes: Sequence[TxHash], delay_s: float, attempts: int, reason: str) -> None:
        """As long as this life lasts; the next one begins with all of them."""
        self._later(delay_s, lambda core, now: self._offer(core, hashes, attempts))

    def give_up(self, tx_hash: TxHash, reason: str) -> None:
        """For tests to look at."""
        self.disk.dead[tx_hash] = reason
        self.disk.outbox.pop(tx_hash, None)

    def missed(self, peer: int, lines: int) -> None:
        """For tests to look at."""
        self.gaps.append((peer, lines))

    def rejected(self, peer: int, tx_hash: TxHash, reason: str) -> None:
        """For tests to look at."""
        self.rejections.append((peer, tx_hash, reason))

    def noticed(self, peer: int, deed: Deed, count: float = 1.0) -> None:
        """For tests to look at: nothing follows from it."""
        self.reputation.note(PeerId(str(peer)), deed, self._net.now, count)

    def emit(self, event: Event) -> None:
        """For tests to look at."""
        self.events.append(event)

    def _offer(self, core: Core, hashes: Iterable[TxHash], attempts: int) -> None:
        sizes = ((tx_hash, self.disk.outbox[tx_hash].header.payload_size) for tx_hash in hashes if tx_hash in self.disk.outbox)
        core.offer_again([Due(tx_hash, size, attempts, inf) for tx_hash, size in sizes], self._net.now)

    def _write(self, write: Callable[[], TxHash | None]) -> None:
        self._writes.append(write)
        if len(self._writes) == 1:
            self._later(self._net.world.commit_s, self._commit)

    def _commit(self, core: Core, now: float) -> None:
        writes, self._writes = self._writes, []
        core.stored([tx_hash for tx_hash in [write() for write in writes] if tx_hash is not None], now)

    def _later(self, delay_s: float, call: Callable[[Core, float], None]) -> None:
        life = self.life

        def due() -> None:
            if self.core is not None and self.life == life:
                call(self.core, self._net.now)

        self._net.after(delay_s, due)
