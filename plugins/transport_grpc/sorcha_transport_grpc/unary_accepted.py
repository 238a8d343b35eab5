"""The listening side of the unary pipe: answers calls, and holds the poll until a batch waits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event

from sorcha_peer_core.errors import LinkClosed
from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES, LinkEvents
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.wire.peer_communication_pb2 import MessageAck, PeerMessage
from sorcha_transport_grpc.encryption import Security
from sorcha_transport_grpc.pipe import BatchPipe, check_batch
from sorcha_transport_grpc.unary_call import BY_PEER, POLL_WAIT_S, TRANSPORT

log = logging.getLogger(__name__)


class AcceptedLink:
    """A link that somebody else opened. Calls come by ``answer``; ``run`` starts the greenlet that serves the core."""

    transport = TRANSPORT
    outbound = False

    def __init__(self, token: bytes, remote: Endpoint, security: Security, events: LinkEvents, now: Callable[[], float]) -> None:
        self.token = token
        self.remote = remote
        self.channel_binding, self.remote_certificate = security
        self.ended = Event()
        self._events = events
        self._now = now
        self._incoming = BatchPipe(most=1)
        self._outgoing = BatchPipe()
        self._reason = ""
        self._accepted = 0
        self._sent = 0
        self._calls = 0
        self._polling = False
        self._accepting = False
        self._last_call_s = now()

    def run(self) -> None:
        """Tell the core, then hand it what arrives."""
        gevent.spawn(self._deliver)

    @property
    def idle_s(self) -> float:
        """How long ago the other side was last heard of; 0 while one of its calls is here."""
        return 0.0 if self._calls else self._now() - self._last_call_s

    @property
    def over(self) -> bool:
        """Whether it is closed and the other side has fetched all that was sent before."""
        return bool(self._reason) and self._outgoing.over

    def send(self, batch: bytes) -> None:
        """See Link; blocks while two batches wait to be fetched."""
        check_batch(batch)
        self._outgoing.put(batch)

    def close(self, reason: str) -> None:
        """See Link; what was sent before can still be fetched."""
        self._end(reason or BY_PEER, by_peer=False)

    def answer(self, request: PeerMessage, context: Any) -> MessageAck:
        """One call of the other side."""
        answered = False

        def broken_off() -> None:
            if not answered:
                self._end("a call of the peer broke off", by_peer=True)

        self._calls += 1
        try:
            if context.add_callback(broken_off):
                return self._answer(request)
            broken_off()
            return self._ack(None)
        finally:
            answered = True
            self._calls -= 1
            self._last_call_s = self._now()

    def _answer(self, request: PeerMessage) -> MessageAck:
        if request.close:
            self._end(BY_PEER, by_peer=True)
            return self._ack(None)
        if request.payload:
            self._accept(request)
            return self._ack(self._outgoing.take(timeout_s=0) if request.wait_ms else None)
        return self._ack(self._wait_for_batch(request.wait_ms / 1000))

    def _accept(self, request: PeerMessage) -> None:
        if self._accepting or request.batch_number != self._accepted + 1 or len(request.payload) > MAX_BATCH_BYTES:
            self.close(f"batch number {request.batch_number} came where {self._accepted + 1} was due, or is too large")
            return
        self._accepting = True
        try:
            self._incoming.put(request.payload)
            self._accepted += 1
        except LinkClosed as error:
            log.debug("a batch from %s came too late: %s", self.remote, error)
        finally:
            self._accepting = False

    def _wait_for_batch(self, wait_s: float) -> bytes | None:
        # One poll waits; a second one would only hold a worker.
        if self._polling:
            return None
        self._polling = True
        try:
            return self._outgoing.take(timeout_s=min(wait_s, POLL_WAIT_S))
        finally:
            self._polling = False

    def _ack(self, batch: bytes | None) -> MessageAck:
        # Nothing switches greenlets between taking a batch and numbering it here: the numbers keep the order.
        ack = MessageAck(received=True, link_token=self.token, closed=self.over)
        if batch is not None:
            self._sent += 1
            ack.batch, ack.batch_number = batch, self._sent
        return ack

    def _end(self, reason: str, *, by_peer: bool) -> None:
        if self._reason:
            return
        self._reason = reason
        # What the peer sent is delivered before its end; what it will not fetch any more is dropped.
        self._incoming.finish(reason, discard=not by_peer)
        self._outgoing.finish(reason, discard=by_peer)

    def _deliver(self) -> None:
        try:
            self._events.opened(self)
            for batch in self._incoming:
                self._events.received(self, batch)
        except Exception:
            log.exception("the link from %s is closed: what it delivered could not be handled", self.remote)
            self.close("internal error")
        finally:
            self.ended.set()
            self._events.closed(self, self._reason)
