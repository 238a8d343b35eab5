"""The heart of a node: what happens to a transaction, and to a link."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.interfaces.strategy import Spread, Strategy, View
from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.transaction import Header, Transaction
from sorcha_peer_core.protocol.announce import AnnounceQueue
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.fetch import Fetcher
from sorcha_peer_core.protocol.host import Host, Priority
from sorcha_peer_core.protocol.probe import Probe
from sorcha_peer_core.protocol.recent import Recent
from sorcha_peer_core.protocol.seen import Seen
from sorcha_peer_core.protocol.sync import Sync

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.interfaces.filter import HashFilter
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
    gossip_rounds: int = 0
    """Times that gathered announcements went out."""


class _Checking:
    """A transaction that is here but not yet believed."""

    __slots__ = ("havers", "peer", "push")

    def __init__(self, peer: int, push: m.Push) -> None:
        self.peer = peer
        self.push = push
        self.havers = {peer: push.transaction.header.payload_size}


class _Peer:
    """One linked peer."""

    __slots__ = ("generation", "probe")

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.probe = Probe()


class Core:
    """The protocol of one node. All methods return at once; ``now`` is monotonic seconds and never goes back."""

    def __init__(self, config: CoreConfig, host: Host, strategy: Strategy, hash_filter: HashFilter, rng: Random) -> None:
        self._config = config
        self._host = host
        self._strategy = strategy
        self._filter = hash_filter
        self._rng = rng
        self._now = 0.0
        self._peers: dict[int, _Peer] = {}
        self._linked: list[int] = []
        self._known = 0
        self._generation = 0
        self._checking: dict[TxHash, _Checking] = {}
        self._asking_store: dict[TxHash, list[tuple[int, m.Announced | m.Push]]] = {}
        self._seen = Seen(config.seen_entries)
        self._recent = Recent(config.recent_bytes)
        self._announcements = AnnounceQueue(config.announce_items)
        self._fetcher = Fetcher(config, host, self._gave_up)
        self._sync = Sync(host, config.sync_peers, config.sync_interval_s)
        self.counters = Counters()
        self._handlers: dict[type, Callable[[int, Any], None]] = {
            m.Push: self._on_push,
            m.Announce: self._on_announce,
            m.Want: self._on_want,
            m.Absent: self._on_absent,
            m.WantChunks: self._on_want_chunks,
            m.Chunk: self._on_chunk,
            m.Ping: self._on_ping,
            m.Pong: self._on_pong,
            m.SyncSince: self._on_sync_since,
            m.SyncPage: self._on_sync_page,
        }
        self._timers: dict[type, Callable[[Any], None]] = {
            m.FlushAnnouncements: self._on_flush,
            m.FetchDue: self._fetcher.due,
            m.ProbeDue: self._on_probe_due,
            m.SyncDue: self._on_sync_due,
            m.RotateSeen: self._on_rotate_seen,
        }

    @property
    def fetching(self) -> int:
        """Hashes that were announced and are not here."""
        return len(self._fetcher)

    def start(self, now: float) -> None:
        """Set the recurring timers; called once."""
        self._now = now
        self._on_rotate_seen(m.RotateSeen())
        self._host.set_timer(self._sync_pause_s(), m.SyncDue())

    def rtt_s(self, peer: int) -> float | None:
        """Smoothed round trip to a linked peer; None when it is not linked or not measured yet."""
        state = self._peers.get(peer)
        return state.probe.rtt_s if state else None

    def known_peers(self, count: int) -> None:
        """How many peers are known and not given up: decides between the forms of a strategy."""
        self._known = count

    def submit(self, transaction: Transaction, now: float) -> None:
        """Release an own, signed transaction to the network and put it into the log."""
        self._now = now
        tx_hash = transaction.hash
        if tx_hash not in self._seen:
            self._accept(m.Push(transaction, 0), {}, own=True)
        else:
            # The network had it first; storing it again only ends its outbox row.
            self._host.store(transaction, 0, own=True)

    def receive(self, peer: int, message: m.Message, now: float) -> None:
        """A message from a linked peer. Messages that are not the core's concern are passed over."""
        self._now = now
        state = self._peers.get(peer)
        if state is None:
            return
        state.probe.heard()
        handler = self._handlers.get(type(message))
        if handler is not None:
            handler(peer, message)

    def timer(self, timer: m.Timer, now: float) -> None:
        """A timer that was set is due."""
        self._now = now
        self._timers[type(timer)](timer)

    def link_up(self, peer: int, cursor: m.Cursor, now: float) -> None:
        """``peer`` is linked. ``cursor``: how far its log was read, of the log it has now."""
        self._now = now
        self._generation += 1
        self._peers[peer] = _Peer(self._generation)
        self._linked = sorted(self._peers)
        self._fetcher.link_up(peer)
        self._sync.link_up(peer, cursor, now)
        self._on_probe_due(m.ProbeDue(peer, self._generation))

    def link_down(self, peer: int, now: float) -> None:
        """The last link to ``peer`` is gone."""
        self._now = now
        if self._peers.pop(peer, None) is None:
            return
        self._linked = sorted(self._peers)
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
        self._reject(checking.peer, tx_hash, reason)
        # Others may hold the true one: their word is kept, the forger's is not.
        del checking.havers[checking.peer]
        for peer, size in checking.havers.items():
            if peer in self._peers:
                self._fetcher.announced(peer, (m.Announced(tx_hash, size),), at_once=True)
        self._fetcher.forged(tx_hash, checking.peer)

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
            page = m.SyncPage(answer.log_epoch, answer.items, answer.next_seq, answer.more)
            self._host.send(answer.question.peer, page, Priority.ANSWER)
        else:
            self._on_loaded(answer)

    # Transactions that come in.

    def _on_push(self, peer: int, push: m.Push) -> None:
        self.counters.received += 1
        header = push.transaction.header
        tx_hash = header.payload_hash
        if self._is_here(peer, tx_hash, header):
            self.counters.duplicates += 1
        elif self._filter.definitely_new(tx_hash, header.created_ms):
            self._check(peer, push)
        else:
            self._ask_store(peer, tx_hash, push)

    def _is_here(self, peer: int, tx_hash: TxHash, header: Header) -> bool:
        if tx_hash in self._seen:
            self._announcements.heard(peer, tx_hash)
            return True
        checking = self._checking.get(tx_hash)
        if checking is not None:
            checking.havers.setdefault(peer, header.payload_size)
            return True
        return False

    def _check(self, peer: int, push: m.Push) -> None:
        tx_hash = push.transaction.hash
        self._fetcher.arrived(tx_hash)
        self._checking[tx_hash] = _Checking(peer, push)
        self._host.verify(push.transaction)

    def _accept(self, push: m.Push, havers: dict[int, int], *, own: bool) -> None:
        """It is valid: mark it, pass it on, store it."""
        tx_hash = push.transaction.hash
        hops = 0 if own else push.hop + 1
        mine = m.Push(push.transaction, hops)
        havers = havers | dict.fromkeys(self._fetcher.announcers_of(tx_hash), 0)
        self._seen.add(tx_hash)
        self._fetcher.verified(tx_hash)
        self._recent.add(mine)
        self._spread(mine, [peer for peer in self._linked if peer not in havers])
        self._host.store(push.transaction, hops, own)
        if self._sync.resolved(tx_hash, self._now):
            self.counters.synced += 1

    def _spread(self, push: m.Push, peers: Sequence[int]) -> None:
        if not peers:
            return
        size = len(push.transaction.payload)
        view = View(peers, len(self._linked), max(self._known, len(self._linked)))
        if push.hop == 0:
            spread, priority = self._strategy.originate(view, size, self._rng), Priority.OWN
        else:
            spread, priority = self._strategy.relay(view, size, push.hop, self._rng), Priority.RELAY
        for peer in spread.push:
            self._host.send(peer, push, priority)
        if spread.announce:
            self._announce(push.transaction.hash, size, spread)

    def _announce(self, tx_hash: TxHash, size: int, spread: Spread) -> None:
        first = not self._announcements
        self._announcements.add(tx_hash, size, spread.announce)
        if spread.announce_after_s == 0.0:
            self._on_flush(m.FlushAnnouncements())
        elif first:
            # Jitter, so that neighbours do not tell each other the same at the same moment.
            delay_s = spread.announce_after_s * (0.5 + self._rng.random())
            self._host.set_timer(delay_s, m.FlushAnnouncements())

    def _on_flush(self, timer: m.FlushAnnouncements) -> None:
        if not self._announcements:
            return
        self.counters.gossip_rounds += 1
        for peer, announce in self._announcements.flush(self._linked):
            self._host.send(peer, announce, Priority.LAZY)

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
                self._announcements.heard(peer, tx_hash)
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
                self._sync.resolved(tx_hash, self._now)
                self.counters.duplicates += sum(isinstance(what, m.Push) for _, what in asking)
                continue
            for peer, what in asking:
                if isinstance(what, m.Push):
                    if not self._is_here(peer, tx_hash, what.transaction.header):
                        self._check(peer, what)
                elif peer in self._peers and tx_hash not in self._seen:
                    self._fetcher.announced(peer, (what,), at_once=True)

    def _on_absent(self, peer: int, absent: m.Absent) -> None:
        self._fetcher.absent(peer, absent.hashes)

    def _on_chunk(self, peer: int, chunk: m.Chunk) -> None:
        transfer = self._fetcher.chunk(peer, chunk)
        if transfer is None:
            return
        push = transfer.push()
        if push.transaction.hash == chunk.hash:
            self._on_push(peer, push)
        else:
            self._fetcher.forged(chunk.hash, peer)
            self._reject(peer, chunk.hash, "the envelope names another hash than its chunks")

    def _reject(self, peer: int, tx_hash: TxHash, reason: str) -> None:
        self.counters.rejected += 1
        self._host.rejected(peer, tx_hash, reason)

    def _gave_up(self, tx_hash: TxHash) -> None:
        self._sync.gave_up(tx_hash, self._now)

    # Questions of peers.

    def _on_want(self, peer: int, want: m.Want) -> None:
        unknown: list[TxHash] = []
        for tx_hash in want.hashes:
            push = self._recent.get(tx_hash)
            if push is None:
                unknown.append(tx_hash)
            else:
                self._answer(peer, push)
        if unknown:
            self._host.load(m.LoadWanted(peer, tuple(unknown)))

    def _answer(self, peer: int, push: m.Push) -> None:
        if len(push.transaction.payload) < self._config.swarm_min_bytes:
            self._announcements.heard(peer, push.transaction.hash)
            self._host.send(peer, push, Priority.ANSWER)
        else:
            # Too large for one frame; whoever asks like this was told a wrong size.
            self._host.send(peer, m.Absent((push.transaction.hash,)), Priority.ANSWER)

    def _on_want_chunks(self, peer: int, want: m.WantChunks) -> None:
        push = self._recent.get(want.hash)
        if push is None:
            self._host.load(m.LoadChunks(peer, want))
        else:
            self._send_chunks(peer, want, push)

    def _send_chunks(self, peer: int, want: m.WantChunks, push: m.Push) -> None:
        tx = push.transaction
        step = self._config.chunk_bytes
        end = min(len(tx.payload), want.offset + min(want.chunks, self._config.chunk_window) * step)
        for offset in range(want.offset, end, step):
            data = tx.payload[offset : min(offset + step, end)]
            chunk = m.Chunk(want.hash, offset, data)
            if offset == 0:
                chunk = m.Chunk(want.hash, 0, data, tx.header, tx.header_bytes, tx.signature, push.hop)
            self._host.send(peer, chunk, Priority.RELAY)

    def _on_loaded(self, answer: m.Loaded) -> None:
        question = answer.question
        # The log does not keep at which hop a transaction came to those it is sent to; it was relayed at least once.
        found = {tx.hash: m.Push(tx, 1) for tx in answer.transactions}
        for push in found.values():
            self._recent.keep(push)
        if isinstance(question, m.LoadChunks):
            wanted: Sequence[TxHash] = (question.want.hash,)
            if wanted[0] in found:
                self._send_chunks(question.peer, question.want, found[wanted[0]])
        else:
            wanted = question.hashes
            for push in found.values():
                self._answer(question.peer, push)
        absent = tuple(tx_hash for tx_hash in wanted if tx_hash not in found)
        if absent:
            self._host.send(question.peer, m.Absent(absent), Priority.ANSWER)

    def _on_sync_since(self, peer: int, since: m.SyncSince) -> None:
        question = m.LoadLog(peer, since.log_epoch, since.after_seq, self._config.sync_page_items)
        self._host.load(question)

    def _on_sync_page(self, peer: int, page: m.SyncPage) -> None:
        if self._sync.expects(peer):
            missing = self._consider(peer, page.items, at_once=True)
            self._sync.page(peer, page, missing, self._now)

    def _on_sync_due(self, timer: m.SyncDue) -> None:
        self._sync.again(self._now)
        self._host.set_timer(self._sync_pause_s(), m.SyncDue())

    def _sync_pause_s(self) -> float:
        return self._config.sync_interval_s * (0.75 + 0.5 * self._rng.random())

    # Links.

    def _on_ping(self, peer: int, ping: m.Ping) -> None:
        self._host.send(peer, m.Pong(ping.nonce), Priority.CONTROL)

    def _on_pong(self, peer: int, pong: m.Pong) -> None:
        self._peers[peer].probe.answered(pong.nonce, self._now)

    def _on_probe_due(self, timer: m.ProbeDue) -> None:
        state = self._peers.get(timer.peer)
        if state is None or state.generation != timer.generation:
            return
        nonce = state.probe.due(self._now, self._rng)
        if state.probe.misses > self._config.probe_misses:
            self._host.unlink(timer.peer, f"no sign of life for {self._config.probe_misses} probes")
            return
        if nonce is not None:
            self._host.send(timer.peer, m.Ping(nonce), Priority.CONTROL)
        self._host.set_timer(self._config.probe_interval_s, timer)

    def _on_rotate_seen(self, timer: m.RotateSeen) -> None:
        self._seen.rotate()
        self._host.set_timer(self._config.seen_rotate_s, timer)
