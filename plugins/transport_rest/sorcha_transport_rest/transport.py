"""Links over HTTP requests, for networks in which nothing else passes."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import gevent
from gevent.event import Event

from sorcha_peer_core.errors import NotOffered
from sorcha_peer_core.interfaces.transport import Link, LinkEvents, TransportContext
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.wire.peer_communication_pb2 import SESSION_BATCH, MessageAck, PeerMessage
from sorcha_transport_rest.accepted import AcceptedLink
from sorcha_transport_rest.addresses import SCHEME, listen_on
from sorcha_transport_rest.answers import Refused
from sorcha_transport_rest.app import make_app
from sorcha_transport_rest.calls import POLL_WAIT_S, TOKEN_BYTES, TRANSPORT
from sorcha_transport_rest.client import Client
from sorcha_transport_rest.dialled import DialledLink
from sorcha_transport_rest.encryption import Encryption, Security
from sorcha_transport_rest.foreign import RestForeignClient
from sorcha_transport_rest.listener import Listener, require_patched_process
from sorcha_transport_rest.settings import read_settings

log = logging.getLogger(__name__)

_SILENT_POLLS = 2
"""A dialler that has not asked for so many poll waits is gone."""
_CONNECTIONS_PER_LINK = 3
"""Batches, the poll, and one that replaces either of them."""
_LEAST_S = 0.1
"""What a dial may take at least after the look at the server's certificate."""
_SPARE_CONNECTIONS = 128
"""For clients of the endpoints that are not links."""


class RestTransport:
    """The pipe over requests, and the REST port of one node."""

    name = TRANSPORT
    schemes = (SCHEME,)

    def __init__(
        self,
        context: TransportContext,
        poll_wait_s: float = POLL_WAIT_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        require_patched_process()
        self._settings = read_settings(context.settings, context.listen)
        self._context = context
        public = self._settings.public_certificate
        self._encryption = Encryption(context.credentials, context.data_dir / public if public else None)
        self.foreign_client = RestForeignClient(self._encryption, context.credentials.mode if context.credentials else "")
        self._poll_wait_s = poll_wait_s
        self._now = now
        self._dialled: set[DialledLink] = set()
        self._accepted: dict[bytes, AcceptedLink] = {}
        self._places = context.max_connections
        self._reaper: Any = None
        self._emptied = Event()
        """Set when the last accepted link is forgotten: then there is nothing to reap."""
        self._events: LinkEvents | None = None
        self._listener: Listener | None = None

    @property
    def tls_keys(self) -> Sequence[bytes]:
        """See CertifiedElsewhere."""
        return self._encryption.tls_keys

    def listen(self, events: LinkEvents) -> Sequence[Endpoint]:
        """See Transport."""
        if self._settings.listen is None:
            return []
        host, listening = listen_on(*self._settings.listen)
        endpoint = Endpoint(SCHEME, host, listening.getsockname()[1])
        connections = _CONNECTIONS_PER_LINK * self._context.max_connections + _SPARE_CONNECTIONS
        behind_proxy = self._settings.public_certificate is not None
        app = make_app(self._context.peer_api, self, behind_proxy=behind_proxy)
        self._listener = Listener(app, listening, connections=connections, encryption=self._encryption)
        self._events = events
        self._listener.start()
        log.info("REST listens on %s", endpoint.authority)
        return [endpoint]

    def flaws(self) -> Sequence[str]:
        """What is wrong with the port, in sentences; nothing before it is open and after a stop."""
        if self._listener is None or self._listener.is_open:
            return []
        return ["REST takes no connections any more: its port was closed by an error; restart the node"]

    def dial(self, endpoint: Endpoint, events: LinkEvents, timeout_s: float) -> Link:
        """See Transport."""
        began_s = time.monotonic()
        client = Client(endpoint, self._encryption, timeout_s)
        try:
            # The look at the server took a part of the time.
            token = _open(client, max(_LEAST_S, timeout_s - (time.monotonic() - began_s)))
        except BaseException:
            client.close()
            raise
        link = DialledLink(events, client, token=token, poll_wait_s=self._poll_wait_s)
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
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop(grace_s / 2)
        self._accepted.clear()
        if self._reaper:
            self._reaper.kill()

    def reap(self) -> None:
        """Close the links whose dialler is gone, and forget those that are closed and will not be asked for again."""
        for link in list(self._accepted.values()):
            if link.idle_s > _SILENT_POLLS * self._poll_wait_s:
                link.close(f"the peer has asked for nothing for {link.idle_s:.0f} s")
                del self._accepted[link.token]

    def accept(self, remote: Endpoint, seen: Security) -> MessageAck:
        """A request opens a link. Raises Refused."""
        if self._events is None:
            raise Refused(503, "this node is starting or stopping")
        if self._places <= 0:
            raise Refused(429, "this node has as many links as it allows")
        self._places -= 1
        token = secrets.token_bytes(TOKEN_BYTES)
        link = AcceptedLink(token, remote, self._events, self._now, self._encryption.accepted(seen))
        self._accepted[token] = link
        link.run()
        gevent.spawn(self._give_place_after, link)
        if not self._reaper:
            self._reaper = gevent.spawn(self._reap_while_links_exist)
        return MessageAck(received=True, link_token=token)

    def link(self, token: bytes) -> AcceptedLink | None:
        """The accepted link with this token."""
        return self._accepted.get(token)

    def answered(self, link: AcceptedLink) -> None:
        """A request of this link has been answered; one that is over is forgotten."""
        if link.over:
            self._accepted.pop(link.token, None)
            if not self._accepted:
                self._emptied.set()

    def _give_place_after(self, link: AcceptedLink) -> None:
        link.ended.wait()
        self._places += 1

    def _forget(self, link: DialledLink) -> None:
        gevent.wait([link.ended, link.hung_up])
        self._dialled.discard(link)

    def _reap_while_links_exist(self) -> None:
        while self._accepted:
            self._emptied.clear()
            self._emptied.wait(self._poll_wait_s)
            self.reap()


def _open(client: Client, timeout_s: float) -> bytes:
    ack = client.post(PeerMessage(message_type=SESSION_BATCH), b"", timeout_s)
    if not ack.received or len(ack.link_token) != TOKEN_BYTES:
        raise NotOffered(f"{client.remote} answers requests, but opens no link by them")
    return ack.link_token
