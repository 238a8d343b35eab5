"""Who is linked to whom: near links for speed, random ones so that the whole holds together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.sim.places import Places

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Wiring:
    """How nodes choose their links."""

    links: int  #: per node, on average
    near_ratio: float = 0.4  #: of them, to the nearest of ``samples`` others
    samples: int = 40

    def pairs(self, places: Places, rng: Random) -> list[Pair]:
        """Links among all nodes. A link is one for both its sides, so each node chooses half of its own."""
        count = len(places)
        if self.links >= count - 1:
            return [(one, other) for one in range(count) for other in range(one + 1, count)]
        links: dict[Pair, None] = {}
        for one in range(count):
            for other in self.near(places, one, range(count), self.links * self.near_ratio / 2, rng):
                links[_pair(one, other)] = None
        self._fill_up(links, count, rng)
        return list(links)

    def _fill_up(self, links: dict[Pair, None], count: int, rng: Random) -> None:
        """Two that chose each other have one link for two; more for those that have the fewest."""
        numbers = [0] * count
        for one, other in links:
            numbers[one] += 1
            numbers[other] += 1
        fewest = [(number, node) for node, number in enumerate(numbers)]
        heapify(fewest)
        while len(links) < round(count * self.links / 2):
            number, one = fewest[0]
            if number < numbers[one]:
                heapreplace(fewest, (numbers[one], one))
                continue
            other = int(rng.random() * count)
            if other != one and _pair(one, other) not in links:
                links[_pair(one, other)] = None
                numbers[one] += 1
                numbers[other] += 1

    def others(self, places: Places, one: int, candidates: Sequence[int], rng: Random) -> list[int]:
        """Links for one node that has none yet."""
        if self.links >= len(candidates):
            return [other for other in candidates if other != one]
        chosen = dict.fromkeys(self.near(places, one, candidates, self.links * self.near_ratio, rng))
        for other in rng.sample(candidates, self.links):
            if other != one and len(chosen) < self.links:
                chosen[other] = None
        return list(chosen)

    def another(self, places: Places, one: int, candidates: Sequence[int], rng: Random) -> int:
        """One more link."""
        near = self.near(places, one, candidates, 1.0, rng) if rng.random() < self.near_ratio else ()
        return near[0] if near else rng.choice(candidates)

    def near(self, places: Places, one: int, candidates: Sequence[int], wanted: float, rng: Random) -> list[int]:
        """The nearest of a sample; as many as are ``wanted`` in the mean."""
        most = _whole(wanted, rng)
        if not most:
            return []
        seen = [other for other in rng.sample(candidates, min(self.samples, len(candidates))) if other != one]
        return sorted(seen, key=lambda other: (places.base_s(one, other), other))[:most]


def _whole(wanted: float, rng: Random) -> int:
    """A whole number whose mean is ``wanted``."""
    return int(wanted) + (rng.random() < wanted % 1)


def _pair(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)
