"""The dialling side of the pipe: at most one request with a batch and one poll under way."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event

from sorcha_peer_core.errors import LinkClosed, RemoteProtocolError, TransportError
from sorcha_peer_core.interfaces.transport import LinkEvents
from sorcha_peer_core.wire.peer_communication_pb2 import SESSION_BATCH, MessageAck, PeerMessage
from sorcha_transport_rest.blocking_pipe import BlockingPipe
from sorcha_transport_rest.calls import BY_PEER, DATA_TIMEOUT_S, TRANSPORT
from sorcha_transport_rest.client import Client

log = logging.getLogger(__name__)

_POLL_SLACK_S = 10.0
_FAREWELL_S = 0.5
"""For what is still under way when a link ends."""
_BATCH_WELCOME_MS = 1
_MOST_AHEAD = 4
"""Answers to the poll and to requests with batches overtake each other by less."""


class DialledLink:
    """A link made by ``dial``; ``run`` starts its greenlets."""

    transport = TRANSPORT
    outbound = True

    def __init__(self, events: LinkEvents, client: Client, *, token: bytes, poll_wait_s: float) -> None:
        self.remote = client.remote
        self.channel_binding, self.remote_certificate = client.security
        self.ended = Event()
        self.hung_up = Event()
        self._events = events
        self._client = client
        self._token = token
        self._poll_wait_s = poll_wait_s
        self._pipe = BlockingPipe(_MOST_AHEAD)
        self._closed_by_peer = False
        self._other_is_awaited = False
        self._handing_over: Any = gevent.Greenlet()
        self._polling: Any = gevent.Greenlet(self._poll)

    def run(self) -> None:
        """Begin to ask for batches and to hand them to the core."""
        self._polling.start()
        gevent.spawn(self._deliver)

    def send(self, batch: bytes) -> None:
        """See Link; returns when the other side has taken the batch."""
        self._pipe.put(batch)
        taken = self._pipe.take()
        if taken is None:
            raise LinkClosed(self._pipe.reason)
        # A batch in the answer is only welcome while the core keeps up with those that came before.
        wait_ms = _BATCH_WELCOME_MS if self._pipe.empty else 0
        message = PeerMessage(message_type=SESSION_BATCH, payload=taken.batch, batch_number=taken.number, wait_ms=wait_ms)
        # In a greenlet of its own, so that closing the link can break it off.
        self._handing_over = gevent.spawn(self._call, lambda: self._client.post(message, self._token, DATA_TIMEOUT_S))
        self._handing_over.join()
        if self._pipe.reason:
            raise LinkClosed(self._pipe.reason)

    def close(self, reason: str) -> None:
        """See Link."""
        self._end(reason, by_peer=False)

    def _end(self, reason: str, *, by_peer: bool) -> None:
        if self._pipe.reason:
            return
        self._closed_by_peer = by_peer
        # What the peer sent before it closed is still delivered.
        self._pipe.end(reason, by_peer=by_peer)
        gevent.spawn(self._hang_up)

    def _poll(self) -> None:
        while not self._pipe.reason:
            self._pipe.wait_until_empty()
            if not self._pipe.reason:
                self._call(lambda: self._client.poll(self._poll_wait_s, self._token, self._poll_wait_s + _POLL_SLACK_S))

    def _call(self, request: Callable[[], MessageAck]) -> None:
        try:
            ack = request()
        except TransportError as error:
            self._end(f"a request broke: {error}", by_peer=False)
            return
        try:
            if ack.batch:
                self._pipe.arrive(ack.batch_number, ack.batch)
        except RemoteProtocolError as error:
            self.close(str(error))
        if ack.closed or not ack.received:
            self._await_the_other_answer()
            self._end(BY_PEER, by_peer=True)

    def _await_the_other_answer(self) -> None:
        # It may bring what the peer sent before this one; both are answered at once when a link ends there.
        if not self._other_is_awaited:
            self._other_is_awaited = True
            other = self._handing_over if gevent.getcurrent() is self._polling else self._polling
            other.join(timeout=_FAREWELL_S)

    def _deliver(self) -> None:
        try:
            for batch in self._pipe:
                self._events.received(self, batch)
        except Exception:
            log.exception("the link to %s is closed: what it delivered could not be handled", self.remote)
            self.close("internal error")
        finally:
            self.ended.set()
            self._events.closed(self, self._pipe.reason)

    def _hang_up(self) -> None:
        self._handing_over.kill()
        # Answers the poll as well: the other side ends it together with the link.
        if not self._closed_by_peer:
            try:
                self._client.post(PeerMessage(message_type=SESSION_BATCH, close=True), self._token, _FAREWELL_S)
            except TransportError as error:
                log.debug("%s was not told that its link is closed: %s", self.remote, error)
        self._polling.kill()
        self._client.close()
        self.hung_up.set()
