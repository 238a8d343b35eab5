"""How single transactions spread: who has them, and since when."""

from __future__ import annotations

from collections.abc import Container
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash


class Spread:
    """One transaction."""

    __slots__ = ("at", "hops", "hops_max", "nodes", "origin", "times_s")

    def __init__(self, origin: int, at: float) -> None:
        self.origin = origin
        self.at = at
        """When it was submitted."""
        self.nodes: list[int] = []
        """Who has it."""
        self.times_s: list[float] = []
        """After how long, in the same order."""
        self.hops = 0
        """All that it took, together."""
        self.hops_max = 0

    def add(self, node: int, now: float, hops: int) -> None:
        """A node has verified it."""
        self.nodes.append(node)
        self.times_s.append(now - self.at)
        self.hops += hops
        if hops > self.hops_max:
            self.hops_max = hops

    def reached(self, counted: Container[int], deadline_s: float) -> list[float]:
        """Ascending times of those nodes that count and have it in time."""
        return sorted(at for node, at in zip(self.nodes, self.times_s, strict=True) if node in counted and at <= deadline_s)


def time_to(share: float, times_s: list[float], nodes: int) -> float | None:
    """When ``share`` of the nodes had it; None when so many never did. ``times_s`` ascending.

    >>> time_to(0.9, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], nodes=10)
    0.8
    """
    needed = max(1, ceil(share * nodes))
    return times_s[needed - 1] if needed <= len(times_s) else None


class Spreads:
    """Those transactions that are watched."""

    def __init__(self) -> None:
        self._watched: dict[TxHash, Spread] = {}
        self._awaited: Spread | None = None
        self._awaited_nodes = 0

    def watch(self, tx_hash: TxHash, spread: Spread) -> None:
        """From now on."""
        self._watched[tx_hash] = spread

    def await_nodes(self, spread: Spread, nodes: int) -> None:
        """Let ``arrived`` say when so many have it."""
        self._awaited, self._awaited_nodes = spread, nodes

    def arrived(self, tx_hash: TxHash, node: int, now: float, hops: int) -> bool:
        """A node has verified a transaction; returns whether that was the last one awaited."""
        spread = self._watched.get(tx_hash)
        if spread is None:
            return False
        spread.add(node, now, hops)
        return spread is self._awaited and len(spread.nodes) >= self._awaited_nodes
