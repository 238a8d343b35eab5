"""Where the nodes are, and how far it is from one to another."""

from __future__ import annotations

from bisect import bisect
from itertools import accumulate
from math import exp
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.sim.profile import Profile

STEPS = 4096
"""Of a distribution that is drawn from a list."""


def normal_steps(scale: float) -> list[float]:
    """exp(scale * z) for a standard normal z, in equally likely steps: drawing one is a look into a list.

    >>> steps = normal_steps(0.15)
    >>> 0.999 < steps[2047] < 1.001, round(sum(steps) / len(steps), 3)
    (True, 1.011)
    """
    quantile = NormalDist().inv_cdf
    return [exp(scale * quantile((step + 0.5) / STEPS)) for step in range(STEPS)]


class Places:
    """A region for every node, and a latency for every pair that is asked for.

    Latencies are computed when they are asked for: ten thousand nodes have fifty million pairs. What is random about a pair
    are the middle bits of the product of its nodes' codes, random odd numbers of 64 bits; the order does not matter.
    """

    def __init__(self, profile: Profile, count: int, rng: Random) -> None:
        limits = list(accumulate(region.share for region in profile.regions))
        last = len(limits) - 1
        self.regions = [min(bisect(limits, rng.random() * limits[-1]), last) for _ in range(count)]
        low_ms, high_ms = profile.near_ms
        self._near_s = low_ms / 1000
        self._near_span_s = (high_ms - low_ms) / 1000 * 2.0**-32
        self._codes = [rng.getrandbits(64) | 1 for _ in range(count)]
        self._spread = normal_steps(profile.spread)
        self._table = _table(profile)

    def __len__(self) -> int:
        return len(self.regions)

    def base_s(self, one: int, other: int) -> float:
        """One way, seconds, before jitter; the same in both directions."""
        draw = self._codes[one] * self._codes[other] >> 32 & 0xFFFFFFFF
        far_s = self._table[self.regions[one]][self.regions[other]]
        if far_s:
            return far_s * self._spread[draw >> 20]
        return self._near_s + self._near_span_s * draw


def _table(profile: Profile) -> list[list[float]]:
    """Seconds between regions; 0 inside one."""
    count = len(profile.regions)
    table = [[0.0] * count for _ in range(count)]
    for one, region in enumerate(profile.regions):
        for other, ms in enumerate(region.ms):
            table[one][other] = table[other][one] = ms / 1000
    return table
