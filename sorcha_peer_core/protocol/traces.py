"""What became of the latest transactions: whose copies came, and who got it from here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from typing import TYPE_CHECKING

from sorcha_peer_core.protocol.spreading import NOBODY

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.model.messages import Push
    from sorcha_peer_core.protocol.verifying import Verifying

Copy = tuple[int, int, float]
"""The peer that sent it, at which hop (0: it is the origin), when. A plain tuple: there is one for every copy that comes."""
Gift = tuple[int, str, float]
"""The peer that asked for it or was told later, how it got it, when."""

MOST_COPIES = 64
"""Kept of one transaction; further ones are counted."""
_MOST_GIFTS = 64
_MOST_EARLY = 256

ANNOUNCE, FETCH, CHUNKS = "announce", "fetch", "chunks"
"""How a peer got it that was not pushed to."""


class Trace:
    """The way of one verified transaction through this node. Times are monotonic seconds, peers the core's small ints."""

    __slots__ = (
        "asked",
        "copies",
        "created_ms",
        "further_copies",
        "further_gifts",
        "gifts",
        "hops",
        "missed",
        "origin_key",
        "senders",
        "size",
        "spared",
        "spread",
        "stored_at",
        "unix_ms",
        "verified_at",
    )

    def __init__(self, mine: Push, verifying: Verifying | None, asked: Collection[int], now: float, unix_ms: float) -> None:
        header = mine.transaction.header
        self.size = header.payload_size
        self.origin_key = header.origin_key
        self.created_ms = header.created_ms
        self.hops = mine.hop
        """From its origin to here; 0: it was submitted here."""
        self.copies: list[Copy] = [] if verifying is None else verifying.copies
        """In the order in which they came; unless it was submitted here, the first is the one that was verified."""
        self.further_copies = 0
        self.senders: Collection[int] = () if verifying is None else verifying.senders
        """Of the first copy, when it came in chunks: who sent them."""
        self.asked = asked
        """Peers that this node asked for all of it."""
        self.missed = False
        """Whether only a peer's log or a comparison brought it up."""
        self.verified_at = now
        self.unix_ms = unix_ms
        """The clock on the wall at that moment."""
        self.stored_at: float | None = None
        self.spread = NOBODY
        """Whom it was passed on to at that moment."""
        self.spared: list[int] | None = None
        """Of those that were to hear of it, who turned out to have it before they were told."""
        self.gifts: list[Gift] | None = None
        self.further_gifts = 0


class Traces:
    """The traces of the last ``items`` verified transactions; none with 0, which then costs next to nothing."""

    __slots__ = ("_early", "_items", "_traces")

    def __init__(self, items: int = 0) -> None:
        self._items = items
        self._traces: OrderedDict[TxHash, Trace] = OrderedDict()
        self._early: OrderedDict[TxHash, list[Gift]] = OrderedDict()
        """Chunks of what is not verified yet are passed on already."""

    def __len__(self) -> int:
        return len(self._traces)

    def get(self, tx_hash: TxHash) -> Trace | None:
        """What is known of one; None when it was not verified here, or too long ago."""
        return self._traces.get(tx_hash)

    def begin(self, mine: Push, verifying: Verifying | None, asked: Collection[int], now: float, unix_ms: float) -> Trace:
        """``mine`` was verified after it came from peers (``verifying``), or was submitted here. The caller fills in the rest."""
        trace = Trace(mine, verifying, asked, now, unix_ms)
        if not self._items:
            return trace
        if len(trace.copies) > MOST_COPIES:
            trace.further_copies = len(trace.copies) - MOST_COPIES
            del trace.copies[MOST_COPIES:]
        tx_hash = mine.transaction.hash
        if self._early:
            trace.gifts = self._early.pop(tx_hash, None)
        self._traces[tx_hash] = trace
        if len(self._traces) > self._items:
            self._traces.popitem(last=False)
        return trace

    def copy(self, tx_hash: TxHash, peer: int, hop: int, now: float) -> None:
        """One more copy came, after the first was verified."""
        trace = self._traces.get(tx_hash)
        if trace is None:
            return
        if len(trace.copies) < MOST_COPIES:
            trace.copies.append((peer, hop, now))
        else:
            trace.further_copies += 1

    def stored(self, tx_hash: TxHash, now: float) -> None:
        """It is committed."""
        trace = self._traces.get(tx_hash)
        if trace is not None and trace.stored_at is None:
            trace.stored_at = now

    def spared(self, tx_hash: TxHash, peer: int) -> None:
        """``peer`` is not told of it after all."""
        trace = self._traces.get(tx_hash)
        if trace is None:
            return
        if trace.spared is None:
            trace.spared = []
        trace.spared.append(peer)

    def given(self, tx_hash: TxHash, peer: int, how: str, now: float) -> None:
        """``peer`` asked for it and got it, or was told of it because it was linked just now."""
        trace = self._traces.get(tx_hash)
        if trace is None:
            self._give_early(tx_hash, (peer, how, now))
        elif trace.gifts is None:
            trace.gifts = [(peer, how, now)]
        elif len(trace.gifts) < _MOST_GIFTS:
            trace.gifts.append((peer, how, now))
        else:
            trace.further_gifts += 1

    def _give_early(self, tx_hash: TxHash, gift: Gift) -> None:
        if not self._items or gift[1] != CHUNKS:
            return
        gifts = self._early.setdefault(tx_hash, [])
        if len(gifts) < _MOST_GIFTS:
            gifts.append(gift)
        if len(self._early) > _MOST_EARLY:
            self._early.popitem(last=False)
