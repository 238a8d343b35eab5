"""The links of one node over transports in memory, and transports that fail when they are told to."""

from __future__ import annotations

from hashlib import sha256

from service_parts import NETWORK_ID, local_side, record_of, wait_until

from sorcha_peer_core.builtin.memory_transport import NAME, MemoryTransport
from sorcha_peer_core.errors import LinkTimeout
from sorcha_peer_core.model.messages import Cursor, Farewell, Ping
from sorcha_peer_core.protocol.breaker import BreakerConfig
from sorcha_peer_core.protocol.host import Priority
from sorcha_peer_core.services.events import EventBus
from sorcha_peer_core.services.links import Links
from sorcha_peer_core.services.supervisor import Supervisor
from sorcha_peer_core.wire.codec import encode_frame

HOST = "127.0.0.1"


class Cable:
    """What the links of one rung run through; while it is cut, frames vanish and dials are not answered."""

    def __init__(self) -> None:
        self.cut = False


class Rung(MemoryTransport):
    """The transport in memory under a name and a scheme; a listener presents its certificate if it has one."""

    def __init__(self, network, name=NAME, scheme=None, *, port=0, host=HOST, certificate=b"", cable=None):
        super().__init__(network, host, port)
        self.name = name
        self.schemes = (scheme or name,)
        self.certificate = certificate
        self.cable = cable or Cable()
        self.failure: Exception | None = None
        """What dials meet, if anything."""
        self.dialled: list[object] = []

    def listen(self, events):
        return [endpoint._replace(scheme=self.schemes[0]) for endpoint in super().listen(events)]

    def dial(self, endpoint, events, timeout_s):
        self.dialled.append(endpoint)
        if self.failure:
            raise self.failure
        if self.cable.cut:
            raise LinkTimeout(f"{endpoint} did not answer within {timeout_s:g} s")
        place = endpoint._replace(scheme=NAME)
        link = super().dial(place, events, timeout_s)
        link.remote_certificate = self._network.listener_at(place).certificate
        link.channel_binding = _binding(link.remote_certificate)
        return link

    def _start(self, link):
        link.transport = self.name
        if not link.outbound:
            link.channel_binding = _binding(self.certificate)
        through = link.send
        link.send = lambda batch: None if self.cable.cut else through(batch)
        super()._start(link)


def _binding(certificate: bytes) -> bytes:
    return sha256(certificate).digest() if certificate else b""


class RecordingDriver:
    """What the links tell the owner of the core."""

    def __init__(self) -> None:
        self.up: dict[int, Cursor] = {}
        self.ups = 0
        self.heard: list[tuple[int, object]] = []

    def link_up(self, index, outlet, cursor):
        self.up[index] = cursor
        self.ups += 1

    def link_down(self, index):
        del self.up[index]

    def received(self, index, messages, size):
        self.heard += [(index, message) for message in messages]


class Side:
    """The links of one node."""

    def __init__(
        self,
        network,
        identity,
        *,
        transports=None,
        max_connections=8,
        allowed=(),
        network_id=NETWORK_ID,
        cursors=None,
        trust=None,
        tls_keys=(),
        forms=(),
    ):
        self.identity = identity
        self.peer_id = identity.peer_id
        self.events: list[object] = []
        bus = EventBus()
        bus.subscribe(self.events.append)
        self.supervisor = Supervisor()
        self.driver = RecordingDriver()
        self.record = record_of(identity, network_id=network_id, tls_keys=tls_keys)
        self.links = Links(
            local_side(identity, lambda: self.record, network_id=network_id, allowed=allowed, trust=trust, forms=forms),
            self.driver,
            bus,
            self.supervisor,
            max_connections=max_connections,
            cursor_of=(cursors or {}).get,
        )
        self.unlinked: list[tuple[str, Farewell]] = []
        self.links.on_unlinked = lambda peer_id, farewell: self.unlinked.append((peer_id, farewell))
        self.observed: list[tuple[str, str, bool]] = []
        self.links.on_observed = lambda *what: self.observed.append(what)
        self.transports = transports or [MemoryTransport(network, "memory")]
        self.endpoints = self.links.start(self.transports, 1.0, BreakerConfig(5, 300.0))
        self.record = record_of(identity, tuple(self.endpoints), network_id=network_id, tls_keys=tls_keys)

    @property
    def endpoint(self):
        return self.endpoints[0]

    @property
    def sessions(self):
        return self.links._handshakes.sessions

    def dial(self, other, expected=None):
        """At the first of its addresses; at all of them if it is the one expected there."""
        return self.links.dial(other.endpoints if expected == other.peer_id else [other.endpoint], expected)

    def look(self, other, *, timeout_s=2.0, **wanted):
        return self.links.look(other.endpoints, other.peer_id, timeout_s=timeout_s, **wanted)

    def say(self, other, *numbers):
        peer = self.links.peers[other.peer_id]
        for number in numbers:
            frame = encode_frame(Ping(number))
            peer.queue.put(frame, len(frame), Priority.CONTROL)
        peer.wake()

    def link_to(self, other):
        return self.links.peers[other.peer_id].link

    @property
    def pings(self):
        return [message.nonce for _, message in self.driver.heard if isinstance(message, Ping)]

    def told(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def stop(self):
        self.links.stop(1.0)
        self.supervisor.stop(0.5)


def linked(*sides):
    """Whether each is linked to all the others."""
    return all(a is b or b.peer_id in a.links.peers for a in sides for b in sides)


def wait_until_linked(*sides):
    """Wait until each knows of its links to all the others."""
    wait_until(lambda: linked(*sides), "all are linked")
