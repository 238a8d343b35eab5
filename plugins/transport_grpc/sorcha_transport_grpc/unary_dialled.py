"""The dialling side of the unary pipe: at most one call with a batch and one poll under way."""

from __future__ import annotations

import logging
from typing import Any

import gevent
import grpc
from gevent.event import Event

from sorcha_peer_core.errors import LinkClosed, RemoteProtocolError
from sorcha_peer_core.interfaces.transport import LinkEvents
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.wire.peer_communication_pb2 import SESSION_BATCH, MessageAck, PeerMessage
from sorcha_transport_grpc.encryption import Security
from sorcha_transport_grpc.endpoint import method_of
from sorcha_transport_grpc.pipe import check_batch
from sorcha_transport_grpc.statuses import details_of
from sorcha_transport_grpc.unary_call import BY_PEER, SEND_MESSAGE, TRANSPORT, Inbox

log = logging.getLogger(__name__)

_DATA_TIMEOUT_S = 60.0
_POLL_SLACK_S = 10.0
_FAREWELL_S = 0.5
_BATCH_WELCOME_MS = 1


class DialledLink:
    """A link made by ``dial``; ``run`` starts its greenlets."""

    transport = TRANSPORT
    outbound = True

    def __init__(
        self, remote: Endpoint, events: LinkEvents, channel: Any, security: Security, *, token: bytes, poll_wait_s: float
    ) -> None:
        self.remote = remote
        self.channel_binding, self.remote_certificate = security
        self.ended = Event()
        self.hung_up = Event()
        self._events = events
        self._channel = channel
        self._send_message = method_of(channel, SEND_MESSAGE)
        self._token = token
        self._poll_wait_s = poll_wait_s
        self._inbox = Inbox()
        self._sent = 0
        self._reason = ""
        self._closed_by_peer = False
        self._data_call: Any = None
        self._nothing_handed_over = Event()
        self._nothing_handed_over.set()
        self._polling = gevent.Greenlet(self._poll)
        self._other_is_awaited = False

    def run(self) -> None:
        """Begin to ask for batches and to hand them to the core."""
        self._polling.start()
        gevent.spawn(self._deliver)

    def send(self, batch: bytes) -> None:
        """See Link; returns when the other side has taken the batch."""
        check_batch(batch)
        self._sent += 1
        # A batch in the answer is only welcome while the core keeps up with those that came before.
        wait_ms = _BATCH_WELCOME_MS if self._inbox.empty else 0
        future = self._call(_DATA_TIMEOUT_S, payload=batch, batch_number=self._sent, wait_ms=wait_ms)
        self._data_call = future
        self._nothing_handed_over.clear()
        try:
            self._handle(self._result(future))
        finally:
            self._data_call = None
            self._nothing_handed_over.set()

    def close(self, reason: str) -> None:
        """See Link."""
        self._end(reason, by_peer=False)

    def _end(self, reason: str, *, by_peer: bool) -> None:
        if self._reason:
            return
        self._reason = reason or BY_PEER
        self._closed_by_peer = by_peer
        # What the peer sent before it closed is still delivered.
        self._inbox.finish(discard=not by_peer)
        if self._data_call is not None:
            self._data_call.cancel()
        gevent.spawn(self._hang_up)

    def _poll(self) -> None:
        wait_ms = int(self._poll_wait_s * 1000)
        try:
            while not self._reason:
                self._inbox.wait_until_empty()
                self._handle(self._result(self._call(self._poll_wait_s + _POLL_SLACK_S, wait_ms=wait_ms)))
        except LinkClosed as error:
            log.debug("the poll of %s is over: %s", self.remote, error)

    def _deliver(self) -> None:
        try:
            while (batch := self._inbox.take()) is not None:
                self._events.received(self, batch)
        except Exception:
            log.exception("the link to %s is closed: what it delivered could not be handled", self.remote)
            self.close("internal error")
        finally:
            self.ended.set()
            self._events.closed(self, self._reason)

    def _call(self, timeout_s: float, **fields: Any) -> Any:
        if self._reason:
            raise LinkClosed(self._reason)
        message = PeerMessage(message_type=SESSION_BATCH, link_token=self._token, **fields)
        return self._send_message.future(message, timeout=timeout_s)

    def _result(self, future: Any) -> MessageAck:
        try:
            ack: MessageAck = future.result()
        except grpc.FutureCancelledError:
            raise LinkClosed(self._reason) from None
        except grpc.RpcError as error:
            self._end(f"a call broke: {details_of(error)}", by_peer=False)
            raise LinkClosed(self._reason) from error
        return ack

    def _handle(self, ack: MessageAck) -> None:
        if ack.batch:
            try:
                self._inbox.put(ack.batch_number, ack.batch)
            except RemoteProtocolError as error:
                self.close(str(error))
        if ack.closed or not ack.received:
            self._await_the_other_answer()
            self._end(BY_PEER, by_peer=True)
        if self._reason:
            raise LinkClosed(self._reason)

    def _await_the_other_answer(self) -> None:
        # It may bring what the peer sent before this one; both are answered at once when a link ends there.
        if self._other_is_awaited:
            return
        self._other_is_awaited = True
        if gevent.getcurrent() is self._polling:
            self._nothing_handed_over.wait(_FAREWELL_S)
        else:
            self._polling.join(timeout=_FAREWELL_S)

    def _hang_up(self) -> None:
        # Answers the poll as well: the other side ends it together with the link.
        if not self._closed_by_peer:
            farewell = PeerMessage(message_type=SESSION_BATCH, link_token=self._token, close=True)
            try:
                self._send_message.future(farewell, timeout=_FAREWELL_S).result()
            except grpc.RpcError as error:
                log.debug("%s was not told that its link is closed: %s", self.remote, details_of(error))
        self._channel.close()
        self.hung_up.set()
