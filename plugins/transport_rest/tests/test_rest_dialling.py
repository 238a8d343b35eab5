"""What a dialler makes of those who answer, and of the section of the configuration."""

from __future__ import annotations

import socket
from contextlib import closing, contextmanager
from dataclasses import replace

import gevent
import pytest
from gevent.event import Event
from gevent.pywsgi import WSGIServer
from rest_fakes import rest_context

from sorcha_peer_core.errors import ConfigError, LinkClosed, LinkTimeout, NotOffered, PeerUnreachable
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.testing.transport_suite import PATIENCE_S, RecordedEvents, transport_context
from sorcha_peer_core.wire.peer_communication_pb2 import MessageAck
from sorcha_transport_rest.calls import PROTOBUF, TOKEN_BYTES, TOKEN_HEADER
from sorcha_transport_rest.settings import RestSettings, read_settings
from sorcha_transport_rest.transport import RestTransport

TOKEN = b"t" * TOKEN_BYTES


@contextmanager
def web_server(application):
    """A server that is not ours."""
    server = WSGIServer(("127.0.0.1", 0), application, log=None)
    server.start()
    try:
        yield Endpoint("rest", "127.0.0.1", server.server_port)
    finally:
        server.stop(timeout=0.1)


@contextmanager
def raw_server(answer: bytes):
    """Says the same to everybody who connects, then hangs up."""

    def serve():
        while True:
            client, _ = listener.accept()
            client.recv(65536)
            client.sendall(answer)
            client.close()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        serving = gevent.spawn(serve)
        yield Endpoint("rest", "127.0.0.1", listener.getsockname()[1])
        serving.kill()


def always(status: str, headers: list[tuple[str, str]], body: bytes = b""):
    def application(environ, start_response):
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [body]

    return application


def dial(endpoint, events=None, timeout_s=PATIENCE_S):
    return RestTransport(rest_context()).dial(endpoint, events or RecordedEvents(), timeout_s)


@pytest.mark.parametrize(
    ("status", "headers", "body", "error"),
    [
        ("404 Not Found", [], b"", NotOffered),
        ("405 Method Not Allowed", [], b"", NotOffered),
        ("501 Not Implemented", [], b"", NotOffered),
        ("302 Found", [("Location", "http://127.0.0.1:1/")], b"", NotOffered),
        ("200 OK", [("Content-Type", "text/html")], b"<html>", NotOffered),
        ("200 OK", [("Content-Type", PROTOBUF)], b"\xff\xff\xff", NotOffered),
        ("200 OK", [("Content-Type", PROTOBUF)], MessageAck(received=True).SerializeToString(), NotOffered),
        ("200 OK", [("Content-Type", PROTOBUF)], MessageAck(received=False).SerializeToString(), NotOffered),
        ("200 OK", [("Content-Type", PROTOBUF)], bytes(3 * 1024 * 1024), NotOffered),
        ("429 Too Many Requests", [], b"", PeerUnreachable),
        ("503 Service Unavailable", [], b"", PeerUnreachable),
    ],
)
def test_an_answer_that_opens_no_link_says_whether_to_try_again(status, headers, body, error):
    with web_server(always(status, headers, body)) as endpoint, pytest.raises(error):
        dial(endpoint)


def test_what_does_not_speak_http_does_not_offer_it():
    with raw_server(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00") as endpoint, pytest.raises(NotOffered):
        dial(endpoint)


def test_somebody_who_hangs_up_at_once_is_unreachable():
    with raw_server(b"") as endpoint, pytest.raises(PeerUnreachable):
        dial(endpoint)


def test_a_name_that_does_not_exist_is_unreachable():
    with pytest.raises(PeerUnreachable):
        dial(Endpoint("rest", "no-such-host.invalid", 5002))


def test_an_answer_that_drips_ends_in_time():
    def drip(environ, start_response):
        start_response("200 OK", [("Content-Type", PROTOBUF)])
        while True:
            yield b"x"
            gevent.sleep(0.02)

    with web_server(drip) as endpoint, pytest.raises(LinkTimeout):
        dial(endpoint, timeout_s=0.2)


def test_a_proxy_in_the_environment_is_not_asked(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    listener, events = RestTransport(rest_context()), RecordedEvents()
    [endpoint] = listener.listen(events)

    dial(endpoint).send(b"direct")

    assert events.wait_for_batches(1) == [b"direct"]
    listener.stop(1.0)


def test_answers_that_overtake_each_other_are_put_in_order():
    polls = iter([MessageAck(received=True, batch=b"second", batch_number=2), MessageAck(received=True, closed=True)])

    def answer(environ):
        if f"HTTP_{TOKEN_HEADER.upper().replace('-', '_')}" not in environ:
            return MessageAck(received=True, link_token=TOKEN)
        if environ["REQUEST_METHOD"] == "POST":
            return MessageAck(received=True, batch=b"first", batch_number=1)
        return next(polls)

    def application(environ, start_response):
        environ["wsgi.input"].read()
        return always("200 OK", [("Content-Type", PROTOBUF)], answer(environ).SerializeToString())(environ, start_response)

    events = RecordedEvents()
    with web_server(application) as endpoint:
        dial(endpoint, events).send(b"x")

        assert events.wait_for_batches(2) == [b"first", b"second"]


def test_what_the_peer_sent_before_it_closed_is_waited_for():
    closing = Event()

    def answer(environ):
        if f"HTTP_{TOKEN_HEADER.upper().replace('-', '_')}" not in environ:
            return MessageAck(received=True, link_token=TOKEN)
        if environ["REQUEST_METHOD"] == "POST":
            closing.set()
            gevent.sleep(0.05)
            return MessageAck(received=True, batch=b"first", batch_number=1, closed=True)
        closing.wait()
        return MessageAck(received=True, batch=b"second", batch_number=2, closed=True)

    def application(environ, start_response):
        environ["wsgi.input"].read()
        return always("200 OK", [("Content-Type", PROTOBUF)], answer(environ).SerializeToString())(environ, start_response)

    events = RecordedEvents()
    with web_server(application) as endpoint:
        link = dial(endpoint, events)
        with pytest.raises(LinkClosed):
            link.send(b"x")

        events.wait_for(lambda: bool(events.ends))
    assert events.batches() == [b"first", b"second"]


def test_a_failed_request_ends_the_link():
    def application(environ, start_response):
        opened = MessageAck(received=True, link_token=TOKEN).SerializeToString()
        if f"HTTP_{TOKEN_HEADER.upper().replace('-', '_')}" in environ:
            return always("502 Bad Gateway", [])(environ, start_response)
        return always("200 OK", [("Content-Type", PROTOBUF)], opened)(environ, start_response)

    events = RecordedEvents()
    with web_server(application) as endpoint:
        dial(endpoint, events)

        events.wait_for(lambda: bool(events.ends))
    assert "502" in events.ends[0][1]


@pytest.mark.parametrize(
    ("section", "node_port", "listen"),
    [
        ({}, 5001, ("10.0.0.1", 5002)),
        ({}, 0, ("10.0.0.1", 0)),
        ({"listen": "[::]:7000"}, 0, ("::", 7000)),
    ],
)
def test_the_section_says_where_to_listen(section, node_port, listen):
    assert read_settings(section, ("10.0.0.1", node_port)) == RestSettings(listen)


@pytest.mark.parametrize(("section", "node_listen"), [({"listen": ""}, ("10.0.0.1", 5001)), ({}, None)])
def test_a_node_that_only_dials_listens_nowhere(section, node_listen):
    settings = read_settings(section, node_listen)
    transport = RestTransport(replace(transport_context(), settings=section, listen=node_listen))

    assert settings == RestSettings(None)
    assert transport.listen(RecordedEvents()) == []
    transport.stop(1.0)


def test_a_node_that_listens_on_nothing_else_may_have_a_rest_port():
    assert read_settings({"listen": "[::]:7000"}, None) == RestSettings(("::", 7000))


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"lisen": "x"}, r"plugins\.rest\.lisen is no setting; did you mean plugins\.rest\.listen\?"),
        ({"zzz": 1}, r"plugins\.rest\.zzz is no setting; there is listen"),
        ({"listen": 5002}, r"plugins\.rest\.listen is 5002: "),
        ({"listen": "5002"}, r"plugins\.rest\.listen is '5002': '5002' is not HOST:PORT"),
    ],
)
def test_a_setting_that_cannot_be_is_named(section, sentence):
    with pytest.raises(ConfigError, match=sentence):
        read_settings(section, ("127.0.0.1", 5001))
