"""The heart of a node: what happens to a transaction, and to a link."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.transaction import Due, Transaction
from sorcha_peer_core.protocol.answers import Answers
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.counters import Counters
from sorcha_peer_core.protocol.delivery import Delivery
from sorcha_peer_core.protocol.fetching import Fetching
from sorcha_peer_core.protocol.host import Host
from sorcha_peer_core.protocol.mesh_links import MeshLinks
from sorcha_peer_core.protocol.probing import Probing
from sorcha_peer_core.protocol.recent import Recent
from sorcha_peer_core.protocol.reconciling import Reconciling
from sorcha_peer_core.protocol.seen import Seen
from sorcha_peer_core.protocol.spreading import Spreading
from sorcha_peer_core.protocol.traces import ANNOUNCE, FETCH, OWN, Trace, Traces, own_trace
from sorcha_peer_core.protocol.uplink import Uplink

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.interfaces.filter import HashFilter
    from sorcha_peer_core.interfaces.strategy import Strategy
    from sorcha_peer_core.model.ids import TxHash


_MOST_HOPS = 255
"""Hops are not signed: whatever a peer claims, they stay a small number."""
_TRAFFIC = frozenset({m.Push, m.Want, m.WantChunks, m.Chunk})
"""What carries transactions, or asks for one; the rest goes on in an idle network, too."""


class Core:
    """The protocol of one node. All methods return at once; ``now`` is monotonic seconds and never goes back."""

    def __init__(
        self,
        config: CoreConfig,
        host: Host,
        strategy: Strategy,
        hash_filter: HashFilter,
        rng: Random,
        traces: Traces | None = None,
    ) -> None:
        self._config = config
        self._host = host
        self._strategy = strategy
        self._filter = hash_filter
        self._rng = rng
        self._now = 0.0
        self._linked: list[int] = []
        self._known = 0
        self._verifying: dict[TxHash, Trace] = {}
        self._asking_store: dict[TxHash, list[tuple[int, m.Announced | m.Push]]] = {}
        self._seen = Seen(config.seen_entries)
        self._recent = Recent(config.recent_bytes)
        self.traces = Traces() if traces is None else traces
        self._probing = Probing(config, host, rng)
        self._mesh = MeshLinks(config, host, lambda: self._probing.lag_s)
        uplink = Uplink(config.uplink_bytes_per_s)
        self._spreading = Spreading(config, host, strategy, rng, mesh=self._mesh, uplink=uplink, probing=self._probing)
        self._fetching = Fetching(
            config,
            host,
            rng,
            pull_wait_s=self._spreading.pull_wait_s,
            rtt_s=self._probing.rtt_s,
            gave_up=self._gave_up,
        )
        self.swarms = self._fetching.swarms
        self.counters = Counters()
        self.delivery = Delivery(
            config,
            host,
            rng,
            seen=self._seen,
            recent=self._recent,
            verifying_bytes=self._verifying_bytes,
            ask=self._spreading.ask,
            counters=self.counters,
        )
        self.receipts, self.flush, self._owed = self.delivery.receipts, self.delivery.flush, self.delivery.owed
        self._answers = Answers(config, host, self._recent, uplink, self.swarms, self._gave, self.receipts.__contains__)
        self.reconciling = Reconciling(config, host, rng, consider=self._consider, fetching=lambda: len(self._fetching))
        self._handlers: dict[type, Callable[[int, Any], None]] = {
            m.Push: self._on_push,
            m.Announce: self._on_announce,
            m.Want: self._answers.want,
            m.Absent: lambda peer, absent: self._fetching.absent(peer, absent.hashes, self._now),
            m.WantChunks: self._answers.want_chunks,
            m.Chunk: self._on_chunk,
            m.WantChunkList: self._answers.want_chunk_list,
            m.ChunkList: lambda peer, chunks: self.swarms.chunk_list(peer, chunks, self._now),
            m.Have: self._on_have,
            m.Graft: lambda peer, graft: self._mesh.on_graft(peer),
            m.Prune: lambda peer, prune: self._mesh.on_prune(peer, prune, self._now),
            m.Ping: self._probing.ping,
            m.Pong: lambda peer, pong: self._probing.pong(peer, pong, self._now),
            m.SyncSince: self._answers.sync_since,
            **dict.fromkeys(self.delivery.kinds, lambda peer, message: self.delivery.receive(peer, message, self._now)),
            **dict.fromkeys(self.reconciling.kinds, lambda peer, message: self.reconciling.receive(peer, message, self._now)),
        }
        self._timers: dict[type, Callable[[Any], None]] = {
            m.FlushAnnouncements: lambda timer: self._spreading.due(),
            m.FetchDue: self._fetching.whole.due,
            m.SwarmsDue: lambda timer: self.swarms.due(self._now),
            m.TellChunks: self.swarms.tell,
            m.ProbeDue: lambda timer: self._probing.due(timer, self._now),
            m.SyncDue: lambda timer: self.reconciling.sync_due(timer, self._now),
            m.DigestDue: lambda timer: self.reconciling.digest_due(timer, self._now),
            m.CompareDue: lambda timer: self.reconciling.compare_due(timer, self._now),
            m.RotateSeen: self._on_rotate_seen,
            m.LeasesDue: lambda timer: self.receipts.due(self._now),
            m.ReceiptsDue: lambda timer: self._owed.due(),
            m.AskDue: lambda timer: self.flush.ask_due(),
        }

    @property
    def gossip_rounds(self) -> int:
        """Times that gathered announcements went out."""
        return self._spreading.rounds

    @property
    def batches_apart_s(self) -> float:
        """How long after one batch the next one leaves over the same link, unless much waits; 0 while there is little to do."""
        return self._spreading.batches_apart_s

    @property
    def fetching(self) -> int:
        """Hashes that were announced and are not here."""
        return len(self._fetching)

    @property
    def slowness(self) -> int:
        """How far this node itself is behind, 0 to 8: the more, the longer silent links are waited for."""
        return self._probing.slowness(self._now)

    def start(self, now: float) -> None:
        """Set the recurring timers; called once."""
        self._now = now
        self._on_rotate_seen(m.RotateSeen())
        self.reconciling.start()

    def rtt_s(self, peer: int) -> float | None:
        """Smoothed round trip to a linked peer; None when it is not linked or not measured yet."""
        return self._probing.rtt_s(peer)

    def known_peers(self, count: int) -> None:
        """How many peers are known and not given up: decides between the forms of a strategy."""
        self._known = count
        self.reconciling.live_peers(count, self._now)
        self._view_changed()

    def submit(self, transaction: Transaction, now: float) -> None:
        """Release an own, signed transaction to the network and put it into the log."""
        self._now = now
        tx_hash = transaction.hash
        if tx_hash not in self._seen:
            # A copy that is being verified need not be: this one is known to be good.
            verifying = self._verifying.pop(tx_hash, None)
            self.receipts.begin(m.Announced(tx_hash, len(transaction.payload)), 1, now)
            self._accept(own_trace(transaction, verifying, now))
        else:
            # The network had it first; storing it again only ends its outbox row.
            self._host.store(transaction, 0, own=True)

    def offer_again(self, offers: Sequence[Due], now: float) -> None:
        """Ask all linked peers for receipts of own transactions that are in the log; who lacks them fetches them."""
        self._now = now
        self.delivery.offer_again(offers, now)

    def renew(self, transaction: Transaction, attempts: int, now: float) -> None:
        """Offer an own transaction in a new envelope: the time of the one in the log is over, or soon will be."""
        self._seen.add(transaction.hash, now)
        self._recent.renew(m.Push(transaction, 0))
        self.reconciling.arrived(transaction, now)
        self._host.store(transaction, 0, own=True)
        self.offer_again((Due(transaction.hash, len(transaction.payload), attempts, 0.0),), now)

    def receive(self, peer: int, message: m.Message, now: float) -> None:
        """A message from a linked peer. Messages that are not the core's concern are passed over."""
        self._now = now
        if not self._probing.heard(peer):
            return
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
        self._mesh.link_up(peer, now)
        self._view_changed()
        self._fetching.link_up(peer)
        # What was spread before this link came up and is not in the log before it is read would miss both.
        uncommitted = self._recent.uncommitted()
        self._spreading.announce_to(peer, uncommitted)
        for push in uncommitted:
            self.traces.given(push.transaction.hash, peer, ANNOUNCE, now)
        self.delivery.link_up(peer, now)
        self.reconciling.link_up(peer, cursor, now)
        self._probing.link_up(peer, now)

    def link_down(self, peer: int, now: float) -> None:
        """The last link to ``peer`` is gone."""
        self._now = now
        if peer not in self._linked:
            return
        self._linked.remove(peer)
        self._view_changed()
        self._mesh.link_down(peer, now)
        self._spreading.link_down(peer)
        self._probing.link_down(peer)
        self.delivery.link_down(peer)
        self._fetching.link_down(peer, now)
        self.reconciling.link_down(peer, now)

    def verified(self, transaction: Transaction, reason: str | None, now: float) -> None:
        """The answer to ``Host.verify``; ``reason`` says why it is not valid, None when it is."""
        self._now = now
        if not transaction.payload:
            self.swarms.envelope_verified(transaction, reason, now)
            return
        tx_hash = transaction.hash
        verifying = self._verifying.pop(tx_hash, None)
        if verifying is None:
            return
        if reason is None:
            self._judge_links(verifying)
            self._accept(verifying)
            return
        forger = self._reject(verifying.peer, tx_hash, reason, shared=verifying.shared)
        if forger is not None and not verifying.push.hop:
            self._owed.refuse(forger, tx_hash, reason)
        # Others may hold the true one: their word is kept, the forger's is not.
        for peer, size in verifying.havers.items():
            if peer in self._linked and peer != forger:
                self._fetching.announced(peer, (m.Announced(tx_hash, size),), now, at_once=True)
        if forger is not None:
            self.reconciling.refused_from(forger, tx_hash, now)
        self._fetching.forged(tx_hash, forger, now)

    def stored(self, hashes: Collection[TxHash], now: float) -> None:
        """These are committed."""
        self._now = now
        for tx_hash in hashes:
            self._recent.committed(tx_hash)
        self._owed.stored(hashes)
        self.traces.stored(hashes, now, self._host.unix_ms())

    def not_stored(self, tx_hash: TxHash, now: float) -> None:
        """This one never will be: it was passed on, and need not be kept at hand any longer."""
        self._now = now
        self._recent.committed(tx_hash)

    def loaded(self, answer: m.Answer, now: float) -> None:
        """The store's answer to ``Host.load``."""
        self._now = now
        if isinstance(answer, m.KnownHashes):
            self._on_known(answer)
        elif isinstance(answer, m.LogPage):
            self._answers.log_page(answer)
        elif isinstance(answer, m.CreatedPage):
            self.reconciling.loaded(answer, now)
        else:
            self._answers.loaded(answer)

    def _view_changed(self) -> None:
        self._spreading.view(len(self._linked), self._known)
        self._answers.reach = len(self._linked)

    # Transactions that come in.

    def _on_push(self, peer: int, push: m.Push) -> None:
        self.counters.received += 1
        header = push.transaction.header
        tx_hash = header.payload_hash
        if not push.transaction.payload:
            self._reject(peer, tx_hash, "it has no payload", shared=False)
            return
        since = self._here_since(peer, tx_hash, header.payload_size)
        if since is not None:
            self._count_duplicate(peer, push)
            if push.hop:
                self._mesh.duplicate(peer, tx_hash, self._now - since, self._now)
        elif self._filter.definitely_new(tx_hash, header.created_ms):
            self._check(peer, push)
        else:
            self._ask_store(peer, tx_hash, push)

    def _here_since(self, peer: int, tx_hash: TxHash, size: int) -> float | None:
        """When the first copy came, None when there is none; ``peer`` has it too."""
        since = self._seen.arrived_at(tx_hash)
        if since is not None:
            self._has(peer, tx_hash)
            return since
        verifying = self._verifying.get(tx_hash)
        if verifying is None:
            return None
        verifying.havers.setdefault(peer, size)
        return verifying.since

    def _count_duplicate(self, peer: int, push: m.Push) -> None:
        self.counters.duplicates += 1
        if not push.hop:
            self._owed.duplicate(peer, push.transaction.hash)
        verifying = self._verifying.get(push.transaction.hash)
        if verifying is None:
            self.traces.copied(push.transaction.hash, peer, push.hop, self._now)
        else:
            verifying.copied(peer, push.hop, self._now)

    def _check(self, peer: int, push: m.Push, giver: int | None = None) -> Trace:
        """``giver``: who handed out the envelope, where that is somebody else."""
        tx_hash = push.transaction.hash
        if not push.hop:
            self._owed.owe(peer if giver is None else giver, tx_hash)
        self._fetching.arrived(tx_hash, peer)
        self._verifying[tx_hash] = trace = Trace(peer, push, self._now)
        self._host.verify(push.transaction)
        return trace

    def _judge_links(self, verifying: Trace) -> None:
        """Who was first with a relayed transaction, and who announced it before."""
        push = verifying.push
        if not push.hop:
            return
        self._mesh.first(verifying.peer, push.transaction.hash)
        for peer, at in self._fetching.announced_at(push.transaction.hash).items():
            self._mesh.announced(peer, verifying.since - at, self._now)

    def _accept(self, trace: Trace) -> None:
        """It is valid: mark it, pass it on, store it."""
        push, own = trace.push, trace.peer == OWN
        tx_hash = push.transaction.hash
        hops = 0 if own else min(push.hop + 1, _MOST_HOPS)
        mine = m.Push(push.transaction, hops)
        havers = trace.havers | dict.fromkeys(self._fetching.announcers_of(tx_hash), 0)
        self._seen.add(tx_hash, trace.since)
        if asked := self._fetching.verified(tx_hash):
            trace.asked = asked
        self._recent.add(mine)
        self._probing.traffic(self._now)
        lacking = [peer for peer in self._linked if peer not in havers]
        was_missing = self.reconciling.arrived(push.transaction, self._now)
        if was_missing:
            trace.missed = True
            self.counters.synced += 1
        alone = self.flush.take(tx_hash, len(push.transaction.payload), lacking, self._now) if own else None
        if alone is not None:
            trace.spread = self._spreading.hand(mine, alone, self._now)
        elif own or not (was_missing and self.reconciling.many_repaired):
            trace.spread = self._spreading.spread(mine, lacking, self._now, 0 if own else push.reach)
        self.traces.keep(trace, self._now)
        self._host.store(push.transaction, hops, own)

    # Transactions that peers speak of.

    def _on_announce(self, peer: int, announce: m.Announce) -> None:
        if announce.asks:
            self._sort(peer, self._owed.asked(peer, announce.items), at_once=True)
        elif not announce.old:
            # Most of what is announced is here: then nothing else about the link matters.
            unseen = self._unseen(peer, announce.items)
            if unseen:
                self._sort(peer, unseen, at_once=self._mesh.gives(peer))
        else:
            items = self.reconciling.worth_fetching(peer, announce.items)
            self.reconciling.missed(self._consider(peer, items, at_once=True))

    def _unseen(self, peer: int, items: Sequence[m.Announced]) -> list[m.Announced]:
        """Those that did not come lately; of the others ``peer`` need not be told."""
        unseen: list[m.Announced] = []
        for item in items:
            if self._seen.arrived_at(item.hash) is None:
                unseen.append(item)
            else:
                self._has(peer, item.hash)
        return unseen

    def _consider(self, peer: int, items: Sequence[m.Announced], *, at_once: bool) -> list[TxHash]:
        """Sort announced hashes; returns those that are not here, or not known to be."""
        return self._sort(peer, self._unseen(peer, items), at_once=at_once)

    def _sort(self, peer: int, items: Sequence[m.Announced], *, at_once: bool) -> list[TxHash]:
        """The same for those that did not come lately."""
        fresh: list[m.Announced] = []
        missing: list[TxHash] = []
        for item in items:
            tx_hash = item.hash
            if not 0 < item.size <= self._config.max_transaction_bytes:
                continue
            missing.append(tx_hash)
            verifying = self._verifying.get(tx_hash)
            if verifying is not None:
                verifying.havers.setdefault(peer, item.size)
            elif tx_hash in self._fetching or self._filter.definitely_new(tx_hash):
                fresh.append(item)
            else:
                self._ask_store(peer, tx_hash, item)
        if fresh:
            self._fetching.announced(peer, fresh, self._now, at_once=at_once)
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
                self._seen.add(tx_hash, 0.0)
                self._owed.stored((tx_hash,))
                self._fetching.verified(tx_hash)
                self.reconciling.here(tx_hash, self._now)
            for peer, what in asking:
                if tx_hash not in answer.known:
                    self._on_unknown(peer, tx_hash, what)
                elif isinstance(what, m.Push):
                    self._count_duplicate(peer, what)

    def _on_unknown(self, peer: int, tx_hash: TxHash, what: m.Announced | m.Push) -> None:
        """The store does not have it; it may have come while the store was asked."""
        size = what.size if isinstance(what, m.Announced) else what.transaction.header.payload_size
        if self._here_since(peer, tx_hash, size) is not None:
            if isinstance(what, m.Push):
                self._count_duplicate(peer, what)
        elif isinstance(what, m.Push):
            self._check(peer, what)
        elif peer in self._linked:
            self._fetching.announced(peer, (what,), self._now, at_once=True)

    def _on_have(self, peer: int, have: m.Have) -> None:
        tx_hash = have.hash
        if tx_hash in self._seen or tx_hash in self._verifying or not 0 < have.size <= self._config.max_transaction_bytes:
            return
        # A hash that may be in the store waits until somebody has all of it.
        if tx_hash in self._fetching or self._filter.definitely_new(tx_hash):
            self.swarms.offered(peer, m.Announced(tx_hash, have.size), have.chunks, self._now)

    def _on_chunk(self, peer: int, chunk: m.Chunk) -> None:
        swarm = self.swarms.chunk(peer, chunk, self._now)
        if swarm is not None:
            self.counters.received += 1
            trace = self._check(peer, swarm.push(), swarm.list_giver)
            trace.senders = tuple(swarm.senders)
            trace.shared = swarm.is_listed or len(swarm.senders) > 1

    def _reject(self, peer: int, tx_hash: TxHash, reason: str, *, shared: bool) -> int | None:
        """Count it, and blame ``peer`` if it was the only one who sent it; returns who is to blame."""
        self.counters.rejected += 1
        if shared:
            return None
        self._host.rejected(peer, tx_hash, reason)
        return peer

    # What peers have got.

    def _has(self, peer: int, tx_hash: TxHash) -> None:
        if self._spreading.heard(peer, tx_hash):
            self.traces.spared(tx_hash, peer)

    def _gave(self, peer: int, tx_hash: TxHash, how: str) -> None:
        if how == FETCH:
            self._has(peer, tx_hash)
        self.traces.given(tx_hash, peer, how, self._now)

    def _verifying_bytes(self) -> int:
        return sum(len(trace.push.transaction.payload) for trace in self._verifying.values())

    def _gave_up(self, tx_hash: TxHash) -> None:
        self._owed.forget(tx_hash)
        self.reconciling.gave_up(tx_hash, self._now)

    def _on_rotate_seen(self, timer: m.RotateSeen) -> None:
        self._seen.rotate()
        self._host.set_timer(self._config.seen_rotate_s, timer)
