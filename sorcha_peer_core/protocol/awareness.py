"""Whether this node itself is slow: then it hears nobody, and that says nothing about the others."""

from __future__ import annotations

from math import inf

MOST = 8
LATE_S = 0.01
"""Timers of a node that keeps up fire within this."""
_LAG_WEIGHT = 0.25


class Awareness:
    """The local health of a node (Lifeguard: Dadgar, Phillips, Currey 2018). Time is given, never read.

    0 while its timers fire in time; one more for every pause in which they did not, up to ``MOST``; one less for every
    interval without such a pause.

    >>> awareness = Awareness(interval_s=2.0)
    >>> awareness.is_late(due_at=10.0, now=10.9), awareness.is_late(due_at=12.0, now=15.0), awareness.slowness(15.0)
    (False, True, 1)
    >>> awareness.slowness(16.9), awareness.slowness(17.0)
    (1, 0)
    """

    __slots__ = ("_interval_s", "_paused_until", "_pauses", "lag_s")

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._pauses = 0
        self._paused_until = -inf
        self.lag_s = 0.0
        """How late timers fire, lately: time in which the node had something else to do, or no processor."""

    def is_late(self, due_at: float, now: float) -> bool:
        """A timer fires that measures an interval: whether so late that what it measured means nothing."""
        self.lag_s += _LAG_WEIGHT * (now - due_at - self.lag_s)
        if now - due_at <= self._interval_s / 2:
            return False
        if due_at > self._paused_until:
            # All timers that were due in one pause are late, and it is one pause. The interval before it was not punctual.
            self._pauses = min(self.slowness(due_at - self._interval_s) + 1, MOST)
        self._paused_until = now
        return True

    def slowness(self, now: float) -> int:
        """0, when the node keeps up, to ``MOST``."""
        punctual = (now - self._paused_until) / self._interval_s
        return 0 if punctual >= self._pauses else self._pauses - max(0, int(punctual))
