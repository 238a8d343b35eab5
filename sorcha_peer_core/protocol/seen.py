"""Exact memory of the hashes verified lately."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash


class Seen:
    """Two generations of hashes: a hash is remembered for at least one rotation, memory is bounded.

    >>> seen = Seen(entries=2)
    >>> for number, tx_hash in enumerate((b"a", b"b", b"c")): seen.add(tx_hash, number)
    >>> seen.arrived_at(b"a"), seen.arrived_at(b"c")
    (0, 2)
    >>> seen.rotate(); seen.rotate(); b"a" in seen
    False
    """

    __slots__ = ("_entries", "_new", "_old")

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._new: dict[TxHash, float] = {}
        self._old: dict[TxHash, float] = {}

    def __contains__(self, tx_hash: TxHash) -> bool:
        return tx_hash in self._new or tx_hash in self._old

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def arrived_at(self, tx_hash: TxHash) -> float | None:
        """When it came; None when it is not remembered."""
        at = self._new.get(tx_hash)
        return self._old.get(tx_hash) if at is None else at

    def add(self, tx_hash: TxHash, at: float) -> None:
        """Remember that it came ``at`` that time; a full generation makes room by itself."""
        if len(self._new) >= self._entries:
            self.rotate()
        self._new[tx_hash] = at

    def rotate(self) -> None:
        """Begin a new generation and let the oldest go; the store's index knows what is forgotten here."""
        self._old, self._new = self._new, {}
