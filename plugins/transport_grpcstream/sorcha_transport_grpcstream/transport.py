"""Links over ``PeerCommunication.Stream``."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import gevent
import grpc

from sorcha_peer_core.errors import PeerUnreachable
from sorcha_peer_core.interfaces.transport import Link, LinkEvents
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.wire.methods import PEER_COMMUNICATION
from sorcha_transport_grpc.addresses import remote_of
from sorcha_transport_grpc.endpoint import GrpcEndpoint, method_of, refuse_unready
from sorcha_transport_grpc.statuses import dial_error, time_left_s, time_limit
from sorcha_transport_grpcstream.link import TRANSPORT, StreamLink

STREAM = PEER_COMMUNICATION["Stream"]

OPEN_KEY = "sorcha-pipe"
"""Initial metadata of an accepted stream. A call object does no I/O by itself: only this proves that somebody listens."""


class StreamTransport:
    """The stream pipe of one node."""

    name = TRANSPORT
    schemes = ("grpc",)

    def __init__(self, endpoint: GrpcEndpoint) -> None:
        self._endpoint = endpoint
        self._links: set[StreamLink] = set()
        self._events: LinkEvents | None = None
        self.foreign_client = endpoint.foreign_client
        endpoint.serve(STREAM, self._accept)

    def listen(self, events: LinkEvents) -> Sequence[Endpoint]:
        """See Transport."""
        self._events = events
        return [self._endpoint.listen(self)] if self._endpoint.listens else []

    def dial(self, endpoint: Endpoint, events: LinkEvents, timeout_s: float) -> Link:
        """See Transport."""
        began_s = time.monotonic()
        channel, security = self._endpoint.channel_to(endpoint, timeout_s)
        link = StreamLink(endpoint, events, security, outbound=True)
        call = method_of(channel, STREAM)(link.outgoing())
        # Cancels the call, too.
        link.hang_up_with(channel.close)
        self._links.add(link)
        try:
            with time_limit(endpoint, time_left_s(began_s, timeout_s)):
                _wait_until_open(call, endpoint)
        except BaseException:
            link.hang_up()
            link.ended.set()
            self._links.discard(link)
            raise
        gevent.spawn(self._read, link, call, channel.close)
        return link

    def stop(self, grace_s: float) -> None:
        """See Transport; open streams get half of the grace to end by themselves."""
        self._events = None
        links = list(self._links)
        for link in links:
            link.close("this node stops")
        gevent.wait([link.ended for link in links], timeout=grace_s / 2)
        for link in links:
            link.hang_up()
        self._endpoint.release(self, grace_s / 2)

    def _accept(self, requests: Any, context: Any) -> Iterator[Any]:
        if self._events is None:
            refuse_unready(context)
        if not self._endpoint.take_place():
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "this node has as many links as it allows")
        try:
            link = StreamLink(remote_of(context.peer()), self._events, self._endpoint.security_of(context), outbound=False)
            link.hang_up_with(context.cancel)
            self._links.add(link)
            context.send_initial_metadata(((OPEN_KEY, "1"),))
            # Also wakes the writer while the reader is held up by the core.
            if context.add_callback(lambda: link.close("the stream ended")):
                gevent.spawn(self._read, link, requests, bool)
                yield from link.outgoing()
            else:
                self._links.discard(link)
        finally:
            self._endpoint.give_place()
        if link.foreign:
            context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
            context.set_details("this stream carries only messages of type SESSION_BATCH with a payload")

    def _read(self, link: StreamLink, messages: Any, end: Any) -> None:
        try:
            link.read(messages)
        finally:
            self._links.discard(link)
            end()


def _wait_until_open(call: Any, endpoint: Endpoint) -> None:
    opened = dict(call.initial_metadata() or ())
    if OPEN_KEY in opened:
        return
    if call.code() is grpc.StatusCode.OK:
        raise PeerUnreachable(f"{endpoint} ended the stream at once")
    raise dial_error(endpoint, call)
