"""The ladder of one peer: which transports to try, in which order, and what is known of each."""

from __future__ import annotations

from collections.abc import Sequence

from sorcha_peer_core.model.peer import RungView
from sorcha_peer_core.protocol.breaker import Breaker, BreakerConfig

NOT_OFFERED_S = 24 * 3600.0
"""A peer that does not speak a transport will not learn it soon."""


class _Rung:
    __slots__ = ("breaker", "error", "error_at")

    def __init__(self, config: BreakerConfig) -> None:
        self.breaker = Breaker(config)
        self.error = ""
        self.error_at = 0.0


class Ladder:
    """Rungs in the configured order, best first. Time is given, never read.

    >>> ladder = Ladder(["grpcstream", "grpc", "rest"], BreakerConfig(failures_to_open=5, open_s=300.0))
    >>> ladder.order(now=0.0)
    ['grpcstream', 'grpc', 'rest']
    >>> ladder.failed("grpcstream", "no answer", now=0.0); ladder.succeeded("rest"); ladder.order(now=1.0)
    ['rest', 'grpcstream', 'grpc']
    >>> ladder.above("rest", now=1.0)
    ['grpcstream', 'grpc']
    """

    def __init__(self, transports: Sequence[str], config: BreakerConfig) -> None:
        self._rungs = {name: _Rung(config) for name in transports}
        self._best: str | None = None

    def order(self, now: float) -> list[str]:
        """What to try now: the rung that worked last, then the others from the top; those that are open are left out.

        With every rung open the one that may be tried soonest is not waited for: the list is empty.
        """
        allowed = [name for name, rung in self._rungs.items() if rung.breaker.state(now) != "open"]
        if self._best in allowed:
            allowed.remove(self._best)
            allowed.insert(0, self._best)
        return allowed

    def above(self, transport: str, now: float) -> list[str]:
        """The rungs above the one in use, for an upward probe."""
        names = list(self._rungs)
        better = names[: names.index(transport)] if transport in names else []
        return [name for name in better if self._rungs[name].breaker.state(now) != "open"]

    def succeeded(self, transport: str) -> None:
        """A link came up over it."""
        self._rungs[transport].breaker.succeeded()
        self._best = transport

    def failed(self, transport: str, error: str, now: float, *, offered: bool = True) -> None:
        """A dial failed, or a link that was up fell silent; ``offered=False``: the peer does not speak it."""
        rung = self._rungs.get(transport)
        if rung is None:
            return
        rung.error, rung.error_at = error, now
        if offered:
            rung.breaker.failed(now)
        else:
            rung.breaker.forbid(now + NOT_OFFERED_S)
        if self._best == transport:
            self._best = self._below(transport)

    def view(self, now: float) -> list[RungView]:
        """All rungs, for people."""
        return [
            RungView(name, rung.breaker.state(now), rung.error, round(now - rung.error_at, 1) if rung.error else None)
            for name, rung in self._rungs.items()
        ]

    def _below(self, transport: str) -> str | None:
        names = list(self._rungs)
        at = names.index(transport) + 1
        return names[at] if at < len(names) else None
