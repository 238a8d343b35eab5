"""Who gets a transaction pushed and who only hears its hash.

A strategy is pure: same view, same time, same random generator, same answer. It is asked once per transaction and must
not block, log, or keep the view.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple, Protocol


class Spread(NamedTuple):
    """The answer: disjoint lists of linked peers (the core's small ints)."""

    push: Sequence[int]
    announce: Sequence[int]


class Strategy(Protocol):
    """A way of spreading transactions."""

    @property
    def name(self) -> str:
        """As it stands in ``transaction_distribution.strategy``."""

    def originate(self, peers: Sequence[int], size: int, rng: Random) -> Spread:
        """For a transaction of ``size`` bytes that was submitted here; ``peers`` are all linked ones, ascending."""

    def relay(self, peers: Sequence[int], size: int, hop: int, rng: Random) -> Spread:
        """For one that came from a peer and was verified; ``peers`` are the linked ones not known to have it."""

    def links_wanted(self, known: int) -> int:
        """How many peers to be linked to when ``known`` are known to exist."""
