"""A transport inside one process, for tests and for simulations of whole nodes: same behaviour, no network."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence

import gevent
from gevent.event import Event

from sorcha_peer_core.errors import LinkClosed, LinkTimeout, PeerUnreachable, StartError
from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES, Link, LinkEvents
from sorcha_peer_core.model.peer import Endpoint

log = logging.getLogger(__name__)

NAME = "memory"

_FIRST_PORT = 1
_MOST_WAITING = 2
_BY_PEER = "the peer closed the link"


class MemoryNetwork:
    """Who listens where, for all transports that share it."""

    def __init__(self) -> None:
        self._listeners: dict[Endpoint, MemoryTransport | None] = {}
        self._next_port = _FIRST_PORT

    def bind(self, host: str, port: int, listener: MemoryTransport | None) -> Endpoint:
        """Give an address to a listener; port 0 is one that was never used. Raises StartError when it is taken."""
        if port == 0:
            port, self._next_port = self._next_port, self._next_port + 1
        endpoint = Endpoint(NAME, host, port)
        if endpoint in self._listeners:
            raise StartError(f"cannot listen on {endpoint.authority}: the address is already in use")
        self._listeners[endpoint] = listener
        return endpoint

    def release(self, endpoint: Endpoint) -> None:
        """Nobody listens there any more."""
        self._listeners.pop(endpoint, None)

    def mute(self, host: str) -> Endpoint:
        """An address that takes dials and never answers them."""
        return self.bind(host, 0, None)

    def listener_at(self, endpoint: Endpoint) -> MemoryTransport | None:
        """Who answers a dial; None who takes it in silence. Raises PeerUnreachable when nobody listens."""
        try:
            return self._listeners[endpoint]
        except KeyError:
            raise PeerUnreachable(f"nobody listens on {endpoint}") from None


class MemoryTransport:
    """The transport of one node in a MemoryNetwork."""

    name = NAME
    schemes = (NAME,)

    def __init__(self, network: MemoryNetwork, host: str = "memory", port: int = 0) -> None:
        self._network = network
        self._wanted = (host, port)
        self._endpoint: Endpoint | None = None
        self._events: LinkEvents | None = None
        self._links: set[MemoryLink] = set()

    def listen(self, events: LinkEvents) -> Sequence[Endpoint]:
        """See Transport."""
        self._events = events
        if self._endpoint is None:
            self._endpoint = self._network.bind(*self._wanted, self)
        return [self._endpoint]

    def dial(self, endpoint: Endpoint, events: LinkEvents, timeout_s: float) -> Link:
        """See Transport."""
        listener = self._network.listener_at(endpoint)
        if listener is None:
            gevent.sleep(timeout_s)
            raise LinkTimeout(f"{endpoint} did not answer within {timeout_s:g} s")
        there, back = _Pipe(), _Pipe()
        link = MemoryLink(endpoint, events, outbound=True, outgoing=there, incoming=back)
        listener._accept(self._endpoint or Endpoint(NAME, self._wanted[0], 0), outgoing=back, incoming=there)
        self._start(link)
        return link

    def stop(self, grace_s: float) -> None:
        """See Transport."""
        if self._endpoint is not None:
            self._network.release(self._endpoint)
            self._endpoint = None
        links = list(self._links)
        for link in links:
            link.close("this node stops")
        gevent.wait([link.ended for link in links], timeout=grace_s)

    def _accept(self, remote: Endpoint, *, outgoing: _Pipe, incoming: _Pipe) -> None:
        if self._events is None:
            raise PeerUnreachable(f"nobody listens on {NAME}://{self._wanted[0]}")
        self._start(MemoryLink(remote, self._events, outbound=False, outgoing=outgoing, incoming=incoming))

    def _start(self, link: MemoryLink) -> None:
        self._links.add(link)
        gevent.spawn(self._read, link)

    def _read(self, link: MemoryLink) -> None:
        try:
            link.read()
        finally:
            self._links.discard(link)


class MemoryLink:
    """One side of two crossed pipes."""

    transport = NAME
    channel_binding = b""
    remote_certificate = b""

    def __init__(self, remote: Endpoint, events: LinkEvents, *, outbound: bool, outgoing: _Pipe, incoming: _Pipe) -> None:
        self.remote = remote
        self.outbound = outbound
        self.ended = Event()
        self._events = events
        self._outgoing = outgoing
        self._incoming = incoming
        self._reason = ""

    def send(self, batch: bytes) -> None:
        """See Link."""
        if not 1 <= len(batch) <= MAX_BATCH_BYTES:
            raise ValueError(f"the batch has {len(batch)} bytes; a link carries 1 to {MAX_BATCH_BYTES} in one")
        self._outgoing.put(bytes(batch))

    def close(self, reason: str) -> None:
        """See Link; the other side still gets what was sent before."""
        if self._reason:
            return
        self._reason = reason or _BY_PEER
        self._outgoing.finish(self._reason)
        self._incoming.finish(_BY_PEER, discard=True)

    def read(self) -> None:
        """Hand batches to the core until the link ends."""
        try:
            if not self.outbound:
                self._events.opened(self)
            for batch in self._incoming:
                self._events.received(self, batch)
            self.close(_BY_PEER)
        except Exception:
            log.exception("the link to %s is closed: what it delivered could not be handled", self.remote)
            self.close("internal error")
        finally:
            self.ended.set()
            self._events.closed(self, self._reason)


class _Pipe:
    """Bounded queue of batches; iterating ends when it is finished and empty."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._ready = Event()
        self._room = Event()
        self._finished = ""

    def put(self, batch: bytes) -> None:
        while len(self._waiting) >= _MOST_WAITING and not self._finished:
            self._room.clear()
            self._room.wait()
        if self._finished:
            raise LinkClosed(self._finished)
        self._waiting.append(batch)
        self._ready.set()

    def finish(self, reason: str, *, discard: bool = False) -> None:
        self._finished = self._finished or reason
        if discard:
            self._waiting.clear()
        self._ready.set()
        self._room.set()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            while not self._waiting:
                if self._finished:
                    return
                self._ready.clear()
                self._ready.wait()
            batch = self._waiting.popleft()
            self._room.set()
            yield batch
