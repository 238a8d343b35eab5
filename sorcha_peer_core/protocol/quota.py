"""How much of each kind a peer may send unasked: token buckets, one for each peer and kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

Who = TypeVar("Who", bound=Hashable)

PERIOD_S = 10.0
"""Whoever is over a quota counts as one that floods once in so long: a moment of much says nothing."""


class Kind(StrEnum):
    """What is counted."""

    HASHES = "announced hashes"
    RECORDS = "peer records"
    INVALID = "invalid items"


class Rate(NamedTuple):
    """What a bucket holds, and how fast it fills again."""

    per_s: float
    burst: float


RATES = {
    Kind.HASHES: Rate(1000.0, 20_000.0),
    Kind.RECORDS: Rate(5.0, 1000.0),
    Kind.INVALID: Rate(0.1, 20.0),
}


class Quotas(Generic[Who]):
    """The buckets of all linked peers; monotonic time is given.

    >>> quotas = Quotas({Kind.INVALID: Rate(0.5, 2.0)})
    >>> [quotas.take("ann", Kind.INVALID, 1, now) for now in (0.0, 0.0, 0.0, 2.0)]
    [1, 1, 0, 1]
    >>> quotas.over
    Counter({<Kind.INVALID: 'invalid items'>: 1})
    """

    def __init__(self, rates: dict[Kind, Rate] | None = None) -> None:
        self._rates = RATES if rates is None else rates
        self._buckets: dict[tuple[Who, Kind], tuple[float, float]] = {}
        """What was left, and when."""
        self._flooded_at: dict[tuple[Who, Kind], float] = {}
        self.over: Counter[Kind] = Counter()
        """Items beyond a quota since the start, by kind."""

    def take(self, who: Who, kind: Kind, items: int, now: float) -> int:
        """How many of so many items are within the quota; they are taken from it. The rest is to be dropped, and is counted."""
        left = self._left(who, kind, now)
        granted = min(items, int(left))
        self._buckets[who, kind] = left - granted, now
        self.over[kind] += items - granted
        return granted

    def is_spent(self, who: Who, kind: Kind, now: float) -> bool:
        """Whether nothing is left."""
        return self._left(who, kind, now) < 1.0

    def floods(self, who: Who, kind: Kind, now: float) -> bool:
        """Somebody is over a quota: whether that goes on since a period. True once in each period."""
        since = self._flooded_at.setdefault((who, kind), now)
        if now - since < PERIOD_S:
            return False
        self._flooded_at[who, kind] = now
        # A burst long ago and another one now are no flood.
        return now - since < 2 * PERIOD_S

    def forget(self, who: Who) -> None:
        """It is not linked any more."""
        for kind in self._rates:
            self._buckets.pop((who, kind), None)
            self._flooded_at.pop((who, kind), None)

    def _left(self, who: Who, kind: Kind, now: float) -> float:
        rate = self._rates[kind]
        left, at = self._buckets.get((who, kind), (rate.burst, now))
        return min(rate.burst, left + max(0.0, now - at) * rate.per_s)
