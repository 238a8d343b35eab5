"""One native thread, for work that would hold up the hub: database calls, signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

from gevent.threadpool import ThreadPool

P = ParamSpec("P")
R = TypeVar("R")


class NativeThread:
    """Runs calls one after the other, in the order given, on a thread of its own."""

    def __init__(self) -> None:
        self._pool = ThreadPool(1)

    def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it there and wait; only the calling greenlet blocks. Raises what it raises."""
        outcome = self._pool.apply(_outcome_of, (function, args, kwargs))
        if isinstance(outcome, _Raised):
            raise outcome.error
        return cast("R", outcome)

    def stop(self) -> None:
        """Finish what was begun and end the thread."""
        self._pool.join()
        self._pool.kill()


class _Raised(NamedTuple):
    error: BaseException


def _outcome_of(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    # gevent prints a traceback for whatever leaves a pool's thread as an exception, also when somebody waits to catch it.
    try:
        return function(*args, **kwargs)
    except BaseException as error:
        return _Raised(error)
