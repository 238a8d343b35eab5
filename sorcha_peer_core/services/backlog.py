"""Back-pressure: what was received and is not stored yet is bounded, and who reads links waits beyond that."""

from __future__ import annotations

from collections.abc import Callable

from gevent.event import Event as Signal

_MOST_BYTES = 16 * 1024 * 1024
_MOST_FAILING_BYTES = 128 * 1024 * 1024
"""The same while the store cannot be written: for some time a node without a disk relays all the same."""


class Backlog:
    """Bytes of batches and payloads on their way to the store; ``is_failing`` says whether that can be written."""

    def __init__(self, is_failing: Callable[[], bool]) -> None:
        self._is_failing = is_failing
        self._bytes = 0
        self._room = Signal()
        self._room.set()
        self._ended = False
        self.kept_waiting: list[int] = []
        """Peers of which something is here that there is no room for yet, once for each of their links."""

    def wait_for_room(self, peer: int) -> None:
        """Block while too much is here."""
        if self._room.is_set():
            return
        self.kept_waiting.append(peer)
        try:
            while not self._room.is_set() and not self._ended:
                self._room.wait()
        finally:
            self.kept_waiting.remove(peer)

    def hold(self, size: int) -> None:
        """So much more is here."""
        self._bytes += size
        if self._bytes > self._most_bytes:
            self._room.clear()

    def release(self, size: int) -> None:
        """So much of it is stored, or of no use."""
        self._bytes -= size
        if self._bytes <= self._most_bytes:
            self._room.set()

    def end(self) -> None:
        """Let all go who wait."""
        self._ended = True
        self._room.set()

    @property
    def _most_bytes(self) -> int:
        return _MOST_FAILING_BYTES if self._is_failing() else _MOST_BYTES
