"""The HTTP server of a node: pywsgi with a bounded number of connections, which stops without a word."""

from __future__ import annotations

import logging
import socket
import time
from contextlib import suppress
from typing import Any

from flask import Flask
from gevent.pool import Pool
from gevent.pywsgi import LoggingLogAdapter, WSGIServer

from sorcha_peer_core.errors import PluginError
from sorcha_transport_rest.connection import Connection
from sorcha_transport_rest.encryption import Encryption
from sorcha_transport_rest.time_limit import TimeIsUp, time_limit

log = logging.getLogger(__name__)

_KILL_S = 0.5
HANDSHAKE_TIMEOUT_S = 10.0
"""For all of the TLS handshake of somebody who connects, however the bytes of it drip in."""
_REPORTED_EVERY_S = 1.0
"""Failed handshakes in the log: strangers must not be able to fill it."""


class Listener:
    """Serves an application on a listening socket until it is stopped."""

    def __init__(self, app: Flask, listening: socket.socket, *, connections: int, encryption: Encryption) -> None:
        self._server = _Server(
            listening,
            app,
            spawn=Pool(connections),
            log=None,
            error_log=LoggingLogAdapter(log, logging.DEBUG),
            handler_class=Connection,
            # Without a name pywsgi asks the resolver for one, which can take long.
            environ={"SERVER_NAME": "sorcha-peer"},
            **encryption.server_arguments(),
        )

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()

    @property
    def is_open(self) -> bool:
        """Whether connections are taken; pywsgi closes a socket that cannot be accepted from any more."""
        return bool(self._server.started)

    def stop(self, grace_s: float) -> None:
        """Take no new connections, let answers under way end, then close the rest; returns within about ``grace_s``."""
        self._server.stopping = True
        self._server.close()
        for connection in self._server.idle():
            connection.hang_up()
        self._server.pool.join(timeout=grace_s)
        self._server.pool.kill(block=True, timeout=_KILL_S)


class _Newcomer:
    """A connection in its TLS handshake: no more than one that waits for a request."""

    served = False

    def __init__(self, secured: Any) -> None:
        self.idle_since_s: float | None = time.monotonic()
        self._secured = secured

    def hang_up(self) -> None:
        """End it as if the client had."""
        # A handshake that has failed by itself in this moment has no connection any more.
        with suppress(OSError):
            self._secured._sock.shutdown(socket.SHUT_RDWR)


class _Server(WSGIServer):
    # What gevent's stubs say of these is not what it does.
    pool: Any
    ssl_args: Any
    wrap_socket: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.connections: set[Connection | _Newcomer] = set()
        self.stopping = False
        self._reported_s = float("-inf")
        super().__init__(*arguments, **options)

    def idle(self) -> list[Connection | _Newcomer]:
        """Connections that wait for a request; first those that never made one, then by how long they have waited."""
        waiting = [connection for connection in self.connections if connection.idle_since_s is not None]
        return sorted(waiting, key=lambda connection: (connection.served, connection.idle_since_s or 0.0))

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> None:
        """Shake hands under TLS, then serve."""
        self._make_room()
        try:
            secured = self.wrap_socket(client_socket, **self.ssl_args)
        except OSError as error:
            log.debug("the connection from %s was gone at once: %s", address, error)
            client_socket.close()
            return
        try:
            if self._shake_hands(secured, address):
                super().handle(secured, address)
        finally:
            secured.close()

    def handle(self, sock: socket.socket, address: Any) -> None:
        """Serve a connection without TLS."""
        self._make_room()
        super().handle(sock, address)

    def _make_room(self) -> None:
        # The last place is not for keeping: whoever takes it sends away the one that has been silent longest.
        idle = self.idle() if self.pool.full() else []
        if idle:
            idle[0].hang_up()

    def _shake_hands(self, secured: Any, address: Any) -> bool:
        newcomer = _Newcomer(secured)
        self.connections.add(newcomer)
        try:
            with time_limit(HANDSHAKE_TIMEOUT_S):
                secured.do_handshake()
        except TimeIsUp:
            self._report(address, "it took too long")
        except OSError as error:
            self._report(address, getattr(error, "reason", None) or error.strerror or type(error).__name__)
        else:
            return True
        finally:
            self.connections.discard(newcomer)
        return False

    def _report(self, address: Any, reason: str) -> None:
        now_s = time.monotonic()
        level = logging.DEBUG
        if now_s - self._reported_s >= _REPORTED_EVERY_S:
            self._reported_s, level = now_s, logging.INFO
        log.log(level, "the TLS handshake of %s failed: %s", address[0] if address else "somebody", reason)


def require_patched_process() -> None:
    """Raise PluginError in a process in which a blocking request would stop everything."""
    from gevent import monkey

    if not (monkey.is_module_patched("socket") and monkey.is_module_patched("threading")):
        raise PluginError("the REST transport needs a process that called gevent.monkey.patch_all() before anything else")
