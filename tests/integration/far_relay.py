"""A TCP relay that makes a listener far away: every byte takes its time, in both directions, and none overtakes another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic

import gevent
from gevent import socket
from gevent.queue import Queue
from gevent.server import StreamServer

Address = tuple[str, int]


@contextmanager
def far_away(target: Address, one_way_s: float, listen: Address = ("127.0.0.1", 0)) -> Iterator[Address]:
    """Where ``target`` is reached from afar, while the block runs."""

    def serve(connection: socket.socket, _address: object) -> None:
        # The handshake of TCP takes a round trip, too.
        gevent.sleep(2 * one_way_s)
        with ExitStack() as ends:
            ends.callback(connection.close)
            listener = ends.enter_context(socket.create_connection(target))
            for end in (connection, listener):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ways = [(connection, listener), (listener, connection)]
            gevent.joinall([gevent.spawn(_carry, source, sink, one_way_s) for source, sink in ways])

    server = StreamServer(listen, serve)
    server.start()
    try:
        yield server.server_host, server.server_port
    finally:
        server.stop(timeout=0.1)


def _carry(source: socket.socket, sink: socket.socket, one_way_s: float) -> None:
    under_way: Queue[tuple[float, bytes]] = Queue()
    handing_over = gevent.spawn(_hand_over, under_way, sink)
    with suppress(OSError):
        while data := source.recv(65_536):
            under_way.put((monotonic() + one_way_s, data))
    under_way.put((monotonic() + one_way_s, b""))
    handing_over.join()


def _hand_over(under_way: Queue[tuple[float, bytes]], sink: socket.socket) -> None:
    with suppress(OSError):
        for due_s, data in iter(under_way.get, None):
            gevent.sleep(max(0.0, due_s - monotonic()))
            if not data:
                break
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
