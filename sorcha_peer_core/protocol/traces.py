"""What became of the latest transactions: whose copies came, and who got it from here."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from sorcha_peer_core.model.messages import Push
from sorcha_peer_core.protocol.spreading import NOBODY

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.model.transaction import Header, Transaction

Copy = tuple[int, int, float]
"""The peer that sent it, at which hop (0: it is the origin), when. A plain tuple: there is one for every further copy."""
Gift = tuple[int, str, float]
"""The peer that asked for it or was told later, how it got it, when."""

OWN = -1
"""Stands for this node where it is not a peer that something comes from."""
ANNOUNCE, FETCH, CHUNKS = "announce", "fetch", "chunks"
"""How a peer got it that was not pushed to."""

MOST_COPIES = 64
"""Kept of one transaction beside the first; further ones are counted."""
_MOST_GIFTS = 64
_MOST_EARLY = 256


class Stored(NamedTuple):
    """A commit: when, and what the clock on the wall showed. One for all that were committed together."""

    at: float
    unix_ms: float


class Trace:
    """The way of one transaction through this node. Times are monotonic seconds, peers the core's small ints.

    It begins with the first copy and is kept if that turns out to be valid. What is rare has its default in the class, not in
    each instance: making one must cost next to nothing.
    """

    header: Header
    """Once it is verified."""
    verified_at = 0.0
    copies: list[Copy] | None = None
    """That came after the first."""
    further_copies = 0
    asked: Collection[int] = ()
    """Peers that this node asked for all of it."""
    senders: Collection[int] = ()
    """Of the first copy, when it came in chunks."""
    missed = False
    """Whether only a peer's log or a comparison brought it up."""
    spread = NOBODY
    """Whom it was passed on to when it was verified."""
    spared: list[int] | None = None
    """Of those that were to hear of it then, who turned out to have it before they were told."""
    gifts: list[Gift] | None = None
    further_gifts = 0

    def __init__(self, peer: int, push: Push, since: float) -> None:
        self.peer = peer
        """Who sent the first copy, OWN if it was submitted here; of chunks, the last one."""
        self.hop = push.hop
        self.since = since
        """When it came."""
        self.shared = False
        """Whether its pieces came from several peers."""
        self.push = push
        """Until it is verified, as is ``havers``: a trace must not hold a payload."""
        self.havers = {peer: push.transaction.header.payload_size}
        """Who else has it, with the size each claims."""

    def copied(self, peer: int, hop: int, now: float) -> None:
        """One more copy came."""
        if self.copies is None:
            self.copies = [(peer, hop, now)]
        elif len(self.copies) < MOST_COPIES:
            self.copies.append((peer, hop, now))
        else:
            self.further_copies += 1

    def given(self, gift: Gift) -> None:
        """A peer got it."""
        if self.gifts is None:
            self.gifts = [gift]
        elif len(self.gifts) < _MOST_GIFTS:
            self.gifts.append(gift)
        else:
            self.further_gifts += 1


def own_trace(transaction: Transaction, verifying: Trace | None, now: float) -> Trace:
    """Of a submission, of which copies may have come from the network and are not verified yet."""
    trace = Trace(OWN, Push(transaction, 0), now)
    if verifying is not None:
        trace.havers |= verifying.havers
        trace.copies = [(verifying.peer, verifying.hop, verifying.since), *(verifying.copies or ())]
    return trace


class Traces:
    """The traces of at least the last ``items`` verified transactions, and hardly more; none with 0."""

    __slots__ = ("_commits", "_committed", "_early", "_items", "_most", "_traces")

    def __init__(self, items: int = 0) -> None:
        self._items = items
        self._most = items + items // 16
        """Then the oldest go, many at a time, which costs less."""
        self._traces: dict[TxHash, Trace] = {}
        self._commits: deque[tuple[tuple[TxHash, ...], Stored]] = deque()
        """Searched when somebody wants to know: noting each transaction by itself would cost more than all the rest."""
        self._committed = 0
        """Hashes in them."""
        self._early: dict[TxHash, list[Gift]] = {}
        """Chunks of what is not verified yet are passed on already."""

    def __len__(self) -> int:
        return len(self._traces)

    def get(self, tx_hash: TxHash) -> Trace | None:
        """What is known of one; None when it was not verified here, or too long ago."""
        return self._traces.get(tx_hash)

    def keep(self, trace: Trace, now: float) -> None:
        """It was verified. Its payload is let go."""
        if not self._items:
            return
        trace.header = header = trace.push.transaction.header
        del trace.push, trace.havers
        trace.verified_at = now
        if self._early:
            trace.gifts = self._early.pop(header.payload_hash, None)
        self._traces[header.payload_hash] = trace
        if len(self._traces) > self._most:
            for tx_hash in tuple(islice(self._traces, self._most - self._items + 1)):
                del self._traces[tx_hash]

    def copied(self, tx_hash: TxHash, peer: int, hop: int, now: float) -> None:
        """One more copy came, after the first was verified."""
        trace = self._traces.get(tx_hash)
        if trace is not None:
            trace.copied(peer, hop, now)

    def stored(self, hashes: Collection[TxHash], now: float, unix_ms: float) -> None:
        """These are committed."""
        if not self._items:
            return
        self._commits.append((tuple(hashes), Stored(now, unix_ms)))
        self._committed += len(hashes)
        while self._committed - len(self._commits[0][0]) >= self._most:
            self._committed -= len(self._commits.popleft()[0])

    def commit_of(self, tx_hash: TxHash) -> Stored | None:
        """When one of the latest was committed; None when it was not, or too long ago."""
        return next((stored for hashes, stored in self._commits if tx_hash in hashes), None)

    def spared(self, tx_hash: TxHash, peer: int) -> None:
        """``peer`` is not told of it after all."""
        trace = self._traces.get(tx_hash)
        if trace is not None:
            trace.spared = [*(trace.spared or ()), peer]

    def given(self, tx_hash: TxHash, peer: int, how: str, now: float) -> None:
        """``peer`` asked for it and got it, or was told of it because it was linked just now."""
        trace = self._traces.get(tx_hash)
        if trace is not None:
            trace.given((peer, how, now))
        elif how == CHUNKS and self._items:
            self._give_early(tx_hash, (peer, how, now))

    def _give_early(self, tx_hash: TxHash, gift: Gift) -> None:
        gifts = self._early.setdefault(tx_hash, [])
        if len(gifts) < _MOST_GIFTS:
            gifts.append(gift)
        if len(self._early) > _MOST_EARLY:
            del self._early[next(iter(self._early))]
