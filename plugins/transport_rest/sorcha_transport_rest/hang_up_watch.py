"""Sees that a client leaves while its request is being held."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import TracebackType
from typing import Any

import gevent

_READABLE = 1


class HangUpWatch:
    """While it is entered, calls ``on_hang_up`` once, in a greenlet of its own, when the other end closes the connection."""

    def __init__(self, connection: Any, on_hang_up: Callable[[], None]) -> None:
        # Below TLS: only there can be looked without reading.
        self._socket = getattr(connection, "_sock", None) or connection
        self._on_hang_up = on_hang_up
        self._watcher: Any = None

    def __enter__(self) -> None:
        self._watcher = gevent.get_hub().loop.io(self._socket.fileno(), _READABLE)
        self._watcher.start(self._look)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def _look(self) -> None:
        # Runs in the hub: must not block, must not raise.
        try:
            waiting = self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            waiting = b""
        # Bytes are the next request, or the end of a TLS session; behind them an end could not be seen.
        self._end()
        if not waiting:
            gevent.spawn(self._on_hang_up)

    def _end(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None
