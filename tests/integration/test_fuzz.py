"""Strangers send garbage to a node, by every transport; its link to an honest peer does not notice."""

from __future__ import annotations

import logging
from contextlib import closing
from random import Random

import gevent
import pytest
from fuzz_parts import HTTP2_PREFACE, Footprint, Stranger, connect, http2_garbage, http_garbage, throw
from gevent import socket
from service_parts import wait_until
from tls_parts import NETWORK
from tls_worlds import TRANSPORTS, World, all_have, endpoint_of, submit, wait_for_link

from sorcha_peer_core.services import handshakes
from sorcha_peer_core.services.tls.open_credentials import OpenCredentials

MIB = 1024 * 1024
MOST_DESCRIPTORS = 8
MOST_GROWTH_BYTES = 48 * MIB
FULL = 10_000
STRANGERS = 12


class Besieged:
    """A node, an honest peer linked to it, and what they were before."""

    def __init__(self, world: World) -> None:
        self.node = world.node("south")
        self.friend = world.node("north", dials=self.node)
        wait_for_link(self.node, self.friend)
        self.endpoint = endpoint_of(self.node)
        self.alpn = world.alpn
        self.plugin = f"sorcha_transport_{world.transport}.plugin"
        self.sent: list[bytes] = []
        [peer] = self.friend._assembled.links.peers.values()
        self.peer, self.link = peer, peer.link
        self.exchange()
        self.footprint = Footprint()

    def exchange(self) -> None:
        """A transaction each way."""
        for node in (self.node, self.friend):
            self.sent.append(b"%d" % len(self.sent))
            submit(node, self.sent[-1])
        wait_until(all_have([self.node, self.friend], self.sent), "the honest peers have everything", 10.0)

    def is_unharmed(self) -> None:
        """The honest link is the same as before, works, and nothing has stayed behind."""
        self.exchange()
        assert self.peer.link is self.link, "the honest link was replaced"
        flaw = ""

        def settled() -> bool:
            nonlocal flaw
            flaw = self.footprint.grown(MOST_DESCRIPTORS, MOST_GROWTH_BYTES)
            return not flaw

        try:
            wait_until(settled, "everything is gone", 10.0)
        except AssertionError:
            raise AssertionError(f"left behind: {flaw}") from None


@pytest.fixture(params=TRANSPORTS)
def besieged(request, tmp_path, monkeypatch, caplog):
    pytest.importorskip(f"sorcha_transport_{request.param}")
    caplog.set_level(logging.WARNING)
    world = World(tmp_path, request.param, monkeypatch)
    try:
        yield Besieged(world)
    finally:
        world.stop()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def attack(besieged: Besieged, tmp_path, messages: int, seed: int) -> None:
    """So many random batches from several strangers at once, half of them after an honest handshake."""
    credentials = OpenCredentials(tmp_path / "strangers", NETWORK, "00" * 20)
    left = [messages]

    def run(random: Random) -> None:
        stranger = Stranger(besieged.plugin, credentials, besieged.endpoint, random)
        try:
            while left[0] > 0:
                # Not in one statement: what the others send meanwhile would not be counted.
                sent = stranger.talk(random.randrange(1, 20), introduced=random.random() < 0.5)
                left[0] -= sent
        finally:
            stranger.stop()

    strangers = [gevent.spawn(run, Random(seed + number)) for number in range(STRANGERS)]
    gevent.joinall(strangers, raise_error=True)


def test_random_batches_before_and_after_the_handshake_end_at_most_their_own_link(besieged, tmp_path, caplog):
    attack(besieged, tmp_path, 120, seed=1)

    besieged.is_unharmed()
    assert "refused a link with" in caplog.text
    assert besieged.node._assembled.links.compression.refused > 0


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_ten_thousand_random_batches_end_at_most_their_own_link(besieged, tmp_path, caplog):
    # pytest keeps every record, which is more than the node does.
    caplog.set_level(logging.ERROR)
    # The first thousand fill the pools and arenas that later ones use again: what counts is that it stays so.
    attack(besieged, tmp_path, 1000, seed=2)
    besieged.footprint = Footprint()

    attack(besieged, tmp_path, FULL, seed=102)

    besieged.is_unharmed()


def pelt(besieged: Besieged, count: int, seed: int) -> None:
    """So many connections with garbage below TLS, inside TLS, and in the protocol inside TLS."""
    random = Random(seed)
    protocol = http2_garbage if besieged.alpn == "h2" else http_garbage
    for number in range(count):
        content = protocol(random) if number % 3 == 2 else random.randbytes(random.randrange(1, 400))
        throw(besieged.endpoint, content, tls=number % 3 > 0, alpn=besieged.alpn)


def test_garbage_on_the_port_reaches_nobody(besieged):
    pelt(besieged, 90, seed=3)

    besieged.is_unharmed()


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_garbage_of_thousands_of_connections_reaches_nobody(besieged):
    pelt(besieged, FULL // 4, seed=4)

    besieged.is_unharmed()


def test_those_who_drip_do_not_keep_others_out(besieged, tmp_path):
    """More than a node has places for: in the TLS handshake, and after it in the middle of a request."""
    half_hello = bytes.fromhex("160301020001")
    half_request = {"h2": HTTP2_PREFACE[:10], "http/1.1": b"GET /api/v1/peers/ping HTTP/1.1\r\nX-Drip: "}[besieged.alpn]
    slow = []
    for number in range(600):
        slow.append(socket.create_connection((besieged.endpoint.host, besieged.endpoint.port)))
        if number % 2:
            slow[-1].sendall(half_hello)
    for _ in range(30):
        slow.append(connect(besieged.endpoint, True, besieged.alpn))
        slow[-1].sendall(half_request)

    credentials = OpenCredentials(tmp_path / "stranger", NETWORK, "00" * 20)
    stranger = Stranger(besieged.plugin, credentials, besieged.endpoint, Random(5))
    served = stranger.talk(1, introduced=True)
    stranger.stop()
    besieged.exchange()
    for connection in slow:
        connection.close()

    assert served == 1
    besieged.is_unharmed()


def test_those_who_open_links_and_say_nothing_do_not_keep_others_out(besieged, tmp_path):
    """More than a node has places for, and all of them from where the honest one comes from, too."""
    besieged.node._assembled.links._handshakes._places._patience_s = 0.0
    credentials = OpenCredentials(tmp_path / "strangers", NETWORK, "00" * 20)
    silent = Stranger(besieged.plugin, credentials, besieged.endpoint, Random(6))
    opened = sum(silent.knock() for _ in range(3 * handshakes.MOST_AT_ONCE))

    talkative = Stranger(besieged.plugin, credentials, besieged.endpoint, Random(7))
    served = talkative.talk(1, introduced=True)
    besieged.exchange()
    for stranger in (silent, talkative):
        stranger.stop()

    assert opened > handshakes.MOST_AT_ONCE
    assert served == 1
    besieged.is_unharmed()


def test_a_message_that_is_too_large_is_refused_before_it_is_there(besieged):
    """Its head says how large it is; not one byte of it follows, and the answer comes all the same."""
    with closing(connect(besieged.endpoint, True, besieged.alpn)) as connection:
        connection.settimeout(5.0)
        connection.sendall(_OVERSIZE[besieged.alpn])

        assert _answer_comes(connection, besieged.alpn)
    besieged.is_unharmed()


def _header(name: bytes, value: bytes) -> bytes:
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return len(body).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + body


_CALL = b"".join(
    _header(name, value)
    for name, value in [
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":path", b"/sorcha.peer.communication.PeerCommunication/SendMessage"),
        (b":authority", b"x"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
    ]
)
_TWO_GIB = (1 << 31) - 1
_OVERSIZE = {
    "h2": HTTP2_PREFACE + _frame(4, 0, 0, b"") + _frame(1, 4, 1, _CALL) + _frame(0, 0, 1, b"\x00" + _TWO_GIB.to_bytes(4)),
    "http/1.1": (
        b"POST /api/v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
        b"Content-Length: %d\r\n\r\n" % _TWO_GIB
    ),
}


def _answer_comes(connection, alpn: str) -> bool:
    """HTTP 413; or the end of the HTTP/2 stream, which only a refusal can be as the request has not ended."""
    received = b""
    while data := connection.recv(4096):
        received += data
        if alpn != "h2":
            return received.startswith(b"HTTP/1.1 413")
        if any(kind == 3 or (kind == 1 and flags & 1) for kind, flags in _frames_of(received)):
            return True
    return False


def _frames_of(received: bytes):
    while len(received) >= 9:
        yield received[3], received[4]
        received = received[9 + int.from_bytes(received[:3]) :]
