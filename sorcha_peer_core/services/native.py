"""One native thread, for work that would hold up the hub: database calls, signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from gevent.threadpool import ThreadPool

P = ParamSpec("P")
R = TypeVar("R")


class NativeThread:
    """Runs calls one after the other, in the order given, on a thread of its own."""

    def __init__(self) -> None:
        self._pool = ThreadPool(1)

    def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it there and wait; only the calling greenlet blocks. Raises what it raises."""
        return self._pool.apply(function, args, kwargs)

    def stop(self) -> None:
        """Finish what was begun and end the thread."""
        self._pool.join()
        self._pool.kill()
