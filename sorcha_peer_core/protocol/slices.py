"""What was created when, by the origins' own clocks: the last minute hash by hash, a day and an hour as sums."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sorcha_peer_core.model.messages import Mark, Slice
from sorcha_peer_core.protocol.marks import Entry, mark_of

if TYPE_CHECKING:
    from collections.abc import Sequence


EPOCH_MS = 4_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
EPOCHS = 15
HOURS = 25
"""Nothing older is valid any more: a day is the longest time to live."""

_OPEN_MS = 2_000
"""A transaction is everywhere so long after it was created, as a rule."""
_KEPT_MS = 140_000
"""Epochs are here longer than they are compared: for peers whose clocks are behind, and for the minute that is half over."""
_SUM = 2**64 - 1
_MOST_SLICES = 60


class Epochs:
    """Slices of four seconds, compared for a minute after they are over."""

    def __init__(self) -> None:
        self._entries: dict[int, list[Entry]] = {}

    def add(self, entry: Entry, created_ms: float) -> None:
        """A transaction is in the log now."""
        self._entries.setdefault(_floor(created_ms, EPOCH_MS), []).append(entry)

    def forget(self, unix_ms: float) -> None:
        """Let go what is not compared any more."""
        for start_ms in [start_ms for start_ms in self._entries if start_ms < unix_ms - _KEPT_MS]:
            del self._entries[start_ms]

    def is_comparable(self, start_ms: int, unix_ms: float) -> bool:
        """Whether it is an epoch, is over, and is still remembered."""
        return start_ms % EPOCH_MS == 0 and unix_ms - _KEPT_MS < start_ms <= unix_ms - EPOCH_MS - _OPEN_MS

    def first(self, unix_ms: float) -> int:
        """Where the fifteen epochs begin that are compared now."""
        return _floor(unix_ms - _OPEN_MS, EPOCH_MS) - EPOCHS * EPOCH_MS

    def entries(self, start_ms: int) -> Sequence[Entry]:
        """What was created in that epoch."""
        return self._entries.get(start_ms, ())

    def mark(self, start_ms: int, salt: int) -> Mark:
        """Of one epoch."""
        return mark_of((point for point, _ in self.entries(start_ms)), salt)

    def sum(self, where: Slice) -> Mark:
        """Of all epochs in a slice, as :class:`Minutes` has it."""
        starts = range(where.start_ms, where.start_ms + where.span_ms, EPOCH_MS)
        points = [point for start_ms in starts for point, _ in self.entries(start_ms)]
        return Mark(len(points), sum(points) & _SUM)


class Minutes:
    """A count and a sum for each minute. They are kept, not made, so they have no salt; epochs were compared with one before."""

    def __init__(self) -> None:
        self._marks: dict[int, Mark] = {}

    def add(self, point: int, created_ms: float) -> int:
        """A transaction is in the log now. Returns where its minute begins."""
        minute = _floor(created_ms, MINUTE_MS)
        count, total = self._marks.get(minute, (0, 0))
        self._marks[minute] = Mark(count + 1, (total + point) & _SUM)
        return minute

    def put_right(self, start_ms: int, entries: Sequence[Entry]) -> None:
        """The store has said what there is in a minute."""
        self._marks[start_ms] = Mark(len(entries), sum(point for point, _ in entries) & _SUM)

    def forget(self, unix_ms: float) -> None:
        """Let go what is not compared any more."""
        oldest = _floor(unix_ms, HOUR_MS) - (HOURS + 1) * HOUR_MS
        for minute in [minute for minute in self._marks if minute < oldest]:
            del self._marks[minute]

    def first_hour(self, unix_ms: float) -> int:
        """Where the hours begin that are compared now."""
        return _floor(unix_ms, HOUR_MS) - HOURS * HOUR_MS

    def mark(self, where: Slice) -> Mark:
        """Of the whole minutes in a slice."""
        minutes = range(where.start_ms, where.start_ms + where.span_ms - MINUTE_MS + 1, MINUTE_MS)
        there = [mark for mark in map(self._marks.get, minutes) if mark]
        return Mark(sum(mark.members for mark in there), sum(mark.sum for mark in there) & _SUM)


def starts_of(first: Slice, marks: Iterable[Mark]) -> Iterable[tuple[int, Mark]]:
    """Where the slice of each mark begins."""
    return ((first.start_ms + number * first.span_ms, mark) for number, mark in enumerate(marks))


def slices_of(first: Slice, end_ms: int) -> Sequence[Slice]:
    """Neighbouring slices up to ``end_ms``, where the last one may be cut; at most sixty."""
    most = first.start_ms + _MOST_SLICES * first.span_ms
    starts = range(first.start_ms, min(end_ms, most), first.span_ms)
    return [Slice(start_ms, min(first.span_ms, end_ms - start_ms)) for start_ms in starts]


def slice_of(created_ms: float, span_ms: int) -> Slice:
    """The slice that a transaction belongs to."""
    return Slice(_floor(created_ms, span_ms), span_ms)


def _floor(at_ms: float, span_ms: int) -> int:
    # In whole numbers: dividing floats so far apart takes several times as long.
    return int(at_ms) // span_ms * span_ms
