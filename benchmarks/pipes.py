"""One end of a pipe between two processes: what a transport costs without a node around it. Run by transports.py.

python benchmarks/pipes.py receive TRANSPORT MODE          prints its port, then what it measured
python benchmarks/pipes.py send TRANSPORT MODE PORT
"""

from __future__ import annotations

import sorcha_peer_core.testing.patched  # noqa: F401  (before everything that opens sockets)

# isort: split
import json
import random
import socket
import struct
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from sorcha_peer_core.config import SecuritySection
from sorcha_peer_core.interfaces.transport import Link, LinkEvents, Transport
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.plugin_manager import PluginManager
from sorcha_peer_core.services.identity import load_or_create_identity
from sorcha_peer_core.services.tls.modes import protect
from sorcha_peer_core.testing.transport_suite import transport_context

RAW = "raw TCP"
TRANSACTION_BYTES = 1024 + 200
"""Payload, envelope and frame."""
BATCH_TRANSACTIONS = 52
"""What a node coalesces: 64 KiB."""
BATCHES = 1500
SINGLES = 60
SINGLES_PAUSE_S = 0.05
_HEAD = struct.Struct(">I")
_STAMP = struct.Struct(">d")


class RawTransport:
    """The yardstick: batches over one TCP connection, each behind its length."""

    name = RAW

    def listen(self, events: LinkEvents) -> list[Endpoint]:
        listener = socket.create_server(("127.0.0.1", 0))
        gevent.spawn(lambda: RawLink(listener.accept()[0], events).serve(opened=True))
        return [Endpoint("raw", *listener.getsockname()[:2])]

    def dial(self, endpoint: Endpoint, events: LinkEvents, timeout_s: float) -> RawLink:
        link = RawLink(socket.create_connection((endpoint.host, endpoint.port), timeout_s), events)
        gevent.spawn(link.serve)
        return link


class RawLink:
    def __init__(self, connection: socket.socket, events: LinkEvents) -> None:
        self._connection = connection
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._events: Any = events

    def send(self, batch: bytes) -> None:
        self._connection.sendall(_HEAD.pack(len(batch)) + batch)

    def serve(self, opened: bool = False) -> None:
        if opened:
            self._events.opened(self)
        with self._connection.makefile("rb") as stream:
            while head := stream.read(_HEAD.size):
                self._events.received(self, stream.read(*_HEAD.unpack(head)))


class Receiver:
    """LinkEvents of the side that counts and takes the time."""

    def __init__(self) -> None:
        self.done = Event()
        self.report: dict[str, Any] = {"latencies_ms": []}
        self._batches = 0
        self._began_cpu_s = 0.0

    def opened(self, link: Link) -> None:
        return None

    def received(self, link: Link, batch: bytes) -> None:
        self._batches += 1
        if self._batches == 1:
            # The first batch, and what dialling cost, is not measured.
            self._began_cpu_s = time.process_time()
        elif self._batches <= BATCHES + 1:
            if self._batches == BATCHES + 1:
                self.report |= {"ended_at": time.time(), "cpu_s": time.process_time() - self._began_cpu_s}
                link.send(b"go on")
        else:
            self.report["latencies_ms"].append((time.time() - _STAMP.unpack(batch[: _STAMP.size])[0]) * 1000)
            if self._batches == BATCHES + 1 + SINGLES:
                self.done.set()

    def closed(self, link: Link, reason: str) -> None:
        return None


class Sender:
    """LinkEvents of the other side."""

    def __init__(self) -> None:
        self.told = Event()

    def received(self, link: Link, batch: bytes) -> None:
        self.told.set()

    def closed(self, link: Link, reason: str) -> None:
        return None

    def opened(self, link: Link) -> None:
        return None


def receive(transport: Transport) -> dict[str, Any]:
    events = Receiver()
    say({"port": transport.listen(events)[0].port})
    events.done.wait(60)
    # The sender may still wait for the answer to its last request.
    gevent.sleep(0.3)
    return events.report


def send(transport: Transport, port: int) -> dict[str, Any]:
    events = Sender()
    scheme = getattr(transport, "schemes", ("raw",))[0]
    link = transport.dial(Endpoint(scheme, "127.0.0.1", port), events, 10.0)
    batch = random.Random(1).randbytes(BATCH_TRANSACTIONS * TRANSACTION_BYTES)
    link.send(batch)
    gevent.sleep(0.2)
    began_at, began_cpu_s = time.time(), time.process_time()
    for _ in range(BATCHES):
        link.send(batch)
    events.told.wait(60)
    report = {"began_at": began_at, "cpu_s": time.process_time() - began_cpu_s}
    for _ in range(SINGLES):
        gevent.sleep(SINGLES_PAUSE_S)
        link.send(_STAMP.pack(time.time()) + batch[: TRANSACTION_BYTES - _STAMP.size])
    gevent.sleep(0.2)
    return report


def made(name: str, mode: str, directory: Path) -> Any:
    if name == RAW:
        return RawTransport()
    identity = load_or_create_identity(directory)
    protection = protect(SecuritySection(mode=mode), directory, "sorcha", identity.peer_id)
    [offer] = PluginManager().choose("peer_transports", [name], "communication.transports")
    settings = {"listen": "127.0.0.1:0"} if name == "rest" else {}
    context = transport_context(settings=settings)
    return offer.build(replace(context, credentials=protection.credentials, data_dir=directory))


def say(report: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


def main() -> None:
    role, name, mode, *port = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="sorcha-pipe-") as directory:
        transport = made(name, mode, Path(directory))
        say(receive(transport) if role == "receive" else send(transport, int(port[0])))
        if name != RAW:
            transport.stop(1.0)


if __name__ == "__main__":
    main()
