"""Asking a client that is no node over HTTP: what it has to serve, and what it cannot make this node do."""

from __future__ import annotations

import pytest
from gevent.event import Event
from gevent.pywsgi import WSGIServer

from sorcha_peer_core.errors import LinkTimeout, NotOffered, PeerUnreachable
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.testing.transport_suite import PATIENCE_S
from sorcha_transport_rest.encryption import Encryption
from sorcha_transport_rest.foreign import RestForeignClient

PAYLOAD = bytes(range(256)) * 1000
SIZE = len(PAYLOAD)
HASH = tx_hash_of(PAYLOAD)


class Foreign:
    """An HTTP server of the test's own."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[str, list[bytes]]] = {}
        self.asked: list[dict[str, object]] = []
        self.held = Event()
        self.held.set()
        self._server = WSGIServer(("127.0.0.1", 0), self._answer, log=None)
        self._server.start()
        self.endpoint = Endpoint("rest", "127.0.0.1", self._server.server_port)

    def serve(self, path: str, *pieces: bytes, status: str = "200 OK") -> None:
        self.answers[path] = (status, list(pieces))

    def stop(self) -> None:
        self.held.set()
        self._server.stop(timeout=0.1)

    def _answer(self, environ, start_response):
        self.asked.append(environ)
        status, pieces = self.answers.get(environ["PATH_INFO"], ("404 Not Found", []))
        start_response(status, [("Location", "http://127.0.0.1:1/")] if status.startswith("3") else [])
        yield from pieces[:1]
        self.held.wait()
        yield from pieces[1:]


class NoTls:
    """Credentials of a node whose every look at a server finds no TLS."""

    def __init__(self, mode: str) -> None:
        self.mode = mode

    def client(self, host, port, timeout_s):
        raise NotOffered("it does not speak TLS")


@pytest.fixture
def foreign():
    made = Foreign()
    yield made
    made.stop()


def client_of(credentials=None) -> RestForeignClient:
    return RestForeignClient(Encryption(credentials), credentials.mode if credentials else "")


def fetch(foreign, size=SIZE, timeout_s=PATIENCE_S) -> bytes:
    return client_of().fetch(foreign.endpoint, HASH, size, timeout_s)


def test_a_payload_comes_byte_for_byte_from_where_the_published_path_says(foreign):
    foreign.serve(f"/api/v1/transactions/{HASH.hex()}", PAYLOAD)

    assert fetch(foreign) == PAYLOAD
    assert "HTTP_ACCEPT_ENCODING" not in foreign.asked[0] or foreign.asked[0]["HTTP_ACCEPT_ENCODING"] == "identity"


def test_more_than_was_announced_is_not_read(foreign):
    foreign.serve(f"/api/v1/transactions/{HASH.hex()}", PAYLOAD, b"and more")

    with pytest.raises(NotOffered, match="more than the 256000 bytes"):
        fetch(foreign)


@pytest.mark.parametrize("status", ["404 Not Found", "500 Internal Server Error", "302 Found", "206 Partial Content"])
def test_anything_but_the_payload_is_not_offered_and_no_redirect_is_followed(foreign, status):
    foreign.serve(f"/api/v1/transactions/{HASH.hex()}", PAYLOAD, status=status)

    with pytest.raises(NotOffered, match=status[:3]):
        fetch(foreign)
    assert len(foreign.asked) == 1


def test_an_answer_that_does_not_end_is_given_up_in_time(foreign):
    foreign.serve(f"/api/v1/transactions/{HASH.hex()}", b"a beginning", b"and no end")
    foreign.held.clear()

    with pytest.raises(LinkTimeout):
        fetch(foreign, timeout_s=0.3)


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
def test_a_server_that_answers_at_all_answers_a_ping(foreign, status):
    foreign.serve("/api/v1/peers/ping", b"{}", status=status)

    client_of().ping(foreign.endpoint, PATIENCE_S)


def test_a_server_that_is_broken_does_not_answer_a_ping(foreign):
    foreign.serve("/api/v1/peers/ping", status="503 Service Unavailable")

    with pytest.raises(PeerUnreachable, match="503"):
        client_of().ping(foreign.endpoint, PATIENCE_S)


def test_nobody_is_unreachable(foreign):
    foreign.stop()

    with pytest.raises(PeerUnreachable):
        client_of().ping(foreign.endpoint, PATIENCE_S)


def test_in_mode_open_plaintext_follows_where_no_tls_is_spoken(foreign):
    client_of(NoTls("open")).ping(foreign.endpoint, PATIENCE_S)

    assert len(foreign.asked) == 1


def test_in_mode_ca_nobody_is_asked_in_plaintext(foreign):
    with pytest.raises(NotOffered, match="TLS"):
        client_of(NoTls("ca")).ping(foreign.endpoint, PATIENCE_S)
    assert foreign.asked == []
