"""The shipped strategies: ``mesh``, and beside it ``sqrt`` and ``flood``."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log, sqrt
from typing import TYPE_CHECKING

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.interfaces.strategy import Spread, View

if TYPE_CHECKING:
    from random import Random

REPAIR_AFTER_S = 0.25
"""In the direct form announcements only repair what a dying origin left half done: they may gather."""
REPAIR_FANOUT = 5
REPAIR_RATIO = 4
"""To a few, not to all: five, and of many links every fourth. Whom nobody told waits for a comparison, which takes seconds:
with 32 nodes, of which ten died, five were too few in one of forty cases."""
REPAIR_WAIT_S = 0.5
"""And the push they speak of is almost always still in its origin's queue: asking early only makes duplicates."""
PULL_WAIT_S = 0.05
"""A push is usually under way when its announcement comes (gossip study: p90 of the lead)."""
SPARING_FANOUT = 3
SPARING_AFTER_S = 0.5
"""Where pushes take milliseconds an announcement is hardly ever the first word, and costs a message all the same."""
MESH_FANOUT = 3
"""Links that push to a node: with 2 a network that loses nodes is slow until it has found others, 4 cost a copy more."""
PUSH_USE = 0.8
"""Above this share of the line a copy too much costs more time than asking does."""
PRESSED_HOPS = 1
"""But close to the origin hardly anybody has it, so hardly a copy is too much."""
QUIET_FACTOR = 4
QUIET_MOST_BYTES = 16 * 1024
QUIET_USE = 0.3
"""While so little of the line is in use, what is up to so many times as large is pushed all the same; by its origin always."""
FIRST_PUSHES = (4, 1)
"""What is too large to be pushed to all is pushed to so many by its origin and by who has it from there: hardly anybody has it,
so hardly a copy is too much, and asking would take two more trips. One hop further it would be a copy in twenty."""
FIRST_PUSH_MOST_BYTES = 256 * 1024
"""What is larger travels in chunks."""
MOST_PUSH_HOPS = 32
"""Far more than any way through a network that works; what claims to have come so far is only announced."""


def view_size(known: int) -> int:
    """Links of an active view: enough that a random graph of this size stays connected with many nodes dead.

    >>> view_size(100), view_size(10_000)
    (12, 14)
    """
    return max(12, ceil(1.5 * log(known + 1)))


class Mesh:
    """``mesh``: the payload goes out at once, hashes follow to whoever may not have it.

    Direct form, while a node is linked to every peer it knows and these are at most ``full_mesh_max_peers``: the origin
    pushes to all, nobody relays; receivers announce, so that a push cut short by a crash still reaches everybody. What came
    from somebody with fewer links than this node has is pushed on: there are peers that its sender cannot reach.
    View form: the origin pushes to all its links; a relay pushes to those that take pushes and announces to the rest. Each
    node has ``fanout`` fast links pushed to it.
    """

    name = "mesh"

    def __init__(self, full_mesh_max_peers: int = 32, eager_max_bytes: int = 4096, fanout: int = MESH_FANOUT) -> None:
        if fanout < 1:
            raise ConfigError(f"transaction_distribution.fanout is {fanout}; mesh needs at least 1 link that pushes to a node")
        self._full_mesh_max_peers = full_mesh_max_peers
        # Around the limit links are kept, not shed: where all of them are still there the direct form goes on.
        self._direct_max_peers = full_mesh_max_peers * 5 // 4
        self._eager_max_bytes = eager_max_bytes
        self._most_push_bytes = max(eager_max_bytes, min(QUIET_FACTOR * eager_max_bytes, QUIET_MOST_BYTES))
        self._eager = fanout

    def originate(self, view: View, size: int, rng: Random) -> Spread:
        """Push to all links; announce what is too large to be sent unasked to more than a few."""
        if size <= self._most_push_bytes:
            return Spread(view.peers, (), 0.0)
        return self._push_first(view, view.peers, size, 0, rng)

    def relay(self, view: View, size: int, hop: int, rng: Random) -> Spread:
        """Announce in the direct form; in the view form push to who takes it and announce to the rest."""
        if 0 < view.reach < view.linked and view.known <= self._direct_max_peers:
            return self.originate(view, size, rng)
        if self._is_direct(view.linked, view.known):
            return Spread((), _run(view.peers, max(REPAIR_FANOUT, view.linked // REPAIR_RATIO), rng), REPAIR_AFTER_S)
        eager = view.eager
        if hop > MOST_PUSH_HOPS or not self._pushes(size, hop, view.line_use):
            return self._push_first(view, eager, size, hop, rng)
        others = [peer for peer in view.peers if peer not in eager]
        if view.sparing:
            return Spread(eager, _run(others, SPARING_FANOUT, rng), SPARING_AFTER_S)
        return Spread(eager, others, 0.0)

    def eager_links(self, linked: int, known: int) -> int:
        """In the view form so many as were asked for."""
        return 0 if self._is_direct(linked, known) else self._eager

    def pull_wait_s(self, size: int, linked: int, known: int) -> float:
        """Short where relays race each other, patient where only the origin pushes."""
        if size > self._most_push_bytes:
            return 0.0
        return REPAIR_WAIT_S if self._is_direct(linked, known) else PULL_WAIT_S

    def links_wanted(self, known: int) -> int:
        """Everybody up to ``full_mesh_max_peers``, an active view above."""
        return known if known <= self._full_mesh_max_peers else min(known, view_size(known))

    def _push_first(self, view: View, takers: Sequence[int], size: int, hop: int, rng: Random) -> Spread:
        """Announce; close to the origin, unless it travels in chunks or the line is busy, push to a few of the takers."""
        may_push = self._most_push_bytes > 0 and size < FIRST_PUSH_MOST_BYTES and view.line_use < QUIET_USE
        push = _sample(takers, FIRST_PUSHES[hop], rng) if may_push and hop < len(FIRST_PUSHES) else ()
        return Spread(push, [peer for peer in view.peers if peer not in push], 0.0)

    def _pushes(self, size: int, hop: int, line_use: float) -> bool:
        """Whether a relay sends so much unasked."""
        if size > self._eager_max_bytes:
            return size <= self._most_push_bytes and line_use < QUIET_USE
        return hop <= PRESSED_HOPS or line_use < PUSH_USE

    def _is_direct(self, linked: int, known: int) -> bool:
        return known <= self._direct_max_peers and linked >= known


class Sqrt:
    """``sqrt``: as the original design has it. Each node tells the square root of the network's size of random links the hash.

    Whoever hears of it asks for it at once, and the next one that announced it when no answer comes. There is no limit of
    rounds: with one, part of a network stays without it.
    """

    name = "sqrt"

    def __init__(self, fanout: int | None = None) -> None:
        if fanout is not None and fanout < 1:
            raise ConfigError(f"transaction_distribution.fanout is {fanout}; sqrt needs at least 1 to spread anything")
        self._fanout = fanout

    def originate(self, view: View, size: int, rng: Random) -> Spread:
        """Announce."""
        return self.relay(view, size, 0, rng)

    def relay(self, view: View, size: int, hop: int, rng: Random) -> Spread:
        """Announce, at once."""
        return Spread((), _sample(view.peers, self._fanout_of(view.known), rng), 0.0)

    def eager_links(self, linked: int, known: int) -> int:
        """Nobody pushes."""
        return 0

    def pull_wait_s(self, size: int, linked: int, known: int) -> float:
        """Nobody pushes, so there is nothing to wait for."""
        return 0.0

    def links_wanted(self, known: int) -> int:
        """Enough that those told are a random choice."""
        return min(known, max(view_size(known), 2 * self._fanout_of(known)))

    def _fanout_of(self, known: int) -> int:
        return self._fanout or max(1, ceil(sqrt(known + 1)))


class Flood:
    """``flood``: every node pushes to every link that may not have it. Fast and wasteful: a copy over nearly every link."""

    name = "flood"

    def __init__(self, push_max_bytes: int = 262_144) -> None:
        self._push_max_bytes = push_max_bytes

    def originate(self, view: View, size: int, rng: Random) -> Spread:
        """Push to all; what is too large for that is announced."""
        if size < self._push_max_bytes:
            return Spread(view.peers, (), 0.0)
        return Spread((), view.peers, 0.0)

    def relay(self, view: View, size: int, hop: int, rng: Random) -> Spread:
        """The same."""
        return self.originate(view, size, rng)

    def eager_links(self, linked: int, known: int) -> int:
        """Everybody pushes."""
        return 0

    def pull_wait_s(self, size: int, linked: int, known: int) -> float:
        """What is announced is too large to be pushed."""
        return 0.0

    def links_wanted(self, known: int) -> int:
        """An active view."""
        return min(known, view_size(known))


def _sample(peers: Sequence[int], most: int, rng: Random) -> Sequence[int]:
    return peers if len(peers) <= most else rng.sample(peers, most)


def _run(peers: Sequence[int], most: int, rng: Random) -> Sequence[int]:
    """So many in a row, from a random one on: each is as likely as any other, for one random number instead of many."""
    if len(peers) <= most:
        return peers
    start = int(rng.random() * len(peers))
    return [*peers[start : start + most], *peers[: max(0, start + most - len(peers))]]
