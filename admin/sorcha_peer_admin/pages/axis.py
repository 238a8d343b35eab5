"""The time axis of a picture: where a time lies on it, and which times are written below it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

_STRETCHED = 20.0
"""So much longer than half of all times is the longest one where the axis grows by factors instead of steps."""
_MOST_TICKS = 6
_LEAST_MS = 0.001
_LEAST_APART, _FAR_APART = 12.5, 33.0
"""Per cent of the width: closer ones are left out, those further apart also fit on a phone."""
_ENDS_ABOVE, _ENDS_FURTHER = 92.0, 1.4
"""A label so far right ends below its tick, instead of being centred; it needs so much more room to its left."""


class Tick(NamedTuple):
    """A time that is written below the axis, at ``x`` per cent of its width."""

    x: float
    label: str
    is_minor: bool = False
    """Whether it is left out where there is little room."""

    @property
    def anchor(self) -> str:
        """Which part of the label is at ``x``, as SVG says it."""
        return "start" if self.x == 0 else "end" if self.x > _ENDS_ABOVE else "middle"


class Axis:
    """From 0 to the longest of some times in milliseconds; by factors where most of them would else lie on one spot."""

    def __init__(self, times_ms: Sequence[float]) -> None:
        positive = [at_ms for at_ms in times_ms if at_ms > 0] or [1.0]
        self._longest_ms = max(*positive, _LEAST_MS)
        self._unit_ms = max(min(positive), self._longest_ms / 1e6)
        self.grows_by_factors = self._longest_ms > _STRETCHED * median(positive)

    def x(self, at_ms: float) -> float:
        """Where a time is, in per cent.

        >>> Axis([0.0, 2.0, 4.0]).x(1.0)
        25.0
        """
        at_ms = max(at_ms, 0.0)
        if self.grows_by_factors:
            share = math.log1p(at_ms / self._unit_ms) / math.log1p(self._longest_ms / self._unit_ms)
        else:
            share = at_ms / self._longest_ms
        return round(100 * share, 2)

    @property
    def ticks(self) -> list[Tick]:
        """At most some six of them, the first at 0."""
        ticks = [Tick(0.0, "0")]
        major_x = 0.0
        for at_ms in self._tick_times_ms():
            x = self.x(at_ms)
            room = (x - ticks[-1].x, x - major_x)
            share = _ENDS_FURTHER if x > _ENDS_ABOVE else 1.0
            if room[0] < _LEAST_APART * share:
                continue
            is_minor = room[1] < _FAR_APART * share
            major_x = major_x if is_minor else x
            ticks.append(Tick(x, tick_text(at_ms), is_minor))
        return ticks

    def _tick_times_ms(self) -> list[float]:
        if not self.grows_by_factors:
            step = nice_step(self._longest_ms / (_MOST_TICKS - 1))
            return [number * step for number in range(1, int(self._longest_ms / step + 1e-9) + 1)]
        decades = range(math.ceil(math.log10(self._unit_ms)), math.floor(math.log10(self._longest_ms)) + 1)
        every = max(1, math.ceil(len(decades) / (_MOST_TICKS - 1)))
        return [10.0**exponent for exponent in decades[::every]]


def tick_text(at_ms: float) -> str:
    """A round time with no more digits than it needs.

    >>> tick_text(0.5), tick_text(20.0), tick_text(1500.0)
    ('0.5 ms', '20 ms', '1.5 s')
    """
    return f"{at_ms / 1000:g} s" if at_ms >= 1000 else f"{at_ms:g} ms"


def nice_step(least: float) -> float:
    """The first of 1, 2, 5, 10, 20, ... (and their tenths) that is not less.

    >>> nice_step(0.3), nice_step(7), nice_step(20)
    (0.5, 10.0, 20.0)
    """
    decade = 10.0 ** math.floor(math.log10(max(least, 1e-6)))
    return float(next(factor * decade for factor in (1, 2, 5, 10) if factor * decade >= least * (1 - 1e-9)))
