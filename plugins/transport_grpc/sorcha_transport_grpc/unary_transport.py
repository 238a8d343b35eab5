"""Links over ``PeerCommunication.SendMessage``, for networks that cut long streams."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import gevent
import grpc
from gevent.event import Event

from sorcha_peer_core.errors import NotOffered
from sorcha_peer_core.interfaces.transport import Link, LinkEvents
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.wire.peer_communication_pb2 import SESSION_BATCH, MessageAck, PeerMessage
from sorcha_transport_grpc.addresses import remote_of
from sorcha_transport_grpc.endpoint import GrpcEndpoint, method_of, refuse_unready
from sorcha_transport_grpc.statuses import dial_error, time_left_s
from sorcha_transport_grpc.unary_accepted import AcceptedLink
from sorcha_transport_grpc.unary_call import POLL_WAIT_S, SEND_MESSAGE, TOKEN_BYTES, TRANSPORT
from sorcha_transport_grpc.unary_dialled import DialledLink

_SILENT_POLLS = 2
"""A dialler that has not called for so many poll waits is gone."""


class UnaryTransport:
    """The unary pipe of one node."""

    name = TRANSPORT
    schemes = ("grpc",)

    def __init__(
        self, endpoint: GrpcEndpoint, poll_wait_s: float = POLL_WAIT_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._endpoint = endpoint
        self._poll_wait_s = poll_wait_s
        self._now = now
        self._dialled: set[DialledLink] = set()
        self._accepted: dict[bytes, AcceptedLink] = {}
        self._reaper: Any = None
        self._emptied = Event()
        """Set when the last accepted link is forgotten: then there is nothing to reap."""
        self._events: LinkEvents | None = None
        self.foreign_client = endpoint.foreign_client
        endpoint.serve(SEND_MESSAGE, self._answer)

    def listen(self, events: LinkEvents) -> Sequence[Endpoint]:
        """See Transport."""
        self._events = events
        return [self._endpoint.listen(self)] if self._endpoint.listens else []

    def dial(self, endpoint: Endpoint, events: LinkEvents, timeout_s: float) -> Link:
        """See Transport."""
        began_s = time.monotonic()
        channel, security = self._endpoint.channel_to(endpoint, timeout_s)
        try:
            token = _open(channel, endpoint, time_left_s(began_s, timeout_s))
        except BaseException:
            channel.close()
            raise
        link = DialledLink(endpoint, events, channel, security, token=token, poll_wait_s=self._poll_wait_s)
        self._dialled.add(link)
        link.run()
        gevent.spawn(self._forget, link)
        return link

    def stop(self, grace_s: float) -> None:
        """See Transport; links get half of the grace to end by themselves."""
        self._events = None
        dialled, accepted = list(self._dialled), list(self._accepted.values())
        for close in [link.close for link in dialled] + [link.close for link in accepted]:
            close("this node stops")
        gevent.wait([link.ended for link in accepted] + [link.hung_up for link in dialled], timeout=grace_s / 2)
        self._endpoint.release(self, grace_s / 2)
        self._accepted.clear()

    def reap(self) -> None:
        """Close the links whose dialler is gone, and forget those that are closed and will not be asked for again."""
        for link in list(self._accepted.values()):
            if link.idle_s > _SILENT_POLLS * self._poll_wait_s:
                link.close(f"the peer has not called for {link.idle_s:.0f} s")
                del self._accepted[link.token]

    def _answer(self, request: PeerMessage, context: Any) -> MessageAck:
        if request.message_type != SESSION_BATCH:
            return MessageAck(received=False)
        if not request.link_token:
            return self._accept(context)
        link = self._accepted.get(request.link_token)
        if link is None:
            return MessageAck(received=False, closed=True)
        ack = link.answer(request, context)
        if link.over:
            self._accepted.pop(link.token, None)
            if not self._accepted:
                self._emptied.set()
        return ack

    def _accept(self, context: Any) -> MessageAck:
        if self._events is None:
            refuse_unready(context)
        security = self._endpoint.security_of(context)
        if not self._endpoint.take_place():
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "this node has as many links as it allows")
        link = AcceptedLink(secrets.token_bytes(TOKEN_BYTES), remote_of(context.peer()), security, self._events, self._now)
        self._accepted[link.token] = link
        link.run()
        gevent.spawn(self._give_place_after, link)
        if not self._reaper:
            self._reaper = gevent.spawn(self._reap_while_links_exist)
        return MessageAck(received=True, link_token=link.token)

    def _give_place_after(self, link: AcceptedLink) -> None:
        link.ended.wait()
        self._endpoint.give_place()

    def _forget(self, link: DialledLink) -> None:
        gevent.wait([link.ended, link.hung_up])
        self._dialled.discard(link)

    def _reap_while_links_exist(self) -> None:
        while self._accepted:
            self._emptied.clear()
            self._emptied.wait(self._poll_wait_s)
            self.reap()


def _open(channel: Any, endpoint: Endpoint, timeout_s: float) -> bytes:
    try:
        call = method_of(channel, SEND_MESSAGE).future(PeerMessage(message_type=SESSION_BATCH), timeout=timeout_s)
        ack: MessageAck = call.result()
    except grpc.RpcError as error:
        raise dial_error(endpoint, error) from None
    if not ack.received or not ack.link_token:
        raise NotOffered(f"{endpoint} answers calls, but opens no link by them")
    return ack.link_token
