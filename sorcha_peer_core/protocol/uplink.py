"""How busy a node and its line are: what decides between sending payloads unasked and sending hashes."""

from __future__ import annotations

ENVELOPE_BYTES = 250
"""About what travels around a payload."""
_WINDOW_S = 0.2
"""Long enough to count something, short enough to notice a burst before it has filled the line."""


_PUSH_COPIES = 2.5
"""What a node sends on average of each transaction where everything is pushed."""


class Uplink:
    """How many transactions come, and what share of the line sending them takes. Time is given, never read.

    >>> uplink = Uplink(bytes_per_s=10_000.0)
    >>> uplink.passed(50, now=10.0); uplink.spent(1500); uplink.passed(50, now=10.25)
    >>> uplink.use, uplink.per_s
    (0.6, 4.0)
    """

    __slots__ = ("_bytes_per_s", "_count", "_passed_bytes", "_sent_bytes", "_since", "per_s", "use")

    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._since = 0.0
        self._count = 0
        self._passed_bytes = 0
        self._sent_bytes = 0
        self.per_s = 0.0
        """Transactions a second, lately."""
        self.use = 0.0
        """Share of the line that was in use lately, or would have been if everything had been pushed.

        Not only the former: whoever went by that alone would stop pushing and begin again all the time.
        """

    def passed(self, size: int, now: float) -> None:
        """A transaction is about to be passed on."""
        self._count += 1
        self._passed_bytes += size + ENVELOPE_BYTES
        took_s = now - self._since
        if took_s >= _WINDOW_S:
            self.per_s = self._count / took_s
            self.use = max(self._sent_bytes, _PUSH_COPIES * self._passed_bytes) / (took_s * self._bytes_per_s)
            self._count, self._passed_bytes, self._sent_bytes, self._since = 0, 0, 0, now

    def spent(self, size: int) -> None:
        """So many bytes were sent, asked for or not."""
        self._sent_bytes += size
