"""STUN servers of the tests' own, on real sockets: honest ones, and one for each way to be bad."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from types import TracebackType

import gevent

from sorcha_nat_stun.settings import Settings, read_stun_settings

COOKIE = 0x2112A442
PUBLIC = "198.41.0.4"
OTHER_PUBLIC = "199.9.14.201"
PUBLIC_V6 = "2001:503:ba3e::2:30"

Reply = Callable[[bytes, tuple[str, int]], Iterator[bytes]]
"""What a server sends back for a request from somewhere."""


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def message(kind: int, transaction_id: bytes, *attributes: bytes, cookie: int = COOKIE) -> bytes:
    body = b"".join(attributes)
    return struct.pack("!HHI12s", kind, len(body), cookie, transaction_id) + body


def plain_address(host: str, port: int) -> bytes:
    address = ip_address(host)
    return struct.pack("!xBH", 1 if address.version == 4 else 2, port) + address.packed


def xor_address(host: str, port: int, transaction_id: bytes) -> bytes:
    plain = plain_address(host, port)
    mask = struct.pack("!I", COOKIE) + transaction_id
    return (
        plain[:2]
        + bytes(a ^ b for a, b in zip(plain[2:4], mask, strict=False))
        + bytes(a ^ b for a, b in zip(plain[4:], mask, strict=False))
    )


def success(request: bytes, host: str, port: int, *more: bytes) -> bytes:
    return message(0x0101, id_of(request), attribute(0x0020, xor_address(host, port, id_of(request))), *more)


def id_of(request: bytes) -> bytes:
    return request[8:20]


def saying(host: str, port: int = 0, *more: bytes) -> Reply:
    """Says the same of everybody; with the port that it sees unless one is given."""

    def reply(request: bytes, source: tuple[str, int]) -> Iterator[bytes]:
        yield success(request, host, port or source[1], *more)

    return reply


def silent(_request: bytes, _source: tuple[str, int]) -> Iterator[bytes]:
    yield from ()


class FakeStun:
    """A server on a port of its own; ``asked`` counts the requests."""

    def __init__(self, reply: Reply, host: str = "127.0.0.1", port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.udp.bind((host, port))
        self.address: tuple[str, int] = self.udp.getsockname()[:2]
        self.asked: list[bytes] = []
        self._reply = reply
        self._serving = gevent.spawn(self._serve)

    @property
    def label(self) -> str:
        host, port = self.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def _serve(self) -> None:
        while True:
            request, source = self.udp.recvfrom(2048)
            self.asked.append(request)
            for datagram in self._reply(request, source[:2]):
                self.udp.sendto(datagram, source)

    def stop(self) -> None:
        self._serving.kill()
        self.udp.close()

    def __enter__(self) -> FakeStun:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def stun_settings(*servers: FakeStun | str, prefer: str = "auto") -> Settings:
    labels = [server if isinstance(server, str) else server.label for server in servers]
    return read_stun_settings({"stun_servers": labels, "preferred_protocol": prefer})
