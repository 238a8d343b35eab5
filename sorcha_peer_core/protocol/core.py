"""The heart of a node: what happens to a transaction, and to a link."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.transaction import Transaction
from sorcha_peer_core.protocol.answers import Answers
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.fetch import Fetcher
from sorcha_peer_core.protocol.host import Host
from sorcha_peer_core.protocol.probing import Probing
from sorcha_peer_core.protocol.recent import Recent
from sorcha_peer_core.protocol.seen import Seen
from sorcha_peer_core.protocol.spreading import Spreading
from sorcha_peer_core.protocol.sync import Sync

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.interfaces.filter import HashFilter
    from sorcha_peer_core.interfaces.strategy import Strategy
    from sorcha_peer_core.model.ids import TxHash


@dataclass(slots=True)
class Counters:
    """What happened since the start."""

    received: int = 0
    """Copies of transactions that peers sent, chunked ones counted once."""
    duplicates: int = 0
    """Of those, how many were here or on their way."""
    rejected: int = 0
    synced: int = 0
    """Transactions that only a peer's log brought."""


_MOST_HOPS = 255
"""Hops are not signed: whatever a peer claims, they stay a small number."""
_TRAFFIC = frozenset({m.Push, m.Want, m.WantChunks, m.Chunk})
"""What carries transactions, or asks for one; the rest goes on in an idle network, too."""


class _Checking:
    """A transaction that is here but not yet believed."""

    __slots__ = ("havers", "peer", "push", "shared")

    def __init__(self, peer: int, push: m.Push, shared: bool) -> None:
        self.peer = peer
        self.push = push
        self.shared = shared
        """Its pieces came from several peers, ``peer`` sent the last one."""
        self.havers = {peer: push.transaction.header.payload_size}


class Core:
    """The protocol of one node. All methods return at once; ``now`` is monotonic seconds and never goes back."""

    def __init__(self, config: CoreConfig, host: Host, strategy: Strategy, hash_filter: HashFilter, rng: Random) -> None:
        self._config = config
        self._host = host
        self._strategy = strategy
        self._filter = hash_filter
        self._rng = rng
        self._now = 0.0
        self._linked: list[int] = []
        self._known = 0
        self._checking: dict[TxHash, _Checking] = {}
        self._asking_store: dict[TxHash, list[tuple[int, m.Announced | m.Push]]] = {}
        self._seen = Seen(config.seen_entries)
        self._recent = Recent(config.recent_bytes)
        self._spreading = Spreading(config, host, strategy, rng)
        self._answers = Answers(config, host, self._recent, self._spreading.heard)
        self._probing = Probing(config, host, rng)
        self._fetcher = Fetcher(config, host, self._gave_up)
        self._sync = Sync(host, config.sync_peers, config.sync_interval_s)
        self.counters = Counters()
        self._handlers: dict[type, Callable[[int, Any], None]] = {
            m.Push: self._on_push,
            m.Announce: self._on_announce,
            m.Want: self._answers.want,
            m.Absent: self._on_absent,
            m.WantChunks: self._answers.want_chunks,
            m.Chunk: self._on_chunk,
            m.Ping: self._probing.ping,
            m.Pong: lambda peer, pong: self._probing.pong(peer, pong, self._now),
            m.SyncSince: self._answers.sync_since,
            m.SyncPage: self._on_sync_page,
        }
        self._timers: dict[type, Callable[[Any], None]] = {
            m.FlushAnnouncements: lambda timer: self._spreading.flush(),
            m.FetchDue: self._fetcher.due,
            m.ProbeDue: lambda timer: self._probing.due(timer, self._now),
            m.SyncDue: self._on_sync_due,
            m.RotateSeen: self._on_rotate_seen,
        }

    @property
    def gossip_rounds(self) -> int:
        """Times that gathered announcements went out."""
        return self._spreading.rounds

    @property
    def fetching(self) -> int:
        """Hashes that were announced and are not here."""
        return len(self._fetcher)

    @property
    def slowness(self) -> int:
        """How far this node itself is behind, 0 to 8: the more, the longer silent links are waited for."""
        return self._probing.slowness(self._now)

    def start(self, now: float) -> None:
        """Set the recurring timers; called once."""
        self._now = now
        self._on_rotate_seen(m.RotateSeen())
        self._host.set_timer(self._sync_pause_s(), m.SyncDue())

    def rtt_s(self, peer: int) -> float | None:
        """Smoothed round trip to a linked peer; None when it is not linked or not measured yet."""
        return self._probing.rtt_s(peer)

    def known_peers(self, count: int) -> None:
        """How many peers are known and not given up: decides between the forms of a strategy."""
        self._known = count
        self._view_changed()

    def submit(self, transaction: Transaction, now: float) -> None:
        """Release an own, signed transaction to the network and put it into the log."""
        self._now = now
        tx_hash = transaction.hash
        if tx_hash not in self._seen:
            # A copy that is being verified need not be: this one is known to be good.
            checking = self._checking.pop(tx_hash, None)
            self._accept(m.Push(transaction, 0), checking.havers if checking else {}, own=True)
        else:
            # The network had it first; storing it again only ends its outbox row.
            self._host.store(transaction, 0, own=True)

    def receive(self, peer: int, message: m.Message, now: float) -> None:
        """A message from a linked peer. Messages that are not the core's concern are passed over."""
        self._now = now
        if peer not in self._linked:
            return
        self._probing.heard(peer)
        kind = type(message)
        if kind in _TRAFFIC:
            self._probing.traffic(now)
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(peer, message)

    def heard(self, peer: int, now: float) -> None:
        """Something of a linked peer is here and has to wait: that is no message yet, but a sign of life."""
        self._now = now
        if peer in self._linked:
            self._probing.heard(peer)

    def timer(self, timer: m.Timer, now: float) -> None:
        """A timer that was set is due."""
        self._now = now
        self._timers[type(timer)](timer)

    def link_up(self, peer: int, cursor: m.Cursor, now: float) -> None:
        """``peer`` is linked. ``cursor``: how far its log was read, of the log it has now."""
        self._now = now
        self._linked = sorted([*self._linked, peer])
        self._view_changed()
        self._fetcher.link_up(peer)
        # What was spread before this link came up and is not in the log before it is read would miss both.
        self._spreading.announce_to(peer, self._recent.uncommitted())
        self._sync.link_up(peer, cursor, now)
        self._probing.link_up(peer, now)

    def link_down(self, peer: int, now: float) -> None:
        """The last link to ``peer`` is gone."""
        self._now = now
        if peer not in self._linked:
            return
        self._linked.remove(peer)
        self._view_changed()
        self._probing.link_down(peer)
        self._fetcher.link_down(peer)
        self._sync.link_down(peer, now)

    def verified(self, transaction: Transaction, reason: str | None, now: float) -> None:
        """The answer to ``Host.verify``; ``reason`` says why it is not valid, None when it is."""
        self._now = now
        tx_hash = transaction.hash
        checking = self._checking.pop(tx_hash, None)
        if checking is None:
            return
        if reason is None:
            self._accept(checking.push, checking.havers, own=False)
            return
        forger = self._reject(checking.peer, tx_hash, reason, shared=checking.shared)
        # Others may hold the true one: their word is kept, the forger's is not.
        for peer, size in checking.havers.items():
            if peer in self._linked and peer != forger:
                self._fetcher.announced(peer, (m.Announced(tx_hash, size),), at_once=True)
        if forger is not None:
            self._sync.refused(forger, tx_hash, self._now)
        self._fetcher.forged(tx_hash, forger)

    def stored(self, hashes: Iterable[TxHash], now: float) -> None:
        """These are committed."""
        self._now = now
        for tx_hash in hashes:
            self._recent.committed(tx_hash)

    def loaded(self, answer: m.Answer, now: float) -> None:
        """The store's answer to ``Host.load``."""
        self._now = now
        if isinstance(answer, m.KnownHashes):
            self._on_known(answer)
        elif isinstance(answer, m.LogPage):
            self._answers.log_page(answer)
        else:
            self._answers.loaded(answer)

    def _view_changed(self) -> None:
        self._spreading.view(self._linked, self._known)
        self._answers.reach = len(self._linked)
        self._fetcher.pull_wait_s = self._spreading.pull_wait_s

    # Transactions that come in.

    def _on_push(self, peer: int, push: m.Push) -> None:
        self.counters.received += 1
        header = push.transaction.header
        tx_hash = header.payload_hash
        if self._is_here(peer, tx_hash, header.payload_size):
            self.counters.duplicates += 1
        elif self._filter.definitely_new(tx_hash, header.created_ms):
            self._check(peer, push)
        else:
            self._ask_store(peer, tx_hash, push)

    def _is_here(self, peer: int, tx_hash: TxHash, size: int) -> bool:
        if tx_hash in self._seen:
            self._spreading.heard(peer, tx_hash)
            return True
        checking = self._checking.get(tx_hash)
        if checking is not None:
            checking.havers.setdefault(peer, size)
            return True
        return False

    def _check(self, peer: int, push: m.Push, *, shared: bool = False) -> None:
        tx_hash = push.transaction.hash
        self._fetcher.arrived(tx_hash)
        self._checking[tx_hash] = _Checking(peer, push, shared)
        self._host.verify(push.transaction)

    def _accept(self, push: m.Push, havers: dict[int, int], *, own: bool) -> None:
        """It is valid: mark it, pass it on, store it."""
        tx_hash = push.transaction.hash
        hops = 0 if own else min(push.hop + 1, _MOST_HOPS)
        mine = m.Push(push.transaction, hops)
        havers = havers | dict.fromkeys(self._fetcher.announcers_of(tx_hash), 0)
        self._seen.add(tx_hash)
        self._fetcher.verified(tx_hash)
        self._recent.add(mine)
        self._probing.traffic(self._now)
        self._spreading.spread(mine, [peer for peer in self._linked if peer not in havers], 0 if own else push.reach)
        self._host.store(push.transaction, hops, own)
        if self._sync.resolved(tx_hash, self._now):
            self.counters.synced += 1

    # Transactions that peers speak of.

    def _on_announce(self, peer: int, announce: m.Announce) -> None:
        self._consider(peer, announce.items, at_once=False)

    def _consider(self, peer: int, items: Sequence[m.Announced], *, at_once: bool) -> list[TxHash]:
        """Sort announced hashes; returns those that are not here, or not known to be."""
        fresh: list[m.Announced] = []
        missing: list[TxHash] = []
        for item in items:
            tx_hash = item.hash
            if tx_hash in self._seen:
                self._spreading.heard(peer, tx_hash)
                continue
            if not 0 < item.size <= self._config.max_transaction_bytes:
                continue
            missing.append(tx_hash)
            checking = self._checking.get(tx_hash)
            if checking is not None:
                checking.havers.setdefault(peer, item.size)
            elif tx_hash in self._fetcher or self._filter.definitely_new(tx_hash):
                fresh.append(item)
            else:
                self._ask_store(peer, tx_hash, item)
        if fresh:
            self._fetcher.announced(peer, fresh, at_once)
        return missing

    def _ask_store(self, peer: int, tx_hash: TxHash, what: m.Announced | m.Push) -> None:
        asking = self._asking_store.setdefault(tx_hash, [])
        asking.append((peer, what))
        if len(asking) == 1:
            self._host.load(m.LoadKnown((tx_hash,)))

    def _on_known(self, answer: m.KnownHashes) -> None:
        for tx_hash in answer.question.hashes:
            asking = self._asking_store.pop(tx_hash, [])
            if tx_hash in answer.known:
                self._seen.add(tx_hash)
                self._fetcher.verified(tx_hash)
                self._sync.resolved(tx_hash, self._now)
                self.counters.duplicates += sum(isinstance(what, m.Push) for _, what in asking)
                continue
            for peer, what in asking:
                self._on_unknown(peer, tx_hash, what)

    def _on_unknown(self, peer: int, tx_hash: TxHash, what: m.Announced | m.Push) -> None:
        """The store does not have it; it may have come while the store was asked."""
        size = what.size if isinstance(what, m.Announced) else what.transaction.header.payload_size
        if self._is_here(peer, tx_hash, size):
            self.counters.duplicates += isinstance(what, m.Push)
        elif isinstance(what, m.Push):
            self._check(peer, what)
        elif peer in self._linked:
            self._fetcher.announced(peer, (what,), at_once=True)

    def _on_absent(self, peer: int, absent: m.Absent) -> None:
        self._fetcher.absent(peer, absent.hashes)

    def _on_chunk(self, peer: int, chunk: m.Chunk) -> None:
        transfer = self._fetcher.chunk(peer, chunk)
        if transfer is None:
            return
        self.counters.received += 1
        push, shared = transfer.push(), len(transfer.senders) > 1
        if push.transaction.hash == chunk.hash:
            self._check(peer, push, shared=shared)
        else:
            reason = "the envelope names another hash than its chunks"
            self._fetcher.forged(chunk.hash, self._reject(peer, chunk.hash, reason, shared=shared))

    def _reject(self, peer: int, tx_hash: TxHash, reason: str, *, shared: bool) -> int | None:
        """Count it, and blame ``peer`` if it was the only one who sent it; returns who is to blame."""
        self.counters.rejected += 1
        if shared:
            return None
        self._host.rejected(peer, tx_hash, reason)
        return peer

    def _gave_up(self, tx_hash: TxHash) -> None:
        self._sync.gave_up(tx_hash, self._now)

    # Logs of peers.

    def _on_sync_page(self, peer: int, page: m.SyncPage) -> None:
        if self._sync.expects(peer):
            missing = self._consider(peer, page.items, at_once=True)
            self._sync.page(peer, page, missing, self._now)

    def _on_sync_due(self, timer: m.SyncDue) -> None:
        self._sync.again(self._now)
        self._host.set_timer(self._sync_pause_s(), m.SyncDue())

    def _sync_pause_s(self) -> float:
        return self._config.sync_interval_s * (0.75 + 0.5 * self._rng.random())

    def _on_rotate_seen(self, timer: m.RotateSeen) -> None:
        self._seen.rotate()
        self._host.set_timer(self._config.seen_rotate_s, timer)
