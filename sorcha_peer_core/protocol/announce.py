"""Announcements that gather, so that many hashes travel in one frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.model.messages import Announce, Announced

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash


class AnnounceQueue:
    """Hashes to be announced, each with the peers (a bit mask) that should hear of it."""

    __slots__ = ("_items", "_items_per_frame")

    def __init__(self, items_per_frame: int) -> None:
        self._items_per_frame = items_per_frame
        self._items: dict[TxHash, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._items)

    def add(self, tx_hash: TxHash, size: int, peers: Sequence[int]) -> None:
        """Announce to these peers at the next flush."""
        mask = 0
        for peer in peers:
            mask |= 1 << peer
        self._items[tx_hash] = (size, mask)

    def heard(self, peer: int, tx_hash: TxHash) -> None:
        """``peer`` has it already and need not be told."""
        item = self._items.get(tx_hash)
        if item is not None:
            self._items[tx_hash] = (item[0], item[1] & ~(1 << peer))

    def flush(self, peers: Sequence[int]) -> Iterator[tuple[int, Announce]]:
        """All that gathered, for those of ``peers`` that should hear it, in frames; the same frame where lists are equal."""
        items, self._items = self._items, {}
        frames: dict[tuple[Announced, ...], Announce] = {}
        announced = [(Announced(tx_hash, size), mask) for tx_hash, (size, mask) in items.items()]
        for peer in peers:
            mine = [item for item, mask in announced if mask >> peer & 1]
            for at in range(0, len(mine), self._items_per_frame):
                part = tuple(mine[at : at + self._items_per_frame])
                yield peer, frames.setdefault(part, Announce(part))
