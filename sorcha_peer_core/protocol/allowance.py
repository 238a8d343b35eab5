"""How much each peer may make this node do."""

from __future__ import annotations

PERIOD_S = 2.0
MOST_FRAMES = 256
MOST_WORK = 50_000
"""Transactions looked at; about 25 ms."""
MOST_TOLD = 4_096
"""Announced hashes: 140 KB."""
MOST_LOADS = 8
"""Questions to the store."""


class Allowance:
    """Counts what was done for each peer in the current period. What is refused, honest peers ask for again later."""

    def __init__(self) -> None:
        self._period = -1
        self._used: dict[tuple[int, str], int] = {}
        self.refused = 0

    def frame(self, peer: int, now: float) -> bool:
        """Whether one more frame of this peer is to be looked at."""
        return self._take(peer, now, "frames", 1, MOST_FRAMES)

    def work(self, peer: int, now: float, items: int) -> bool:
        """Whether to look at so many transactions for it. What has begun is finished, however much it is."""
        return self._take(peer, now, "work", items, MOST_WORK)

    def load(self, peer: int, now: float) -> bool:
        """Whether to ask the store for it."""
        return self._take(peer, now, "loads", 1, MOST_LOADS)

    def told(self, peer: int, now: float, items: int) -> int:
        """How many of so many hashes to tell it now."""
        self._renew(now)
        before = self._used.get((peer, "told"), 0)
        granted = min(items, MOST_TOLD - before)
        self._used[peer, "told"] = before + granted
        self.refused += granted < items
        return granted

    def _take(self, peer: int, now: float, kind: str, amount: int, most: int) -> bool:
        self._renew(now)
        before = self._used.get((peer, kind), 0)
        if before >= most:
            self.refused += 1
            return False
        self._used[peer, kind] = before + amount
        return True

    def _renew(self, now: float) -> None:
        period = int(now / PERIOD_S)
        if period != self._period:
            self._period = period
            self._used.clear()
