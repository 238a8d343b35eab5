"""The state of one side of a link whose batches travel in calls and in the answers to calls.

A link that nobody can push through is made of calls by the dialler: one with a batch hands it over, one without is a
poll whose answer may bring a batch back. Batches are numbered from 1 in each direction, because answers can overtake
each other. Nothing here waits: a transport does, until one of the questions below is answered differently.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from sorcha_peer_core.errors import LinkClosed, RemoteProtocolError
from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES

MOST_WAITING = 2
CLOSED = "the link is closed"


class Numbered(NamedTuple):
    """A batch and its place in the order of its direction."""

    number: int
    batch: bytes


class PolledPipe:
    """Numbers, order, room and end of a link, as one side sees them.

    >>> pipe = PolledPipe(most_ahead=2)
    >>> pipe.arrive(2, b"second"); pipe.arrive(1, b"first")
    >>> pipe.deliver(), pipe.deliver(), pipe.deliver()
    (b'first', b'second', None)
    """

    def __init__(self, most_ahead: int, most_waiting: int = MOST_WAITING) -> None:
        self._most_ahead = most_ahead
        self._most_waiting = most_waiting
        self._outgoing: deque[bytes] = deque()
        self._sent = 0
        self._arrived: dict[int, bytes] = {}
        self._due = 1
        self._reason = ""

    @property
    def reason(self) -> str:
        """Why it ended; empty while it is open."""
        return self._reason

    @property
    def over(self) -> bool:
        """Whether it has ended and everything that was put before has been taken."""
        return bool(self._reason) and not self._outgoing

    @property
    def has_room(self) -> bool:
        """Whether a batch may be put."""
        return len(self._outgoing) < self._most_waiting

    @property
    def has_outgoing(self) -> bool:
        """Whether there is a batch to take."""
        return bool(self._outgoing)

    @property
    def has_incoming(self) -> bool:
        """Whether there is a batch to deliver: the one that is due is here."""
        return self._due in self._arrived

    @property
    def empty(self) -> bool:
        """Whether every batch that arrived has been delivered."""
        return not self._arrived

    def put(self, batch: bytes) -> None:
        """Append a batch for the other side. Raises ValueError for one that no link can carry, LinkClosed after the end."""
        check_batch(batch)
        if self._reason:
            raise LinkClosed(self._reason)
        self._outgoing.append(batch)

    def take(self) -> Numbered | None:
        """The next batch for the other side; None when none waits."""
        if not self._outgoing:
            return None
        self._sent += 1
        return Numbered(self._sent, self._outgoing.popleft())

    def arrive(self, number: int, batch: bytes) -> None:
        """A batch came from the other side; after the end it is dropped. Raises RemoteProtocolError for one that cannot be."""
        if number in self._arrived or not self._due <= number < self._due + self._most_ahead:
            raise RemoteProtocolError(f"batch number {number} came where {self._due} was due")
        if len(batch) > MAX_BATCH_BYTES:
            raise RemoteProtocolError(f"a batch of {len(batch)} bytes came; a link carries {MAX_BATCH_BYTES} in one")
        if not self._reason:
            self._arrived[number] = batch

    def is_first(self, number: int) -> bool:
        """Whether everything before this number has been delivered; until then its sender is to wait."""
        return number <= self._due

    def deliver(self) -> bytes | None:
        """The batch that is due; None when it is not here."""
        batch = self._arrived.pop(self._due, None)
        if batch is not None:
            self._due += 1
        return batch

    def end(self, reason: str, *, by_peer: bool) -> None:
        """It is over. What the peer sent before is still delivered if it ended the link, what we sent is still taken if we did.

        Only the first end counts.
        """
        if self._reason:
            return
        self._reason = reason or CLOSED
        (self._outgoing if by_peer else self._arrived).clear()


def check_batch(batch: bytes) -> None:
    """Raise ValueError for what no link can carry."""
    if not 1 <= len(batch) <= MAX_BATCH_BYTES:
        raise ValueError(f"the batch has {len(batch)} bytes; a link carries 1 to {MAX_BATCH_BYTES} in one")
