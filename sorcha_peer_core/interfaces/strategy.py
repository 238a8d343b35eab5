"""Who gets a transaction pushed and who only hears its hash.

A strategy is pure: same view, same random generator, same answer. It is asked once per transaction and must not block,
log, or keep the view.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from random import Random


class View(NamedTuple):
    """What a node sees of the network when it decides."""

    peers: Sequence[int]
    """Linked peers (the core's small ints) that may need the transaction, ascending."""
    linked: int
    """All linked peers."""
    known: int
    """Peers that are known and not given up, linked or not; never below ``linked``."""
    reach: int = 0
    """Of a relay: how many peers the one it came from is linked to; 0 when that is not known."""
    eager: Sequence[int] = ()
    """Those of ``peers`` that take relayed transactions pushed, ascending. The others asked for hashes only."""
    line_use: float = 0.0
    """Share of this node's line upwards that was in use lately; above 1 when more is sent than it carries."""
    sparing: bool = False
    """Whether to save messages rather than trips: most linked peers are close by, or this node has too much to do."""


class Spread(NamedTuple):
    """The answer: disjoint lists of peers, taken from ``View.peers``."""

    push: Sequence[int]
    announce: Sequence[int]
    announce_after_s: float
    """How long announcements may gather; 0 sends at once."""


class Strategy(Protocol):
    """A way of spreading transactions."""

    @property
    def name(self) -> str:
        """As it stands in ``transaction_distribution.strategy``."""

    def originate(self, view: View, size: int, rng: Random) -> Spread:
        """For a transaction of ``size`` bytes that was submitted here."""

    def relay(self, view: View, size: int, hop: int, rng: Random) -> Spread:
        """For one that came from a peer and was verified; ``hop`` is 1 straight from its origin."""

    def eager_links(self, linked: int, known: int) -> int:
        """How many peers should push to this node what they relay: the fastest are kept, the others asked for hashes only.

        0: nobody is asked for anything, and ``View.eager`` stays as the peers want it.
        """

    def pull_wait_s(self, size: int, linked: int, known: int) -> float:
        """How long to wait for the push of an announced transaction of ``size`` bytes; 0 when none is to be expected."""

    def links_wanted(self, known: int) -> int:
        """How many peers to be linked to when ``known`` are known. More are kept, up to a point, when they are there."""
