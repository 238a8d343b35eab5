"""Whether this node's clock is right, judged by those of its peers."""

from __future__ import annotations

from collections.abc import Sequence

SAID_MS = 30_000.0
"""From here on an operator hears of it."""
_RETURN = 0.9
"""A difference that has been beyond a bound is within it again only below so much of it."""
_WITNESSES = 2
"""Fewer cannot say that a clock is off: a single peer may lie, or be wrong itself."""


def skew_ms(differences_ms: Sequence[float]) -> float | None:
    """How far the own clock is ahead of the peers', negative when behind: the median; None when nobody says anything.

    Of two in the middle the one that is nearer to none counts, so that more than half have to agree. If these two are on
    different sides, it is none.
    """
    if not differences_ms:
        return None
    ordered = sorted(differences_ms)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    if low <= 0 <= high:
        return 0.0 if low != high else low
    return min(low, high, key=abs)


class ClockJudgement:
    """Right; different, which is only said; or off: so far that peers refuse what is sealed by this clock."""

    def __init__(self, tolerance_ms: float) -> None:
        self._tolerance_ms = tolerance_ms
        self.skew_ms: float | None = None
        self.differs = False
        self.is_off = False

    def judge(self, differences_ms: Sequence[float]) -> bool:
        """Given how far the own clock is ahead of each linked peer's; returns whether the judgement is another one now."""
        before = self.differs, self.is_off
        self.skew_ms = skew_ms(differences_ms)
        most = abs(self.skew_ms or 0.0)
        self.differs = most > SAID_MS * (_RETURN if self.differs else 1.0)
        enough = len(differences_ms) >= _WITNESSES
        self.is_off = enough and most > self._tolerance_ms * (_RETURN if self.is_off else 1.0)
        return (self.differs, self.is_off) != before
