"""Streams that go on: lines of the arrival log as they come, until the reader goes or the service stops."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from flask import request
from werkzeug.exceptions import ServiceUnavailable

from sorcha_peer_admin.lines import PAGE_ENTRIES, chunks_of
from sorcha_peer_core.errors import PeerError

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi

log = logging.getLogger(__name__)

MOST_FOLLOWERS = 64
KEEP_ALIVE_S = 15.0
"""A silent stream carries a blank line this often, so that a reader and a network that went away are noticed."""
WAIT_S = 0.5
"""How long a wait for the log lasts at most: what a stop, or the slot of a reader that left, waits for."""
KEEP_ALIVE = b"\n"


def disconnected() -> Callable[[], bool]:
    """Says, while a request is answered, whether its reader has left; never True where the server cannot tell."""
    gone: Callable[[], bool] = request.environ.get("waitress.client_disconnected", _never)
    return gone


def _never() -> bool:
    return False


class Followers:
    """The open streams of one node: how many there may be, and the word that ends all of them."""

    def __init__(self, most: int = MOST_FOLLOWERS, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._open = 0
        self._closing = threading.Event()

    @property
    def open(self) -> int:
        """Number of streams now."""
        return self._open

    @property
    def closing(self) -> bool:
        """Whether the service stops, so that every stream ends."""
        return self._closing.is_set()

    def enter(self) -> None:
        """Take a place, or answer 503; :meth:`leave` gives it back."""
        if self._closing.is_set():
            raise ServiceUnavailable("the node is stopping")
        if self._open >= self._most:
            raise ServiceUnavailable(f"{self._open} streams are open, which is the most; close one or try again later")
        self._open += 1

    def leave(self) -> None:
        """Give the place of one stream back."""
        self._open -= 1

    def close(self) -> None:
        """End every stream within about ``WAIT_S``; none begins after this."""
        self._closing.set()

    def ended(self, gone: Callable[[], bool]) -> bool:
        """Whether a stream has to end: all have, or its reader has left."""
        return self._closing.is_set() or gone()

    def wait(self, step: Callable[[float], bool], timeout_s: float, gone: Callable[[], bool]) -> bool:
        """Repeat ``step``, which waits up to so many seconds, until it says True; False when there is no use in waiting."""
        deadline = self._clock() + timeout_s
        while not self.ended(gone):
            begun_s = self._clock()
            left_s = min(WAIT_S, deadline - begun_s)
            if left_s <= 0:
                return False
            if step(left_s):
                return True
            # A node that stops answers at once; without this pause the loop would spin until it is closed.
            self._closing.wait(max(0.0, begun_s + left_s - self._clock()))
        return False

    def stream(self, node: NodeApi, after: int, register_id: str | None, gone: Callable[[], bool]) -> Iterator[bytes]:
        """Lines after ``after`` for ever, blank lines between; ``gone`` says that the reader has left."""
        yield KEEP_ALIVE  # sends the headers
        try:
            yield from self._lines(node, after, register_id, gone)
        except PeerError as error:
            log.warning("a reader who follows the log is cut off: %s", error)

    def _lines(self, node: NodeApi, after: int, register_id: str | None, gone: Callable[[], bool]) -> Iterator[bytes]:
        wrote_at_s = self._clock()
        log_epoch = None
        while not self.ended(gone):
            entries, oldest_seq, now_epoch = node.transactions(after, PAGE_ENTRIES)
            # A stream has no way to say that something is missing. Who connects again learns it from the headers.
            if log_epoch is not None and (now_epoch != log_epoch or oldest_seq > after + 1):
                return
            log_epoch = now_epoch
            if entries:
                after = entries[-1].seq
                # Picked out here, because a page of one register does not tell how far the whole log was read.
                for chunk in chunks_of([e for e in entries if register_id is None or e.register_id == register_id]):
                    yield chunk
                    wrote_at_s = self._clock()
            else:
                self.wait(partial(node.wait_for_transactions, after), WAIT_S, gone)
            if self._clock() - wrote_at_s >= KEEP_ALIVE_S:
                yield KEEP_ALIVE
                wrote_at_s = self._clock()
