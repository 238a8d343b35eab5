"""``sorcha-mailbox-relay``: keeps opaque batches in mailboxes until somebody takes them. It knows nothing of nodes.

PUT    /NAME  make a mailbox; X-Mailbox-Key must be known to those who take from it        201, or 409: it is another's
POST   /NAME  put the body in, as a batch; waits while the mailbox is full       204, or 404: none there, 408: still full
GET    /NAME  take the oldest batch out; waits while there is none                     200, or 204: still none, 404: none there
DELETE /NAME  close it: nothing more goes in, and it is gone when it is empty                                             204
"""

from __future__ import annotations

import argparse
import ssl
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Lock

KEY_HEADER = "X-Mailbox-Key"
WAIT_S = 25.0
"""Shorter than the patience of proxies with a silent server."""
MAX_BATCH_BYTES = 1024 * 1024
MOST_WAITING = 2
"""Batches in one mailbox. Beyond it the sender waits: that is the back-pressure."""
MOST_MAILBOXES = 1000
UNUSED_S = 90.0
"""A mailbox of which nobody has asked anything for so long is dropped."""
IDLE_S = 75.0


class Mailbox:
    """A few batches, and those who wait for one or for room."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.closed = False
        self._waiting: deque[bytes] = deque()
        self._change = Condition()
        self._visitors = 0
        self._left_at_s = time.monotonic()

    @property
    def unused_s(self) -> float:
        """How long nobody has been here."""
        return 0.0 if self._visitors else time.monotonic() - self._left_at_s

    @property
    def gone(self) -> bool:
        """Whether it is closed and empty."""
        return self.closed and not self._waiting

    def put(self, batch: bytes) -> HTTPStatus:
        """Append a batch; blocks while there is no room."""
        with self._change:
            self._wait_until(lambda: self.closed or len(self._waiting) < MOST_WAITING)
            if self.closed:
                return HTTPStatus.NOT_FOUND
            if len(self._waiting) >= MOST_WAITING:
                return HTTPStatus.REQUEST_TIMEOUT
            self._waiting.append(batch)
            self._change.notify_all()
            return HTTPStatus.NO_CONTENT

    def take(self) -> tuple[HTTPStatus, bytes]:
        """Remove the oldest batch; blocks while there is none."""
        with self._change:
            self._wait_until(lambda: self.closed or bool(self._waiting))
            if self._waiting:
                self._change.notify_all()
                return HTTPStatus.OK, self._waiting.popleft()
            return (HTTPStatus.NOT_FOUND if self.closed else HTTPStatus.NO_CONTENT), b""

    def close(self) -> None:
        """Wake everybody."""
        with self._change:
            self.closed = True
            self._change.notify_all()

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        self._visitors += 1
        self._change.wait_for(condition, WAIT_S)
        self._visitors -= 1
        self._left_at_s = time.monotonic()


class Mailboxes:
    """All of them, by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Mailbox] = {}
        self._lock = Lock()

    def make(self, name: str, key: str) -> HTTPStatus:
        """A new mailbox, unless there is one of this name under another key."""
        with self._lock:
            old = self._by_name.get(name)
            if old is not None and not old.closed and old.unused_s < UNUSED_S and old.key != key:
                return HTTPStatus.CONFLICT
            if old is None or old.closed or old.key != key:
                self._make_room()
                if len(self._by_name) >= MOST_MAILBOXES:
                    return HTTPStatus.SERVICE_UNAVAILABLE
                self._by_name[name] = Mailbox(key)
            return HTTPStatus.CREATED

    def find(self, name: str) -> Mailbox | None:
        """The mailbox of this name."""
        return self._by_name.get(name)

    def forget(self, name: str, mailbox: Mailbox) -> None:
        """It is gone; another of the same name may be there already."""
        with self._lock:
            if self._by_name.get(name) is mailbox:
                del self._by_name[name]

    def _make_room(self) -> None:
        unused = [name for name, mailbox in self._by_name.items() if mailbox.gone or mailbox.unused_s > UNUSED_S]
        for name in unused:
            del self._by_name[name]


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "sorcha-mailbox-relay"
    sys_version = ""
    timeout = IDLE_S
    # Head and body of an answer are written apart: without this the second waits for an acknowledgement.
    disable_nagle_algorithm = True
    server: RelayServer

    def do_PUT(self) -> None:
        """Make a mailbox."""
        self._answer(self.server.mailboxes.make(self._name, self._key))

    def do_POST(self) -> None:
        """Put a batch in."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BATCH_BYTES:
            self.close_connection = True
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        batch = self.rfile.read(int(length))
        mailbox = self.server.mailboxes.find(self._name)
        self._answer(mailbox.put(batch) if mailbox else HTTPStatus.NOT_FOUND)

    def do_GET(self) -> None:
        """Take a batch out."""
        mailbox = self.server.mailboxes.find(self._name)
        if mailbox is None or mailbox.key != self._key:
            self._answer(HTTPStatus.NOT_FOUND)
            return
        self._answer(*mailbox.take())
        self._forget_if_gone(mailbox)

    def do_DELETE(self) -> None:
        """Close a mailbox."""
        mailbox = self.server.mailboxes.find(self._name)
        if mailbox is not None and mailbox.key == self._key:
            mailbox.close()
            self._forget_if_gone(mailbox)
        self._answer(HTTPStatus.NO_CONTENT)

    @property
    def _name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def _key(self) -> str:
        return self.headers.get(KEY_HEADER, "")

    def _answer(self, status: HTTPStatus, batch: bytes = b"") -> None:
        self.send_response(status)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(batch)))
        self.end_headers()
        self.wfile.write(batch)

    def _forget_if_gone(self, mailbox: Mailbox) -> None:
        if mailbox.gone:
            self.server.mailboxes.forget(self._name, mailbox)

    def log_message(self, *_: object) -> None:
        """Nothing per request."""


class RelayServer(ThreadingHTTPServer):
    """Serves until ``shutdown``; a thread for each connection."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, host: str, port: int) -> None:
        self.mailboxes = Mailboxes()
        super().__init__((host, port), _Handler)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def encrypt(self, certificate: str, key: str | None) -> None:
        """Speak TLS from now on, with a certificate chain and its key in PEM files."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        # The handshake comes with the first read, in the thread of the connection: nobody can hold up the others.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that breaks is no news here; anything else is ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def main() -> None:
    """Run a relay until it is interrupted."""
    parser = argparse.ArgumentParser(description="Mailboxes for nodes that can only make outbound requests.")
    parser.add_argument("--listen", default="127.0.0.1:8080", help="HOST:PORT; port 0 lets the system choose")
    parser.add_argument("--certificate", help="PEM file; with it the relay speaks HTTPS")
    parser.add_argument("--key", help="PEM file, when the key is not in the same file")
    options = parser.parse_args()
    host, _, port = options.listen.rpartition(":")
    server = RelayServer(host.strip("[]"), int(port))
    if options.certificate:
        server.encrypt(options.certificate, options.key)
    print(f"the relay listens on {'https' if options.certificate else 'http'}://{host}:{server.port}", flush=True)
    with suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
