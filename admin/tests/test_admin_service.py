"""The service over real sockets: its files, its address, its streams and its end."""

from __future__ import annotations

import json
import logging
import re
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator

import gevent
import pytest
import requests
from admin_fakes import FakeNode

from sorcha_peer_admin import plugin
from sorcha_peer_admin.auth import TOKEN_FILE
from sorcha_peer_admin.batch import MAX_BATCH_BYTES
from sorcha_peer_admin.follow import MOST_FOLLOWERS
from sorcha_peer_admin.service import URL_FILE, AdminService
from sorcha_peer_core.errors import StartError

LOG = "/manage/v1/transactions"
PATIENCE_S = 10.0


@pytest.fixture
def service(node: FakeNode) -> Iterator[AdminService]:
    service = AdminService(node, node.admin_settings["listen"])
    service.start()
    yield service
    service.stop(1.0)


@pytest.fixture
def session(node: FakeNode, service: AdminService) -> Iterator[requests.Session]:
    """A client with the token that the service wrote."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {(node.data_dir / TOKEN_FILE).read_text().strip()}"
        yield session


def follow(session: requests.Session, service: AdminService, after: int = 0) -> requests.Response:
    """A followed log whose headers have come."""
    return session.get(f"{service.url}{LOG}?follow=1&after={after}", stream=True, timeout=PATIENCE_S)


def until(reached: Callable[[], bool]) -> None:
    """Let the others run until something is so."""
    give_up_at_s = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < give_up_at_s
        gevent.idle()


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the service and waitress said at warning or above; the client's own library is not meant."""
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING and not r.name.startswith("urllib3")]


def next_seq(lines: Iterator[bytes]) -> int:
    return int(json.loads(next(line for line in lines if line))["seq"])


def test_the_plugin_brings_the_service(node: FakeNode):
    [service] = plugin.peer_services(node)

    assert service.name == "admin"


def test_without_an_address_there_is_no_service(node: FakeNode):
    node.admin_settings = {}

    assert list(plugin.peer_services(node)) == []


def test_the_token_is_made_once_for_its_owner_only(node: FakeNode, service: AdminService):
    path = node.data_dir / TOKEN_FILE
    token = path.read_text()
    service.stop(1.0)

    again = AdminService(node, "127.0.0.1:0")
    again.start()
    again.stop(1.0)

    assert len(token.strip()) >= 43
    assert path.read_text() == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_token_that_others_could_read_is_closed_to_them(node: FakeNode):
    path = node.data_dir / TOKEN_FILE
    path.write_text("chosen-by-the-operator\n")
    path.chmod(0o644)
    service = AdminService(node, "127.0.0.1:0")

    service.start()
    service.stop(1.0)

    assert path.read_text() == "chosen-by-the-operator\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_address_is_written_for_commands_and_removed_at_the_end(node: FakeNode, service: AdminService):
    path = node.data_dir / URL_FILE
    written = path.read_text().strip()

    service.stop(1.0)

    assert written == service.url
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", written)
    assert not path.exists()


def test_a_port_in_use_is_named(node: FakeNode, service: AdminService):
    address = service.url.removeprefix("http://")

    with pytest.raises(StartError, match=f"cannot listen on {address}: address already in use"):
        AdminService(node, address).start()

    assert (node.data_dir / URL_FILE).read_text().strip() == service.url


@pytest.mark.parametrize("listen", ["0.0.0.0:5080", "[::]:5080", "192.0.2.1:5080"])
def test_an_address_that_others_can_reach_is_refused(node: FakeNode, listen):
    with pytest.raises(StartError, match="speaks no TLS") as refused:
        AdminService(node, listen).start()

    assert "with admin.listen = 127.0.0.1:5080" in str(refused.value)
    assert "set admin.allow_remote = true; the token is then all that protects it" in str(refused.value)
    assert not (node.data_dir / URL_FILE).exists()


def test_a_name_that_is_no_address_is_refused(node: FakeNode):
    with pytest.raises(StartError, match=r"no-such-host\.invalid"):
        AdminService(node, "no-such-host.invalid:5080").start()


def test_a_data_directory_that_is_not_there_is_one_sentence(node: FakeNode):
    node.data_dir = node.data_dir / "gone"

    with pytest.raises(StartError, match=r"admin\.token, cannot be read or written"):
        AdminService(node, "127.0.0.1:0").start()


def test_ipv6_loopback_can_be_listened_on(node: FakeNode):
    service = AdminService(node, "[::1]:0")
    try:
        service.start()
    except StartError as error:
        pytest.skip(f"this machine has no IPv6: {error}")

    assert requests.get(f"{service.url}/healthz", timeout=PATIENCE_S).status_code == 200
    service.stop(1.0)


def test_a_connection_serves_many_requests(session: requests.Session, service: AdminService):
    ports = set()
    for path in ("/healthz", "/manage/v1/status", LOG, "/manage/v1/no-such-thing"):
        with session.get(f"{service.url}{path}", stream=True, timeout=PATIENCE_S) as answer:
            ports.add(answer.raw.connection.sock.getsockname()[1])
            answer.content  # noqa: B018 - read to its end, so that the connection is free again

    assert len(ports) == 1


def test_a_submitted_payload_comes_back(session: requests.Session, service: AdminService):
    tx_hash = session.post(f"{service.url}{LOG}", data=b"\x00\xffabc", timeout=PATIENCE_S).json()["hash"]

    assert session.get(f"{service.url}{LOG}/{tx_hash}", timeout=PATIENCE_S).content == b"\x00\xffabc"


def test_a_body_in_chunks_is_a_body_like_any_other(session: requests.Session, service: AdminService, node: FakeNode):
    session.post(f"{service.url}{LOG}", data=iter([b"ab", b"cd"]), timeout=PATIENCE_S)

    assert node.calls[0][0].payload == b"abcd"


def test_the_server_does_not_say_what_it_is(session: requests.Session, service: AdminService):
    assert "Server" not in session.get(f"{service.url}/healthz", timeout=PATIENCE_S).headers


def raw_answer(service: AdminService, request: bytes) -> tuple[int, dict[str, object]]:
    """Status and JSON body of the answer to bytes that no HTTP library would send."""
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as reader:
            answer = reader.read()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
def test_a_giant_body_is_refused_by_its_length_alone(service: AdminService, expect):
    head = b"POST /manage/v1/transactions/batch HTTP/1.1\r\nHost: x\r\n" + expect

    status, body = raw_answer(service, head + b"Content-Length: %d\r\n\r\n" % (MAX_BATCH_BYTES + 1))

    assert status == 413
    assert body["error"] == {
        "code": "too_large",
        "message": f"the body is too large; at most {MAX_BATCH_BYTES} bytes are allowed",
    }


def test_what_is_not_http_is_answered_in_json(service: AdminService):
    status, body = raw_answer(service, b"GET / HTTP/1.1\r\nno colon\r\n\r\n")

    assert (status, body["error"]["code"]) == (400, "bad_request")


def test_a_followed_log_delivers_what_arrives_later(session: requests.Session, service: AdminService, node: FakeNode):
    node.append()
    with follow(session, service) as stream:
        lines = stream.iter_lines(chunk_size=None)
        first = next_seq(lines)
        node.append()
        second = next_seq(lines)

    assert (first, second) == (1, 2)


def test_many_followers_get_each_line_while_requests_are_served(session: requests.Session, service: AdminService, node: FakeNode):
    streams = [follow(session, service) for _ in range(MOST_FOLLOWERS)]
    refused = follow(session, service)

    status = session.get(f"{service.url}/manage/v1/status", timeout=PATIENCE_S)
    node.append()
    got = [next_seq(stream.iter_lines(chunk_size=None)) for stream in streams]
    for stream in streams:
        stream.close()

    assert got == [1] * MOST_FOLLOWERS
    assert (refused.status_code, status.status_code) == (503, 200)


def test_the_place_of_a_reader_that_left_is_free_again(session: requests.Session, service: AdminService, node: FakeNode):
    ended = threading.Event()
    leave = service._followers.leave

    def leave_and_tell() -> None:
        leave()
        ended.set()

    service._followers.leave = leave_and_tell  # type: ignore[method-assign]
    follow(session, service).close()

    assert ended.wait(PATIENCE_S)
    assert service._followers.open == 0


def test_stop_ends_open_streams_soon_and_without_errors(session, service: AdminService, caplog, capfd):
    streams = [follow(session, service) for _ in range(10)]
    session.get(f"{service.url}/healthz", timeout=PATIENCE_S)

    begun_s = time.monotonic()
    with caplog.at_level(logging.DEBUG):
        service.stop(3.0)
    took_s = time.monotonic() - begun_s

    assert took_s < 3.0
    assert [stream.content.strip() for stream in streams] == [b""] * 10
    assert complaints(caplog) == []
    assert capfd.readouterr().err == ""


def test_stop_does_not_wait_for_a_reader_that_does_not_read(session, service: AdminService, node: FakeNode, caplog, capfd):
    stuck = follow(session, service)
    for _ in range(60_000):
        node.append()
    [channel] = service._listener._server.active_channels.values()
    until(lambda: channel.total_outbufs_len > channel.adj.outbuf_high_watermark)

    begun_s = time.monotonic()
    with caplog.at_level(logging.DEBUG):
        service.stop(1.0)
    took_s = time.monotonic() - begun_s

    assert took_s < 2.0
    assert complaints(caplog) == []
    assert capfd.readouterr().err == ""
    stuck.close()


def test_after_a_stop_nobody_listens(service: AdminService):
    service.stop(1.0)

    with pytest.raises(requests.ConnectionError):
        requests.get(f"{service.url}/healthz", timeout=PATIENCE_S)


def test_stop_may_come_twice_or_without_a_start(node: FakeNode, service: AdminService):
    service.stop(1.0)
    service.stop(1.0)

    AdminService(node, "127.0.0.1:0").stop(1.0)


def test_a_stopped_address_can_be_listened_on_again(node: FakeNode, service: AdminService):
    address = service.url.removeprefix("http://")
    requests.get(f"{service.url}/healthz", timeout=PATIENCE_S)
    service.stop(1.0)

    again = AdminService(node, address)
    again.start()

    assert requests.get(f"{again.url}/healthz", timeout=PATIENCE_S).status_code == 200
    again.stop(1.0)
