"""How often somebody may guess: failed logins cost waiting time, per address and for all together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sorcha_peer_core.interfaces.monitoring import Metric

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi

FREE = 5
"""Failed logins of one address before it has to wait."""
FREE_OVERALL = 30
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 300.0
LONGEST_WAIT_OVERALL_S = 15.0
"""Short, so that a stranger who guesses cannot lock the operator out for long."""
FORGOTTEN_AFTER_S = 900.0
MOST_ADDRESSES = 1000
_OVERALL = ""


@dataclass(slots=True)
class _Guesses:
    failures: int
    last_s: float
    wait_until_s: float


class Attempts:
    """Failed logins by address. Time is the clock's; nothing here waits."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._guesses: dict[str, _Guesses] = {}
        self.successes = 0
        self.failures = 0
        self.refused = 0
        """Attempts of those who had to wait."""

    def wait_s(self, address: str) -> float:
        """How long ``address`` has to wait before the next attempt; 0 when it may try now."""
        now = self._clock()
        found = (self._guesses.get(key) for key in (address, _OVERALL))
        return max((guesses.wait_until_s - now for guesses in found if guesses), default=0.0) if self._guesses else 0.0

    def begin(self, address: str) -> None:
        """Somebody tries. It counts as a wrong guess until :meth:`succeeded`, so guessing many at once gains nothing.

        Each guess beyond the free ones doubles the wait.
        """
        now = self._clock()
        self._forget_old(now)
        self._count(address, now, FREE, LONGEST_WAIT_S)
        self._count(_OVERALL, now, FREE_OVERALL, LONGEST_WAIT_OVERALL_S)

    def failed(self) -> bool:
        """What somebody began was wrong.

        Returns whether it is worth a place in the audit: who goes on guessing must not push out what operators did.
        """
        self.failures += 1
        return self._guesses[_OVERALL].failures <= FREE_OVERALL

    def refuse(self) -> None:
        """Somebody tried although they had to wait."""
        self.refused += 1

    def succeeded(self, address: str) -> None:
        """What somebody began was right: the guesses of this address are forgotten."""
        self.successes += 1
        self._guesses.pop(address, None)
        if overall := self._guesses.get(_OVERALL):
            overall.failures -= 1
            if overall.failures < FREE_OVERALL:
                overall.wait_until_s = self._clock()

    def measured(self) -> Iterator[Metric]:
        """How often what came of it."""
        for outcome, number in (("in", self.successes), ("wrong", self.failures), ("refused", self.refused)):
            yield Metric(
                "logins", "counter", "Attempts to log in to the pages, by what came of them.", number, {"outcome": outcome}
            )

    def _count(self, key: str, now: float, free: int, longest_s: float) -> None:
        guesses = self._guesses.setdefault(key, _Guesses(0, now, now))
        guesses.failures += 1
        guesses.last_s = now
        beyond = guesses.failures - free
        if beyond >= 0:
            guesses.wait_until_s = now + min(longest_s, FIRST_WAIT_S * 2.0 ** min(beyond, 20))

    def _forget_old(self, now: float) -> None:
        self._guesses = {key: it for key, it in self._guesses.items() if now - it.last_s < FORGOTTEN_AFTER_S}
        addresses = [key for key in self._guesses if key != _OVERALL]
        if len(addresses) >= MOST_ADDRESSES:
            del self._guesses[min(addresses, key=lambda key: self._guesses[key].last_s)]


_OF_NODES: WeakKeyDictionary[NodeApi, Attempts] = WeakKeyDictionary()


def attempts_of(node: NodeApi) -> Attempts:
    """Those at the pages of ``node``, for who counts them and for who measures them."""
    return _OF_NODES.setdefault(node, Attempts())
