"""A time limit for what has none of its own, as an ordinary exception."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import gevent


class TimeIsUp(Exception):
    """A block took longer than its time limit."""


@contextmanager
def time_limit(limit_s: float | None) -> Iterator[None]:
    """Raise TimeIsUp out of the block when it takes longer; None: never."""
    timer = gevent.Timeout(limit_s)
    try:
        with timer:
            yield
    except gevent.Timeout as expired:
        if expired is not timer:
            raise
        raise TimeIsUp from None
