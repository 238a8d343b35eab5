"""How much longer than usual to wait for others: what was asked for in vain tells."""

from __future__ import annotations

from collections.abc import Sequence

_GROWS = 1.25
_SHRINKS = 0.98
"""So that about one question in ten is in vain where pushes and answers are late all the time."""
_GROWS_UNANSWERED = 1.05
"""Less: whoever does not answer may be dead, and what is late tells once more when it comes."""
_MOST = 20.0


class Factor:
    """By how much to wait longer, 1 to 20.

    >>> factor = Factor()
    >>> factor.came(late=True)
    >>> factor.came(late=True)
    >>> factor.came(late=False)
    >>> factor.value
    1.53125
    """

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 1.0

    def came(self, *, late: bool) -> None:
        """Something was worth waiting for: it came, ``late`` if others were asked for it meanwhile."""
        self.value = min(max(self.value * (_GROWS if late else _SHRINKS), 1.0), _MOST)

    def unanswered(self) -> None:
        """It did not come in time, and may never."""
        self.value = min(self.value * _GROWS_UNANSWERED, _MOST)


class Patience:
    """Two factors, 1 where everybody is quick. Without them a late network asks for what is on its way, and is later still.

    Where trips are long and messages cheap a question is worth it also when the push comes first, now and then: an answer that is
    quicker than a slow push is most of what keeps a loaded network fast. So the wait for pushes grows only where messages are
    ``dear``.

    >>> patience = Patience()
    >>> patience.came(7, asked_before=(3,), dear=True), patience.came(3, asked_before=(3, 5), dear=True)
    (False, True)
    >>> patience.push.value, patience.answer.value
    (1.225, 1.25)
    """

    __slots__ = ("answer", "push")

    def __init__(self) -> None:
        self.push = Factor()
        """For the push of what was announced."""
        self.answer = Factor()
        """For what was asked for, before somebody else is asked."""

    def came(self, peer: int, asked_before: Sequence[int], *, dear: bool) -> bool:
        """``peer`` brought what these were asked for, the last one last; returns whether it is one of them."""
        was_asked = peer in asked_before
        self.push.came(late=dear and not was_asked)
        if was_asked:
            self.answer.came(late=peer != asked_before[-1])
        return was_asked
