"""Announcements that gather, so that many hashes travel in one frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.model.messages import Announce, Announced

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash


class AnnounceQueue:
    """What each peer is to hear of at the next flush."""

    __slots__ = ("_items_per_frame", "_waiting")

    def __init__(self, items_per_frame: int) -> None:
        self._items_per_frame = items_per_frame
        self._waiting: dict[int, dict[TxHash, Announced]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, item: Announced, peers: Sequence[int]) -> None:
        """Announce it to these peers."""
        waiting = self._waiting
        for peer in peers:
            if peer in waiting:
                waiting[peer][item.hash] = item
            else:
                waiting[peer] = {item.hash: item}

    def heard(self, peer: int, tx_hash: TxHash) -> bool:
        """``peer`` has it already and need not be told; returns whether it was about to be."""
        items = self._waiting.get(peer)
        return items is not None and items.pop(tx_hash, None) is not None

    def forget(self, peer: int) -> None:
        """It is no longer linked."""
        self._waiting.pop(peer, None)

    def flush(self) -> Iterator[tuple[int, Announce]]:
        """All that gathered, in frames; peers that hear the same get the same frame, which is then encoded once."""
        waiting, self._waiting = self._waiting, {}
        step = self._items_per_frame
        frames: dict[tuple[Announced, ...], list[Announce]] = {}
        for peer, items in waiting.items():
            mine = tuple(items.values())
            parts = frames.get(mine)
            if parts is None:
                parts = frames[mine] = [Announce(mine[at : at + step]) for at in range(0, len(mine), step)]
            for part in parts:
                yield peer, part
