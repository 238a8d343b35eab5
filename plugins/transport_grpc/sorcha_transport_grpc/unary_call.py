"""What both sides of the unary pipe agree on.

A link is a series of SendMessage calls that carry its token. A call with a payload hands over one batch and is answered
as soon as that batch has a place on the other side. A call without one is the poll: its answer is held back, at most
``wait_ms``, until a batch waits in the other direction. A call with a payload is never held; a ``wait_ms`` above 0 only
says that its answer may bring a batch along. Batches are numbered from 1 in each direction, because the answers to
the poll and to a call with a payload can overtake each other.
"""

from __future__ import annotations

from gevent.event import Event

from sorcha_peer_core.errors import RemoteProtocolError
from sorcha_peer_core.wire.methods import PEER_COMMUNICATION

SEND_MESSAGE = PEER_COMMUNICATION["SendMessage"]
TRANSPORT = "grpc"
TOKEN_BYTES = 16
POLL_WAIT_S = 25.0
"""Shorter than the idle limit of common proxies and address translators."""
BY_PEER = "the peer closed the link"

_MOST_AHEAD = 4


class Inbox:
    """Puts batches back into the order of their numbers."""

    def __init__(self) -> None:
        self._waiting: dict[int, bytes] = {}
        self._next = 1
        self._over = False
        self._ready = Event()
        self._drained = Event()
        self._drained.set()

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be taken."""
        return not self._waiting

    def put(self, number: int, batch: bytes) -> None:
        """Does not block. Raises RemoteProtocolError for a number that cannot be."""
        if number in self._waiting or not self._next <= number < self._next + _MOST_AHEAD:
            raise RemoteProtocolError(f"batch number {number} came where {self._next} was due")
        self._waiting[number] = batch
        self._drained.clear()
        self._ready.set()

    def take(self) -> bytes | None:
        """The next batch; None when the inbox is over and the next one is not here."""
        while self._next not in self._waiting:
            if self._over:
                return None
            self._ready.clear()
            self._ready.wait()
        batch = self._waiting.pop(self._next)
        self._next += 1
        if not self._waiting:
            self._drained.set()
        return batch

    def wait_until_empty(self) -> None:
        """Block until everything has been taken, or the inbox is over."""
        self._drained.wait()

    def finish(self, *, discard: bool) -> None:
        """Nothing more comes; what is here is still taken unless discarded. Idempotent."""
        self._over = True
        if discard:
            self._waiting.clear()
        self._ready.set()
        self._drained.set()
