"""A clock that only moves when it is told to."""

from __future__ import annotations


class ManualClock:
    """Monotonic seconds and Unix time for whatever takes a clock as a function.

    >>> clock = ManualClock()
    >>> clock.advance(2.5)
    >>> clock(), clock.unix_ms()
    (2.5, 1700000002500.0)
    """

    def __init__(self, now_s: float = 0.0, unix_s: float = 1_700_000_000.0) -> None:
        self.now_s = now_s
        self._unix_offset_s = unix_s - now_s

    def __call__(self) -> float:
        """Monotonic seconds."""
        return self.now_s

    def unix_s(self) -> float:
        """Unix seconds; moves with the monotonic clock."""
        return self._unix_offset_s + self.now_s

    def unix_ms(self) -> float:
        """Unix milliseconds."""
        return self.unix_s() * 1000.0

    def advance(self, by_s: float) -> None:
        """Let time pass; it never goes back."""
        if by_s < 0:
            raise ValueError(f"a clock cannot be advanced by {by_s} s")
        self.now_s += by_s
