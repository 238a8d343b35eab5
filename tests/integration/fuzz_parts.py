"""What strangers send: seeded garbage of every kind, and the ways to get it to a node."""

from __future__ import annotations

import gc
import ssl
import zlib
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from importlib import import_module
from random import Random
from typing import Any

import gevent
import psutil
from gevent import Greenlet, socket
from gevent.queue import Queue
from service_parts import local_side, record_of
from tls_parts import NETWORK

from sorcha_peer_core.errors import LinkClosed, TransportError
from sorcha_peer_core.interfaces.credentials import Credentials
from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES, Transport
from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.handshake import Form, Hello, Purpose
from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.services.identity import Identity
from sorcha_peer_core.services.session import Handshake, HandshakeRefused
from sorcha_peer_core.testing.transport_suite import transport_context
from sorcha_peer_core.wire import session_pb2 as pb
from sorcha_peer_core.wire.codec import decode_batch, encode_frame

DIAL_TIMEOUT_S = 5.0
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def hashes(random: Random, count: int) -> tuple[TxHash, ...]:
    return tuple(TxHash(random.randbytes(32)) for _ in range(count))


def valid_frames(random: Random) -> Sequence[bytes]:
    """One frame of many kinds, right in itself."""
    announced = tuple(m.Announced(found, random.randrange(1, 1 << 31)) for found in hashes(random, random.randrange(1, 8)))
    [one] = hashes(random, 1)
    messages = [
        m.Announce(announced),
        m.Want(hashes(random, 3)),
        m.Absent(hashes(random, 2)),
        m.WantChunks(one, random.randrange(1 << 31), random.randrange(1 << 20)),
        m.Chunk(one, random.randrange(1 << 31), random.randbytes(100)),
        m.Ping(random.randrange(1 << 60)),
        m.Pong(random.randrange(1 << 60)),
        m.PeersRequest(random.randrange(1 << 30)),
        m.SyncSince(random.randrange(1 << 60), random.randrange(1 << 60)),
        m.SyncPage(random.randrange(1 << 60), announced, random.randrange(1 << 60), True),
        m.Goodbye("x" * random.randrange(500)),
    ]
    return [encode_frame(message) for message in messages]


BOMB = zlib.compress(bytes(16 << 20))
"""16 MiB of nothing."""


def squeezed(random: Random) -> bytes:
    """A compressed batch, right or with a lie: about its form, its size, or what is in it."""
    batch = b"".join(random.choices(valid_frames(random), k=random.randrange(1, 40)))
    form, size, data = Form.ZLIB, len(batch), zlib.compress(batch)
    match random.randrange(6):
        case 0:
            size = random.randrange(1 << 32)
        case 1:
            data = data[: random.randrange(len(data))] + random.randbytes(random.randrange(20))
        case 2:
            data = random.randbytes(random.randrange(400))
        case 3:
            # It says that it is as large as a batch may be.
            size, data = MAX_BATCH_BYTES, BOMB
    if random.randrange(6) == 0:
        form = random.choice(list(Form))
    frame = pb.Frame(compressed=pb.Compressed(form=form, size=size, data=data))
    return pb.Batch(frames=[frame] * random.choice((1, 1, 1, 2))).SerializeToString()


def garbage(random: Random) -> bytes:
    """A batch: random bytes, a valid one cut or with bits turned over, valid frames that nobody asked for, a compressed one."""
    kind = random.randrange(5)
    if kind == 0:
        return random.randbytes(random.randrange(1, 400))
    batch = b"".join(random.choices(valid_frames(random), k=random.randrange(1, 4)))
    if kind == 1:
        return batch[: random.randrange(1, len(batch))]
    if kind == 2:
        turned = bytearray(batch)
        for _ in range(random.randrange(1, 6)):
            turned[random.randrange(len(turned))] ^= 1 << random.randrange(8)
        return bytes(turned)
    if kind == 3:
        return squeezed(random)
    return batch


class Stranger:
    """Links to a node by a real transport, with an identity of its own, and then says what it likes."""

    def __init__(self, plugin: str, credentials: Credentials | None, endpoint: Endpoint, random: Random) -> None:
        offer = import_module(plugin).peer_transports()[0]
        self._transport: Transport = offer.build(transport_context(credentials=credentials))
        self._endpoint = endpoint
        self._random = random
        self._identity = Identity(random.randbytes(32))
        self._batches: dict[Any, Queue[bytes | None]] = {}

    def stop(self) -> None:
        self._transport.stop(1.0)

    # LinkEvents.

    def opened(self, link: Any) -> None:
        raise AssertionError("nobody dials a stranger")

    def received(self, link: Any, batch: bytes) -> None:
        if link in self._batches:
            self._batches[link].put(batch)

    def closed(self, link: Any, reason: str) -> None:
        if link in self._batches:
            self._batches[link].put(None)

    def talk(self, most: int, introduced: bool) -> int:
        """Up to so many random batches over a new link, before or after the handshake; returns how many it got rid of."""
        try:
            link = self._transport.dial(self._endpoint, self, DIAL_TIMEOUT_S)
        except TransportError:
            return 0
        self._batches[link] = Queue()
        sent = 0
        try:
            if introduced:
                self._shake_hands(link)
            while sent < most:
                link.send(garbage(self._random))
                sent += 1
        except (LinkClosed, HandshakeRefused):
            sent += 1
        finally:
            link.close("enough")
            self._batches.pop(link, None)
        return sent

    def knock(self) -> bool:
        """Open a link and say nothing; False when it is not opened. It ends with the transport, or when the node ends it."""
        try:
            self._transport.dial(self._endpoint, self, DIAL_TIMEOUT_S)
        except TransportError:
            return False
        return True

    def _shake_hands(self, link: Any) -> None:
        side = local_side(self._identity, lambda: record_of(self._identity, network_id=NETWORK), network_id=NETWORK)
        handshake = Handshake(side, outbound=True, binding=link.channel_binding)
        link.send(encode_frame(handshake.first(purpose=self._random.choice(list(Purpose)))))
        batch = self._batches[link].get(timeout=DIAL_TIMEOUT_S)
        if batch is None:
            raise LinkClosed("it was closed")
        [answer] = [message for message in decode_batch(batch) if isinstance(message, Hello | m.Goodbye)]
        proof = handshake.receive(answer)
        assert proof is not None
        link.send(encode_frame(proof))


def http2_garbage(random: Random) -> bytes:
    """A preface, and frames of random type, flags, stream and content; the length is sometimes a lie."""
    frames = [HTTP2_PREFACE]
    for _ in range(random.randrange(1, 12)):
        body = random.randbytes(random.randrange(64))
        length = len(body) if random.random() < 0.8 else random.randrange(1 << 24)
        head = length.to_bytes(3) + bytes([random.randrange(12), random.randrange(256)])
        frames.append(head + random.randrange(1 << 31).to_bytes(4) + body)
    return b"".join(frames)


def http_garbage(random: Random) -> bytes:
    """A request that is wrong in its line, its headers, its content type, its length or its body."""
    method = random.choice([b"POST", b"GET", b"PUT", b"\x00", b"PRI"])
    path = random.choice(
        [b"/api/v1/messages", b"/api/v1/messages?wait=-1", b"/api/v1/peers/register", b"/\xff", b"/" + b"x" * 300]
    )
    kind = random.choice([b"application/x-protobuf", b"application/json", b"text/html", random.randbytes(8).hex().encode()])
    body = random.randbytes(random.randrange(200))
    length = random.choice([len(body), len(body) + 5, 99_999_999, -1])
    lines = [
        method + b" " + path + b" HTTP/1.1",
        b"Host: x",
        b"Content-Type: " + kind,
        b"Content-Length: %d" % length,
        b"X-Link-Token: " + random.randbytes(12).hex().encode(),
    ]
    return b"\r\n".join([*lines, b"", b""]) + body


def connect(endpoint: Endpoint, tls: bool, alpn: str) -> Any:
    """A connection of a stranger, with a handshake if wanted."""
    plain = socket.create_connection((endpoint.host, endpoint.port), DIAL_TIMEOUT_S)
    if not tls:
        return plain
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([alpn])
    return context.wrap_socket(plain)


def throw(endpoint: Endpoint, content: bytes, *, tls: bool, alpn: str) -> None:
    """Send it on a connection of its own, and look whether something comes back, but not for long."""
    with closing(connect(endpoint, tls, alpn)) as connection:
        connection.settimeout(0.02)
        try:
            connection.sendall(content)
            connection.recv(4096)
        except OSError:
            return


class Footprint:
    """Greenlets, file descriptors and memory of this process."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self.greenlets = _greenlets()
        self.descriptors = self._process.num_fds()
        self.rss_bytes = self._process.memory_info().rss

    def grown(self, descriptors: int, rss_bytes: int) -> str:
        """What has grown beyond this much since then, in words; empty when nothing has."""
        more = list((_greenlets() - self.greenlets).elements())
        now = (self._process.num_fds() - self.descriptors, self._process.memory_info().rss - self.rss_bytes)
        flaws = [f"{len(more)} greenlets: {more[:3]}"] if more else []
        flaws += [f"{now[0]} descriptors"] if now[0] > descriptors else []
        flaws += [f"{now[1]} bytes"] if now[1] > rss_bytes else []
        return ", ".join(flaws)


def _greenlets() -> Counter[str]:
    """What runs, by the name of its function."""
    gevent.idle()
    gc.collect()
    running = [found for found in gc.get_objects() if isinstance(found, Greenlet) and not found.dead]
    names = Counter(getattr(found._run, "__qualname__", "?") for found in running)
    # The workers of gRPC's pool, which keeps them for the next call; and what runs its callbacks while there are channels: where
    # one opens while the last one closes there are two of that, until no channel is left.
    for kept in ("Thread._bootstrap", "spawn_greenlets"):
        names.pop(kept, None)
    return names
