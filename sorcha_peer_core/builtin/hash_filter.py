"""The Bloom filter in front of the store's index: it says with certainty that a hash is new, or leaves it open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from hashlib import blake2b
from itertools import islice
from math import inf

from pybloom_live import BloomFilter

from sorcha_peer_core.model.ids import TxHash

GENERATION_ENTRIES = 350_000
"""Above this many entries more than 0.1 % of new hashes would be looked up in vain."""

_CAPACITY, _ERROR_RATE = 2_310_490, 0.125
"""What makes pybloom-live build 9,999,999 bits in 3 slices, one hash each: 1.25 MB."""
_KEYS_KEPT = 1024
_CLOCK_TOLERANCE_MS = 120_000.0
"""Receivers refuse what claims to be created later than this after their own time."""


class BloomHashFilter:
    """The role HashFilter: two generations of Bloom filters, the older one let go in time.

    ``salt`` is random and secret to the node: strangers choose the hashes, and without it could choose ones that fill the
    filter. Until :meth:`fill` was called nothing is said to be new.
    """

    def __init__(self, salt: bytes, reset_interval_s: float, generation_entries: int = GENERATION_ENTRIES) -> None:
        if not salt:
            raise ValueError("the salt of a hash filter is empty; it has 1 to 64 random bytes")
        # A hash is looked up when it comes and added soon after.
        self._key = lru_cache(maxsize=_KEYS_KEPT)(partial(_salted, salt))
        self._reset_interval_ms = reset_interval_s * 1000
        self._generation_entries = generation_entries
        self._current: _Generation | None = None
        self._previous: _Generation | None = None
        self._uncovered_until_ms = inf
        """Newest time of an entry of the log that neither generation holds; -inf when they hold the whole log."""

    @property
    def fill_ratio(self) -> float:
        """How full the current generation is, 0 to 1; at 1 the next one begins."""
        return self._current.entries / self._generation_entries if self._current else 0.0

    def fill(self, newest_first: Iterable[tuple[TxHash, float]], complete: bool) -> None:
        """Take over what the log holds at start, before the first ``add``; at most two generations of it are read.

        ``complete`` says that there is nothing older in the log. Costs about 3 us a hash.
        """
        entries = iter(newest_first)
        self._current = self._read_generation(entries)
        self._previous = self._read_generation(entries)
        if complete and next(entries, None) is None:
            self._uncovered_until_ms = -inf
        elif self._current:
            # What is older is not known here; clocks are set back at times, so the newest time is the safe bound.
            self._uncovered_until_ms = max(g.newest_ms for g in (self._current, self._previous) if g)

    def add(self, tx_hash: TxHash, received_ms: float) -> None:
        """A hash went into the log."""
        current = self._current
        if current is None or self._is_over(current, received_ms):
            current = self._rotate()
        current.add(self._key(tx_hash), received_ms)

    def definitely_new(self, tx_hash: TxHash, created_ms: float | None = None) -> bool:
        """True only if the log cannot have it.

        A miss in both generations is enough while they hold the whole log. Later it leaves open whether the hash is among
        the older ones, unless it was created so late that it cannot have been received with them.
        """
        key = self._key(tx_hash)
        if (self._current and key in self._current) or (self._previous and key in self._previous):
            return False
        if self._uncovered_until_ms == -inf:
            return True
        return created_ms is not None and created_ms > self._uncovered_until_ms + _CLOCK_TOLERANCE_MS

    def _is_over(self, generation: _Generation, now_ms: float) -> bool:
        return generation.entries >= self._generation_entries or now_ms - generation.oldest_ms >= self._reset_interval_ms

    def _rotate(self) -> _Generation:
        if self._previous:
            self._uncovered_until_ms = max(self._uncovered_until_ms, self._previous.newest_ms)
        self._previous, self._current = self._current, _Generation()
        return self._current

    def _read_generation(self, entries: Iterator[tuple[TxHash, float]]) -> _Generation | None:
        generation = None
        for tx_hash, received_ms in islice(entries, self._generation_entries):
            generation = generation or _Generation()
            generation.add(self._key(tx_hash), received_ms)
        return generation


def _salted(salt: bytes, tx_hash: TxHash) -> str:
    # Text, because pybloom-live hashes the repr of bytes.
    return blake2b(tx_hash, key=salt, digest_size=16).hexdigest()


class _Generation:
    """One Bloom filter, and the span of time of what is in it."""

    __slots__ = ("_bits", "entries", "newest_ms", "oldest_ms")

    def __init__(self) -> None:
        self._bits = BloomFilter(_CAPACITY, _ERROR_RATE)
        self.entries = 0
        self.oldest_ms = inf
        self.newest_ms = -inf

    def __contains__(self, key: str) -> bool:
        return key in self._bits

    def add(self, key: str, at_ms: float) -> None:
        self._bits.add(key, skip_check=True)
        self.entries += 1
        self.oldest_ms = min(self.oldest_ms, at_ms)
        self.newest_ms = max(self.newest_ms, at_ms)
