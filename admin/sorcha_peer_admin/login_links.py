"""Addresses that log a browser in once: for whoever knows the token already and would rather click than copy it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

GOOD_FOR_S = 300.0
MOST_LINKS = 100
_CODE_BYTES = 24


class LoginLinks:
    """Codes that open a session, each one once and for some minutes. They live in memory only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until_s: dict[str, float] = {}

    def new(self) -> str:
        """A code that nobody has had."""
        now = self._clock()
        self._until_s = {code: until_s for code, until_s in self._until_s.items() if until_s > now}
        while len(self._until_s) >= MOST_LINKS:
            del self._until_s[next(iter(self._until_s))]
        code = secrets.token_urlsafe(_CODE_BYTES)
        self._until_s[code] = now + GOOD_FOR_S
        return code

    def use(self, code: str) -> bool:
        """Whether it is good; after this it is not."""
        # Looked up as it is: somebody who could measure how far a guess goes would still have 192 bits before them.
        until_s = self._until_s.pop(code, None)
        return until_s is not None and until_s > self._clock()
