"""How much longer than usual to wait for others: what was asked for in vain tells."""

from __future__ import annotations

from collections.abc import Sequence

_GROWS = 1.25
_SHRINKS = 0.98
"""So that about one question in ten is in vain where pushes and answers are late all the time."""
_GROWS_UNANSWERED = 1.05
"""Less: whoever does not answer may be dead, and what is late tells once more when it comes."""
_MOST = 200.0


class Patience:
    """Two factors, 1 where everybody is quick. Without them a late network asks for what is on its way, and is later still.

    >>> patience = Patience()
    >>> patience.came(7, asked_before=(3,)), patience.came(3, asked_before=(3, 5))
    (False, True)
    >>> patience.push, patience.answer
    (1.225, 1.25)
    """

    __slots__ = ("answer", "push")

    def __init__(self) -> None:
        self.push = 1.0
        """For the push of what was announced."""
        self.answer = 1.0
        """For what was asked for, before somebody else is asked."""

    def unanswered(self) -> None:
        """Somebody did not answer in time."""
        self.answer = min(self.answer * _GROWS_UNANSWERED, _MOST)

    def came(self, peer: int, asked_before: Sequence[int]) -> bool:
        """``peer`` brought what these were asked for, the last one last; returns whether it is one of them."""
        if peer not in asked_before:
            self.push = min(self.push * _GROWS, _MOST)
            return False
        self.push = max(self.push * _SHRINKS, 1.0)
        factor = _SHRINKS if peer == asked_before[-1] else _GROWS
        self.answer = min(max(self.answer * factor, 1.0), _MOST)
        return True
