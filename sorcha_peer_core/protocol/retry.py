"""How long to wait before trying again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


def backoff_s(failures: int, first_s: float, most_s: float, rng: Random) -> float:
    """Exponential backoff with equal jitter: half of it certain, half of it drawn, so that nodes do not march in step.

    >>> from random import Random
    >>> 0.5 <= backoff_s(0, first_s=1.0, most_s=300.0, rng=Random(1)) <= 1.0
    True
    >>> 150.0 <= backoff_s(50, first_s=1.0, most_s=300.0, rng=Random(1)) <= 300.0
    True
    """
    # 2**32 s is past any bound; without the cap a float would overflow.
    ceiling = min(most_s, first_s * 2.0 ** min(failures, 32))
    return ceiling * (0.5 + 0.5 * rng.random())
