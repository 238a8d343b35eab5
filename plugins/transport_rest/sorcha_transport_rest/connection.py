"""One HTTP connection to this node: bounded in time and size, strict in what it takes for a request."""

from __future__ import annotations

import json
import logging
import socket
import time
from contextlib import suppress
from io import BytesIO
from typing import Any

import gevent
from gevent.pywsgi import WSGIHandler

from sorcha_transport_rest.calls import KEEP_ALIVE_S
from sorcha_transport_rest.encryption import security_of
from sorcha_transport_rest.hang_up_watch import HangUpWatch
from sorcha_transport_rest.request_body import RequestBody
from sorcha_transport_rest.time_limit import TimeIsUp, time_limit

log = logging.getLogger(__name__)

HEAD_TIMEOUT_S = 10.0
"""From the request line to the end of the headers."""
IO_TIMEOUT_S = 60.0
"""For one read or write."""
MAX_HEAD_BYTES = 32 * 1024
SECURITY = "sorcha.security"
"""In the WSGI environment: the Security of this connection."""
WATCH = "sorcha.watch"
"""In the WSGI environment: a function that makes a HangUpWatch for this connection."""

_REFUSALS = {
    "400": ("Bad Request", "bad_request", "this is not an HTTP/1.1 request"),
    "408": ("Request Timeout", "timeout", "the request did not arrive in time"),
    "414": ("URI Too Long", "too_long", "the address is too long"),
    "431": ("Request Header Fields Too Large", "headers_too_large", "the headers are too large"),
    "500": ("Internal Server Error", "internal", "internal error"),
}


class _Refused(ValueError):
    """The request is answered with this status, and the connection closed."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class Connection(WSGIHandler):
    """Serves the requests of one connection, one after the other."""

    server: Any
    wsgi_input: Any
    idle_since_s: float | None = None
    """While it waits for a whole request head; None while a request is served."""
    served = False
    """Whether it has ever made a request."""

    def handle(self) -> None:
        """Until either side closes."""
        self.idle_since_s = time.monotonic()
        self.server.connections.add(self)
        try:
            # Head and body of an answer are written apart: without this the second waits for an acknowledgement.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            super().handle()
        except OSError as error:
            log.debug("the connection from %s broke: %s", self.client_address, error)
        finally:
            self.server.connections.discard(self)

    def hang_up(self) -> None:
        """End it as if the client had: whoever reads from it sees its end."""
        try:
            (getattr(self.socket, "_sock", None) or self.socket).shutdown(socket.SHUT_RD)
        except OSError as error:
            log.debug("the connection from %s was already closed: %s", self.client_address, error)

    def read_requestline(self) -> str:
        """The request line; empty when none comes for a long time."""
        self.socket.settimeout(KEEP_ALIVE_S)
        self.idle_since_s = time.monotonic()
        with suppress(TimeIsUp), time_limit(KEEP_ALIVE_S):
            line: str = super().read_requestline()
            return line
        return ""

    def read_request(self, raw_requestline: str) -> Any:
        """The headers. Raises ValueError."""
        self.socket.settimeout(IO_TIMEOUT_S)
        try:
            with time_limit(HEAD_TIMEOUT_S):
                super().read_request(raw_requestline)
        except TimeIsUp:
            raise _Refused("408") from None
        self.idle_since_s, self.served = None, True
        return True

    def MessageClass(self, rfile: Any, *_: Any) -> Any:  # noqa: N802  (the name is pywsgi's)
        """Parse the headers, of which no more than a bounded number of bytes is read."""
        lines, left_bytes = [], MAX_HEAD_BYTES
        while True:
            line = rfile.readline(left_bytes + 1)
            left_bytes -= len(line)
            if left_bytes < 0:
                raise _Refused("431")
            if not line:
                raise _Refused("400")
            lines.append(line)
            if line in (b"\r\n", b"\n"):
                break
        headers = super().MessageClass(BytesIO(b"".join(lines)))
        self._check_framing(headers)
        return headers

    def get_environ(self) -> dict[str, Any]:
        """The WSGI environment."""
        environ: dict[str, Any] = super().get_environ()
        self.wsgi_input = environ["wsgi.input"] = RequestBody(self.wsgi_input)
        environ[SECURITY] = security_of(self.socket)
        environ[WATCH] = lambda on_hang_up: HangUpWatch(self.socket, on_hang_up)
        return environ

    def handle_one_request(self) -> Any:
        """One request; see pywsgi for what is returned."""
        outcome = super().handle_one_request()
        if isinstance(outcome, tuple):
            return outcome[0], _refusal(outcome[0])
        if outcome and (self.server.stopping or self.wsgi_input.unread):
            return None
        return outcome

    def handle_error(self, kind: Any, error: Any, trace: Any) -> None:
        """An error of ours outside the application, or a greenlet that is killed at the end."""
        self.close_connection = True
        if issubclass(kind, gevent.GreenletExit):
            return
        if issubclass(kind, OSError):
            log.debug("the connection from %s broke: %s", self.client_address, error)
            return
        log.error("a request from %s failed here", self.client_address, exc_info=(kind, error, trace))
        if not self.headers_sent:
            self.socket.sendall(_refusal("500"))

    def log_request(self) -> None:
        """Nothing per request: pywsgi would format a line even for nobody."""

    def _connection_upgrade_requested(self) -> bool:
        # pywsgi would hand out the bare connection as the body of such a request.
        return False

    def _check_framing(self, headers: Any) -> None:
        # Two opinions about where a request ends are how requests are smuggled past a proxy.
        lengths = headers.get_all("content-length") or []
        codings = headers.get_all("transfer-encoding") or []
        plain = all(length.isascii() and length.isdigit() for length in lengths)
        if self.request_version == "HTTP/0.9" or not plain or len(lengths) + len(codings) > 1:
            raise _Refused("400")
        if codings and codings[0].strip().lower() != "chunked":
            raise _Refused("400")

    def _handle_client_error(self, error: Exception) -> tuple[str, bytes]:
        log.debug("a request from %s is refused: %s", self.client_address, error)
        return (error.status if isinstance(error, _Refused) else "400"), b""


def _refusal(status: str) -> bytes:
    reason, code, sentence = _REFUSALS[status]
    body = json.dumps({"error": {"code": code, "message": sentence}}).encode()
    head = [f"HTTP/1.1 {status} {reason}", "Connection: close", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body
