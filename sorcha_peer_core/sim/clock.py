"""Virtual time."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush


class VirtualClock:
    """A heap of calls. Calls of the same moment run in the order in which they were scheduled."""

    def __init__(self) -> None:
        self.now = 0.0
        """Seconds since the world began."""
        self._calls: list[tuple[float, int, Callable[[], object]]] = []
        self._order = 0

    def after(self, delay_s: float, call: Callable[[], object]) -> None:
        """Have it called then."""
        self._order += 1
        heappush(self._calls, (self.now + delay_s, self._order, call))

    def run(self, for_s: float) -> None:
        """Let time pass."""
        end = self.now + for_s
        while self._calls and self._calls[0][0] <= end:
            self.now, _, call = heappop(self._calls)
            call()
        self.now = end

    def run_until(self, happened: Callable[[], bool], most_s: float, step_s: float = 1.0) -> bool:
        """Let time pass until something has happened; False when it did not within ``most_s``."""
        end = self.now + most_s
        while not happened() and self.now < end:
            self.run(step_s)
        return happened()
