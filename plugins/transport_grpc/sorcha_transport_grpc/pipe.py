"""A short queue of batches between two greenlets: full means wait, finished means over."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from gevent.event import Event

from sorcha_peer_core.errors import LinkClosed
from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES

MOST_WAITING = 2


def check_batch(batch: bytes) -> None:
    """Raise ValueError for what no link can carry."""
    if not 1 <= len(batch) <= MAX_BATCH_BYTES:
        raise ValueError(f"the batch has {len(batch)} bytes; a link carries 1 to {MAX_BATCH_BYTES} in one")


class BatchPipe:
    """Bounded and in order. Iterating takes batches until the pipe is over."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._waiting: deque[bytes] = deque()
        self._ready = Event()
        self._room = Event()
        self._finished = ""

    @property
    def over(self) -> bool:
        """Whether nothing will ever be taken again."""
        return bool(self._finished) and not self._waiting

    def put(self, batch: bytes) -> None:
        """Append; blocks while the pipe is full. Raises LinkClosed once it is finished, also out of the wait."""
        while len(self._waiting) >= self._most and not self._finished:
            self._room.clear()
            self._room.wait()
        if self._finished:
            raise LinkClosed(self._finished)
        self._waiting.append(batch)
        self._ready.set()

    def take(self, timeout_s: float | None = None) -> bytes | None:
        """The next batch; None when the pipe is over, or nothing came in time."""
        while not self._waiting:
            if self._finished:
                return None
            self._ready.clear()
            if not self._ready.wait(timeout_s):
                return None
        batch = self._waiting.popleft()
        self._room.set()
        return batch

    def finish(self, reason: str, *, discard: bool = False) -> None:
        """Nothing more goes in; what waits is still taken unless discarded. Wakes both sides. Idempotent."""
        self._finished = self._finished or reason or "the link is closed"
        if discard:
            self._waiting.clear()
        self._ready.set()
        self._room.set()

    def __iter__(self) -> Iterator[bytes]:
        while (batch := self.take()) is not None:
            yield batch
