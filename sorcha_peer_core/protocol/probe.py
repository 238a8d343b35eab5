"""Link probes: quick to see that a link is dead, on any transport, and how long its round trip is."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


_SMOOTHING = 0.125
"""Weight of a new sample (RFC 6298, section 2)."""


class Probe:
    """The probe of one link. Time is given, never read.

    A link that says anything is alive; only silence is probed, and a round trip measured now and then.
    """

    __slots__ = ("_heard", "_measure_after", "_misses", "_nonce", "_rounds", "_sent_at", "least_rtt_s", "rtt_s")

    def __init__(self, measure_every: int = 5) -> None:
        self.rtt_s: float | None = None
        """Smoothed round trip; None before the first answer."""
        self.least_rtt_s = inf
        """The shortest one: what the way alone takes, however busy both ends are at times."""
        self._heard = False
        self._misses = 0
        self._nonce: int | None = None
        self._sent_at = 0.0
        self._rounds = 0
        self._measure_after = measure_every

    @property
    def misses(self) -> int:
        """Probe intervals that counted, in a row, without any sign of life."""
        return self._misses

    def heard(self) -> None:
        """Something arrived."""
        self._heard = True

    def due(self, now: float, rng: Random, *, counts: bool = True) -> int | None:
        """An interval is over; returns the nonce of the Ping to send, None when none is needed.

        Silence in an interval that does not count is none: it was this node that did not listen.
        """
        if self._heard:
            self._misses = 0
        elif counts:
            self._misses += 1
        quiet, self._heard = not self._heard, False
        self._rounds += 1
        if not quiet and self._rounds % self._measure_after != 1:
            return None
        self._nonce, self._sent_at = rng.getrandbits(64), now
        return self._nonce

    def answered(self, nonce: int, now: float) -> None:
        """A Pong arrived; one that was not asked for changes nothing."""
        if nonce != self._nonce:
            return
        self._nonce = None
        sample = now - self._sent_at
        self.least_rtt_s = min(self.least_rtt_s, sample)
        self.rtt_s = sample if self.rtt_s is None else self.rtt_s + _SMOOTHING * (sample - self.rtt_s)
