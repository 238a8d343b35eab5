"""Circuit breaker: stop asking what keeps failing, and ask again now and then."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BreakerConfig:
    """When a breaker opens and for how long."""

    failures_to_open: int
    open_s: float


class Breaker:
    """The breaker of one (peer, transport) pair. Time is given, never read.

    >>> breaker = Breaker(BreakerConfig(failures_to_open=2, open_s=30.0))
    >>> breaker.failed(now=0.0); breaker.failed(now=1.0)
    >>> breaker.state(now=2.0), breaker.state(now=31.0)
    ('open', 'half-open')
    >>> breaker.succeeded(); breaker.state(now=31.0)
    'closed'
    """

    __slots__ = ("_config", "_failures", "_retry_at")

    def __init__(self, config: BreakerConfig) -> None:
        self._config = config
        self._failures = 0
        self._retry_at = 0.0

    def state(self, now: float) -> str:
        """closed: calls go out; open: none does; half-open: one may, to see."""
        if self._failures < self._config.failures_to_open:
            return "closed"
        return "open" if now < self._retry_at else "half-open"

    def failed(self, now: float) -> None:
        """A call failed; one failure of a half-open breaker opens it again."""
        self._failures += 1
        self._retry_at = now + self._config.open_s

    def forbid(self, until: float) -> None:
        """Open it for a known time: the other side said that it does not offer this."""
        self._failures = max(self._failures, self._config.failures_to_open)
        self._retry_at = until

    def succeeded(self) -> None:
        """A call went through: all is forgiven."""
        self._failures = 0
