"""How a node's counters stood over the last day: every second of the last ten minutes, every minute before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise
from time import time
from typing import TYPE_CHECKING, NamedTuple

from sorcha_peer_core.interfaces.views import Sample

if TYPE_CHECKING:
    from gevent.event import Event as Signal

SECONDS_KEPT = 600
MINUTES_KEPT = 1440


class Reading(NamedTuple):
    """Counters since the start, and how much waits now. Whatever was not taken in between is in their differences."""

    sent_bytes: int
    received_bytes: int
    transactions: int
    queue: int
    latency_sum_ms: float
    arrivals: int
    """Transactions of others, whose latencies the sum has."""


class _Point(NamedTuple):
    at: int
    reading: Reading


class History:
    """Takes what ``read`` says once a second, and thins it out as it grows old. Bounded, in memory only."""

    def __init__(self, read: Callable[[], Reading], unix_s: Callable[[], float] = time) -> None:
        self._read = read
        self._unix_s = unix_s
        self._seconds: deque[_Point] = deque(maxlen=SECONDS_KEPT)
        self._minutes: deque[_Point] = deque(maxlen=MINUTES_KEPT)

    def run(self, stopping: Signal) -> None:
        """Take a sample at the begin of each second until ``stopping`` is set."""
        while not stopping.wait(1.0 - self._unix_s() % 1.0):
            self.take()

    def take(self) -> None:
        """Take one now."""
        point = _Point(int(self._unix_s()), self._read())
        for points in (self._seconds, self._minutes):
            # Somebody set the clock back: what it said before is no time any more.
            while points and points[-1].at >= point.at:
                points.pop()
        self._seconds.append(point)
        if not self._minutes or self._minutes[-1].at // 60 < point.at // 60:
            self._minutes.append(point)

    def samples(self) -> Sequence[Sample]:
        """Oldest first."""
        oldest = self._seconds[0].at if self._seconds else 0
        points = [*(point for point in self._minutes if point.at < oldest), *self._seconds]
        first = [_sample(points[0], None)] if points else []
        return first + [_sample(point, before.reading) for before, point in pairwise(points)]


def _sample(point: _Point, before: Reading | None) -> Sample:
    reading = point.reading
    arrivals = reading.arrivals - before.arrivals if before else 0
    latency_ms = round((reading.latency_sum_ms - before.latency_sum_ms) / arrivals, 3) if before and arrivals else None
    return Sample(point.at, *reading[:4], latency_ms)
