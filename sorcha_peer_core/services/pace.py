"""How slowly this process gets on: on a machine that has too much to do, others are not silent, they are waited for longer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from gevent.event import Event as Signal

SAMPLE_S = 1.0
_MOST = 10.0
_FREE = 2.0
"""A process that waits twice as long as it works is still punctual enough: the usual limits leave that much."""
_LEAST_WORK_S = 0.02
"""Of less work than this between two readings nothing can be said."""
_SLOW = 2.0
_FALLS = 0.5
_TIMELY_S = 0.1
_RUN_QUEUE = "/proc/self/schedstat"


class Reading(NamedTuple):
    """Since the start of the process, in seconds."""

    worked_s: float
    waited_s: float
    """For a processor, with work to do."""


class Pace:
    """By how much limits of time are to be stretched; 1 on a machine with time to spare (Lifeguard's idea, for dials).

    Sampled by a greenlet of the node. Where the system does not tell how long the process waits for a processor, the
    lateness of that greenlet has to do.
    """

    def __init__(self, read: Callable[[], Reading | None] | None = None) -> None:
        self._read = read or read_run_queue
        self._last = Reading(0.0, 0.0)
        self._stretch = 1.0
        self._stopping = Signal()
        self.on_recovered: Callable[[], None] = lambda: None
        """Called when a slow time is over; must not block."""
        # A start is work enough for a first word.
        self.sample(0.0)

    @property
    def stretch(self) -> float:
        """1 to 10."""
        return self._stretch

    def sample(self, late_s: float) -> None:
        """An interval is over, and the sampling greenlet was so late."""
        reading = self._read()
        if reading is None:
            now = late_s / _TIMELY_S
        else:
            worked_s, waited_s = reading.worked_s - self._last.worked_s, reading.waited_s - self._last.waited_s
            if worked_s + waited_s < _LEAST_WORK_S:
                now = 1.0
            else:
                now = waited_s / max(worked_s, _LEAST_WORK_S) / _FREE
                self._last = reading
        before = self._stretch
        # Slowness is believed at once, its end only slowly.
        self._stretch = min(_MOST, max(1.0, now, before * _FALLS))
        if before >= _SLOW > self._stretch:
            self.on_recovered()

    def run(self) -> None:
        """Sample until ``stop``; the body of a greenlet."""
        due_s = time.monotonic() + SAMPLE_S
        while not self._stopping.wait(SAMPLE_S):
            self.sample(time.monotonic() - due_s)
            due_s = time.monotonic() + SAMPLE_S

    def stop(self) -> None:
        """Sample no more."""
        self._stopping.set()


def read_run_queue() -> Reading | None:
    """What Linux knows of this process's main thread; None elsewhere."""
    try:
        with open(_RUN_QUEUE, "rb", buffering=0) as file:
            worked_ns, waited_ns, _ = file.read().split()
    except (OSError, ValueError):
        return None
    return Reading(int(worked_ns) / 1e9, int(waited_ns) / 1e9)
