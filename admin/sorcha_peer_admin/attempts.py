"""How often somebody may guess: failed logins cost waiting time, per address and for all together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

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
        self.failures = 0
        self.refused = 0

    def wait_s(self, address: str) -> float:
        """How long ``address`` has to wait before the next attempt; 0 when it may try now."""
        now = self._clock()
        found = (self._guesses.get(key) for key in (address, _OVERALL))
        return max((guesses.wait_until_s - now for guesses in found if guesses), default=0.0) if self._guesses else 0.0

    def failed(self, address: str) -> None:
        """A wrong token or password: each one beyond the free ones doubles the wait."""
        self.failures += 1
        now = self._clock()
        self._forget_old(now)
        self._count(address, now, FREE, LONGEST_WAIT_S)
        self._count(_OVERALL, now, FREE_OVERALL, LONGEST_WAIT_OVERALL_S)

    def refuse(self) -> None:
        """Somebody tried although they had to wait."""
        self.refused += 1

    def succeeded(self, address: str) -> None:
        """The right one: the guesses of this address are forgotten."""
        self._guesses.pop(address, None)

    def _count(self, key: str, now: float, free: int, longest_s: float) -> None:
        guesses = self._guesses.setdefault(key, _Guesses(0, now, now))
        guesses.failures += 1
        guesses.last_s = now
        beyond = guesses.failures - free
        if beyond >= 0:
            guesses.wait_until_s = now + min(longest_s, FIRST_WAIT_S * 2.0 ** min(beyond, 20))

    def _forget_old(self, now: float) -> None:
        self._guesses = {key: it for key, it in self._guesses.items() if now - it.last_s < FORGOTTEN_AFTER_S}
        if len(self._guesses) >= MOST_ADDRESSES:
            del self._guesses[min(self._guesses, key=lambda key: self._guesses[key].last_s)]
