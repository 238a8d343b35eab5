"""Sees that a client leaves while its request is being held."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Any

import gevent

_READABLE = 1
_RECORD_HEAD_BYTES = 5
_ALERT = 0x15
_ENCRYPTED = 0x17
_ENCRYPTED_ALERT_BYTES = 19
"""TLS 1.3: level, description, the true type of the record, and the tag of the cipher."""


class HangUpWatch:
    """While it is entered, calls ``on_hang_up`` once, in a greenlet of its own, when the other end closes the connection."""

    def __init__(self, connection: Any, on_hang_up: Callable[[], None]) -> None:
        # Below TLS: only there can be looked without reading.
        self._socket = getattr(connection, "_sock", None) or connection
        self._is_tls = isinstance(connection, ssl.SSLSocket)
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
            waiting = self._socket.recv(_RECORD_HEAD_BYTES, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            waiting = b""
        # Bytes are the next request, behind which an end could not be seen, or themselves the end: of a TLS session.
        self._end()
        if not waiting or (self._is_tls and _is_farewell(waiting)):
            gevent.spawn(self._on_hang_up)

    def _end(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None


def _is_farewell(head: bytes) -> bool:
    """Whether a TLS record is an alert; a client sends none but the last."""
    encrypted = head[:1] == bytes([_ENCRYPTED]) and len(head) == _RECORD_HEAD_BYTES
    return head[0] == _ALERT or (encrypted and int.from_bytes(head[3:]) == _ENCRYPTED_ALERT_BYTES)
