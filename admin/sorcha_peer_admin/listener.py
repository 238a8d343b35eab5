"""Waitress inside a node: its threads are greenlets, its errors are JSON, and it ends cleanly."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server
from waitress.task import ErrorTask

from sorcha_peer_admin.errors import INTERNAL_SENTENCE, code_of, error_body

if TYPE_CHECKING:
    import socket

    from flask import Flask

log = logging.getLogger(__name__)

_POLL_S = 1.0
_PAUSE_S = 0.01
_SPARE_THREADS = 8
_PROXY_HEADERS = frozenset({"x-forwarded-for", "x-forwarded-proto"})
"""Who asks, and whether by https. The name under which the node was asked stands in ``Host``, which proxies pass on."""


class _Parser(HTTPRequestParser):
    """Refuses at once: waitress would ask a client that sent ``Expect: 100-continue`` for a body it then throws away."""

    def received(self, data: bytes) -> int:
        consumed = int(super().received(data))
        if self.error is not None:
            self.expect_continue = False
        return consumed


class _ErrorTask(ErrorTask):
    """Answers what never reached the application in the form of all other errors."""

    def execute(self) -> None:
        request: Any = self.request
        error = request.error
        body = json.dumps(error_body(code_of(error.code), self._sentence(error))).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers = [("Content-Type", "application/json"), ("X-Content-Type-Options", "nosniff")]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)

    def _sentence(self, error: Any) -> str:
        if error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return f"the body is too large; at most {self.channel.adj.max_request_body_size - 1} bytes are allowed"
        if error.code == HTTPStatus.INTERNAL_SERVER_ERROR:
            return INTERNAL_SENTENCE
        return f"{error.reason.lower()}: {error.body}"


class _Channel(HTTPChannel):
    parser_class = _Parser
    error_task_class = _ErrorTask


def _trust_in(proxy: str) -> dict[str, Any]:
    return {"trusted_proxy": proxy, "trusted_proxy_headers": _PROXY_HEADERS} if proxy else {}


class Listener:
    """One listening socket and the threads behind it; ``streams`` of them may be held by replies without end.

    Of ``trusted_proxy``, an IP address, it is believed for whom it asks.
    """

    def __init__(
        self, app: Flask, listening: socket.socket, *, max_body_bytes: int, streams: int = 0, trusted_proxy: str = ""
    ) -> None:
        server: Any = create_server(
            app,
            sockets=[listening],
            threads=streams + _SPARE_THREADS,
            ident=None,
            # Streams, and as many connections again that are kept open for a next request.
            connection_limit=2 * (streams + _SPARE_THREADS),
            # A connection without a request is closed after this long; one whose reply goes on is not.
            channel_timeout=120,
            cleanup_interval=30,
            # Goes on reading while a reply is written: the only way to see that its reader has left.
            channel_request_lookahead=1,
            # Bodies of batches stay in memory, and come in fewer pieces than by default.
            recv_bytes=65536,
            inbuf_overflow=16 * 1024 * 1024,
            # A reader who is slower than this is waited for, so a listing is never held whole.
            outbuf_high_watermark=1024 * 1024,
            # Waitress refuses a body that is as large as this number.
            max_request_body_size=max_body_bytes + 1,
            # What strangers say about addresses is cut out before the application sees it, with or without a proxy.
            clear_untrusted_proxy_headers=True,
            **_trust_in(trusted_proxy),
        )
        server.channel_class = _Channel
        self._server = server
        self._ended = False
        self._loop = threading.Thread(target=self._serve, name="admin-listener", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._loop.start()

    def stop(self, grace_s: float) -> None:
        """Take no new connections, let replies under way end, then close the rest; returns within about ``grace_s``."""
        # The order matters: a channel closed under its reply, or a trigger pulled after its close, ends in errors.
        stop_at_s = time.monotonic() + grace_s
        self._in_loop(self._close_listening)
        self._wait_until(self._quiet, stop_at_s - grace_s / 3)
        self._in_loop(self._close_channels)
        self._server.task_dispatcher.shutdown(timeout=max(0.1, stop_at_s - time.monotonic()))
        self._ended = True
        self._server.pull_trigger()
        self._loop.join(timeout=_POLL_S)

    def _serve(self) -> None:
        while not self._ended:
            wasyncore.poll(_POLL_S, self._server._map)
        self._close_channels()
        self._server.close()

    def _in_loop(self, act: Callable[[], None]) -> None:
        # Sockets are closed by the greenlet that selects on them: a closed one in its list would be an error.
        done = threading.Event()

        def act_and_tell() -> None:
            act()
            done.set()

        self._server.trigger.pull_trigger(act_and_tell)
        done.wait(_POLL_S)

    def _close_listening(self) -> None:
        wasyncore.dispatcher.close(self._server)

    def _close_channels(self) -> None:
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()

    def _quiet(self) -> bool:
        dispatcher = self._server.task_dispatcher
        channels = self._server.active_channels.values()
        return not dispatcher.active_count and not dispatcher.queue and not any(c.total_outbufs_len for c in channels)

    def _wait_until(self, reached: Callable[[], bool], at_s: float) -> None:
        while not reached() and time.monotonic() < at_s:
            time.sleep(_PAUSE_S)
