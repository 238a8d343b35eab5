"""The HTTP server of a node: pywsgi with a bounded number of connections, which stops without a word."""

from __future__ import annotations

import logging
import socket
from typing import Any

from flask import Flask
from gevent.pool import Pool
from gevent.pywsgi import LoggingLogAdapter, WSGIServer

from sorcha_peer_core.errors import PluginError
from sorcha_transport_rest.connection import Connection
from sorcha_transport_rest.encryption import Encryption

log = logging.getLogger(__name__)

_KILL_S = 0.5


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

    def stop(self, grace_s: float) -> None:
        """Take no new connections, let answers under way end, then close the rest; returns within about ``grace_s``."""
        self._server.stopping = True
        self._server.close()
        for connection in self._server.idle():
            connection.hang_up()
        self._server.pool.join(timeout=grace_s)
        self._server.pool.kill(block=True, timeout=_KILL_S)


class _Server(WSGIServer):
    pool: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.connections: set[Connection] = set()
        self.stopping = False
        super().__init__(*arguments, **options)

    def idle(self) -> list[Connection]:
        """Connections that wait for a request, the one that has waited longest first."""
        waiting = [connection for connection in self.connections if connection.idle_since_s is not None]
        return sorted(waiting, key=lambda connection: connection.idle_since_s or 0.0)

    def wrap_socket_and_handle(self, client_socket: Any, address: Any) -> None:
        """Shake hands under TLS, then serve; whoever does not get through the handshake is no news."""
        try:
            wrapped = self.wrap_socket(client_socket, **self.ssl_args)
        except OSError as error:
            log.debug("the connection from %s did not come about: %s", address, error)
            client_socket.close()
            return
        try:
            self.handle(wrapped, address)
        finally:
            wrapped.close()

    def handle(self, sock: socket.socket, address: Any) -> None:
        # The last place is not for keeping: whoever takes it sends away the one that has been silent longest.
        idle = self.idle() if self.pool.full() else []
        if idle:
            idle[0].hang_up()
        super().handle(sock, address)


def require_patched_process() -> None:
    """Raise PluginError in a process in which a blocking request would stop everything."""
    from gevent import monkey

    if not (monkey.is_module_patched("socket") and monkey.is_module_patched("threading")):
        raise PluginError("the REST transport needs a process that called gevent.monkey.patch_all() before anything else")
