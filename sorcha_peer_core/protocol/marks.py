"""Numbers that tell sets of transactions apart, made anew for every comparison so that nobody can prepare two that collide."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.messages import Announced, Mark

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash

PRIME = 2**127 - 1
SHORT_BITS = 64
PARTS = 16
DEEPEST = 15
"""Depth of the smallest regions: sixteen short ids each."""

_SHORT = 2**SHORT_BITS - 1
_DIGIT_BITS = 4

Entry = tuple[int, Announced]
"""A transaction with its point."""


def point_of(tx_hash: TxHash) -> int:
    """A hash as a number below 2**127: half of it says enough."""
    return int.from_bytes(tx_hash[:16], "big") >> 1


def mark_of(points: Iterable[int], salt: int) -> Mark:
    """The polynomial that has these points as roots, at the place ``-salt``.

    Two different sets agree at no more places than the larger one has elements, and nobody knows the salt beforehand. Of a
    plain sum of hashes that would not be true: whoever chooses the transactions can choose sets of equal sums.

    >>> mark_of([5, 7], 1) == mark_of([7, 5], 1), mark_of([5, 7], 1) == mark_of([6, 6], 1)
    (True, False)
    """
    product, count = 1, 0
    for point in points:
        product = product * (salt + point) % PRIME
        count += 1
    return Mark(count, product & _SHORT) if count else Mark(0, 0)


class View:
    """The transactions of one slice by their short ids under one salt."""

    def __init__(self, entries: Iterable[Entry], salt: int) -> None:
        factor = point_of(tx_hash_of(salt.to_bytes(8, "big")))
        # Multiplying by a random number makes short ids that two given points share with a chance of one in 2**63.
        rows = sorted((point * factor % PRIME & _SHORT, point, item) for point, item in entries)
        self._salt = salt
        self.ids = [row[0] for row in rows]
        self._points = [row[1] for row in rows]
        self._items = [row[2] for row in rows]

    def bounds(self, prefix: int, depth: int) -> tuple[int, int]:
        """Where the ids that begin with these hex digits lie in ``ids``."""
        shift = SHORT_BITS - _DIGIT_BITS * depth
        return bisect_left(self.ids, prefix << shift), bisect_left(self.ids, (prefix + 1) << shift)

    def mark(self, prefix: int, depth: int) -> Mark:
        """Of a region."""
        first, end = self.bounds(prefix, depth)
        return mark_of(self._points[first:end], self._salt)

    def parts(self, prefix: int, depth: int) -> tuple[Mark, ...]:
        """Marks of the sixteen parts of a region."""
        return tuple(self.mark(prefix * PARTS + part, depth + 1) for part in range(PARTS))

    def items(self, first: int, end: int) -> Sequence[Announced]:
        """Those between two places of ``ids``."""
        return self._items[first:end]

    def with_ids(self, ids: Iterable[int]) -> Sequence[Announced]:
        """Those that have one of these short ids."""
        found: list[Announced] = []
        for short in dict.fromkeys(ids):
            at = bisect_left(self.ids, short)
            while at < len(self.ids) and self.ids[at] == short:
                found.append(self._items[at])
                at += 1
        return found
