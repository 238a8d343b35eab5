"""The heart of a node: what happens to a transaction, and to a link."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.transaction import Due, Transaction
from sorcha_peer_core.protocol.announcements import Announcements
from sorcha_peer_core.protocol.answers import Answers
from sorcha_peer_core.protocol.arriving import Arriving
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.counters import Counters
from sorcha_peer_core.protocol.deeds import Deeds
from sorcha_peer_core.protocol.delivery import Delivery
from sorcha_peer_core.protocol.fetching import Fetching
from sorcha_peer_core.protocol.here import Here
from sorcha_peer_core.protocol.host import Host
from sorcha_peer_core.protocol.mesh_links import MeshLinks
from sorcha_peer_core.protocol.probing import Probing
from sorcha_peer_core.protocol.recent import Recent
from sorcha_peer_core.protocol.reconciling import Reconciling
from sorcha_peer_core.protocol.reputation import Standing
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
        self._now = 0.0
        self._linked: list[int] = []
        self._known = 0
        self._seen = Seen(config.seen_entries)
        self._recent = Recent(config.recent_bytes)
        self.traces = Traces() if traces is None else traces
        self._probing = Probing(config, host, rng)
        self._mesh = MeshLinks(config, host, lambda: self._probing.lag_s)
        uplink = Uplink(config.uplink_bytes_per_s)
        self._spreading = Spreading(config, host, strategy, rng, mesh=self._mesh, uplink=uplink, probing=self._probing)
        self._here = Here(host, self._seen, self.traces, self._spreading.heard)
        self.deeds = Deeds(host, lambda: bool(self.slowness))
        self._fetching = Fetching(
            config,
            host,
            rng,
            pull_wait_s=self._spreading.pull_wait_s,
            rtt_s=self._probing.rtt_s,
            gave_up=self._gave_up,
            sparing=lambda: self._probing.sparing,
            asked=lambda peer, hashes: self.deeds.questions.asked(peer, hashes, self._now),
        )
        self.swarms = self._fetching.swarms
        self.counters = Counters()
        self.delivery = Delivery(
            config,
            host,
            rng,
            seen=self._seen,
            recent=self._recent,
            verifying_bytes=self._here.verifying_bytes,
            ask=self._spreading.ask,
            counters=self.counters,
        )
        self.receipts, self.flush, self._owed = self.delivery.receipts, self.delivery.flush, self.delivery.owed
        self._answers = Answers(config, host, self._recent, uplink, self.swarms, self._gave, self.receipts.__contains__)
        self._arriving = Arriving(
            host,
            hash_filter,
            self._here,
            fetching=self._fetching,
            owed=self._owed,
            mesh=self._mesh,
            deeds=self.deeds,
            counters=self.counters,
            found=self._found,
        )
        announcements = Announcements(
            config,
            hash_filter,
            self._here,
            fetching=self._fetching,
            owed=self._owed,
            mesh=self._mesh,
            ask_store=self._arriving.ask_store,
            old=lambda peer, items, now: self.reconciling.announced(peer, items, now),  # noqa: PLW0108 - made later
            deeds=self.deeds,
        )
        self.reconciling = Reconciling(config, host, rng, consider=announcements.consider, fetching=lambda: len(self._fetching))
        self._handlers: dict[type, Callable[[int, Any, float], None]] = {
            m.Push: self._arriving.push,
            m.Announce: announcements.announce,
            m.Want: lambda peer, want, now: self._answers.want(peer, want),
            m.Absent: self._absent,
            m.WantChunks: lambda peer, want, now: self._answers.want_chunks(peer, want),
            m.Chunk: self._arriving.chunk,
            m.WantChunkList: lambda peer, want, now: self._answers.want_chunk_list(peer, want),
            m.ChunkList: self._chunk_list,
            m.Have: announcements.have,
            m.Graft: lambda peer, graft, now: self._mesh.on_graft(peer),
            m.Prune: self._mesh.on_prune,
            m.Ping: lambda peer, ping, now: self._probing.ping(peer, ping),
            m.Pong: self._probing.pong,
            m.SyncSince: lambda peer, since, now: self._answers.sync_since(peer, since),
            **dict.fromkeys(self.delivery.kinds, self.delivery.receive),
            **dict.fromkeys(self.reconciling.kinds, self.reconciling.receive),
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
            verifying = self._here.take(tx_hash)
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
            handler(peer, message, now)

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
        self.deeds.link_down(peer)

    def regard(self, peer: int, standing: Standing, now: float) -> None:
        """What this node thinks of a linked peer from now on."""
        self._now = now
        if peer in self._linked:
            self._mesh.shun(peer, standing >= Standing.NOT_IN_MESH, now)
            self._fetching.doubt(peer, standing >= Standing.ASKED_LAST)

    def verified(self, transaction: Transaction, reason: str | None, now: float) -> None:
        """The answer to ``Host.verify``; ``reason`` says why it is not valid, None when it is."""
        self._now = now
        if not transaction.payload:
            self.swarms.envelope_verified(transaction, reason, now)
            return
        verifying = self._here.take(transaction.hash)
        if verifying is None:
            return
        if reason is None:
            self._judge_links(verifying)
            self._accept(verifying)
        else:
            self._refuse(verifying, reason)

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
            self._arriving.known(answer, now)
        elif isinstance(answer, m.LogPage):
            self._answers.log_page(answer)
        elif isinstance(answer, m.CreatedPage):
            self.reconciling.loaded(answer, now)
        else:
            self._answers.loaded(answer)

    def _absent(self, peer: int, absent: m.Absent, now: float) -> None:
        self.deeds.questions.answered(peer, absent.hashes)
        self._fetching.absent(peer, absent.hashes, now)

    def _chunk_list(self, peer: int, chunks: m.ChunkList, now: float) -> None:
        self.deeds.questions.answered(peer, (chunks.hash,))
        self.swarms.chunk_list(peer, chunks, now)

    def _view_changed(self) -> None:
        self._spreading.view(len(self._linked), self._known)
        self._answers.reach = len(self._linked)

    # What was verified.

    def _judge_links(self, verifying: Trace) -> None:
        """Who was first with a relayed transaction, and who announced it before."""
        push = verifying.push
        if not push.hop:
            return
        if not verifying.shared:
            self.deeds.first(verifying.peer)
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

    def _refuse(self, trace: Trace, reason: str) -> None:
        """It is not valid: blame who sent it, if it was one alone, and get the true one from others."""
        push = trace.push
        tx_hash = push.transaction.hash
        forger = None if trace.shared else trace.peer
        self.counters.rejected += 1
        if forger is not None:
            self._host.rejected(forger, tx_hash, reason)
            self.deeds.forged(forger, reason, self._now)
            if not push.hop:
                self._owed.refuse(forger, tx_hash, reason)
        # Others may hold the true one: their word is kept, the forger's is not.
        for peer, size in trace.havers.items():
            if peer != forger:
                self._fetching.noted(peer, m.Announced(tx_hash, size), self._now)
        if forger is not None:
            self.reconciling.refused_from(forger, tx_hash, self._now)
        self._fetching.forged(tx_hash, forger, self._now)

    # What became of a hash.

    def _gave(self, peer: int, tx_hash: TxHash, how: str) -> None:
        if how == FETCH:
            self._here.has(peer, tx_hash)
        self.traces.given(tx_hash, peer, how, self._now)

    def _found(self, tx_hash: TxHash) -> None:
        """It is in the store."""
        self._seen.add(tx_hash, 0.0)
        self._owed.stored((tx_hash,))
        self._fetching.verified(tx_hash)
        self.reconciling.here(tx_hash, self._now)

    def _gave_up(self, tx_hash: TxHash) -> None:
        self._owed.forget(tx_hash)
        self.reconciling.gave_up(tx_hash, self._now)

    def _on_rotate_seen(self, timer: m.RotateSeen) -> None:
        self._seen.rotate()
        self._host.set_timer(self._config.seen_rotate_s, timer)
