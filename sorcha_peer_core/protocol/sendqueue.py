"""What waits to be sent over one link: bounded by bytes, emptied by priority, coalesced into batches."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from sorcha_peer_core.protocol.host import Priority

T = TypeVar("T")

FULL_BYTES = 16 * 1024
FULL_ITEMS = 64
"""A batch of this size is worth sending at once: to wait for more saves nothing."""
_DROPPABLE = (Priority.LAZY, Priority.RELAY)
"""In this order. Both are repaired by sync; answers were asked for, and what is own is on the origin's word."""


class SendQueue(Generic[T]):
    """Items with their sizes. What an item is does not matter here: bytes in a node, messages in a simulation.

    >>> queue = SendQueue(limit_bytes=10)
    >>> queue.put("lazy", 6, Priority.LAZY), queue.put("control", 6, Priority.CONTROL)
    (0, 1)
    >>> queue.take(100)
    ['control']
    """

    __slots__ = ("_bytes", "_items", "_lanes", "_limit", "_taken_at")

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._bytes = 0
        self._items = 0
        self._taken_at = float("-inf")
        self._lanes: tuple[deque[tuple[int, T]], ...] = tuple(deque() for _ in Priority)

    def __bool__(self) -> bool:
        return self._bytes > 0

    @property
    def waiting_bytes(self) -> int:
        """What waits."""
        return self._bytes

    @property
    def overflowed(self) -> bool:
        """Whether even what must not be dropped is more than the peer can take: such a link is better ended."""
        return self._bytes > 4 * self._limit

    def put(self, item: T, size: int, priority: Priority) -> int:
        """Add one item; returns how many lazy or relayed ones were dropped to stay within the limit, oldest first."""
        self._lanes[priority].append((size, item))
        self._bytes += size
        self._items += 1
        dropped = 0
        while self._bytes > self._limit and self._drop_one():
            dropped += 1
        return dropped

    def wait_s(self, now: float, apart_s: float) -> float:
        """How long the next batch is still to gather, so that it leaves ``apart_s`` after the one before it.

        A link that was idle sends at once, and so does one for which much waits.
        """
        if self._bytes >= FULL_BYTES or self._items >= FULL_ITEMS:
            return 0.0
        return max(0.0, self._taken_at + apart_s - now)

    def take(self, most_bytes: int, now: float = 0.0) -> list[T]:
        """The next items by priority, together at most ``most_bytes``; the first one is taken whatever its size."""
        self._taken_at = now
        taken: list[T] = []
        room = most_bytes
        for lane in self._lanes:
            while lane:
                size = lane[0][0]
                if size > room and taken:
                    return taken
                taken.append(lane.popleft()[1])
                self._bytes -= size
                self._items -= 1
                room -= size
        return taken

    def _drop_one(self) -> bool:
        for priority in _DROPPABLE:
            lane = self._lanes[priority]
            if lane:
                self._bytes -= lane.popleft()[0]
                self._items -= 1
                return True
        return False
