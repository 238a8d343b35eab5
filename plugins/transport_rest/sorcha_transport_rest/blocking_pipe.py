"""A polled pipe in which greenlets wait: for room, for batches, for the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from gevent.event import Event

from sorcha_peer_core.wire.polled_pipe import Numbered, PolledPipe, check_batch
from sorcha_transport_rest.time_limit import TimeIsUp, time_limit


class BlockingPipe:
    """Iterating delivers what arrives, in order, until the pipe has ended."""

    def __init__(self, most_ahead: int) -> None:
        self._pipe = PolledPipe(most_ahead)
        self._change = Event()

    @property
    def reason(self) -> str:
        """Why it ended; empty while it is open."""
        return self._pipe.reason

    @property
    def over(self) -> bool:
        """Whether it has ended and everything that was put before has been taken."""
        return self._pipe.over

    @property
    def empty(self) -> bool:
        """Whether every batch that arrived has been delivered."""
        return self._pipe.empty

    def put(self, batch: bytes) -> None:
        """Append a batch for the other side; blocks while there is no room. Raises ValueError, LinkClosed."""
        check_batch(batch)
        self._wait_until(lambda: self._pipe.has_room)
        self._pipe.put(batch)
        self._changed()

    def take(self, wait_s: float = 0.0) -> Numbered | None:
        """The next batch for the other side; None when none comes in time, or the pipe has ended."""
        if wait_s:
            self._wait_until(lambda: self._pipe.has_outgoing, wait_s)
        taken = self._pipe.take()
        if taken is not None:
            self._changed()
        return taken

    def arrive(self, number: int, batch: bytes) -> None:
        """A batch came. Raises RemoteProtocolError for one that cannot be."""
        self._pipe.arrive(number, batch)
        self._changed()

    def wait_until_first(self, number: int) -> None:
        """Block until everything before this number has been delivered, or the pipe has ended."""
        self._wait_until(lambda: self._pipe.is_first(number))

    def wait_until_empty(self) -> None:
        """Block until everything that arrived has been delivered, or the pipe has ended."""
        self._wait_until(lambda: self._pipe.empty)

    def end(self, reason: str, *, by_peer: bool) -> None:
        """See PolledPipe; wakes everybody who waits."""
        self._pipe.end(reason, by_peer=by_peer)
        self._changed()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self._wait_until(lambda: self._pipe.has_incoming)
            batch = self._pipe.deliver()
            if batch is None:
                return
            self._changed()
            yield batch

    def _changed(self) -> None:
        # A new event for each change: one that is set once and never cleared cannot be missed.
        change, self._change = self._change, Event()
        change.set()

    def _wait_until(self, condition: Callable[[], bool], wait_s: float | None = None) -> None:
        if condition() or self._pipe.reason:
            return
        with suppress(TimeIsUp), time_limit(wait_s):
            while not (condition() or self._pipe.reason):
                self._change.wait()
