"""A link that is one gRPC stream. Both sides of a stream are alike, once it is open."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gevent
import grpc
from gevent.event import Event

from sorcha_peer_core.interfaces.transport import LinkEvents
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.wire.peer_communication_pb2 import SESSION_BATCH, PeerMessage
from sorcha_transport_grpc.encryption import Security
from sorcha_transport_grpc.pipe import BatchPipe, check_batch
from sorcha_transport_grpc.statuses import details_of

log = logging.getLogger(__name__)

TRANSPORT = "grpcstream"
LINGER_S = 0.5
"""How long a closed link may take to hand over what was sent before."""

_BY_PEER = "the peer closed the link"


class StreamLink:
    """One stream. gRPC takes batches out of ``outgoing()``; a greenlet runs ``read`` for as long as the link lives."""

    transport = TRANSPORT

    def __init__(self, remote: Endpoint, events: LinkEvents, security: Security, *, outbound: bool) -> None:
        self.remote = remote
        self.channel_binding, self.remote_certificate = security
        self.outbound = outbound
        self.ended = Event()
        self.foreign = False
        """Whether the other side sent something that is not a batch."""
        self._events = events
        # One waits while gRPC writes another. A deeper pipe would only keep the core from gathering more into one batch.
        self._pipe = BatchPipe(most=1)
        self._reason = ""
        self._hang_up: Callable[[], object] = bool

    def send(self, batch: bytes) -> None:
        """See Link; what is handed over waits for the stream's flow control."""
        check_batch(batch)
        self._pipe.put(batch)

    def close(self, reason: str) -> None:
        """See Link; what was sent before gets half a second to leave."""
        if self._reason:
            return
        self._reason = reason or _BY_PEER
        self._pipe.finish(self._reason)
        gevent.spawn(self._linger)

    def hang_up_with(self, hang_up: Callable[[], object]) -> None:
        """How to break the stream off at once."""
        self._hang_up = hang_up

    def hang_up(self) -> None:
        """Break the stream off; nothing more is delivered, in either direction."""
        self._pipe.finish(self._reason or "the link was broken off", discard=True)
        self._hang_up()

    def outgoing(self) -> Iterator[PeerMessage]:
        """What gRPC writes; ends when the link is closed and everything before has been written."""
        for batch in self._pipe:
            yield PeerMessage(message_type=SESSION_BATCH, payload=batch)

    def read(self, messages: Iterable[PeerMessage]) -> None:
        """Hand batches to the core until the stream ends; the one place that says ``closed``."""
        try:
            if not self.outbound:
                self._events.opened(self)
            self.close(self._read(messages))
        except Exception:
            log.exception("the link to %s is closed: what it delivered could not be handled", self.remote)
            self.close("internal error")
        finally:
            self.ended.set()
            self._events.closed(self, self._reason)

    def _read(self, messages: Iterable[PeerMessage]) -> str:
        try:
            for message in messages:
                if message.message_type != SESSION_BATCH or not message.payload:
                    self.foreign = True
                    return "the peer sent a message that is not a batch of this protocol"
                if self._reason:
                    # Closed here: the other side's last words only have to be read off.
                    continue
                self._events.received(self, message.payload)
        except grpc.RpcError as error:
            return _describe(error)
        return _BY_PEER

    def _linger(self) -> None:
        if not self.ended.wait(LINGER_S):
            self.hang_up()


def _describe(error: Any) -> str:
    # On the listening side gRPC raises an RpcError that has neither code nor details.
    return f"the stream broke: {details_of(error)}" if isinstance(error, grpc.Call) else "the peer broke the stream off"
