"""The shipped strategy: everybody in small networks, an active view in large ones."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log
from typing import TYPE_CHECKING

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.interfaces.strategy import Spread, View

if TYPE_CHECKING:
    from random import Random

REPAIR_AFTER_S = 0.25
"""In the direct form announcements only repair what a dying origin left half done: they may gather."""
REPAIR_FANOUT = 5
"""To a few, not to all: who takes it up announces it in turn, and what still slips through is left to sync."""
REPAIR_WAIT_S = 0.5
"""And the push they speak of is almost always still in its origin's queue: asking early only makes duplicates."""
PULL_WAIT_S = 0.05
"""A push is usually under way when its announcement comes (gossip study: p90 of the lead)."""
ANNOUNCE_AFTER_S = 0.02
"""In the view form they carry news to part of the links (gossip study: 20 ms costs no latency that can be measured)."""


def view_size(known: int) -> int:
    """Links of an active view: enough that a random graph of this size stays connected with many nodes dead.

    >>> view_size(100), view_size(10_000)
    (12, 16)
    """
    return max(12, ceil(1.7 * log(known + 1)))


class Mesh:
    """``mesh``: the payload goes out at once, hashes follow to whoever may not have it.

    Direct form, while a node is linked to every peer it knows and these are at most ``full_mesh_max_peers``: the origin
    pushes to all, nobody relays; receivers announce, so that a push cut short by a crash still reaches everybody. What came
    from somebody with fewer links than this node has is pushed on: there are peers that its sender cannot reach.
    View form: the origin pushes to all its links, a relay to ``relay_fanout`` of those that lack it, announcing to the rest.
    """

    name = "mesh"

    def __init__(self, full_mesh_max_peers: int = 32, eager_max_bytes: int = 4096, relay_fanout: int = 4) -> None:
        if relay_fanout < 1:
            raise ConfigError(f"the relay fanout is {relay_fanout}; at least 1 is needed to spread anything")
        self._full_mesh_max_peers = full_mesh_max_peers
        self._eager_max_bytes = eager_max_bytes
        self._relay_fanout = relay_fanout

    def originate(self, view: View, size: int, rng: Random) -> Spread:
        """Push to all links, or announce what is too large to be sent unasked."""
        if size <= self._eager_max_bytes:
            return Spread(view.peers, (), 0.0)
        return Spread((), view.peers, 0.0)

    def relay(self, view: View, size: int, hop: int, rng: Random) -> Spread:
        """Announce in the direct form; push to a few and announce to the rest in the view form."""
        if 0 < view.reach < view.linked and view.known <= self._full_mesh_max_peers:
            return self.originate(view, size, rng)
        if self._is_direct(view.linked, view.known):
            return Spread((), _sample(view.peers, REPAIR_FANOUT, rng), REPAIR_AFTER_S)
        if size > self._eager_max_bytes:
            return Spread((), view.peers, ANNOUNCE_AFTER_S)
        push = _sample(view.peers, self._relay_fanout, rng)
        return Spread(push, [peer for peer in view.peers if peer not in push], ANNOUNCE_AFTER_S)

    def links_wanted(self, known: int) -> int:
        """Everybody up to ``full_mesh_max_peers``, an active view above."""
        return known if known <= self._full_mesh_max_peers else view_size(known)

    def pull_wait_s(self, linked: int, known: int) -> float:
        """Short where relays race each other, patient where only the origin pushes."""
        return REPAIR_WAIT_S if self._is_direct(linked, known) else PULL_WAIT_S

    def _is_direct(self, linked: int, known: int) -> bool:
        return known <= self._full_mesh_max_peers and linked >= known


def _sample(peers: Sequence[int], most: int, rng: Random) -> Sequence[int]:
    return peers if len(peers) <= most else rng.sample(peers, most)
