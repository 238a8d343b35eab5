"""What answers the question "what is my address?" in the laboratory: honestly, or as badly as a stranger may.

The honest STUN server is coturn in a process of its own. Everything else is answered by this process, through sockets that
were made in the namespace of the host.
"""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address
from typing import Any

import gevent
import pytest
from gevent.pywsgi import WSGIServer
from gevent.server import DatagramServer
from laboratory import STUN_PORT, Host, Laboratory

from sorcha_peer_core.cli.cluster import wait_until

HTTP_PORT = 80
_COOKIE = 0x2112A442
_REQUEST_HEADER = struct.Struct("!HHI12s")
_START_LIMIT_S = 30.0

Answer = Callable[[bytes], bytes]
"""What a UDP server says to a datagram."""
Body = Callable[[str], Iterable[bytes]]
"""What an HTTP service says to somebody with this address."""


def require_turnserver() -> None:
    """Skip the test that asks when coturn is missing."""
    if not shutil.which("turnserver"):
        pytest.skip("turnserver is not installed (Debian package coturn)")


def serve_stun(laboratory: Laboratory, host: Host) -> list[str]:
    """Run coturn on all addresses of a host; returns HOST:PORT of each. With two of a family it can tell the type of a NAT."""
    require_turnserver()
    addresses = [*host.v4, *host.v6]
    files = laboratory.root / f"turnserver-{host.admin_port}"
    options = ["-n", "--stun-only", "--no-cli", "--no-tls", "--no-dtls", "--log-file", "stdout"]
    options += ["--pidfile", f"{files}.pid", "--db", f"{files}.db"]
    options += [part for address in addresses for part in ("--listening-ip", address)]
    with open(f"{files}.log", "wb") as log:
        # It does not see when this process ends, so the kernel is told to end it then.
        command = [*host.namespace.prefix, "setpriv", "--pdeathsig", "KILL", "turnserver", *options]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    laboratory.at_end(process.wait)
    laboratory.at_end(process.kill)
    for address in addresses:
        wait_until(lambda address=address: _answers(host, address), _START_LIMIT_S, f"coturn to answer on {address}")
    return [authority(address, STUN_PORT) for address in addresses]


def serve_udp(laboratory: Laboratory, host: Host, answer: Answer) -> str:
    """Answer every datagram to the STUN port of the host's first address; returns HOST:PORT."""
    [address, *_] = [*host.v4, *host.v6]
    listener = host.namespace.socket(_family(address), socket.SOCK_DGRAM)
    listener.bind((address, STUN_PORT))
    server = DatagramServer(listener, lambda datagram, source: server.sendto(answer(datagram), source))
    server.start()
    laboratory.at_end(server.stop)
    return authority(address, STUN_PORT)


def serve_http(laboratory: Laboratory, host: Host, body: Body) -> str:
    """Answer every HTTP request to the host's first address with 200 and ``body``; returns the URL."""
    [address, *_] = [*host.v4, *host.v6]
    listener = host.namespace.socket(_family(address))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, HTTP_PORT))
    listener.listen()

    def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return body(environ["REMOTE_ADDR"])

    server = WSGIServer(listener, application, log=None, error_log=None)
    server.start()
    laboratory.at_end(lambda: server.stop(timeout=0))
    return f"http://{address if ':' not in address else f'[{address}]'}/"


def authority(address: str, port: int) -> str:
    """HOST:PORT."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


# What an HTTP service says.


def your_address(address: str) -> list[bytes]:
    """The truth, as a line of text."""
    return [f"{address}\n".encode()]


def always(text: str) -> Body:
    """The same to everybody."""
    return lambda address: [text.encode()]


def ten_megabytes(address: str) -> Iterator[bytes]:
    """The truth, and then far more than anybody wants to read."""
    yield f"{address}\n".encode()
    for _ in range(160):
        yield b" " * 65536


def slow_drip(address: str) -> Iterator[bytes]:
    """A byte now and then, without end."""
    while True:
        yield b"5"
        gevent.sleep(0.5)


# What a STUN server says.


def stun_answer(says: str) -> Answer:
    """A faultless answer (RFC 8489) that gives everybody the same IPv4 address."""

    def answer(request: bytes) -> bytes:
        *_, transaction_id = _REQUEST_HEADER.unpack_from(request)
        return _binding_response(transaction_id, IPv4Address(says))

    return answer


def wrong_id(request: bytes) -> bytes:
    """An answer to somebody else's question."""
    return _binding_response(bytes(12), IPv4Address("5.66.6.6"))


def garbage(request: bytes) -> bytes:
    """What is no STUN at all, but has the length that it should."""
    return bytes(range(256))[: len(request)] * 3


def _binding_response(transaction_id: bytes, says: IPv4Address) -> bytes:
    mapped = struct.pack("!HHxBHI", 0x0020, 8, 1, 4711 ^ _COOKIE >> 16, int(says) ^ _COOKIE)
    return _REQUEST_HEADER.pack(0x0101, len(mapped), _COOKIE, transaction_id) + mapped


def _answers(host: Host, address: str) -> bool:
    with host.namespace.socket(_family(address), socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.2)
        try:
            udp.sendto(_REQUEST_HEADER.pack(0x0001, 0, _COOKIE, b"are you here"), (address, STUN_PORT))
            return bool(udp.recv(2048))
        except OSError:
            return False


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
