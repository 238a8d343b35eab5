"""HTTP services of the tests' own, which send what they are told to, byte for byte."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import TracebackType

import gevent
from gevent.server import StreamServer

from sorcha_nat_stun.settings import Settings, Target, read_http_settings

Serve = Callable[[socket.socket], None]
"""What a service does with a connection after it has read the request."""


def head(status: str = "200 OK", *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""]).encode()


def answering(body: bytes | str, status: str = "200 OK", *headers: str) -> Serve:
    content = body.encode() if isinstance(body, str) else body

    def serve(connection: socket.socket) -> None:
        connection.sendall(head(status, f"Content-Length: {len(content)}", *headers) + content)

    return serve


class FakeService:
    """A service on a port of its own; ``requests`` are the heads it got."""

    def __init__(self, serve: Serve, host: str = "127.0.0.1", **tls: object) -> None:
        self.requests: list[str] = []
        self.sent_all = False
        self._serve = serve
        self._server = StreamServer((host, 0), self._connected, **tls)
        self._server.start()
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{self._server.server_port}/ip"

    def _connected(self, connection: socket.socket, _source: object) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            piece = connection.recv(4096)
            if not piece:
                return
            received += piece
        self.requests.append(received.decode())
        try:
            self._serve(connection)
            self.sent_all = True
        except OSError:
            pass  # whoever asked has hung up
        finally:
            connection.close()

    def __enter__(self) -> FakeService:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.stop(timeout=0.1)


def never(_connection: socket.socket) -> None:
    gevent.sleep(60)


def http_settings(*services: FakeService | str, prefer: str = "auto") -> Settings:
    urls = [service if isinstance(service, str) else service.url for service in services]
    return read_http_settings({"http_lookup_services": urls, "preferred_protocol": prefer})


def target_of(service: FakeService | str) -> Target:
    [target] = http_settings(service).targets
    return target
