"""The listening side of the pipe: answers requests, and holds the poll until a batch waits."""

from __future__ import annotations

import logging
from collections.abc import Callable

import gevent
from gevent.event import Event

from sorcha_peer_core.errors import RemoteProtocolError
from sorcha_peer_core.interfaces.transport import LinkEvents
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.wire.peer_communication_pb2 import MessageAck, PeerMessage
from sorcha_peer_core.wire.polled_pipe import Numbered
from sorcha_transport_rest.blocking_pipe import BlockingPipe
from sorcha_transport_rest.calls import BY_PEER, POLL_WAIT_S, TRANSPORT
from sorcha_transport_rest.encryption import Security

log = logging.getLogger(__name__)

_MOST_AHEAD = 2
"""One batch waits to be delivered, one more is here while its sender is made to wait."""


class AcceptedLink:
    """A link that somebody else opened. Requests come by ``answer``; ``run`` starts the greenlet that serves the core."""

    transport = TRANSPORT
    outbound = False

    def __init__(self, token: bytes, remote: Endpoint, events: LinkEvents, now: Callable[[], float], security: Security) -> None:
        self.token = token
        self.remote = remote
        self.channel_binding, self.remote_certificate = security
        self.ended = Event()
        self._events = events
        self._now = now
        self._pipe = BlockingPipe(_MOST_AHEAD)
        self._requests = 0
        self._polling = False
        self._last_request_s = now()

    def run(self) -> None:
        """Tell the core, then hand it what arrives."""
        gevent.spawn(self._deliver)

    @property
    def idle_s(self) -> float:
        """How long ago the other side was last heard of; 0 while one of its requests is here."""
        return 0.0 if self._requests else self._now() - self._last_request_s

    @property
    def over(self) -> bool:
        """Whether it is closed and the other side has fetched all that was sent before."""
        return self._pipe.over

    def send(self, batch: bytes) -> None:
        """See Link; blocks while two batches wait to be fetched."""
        self._pipe.put(batch)

    def close(self, reason: str) -> None:
        """See Link; what was sent before can still be fetched."""
        self._pipe.end(reason, by_peer=False)

    def broke_off(self) -> None:
        """The other side left in the middle of a request: what it was to be given is lost, so the link is."""
        self._pipe.end("a request of the peer broke off", by_peer=True)

    def answer(self, request: PeerMessage) -> MessageAck:
        """One request of the other side; blocks while the request is to wait."""
        self._requests += 1
        try:
            return self._answer(request)
        finally:
            self._requests -= 1
            self._last_request_s = self._now()

    def _answer(self, request: PeerMessage) -> MessageAck:
        if request.close:
            self._pipe.end(BY_PEER, by_peer=True)
            return self._ack(None)
        if request.payload:
            self._accept(request)
            return self._ack(self._pipe.take() if request.wait_ms else None)
        return self._ack(self._poll(min(request.wait_ms / 1000, POLL_WAIT_S)))

    def _accept(self, request: PeerMessage) -> None:
        try:
            self._pipe.arrive(request.batch_number, request.payload)
        except RemoteProtocolError as error:
            self.close(str(error))
            return
        self._pipe.wait_until_first(request.batch_number)

    def _poll(self, wait_s: float) -> Numbered | None:
        # One poll waits; a second one would only hold a connection.
        if self._polling:
            return None
        self._polling = True
        try:
            return self._pipe.take(wait_s)
        finally:
            self._polling = False

    def _ack(self, taken: Numbered | None) -> MessageAck:
        ack = MessageAck(received=True, link_token=self.token, closed=self.over)
        if taken is not None:
            ack.batch_number, ack.batch = taken
        return ack

    def _deliver(self) -> None:
        try:
            self._events.opened(self)
            for batch in self._pipe:
                self._events.received(self, batch)
        except Exception:
            log.exception("the link from %s is closed: what it delivered could not be handled", self.remote)
            self.close("internal error")
        finally:
            self.ended.set()
            self._events.closed(self, self._pipe.reason)
