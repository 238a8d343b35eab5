"""Exact memory of the hashes verified lately."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash


class Seen:
    """Two generations of hashes: a hash is remembered for at least one rotation, memory is bounded.

    >>> seen = Seen(entries=2)
    >>> for tx_hash in (b"a", b"b", b"c"): seen.add(tx_hash)
    >>> b"a" in seen, b"c" in seen
    (True, True)
    >>> seen.rotate(); seen.rotate(); b"a" in seen
    False
    """

    __slots__ = ("_entries", "_new", "_old")

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._new: set[TxHash] = set()
        self._old: set[TxHash] = set()

    def __contains__(self, tx_hash: TxHash) -> bool:
        return tx_hash in self._new or tx_hash in self._old

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def add(self, tx_hash: TxHash) -> None:
        """Remember; a full generation makes room by itself."""
        if len(self._new) >= self._entries:
            self.rotate()
        self._new.add(tx_hash)

    def rotate(self) -> None:
        """Begin a new generation and let the oldest go; the store's index knows what is forgotten here."""
        self._old, self._new = self._new, set()
