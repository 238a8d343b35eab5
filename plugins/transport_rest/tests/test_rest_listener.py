"""The REST port under clients that are slow, wrong or hostile."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import closing
from random import Random
from types import SimpleNamespace

import gevent
import pytest
import requests
from rest_fakes import KnownPeers, RawClient, rest_context

from sorcha_peer_core.errors import StartError
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.testing.transport_suite import PATIENCE_S, RecordedEvents
from sorcha_peer_core.wire.peer_communication_pb2 import MessageAck
from sorcha_transport_rest import addresses, answers, connection, plugin, transport
from sorcha_transport_rest.calls import MESSAGES_PATH, PROTOBUF, TOKEN_HEADER, token_text
from sorcha_transport_rest.transport import RestTransport

PING = "GET /api/v1/peers/ping HTTP/1.1"
POST = f"POST {MESSAGES_PATH} HTTP/1.1"
TYPE = f"Content-Type: {PROTOBUF}"
OPENING = b"\x18\x64"


@pytest.fixture
def endpoint():
    rest = RestTransport(rest_context(peer_api=KnownPeers(), max_connections=4))
    yield rest.listen(RecordedEvents())[0]
    rest.stop(1.0)


@pytest.fixture
def raw(endpoint):
    client = RawClient(endpoint)
    yield client
    client.close()


def is_served(endpoint: Endpoint) -> bool:
    return requests.get(f"http://{endpoint.authority}/api/v1/peers/ping", timeout=PATIENCE_S).status_code == 200


def test_a_port_that_was_closed_by_an_error_is_a_reason_not_to_be_ready(tmp_path):
    [offer] = plugin.peer_transports()
    [healthy] = plugin.peer_health(SimpleNamespace(data_dir=tmp_path))
    rest = offer.build(rest_context(peer_api=KnownPeers(), data_dir=tmp_path))
    assert list(healthy()) == []
    rest.listen(RecordedEvents())
    assert list(healthy()) == []

    # As pywsgi does when its socket cannot be accepted from any more.
    rest._listener._server.close()

    assert list(healthy()) == ["REST takes no connections any more: its port was closed by an error; restart the node"]
    rest.stop(1.0)
    assert list(healthy()) == []


def test_another_node_in_the_process_says_nothing_of_this_port(tmp_path):
    [offer] = plugin.peer_transports()
    rest = offer.build(rest_context(peer_api=KnownPeers(), data_dir=tmp_path / "one"))
    rest.listen(RecordedEvents())
    rest._listener._server.close()

    [healthy] = plugin.peer_health(SimpleNamespace(data_dir=tmp_path / "two"))

    assert list(healthy()) == []
    rest.stop(1.0)


def test_a_connection_is_kept_for_further_requests(raw):
    for _ in range(3):
        raw.send(PING, "Host: x")
        assert raw.answer().status == 200


def test_small_answers_do_not_wait_for_acknowledgements(raw):
    def ask_twenty_times():
        for _ in range(20):
            raw.send(PING, "Host: x")
            raw.answer()

    # Forty milliseconds each, if they did.
    with gevent.Timeout(0.7):
        ask_twenty_times()


def test_an_oversize_body_is_refused_before_it_is_read(raw):
    raw.send(POST, "Host: x", TYPE, "Content-Length: 1000000000000")

    answer = raw.answer()

    assert (answer.status, answer.code, answer.headers["connection"]) == (413, "too_large", "close")


def test_an_oversize_body_that_is_under_way_does_not_lose_its_answer(raw):
    raw.send(POST, "Host: x", TYPE, "Content-Length: 200000", body=bytes(200000))

    assert raw.answer().status == 413


def test_a_body_in_chunks_is_read_to_its_limit_and_no_further(raw):
    raw.send(POST, "Host: x", TYPE, "Transfer-Encoding: chunked", body=b"fffffff\r\n" + bytes(4096))

    assert raw.answer().status == 413


def test_a_body_in_chunks_is_taken(raw):
    raw.send(POST, "Host: x", TYPE, "Transfer-Encoding: chunked", body=b"1\r\n\x18\r\n1\r\n\x64\r\n0\r\n\r\n")

    assert raw.answer().status == 200


@pytest.mark.parametrize("body", [b"zz\r\n", b"ffffffffffffffffff\r\n", b"2\r\n\x18\x64XX0\r\n\r\n"])
def test_chunks_that_are_none_are_a_bad_request(raw, body):
    raw.send(POST, "Host: x", TYPE, "Transfer-Encoding: chunked", body=body)

    assert raw.answer().status == 400
    assert raw.is_closed()


def test_a_body_of_a_stranger_is_not_read_before_its_token_is_known(raw):
    raw.send(POST, "Host: x", TYPE, "X-Link-Token: MDEyMzQ1Njc4OWFiY2RlZg==", "Content-Length: 1000000")

    assert raw.answer().status == 410


def test_a_refused_request_does_not_leave_its_body_as_the_next_request(raw):
    raw.send(POST, "Host: x", "Content-Type: text/plain", "Content-Length: 20", body=b"GET / HTTP/1.1\r\n\r\nxx")

    assert raw.answer().status == 415
    assert raw.answer().status == 0


def test_a_client_that_asks_first_is_refused_without_sending(raw):
    raw.send(POST, "Host: x", TYPE, "Content-Length: 99999999", "Expect: 100-continue")

    assert raw.answer().status == 413


@pytest.mark.parametrize(
    "lines",
    [
        ["GET /api/v1/peers/ping"],
        ["GARBAGE"],
        ["PRI * HTTP/2.0"],
        [PING, "Host: x", "Content-Length: -1"],
        [PING, "Host: x", "Content-Length: 1_0"],
        [PING, "Host: x", "Content-Length: 5", "Content-Length: 6"],
        [PING, "Host: x", "Content-Length: 5", "Transfer-Encoding: chunked"],
        [PING, "Host: x", "Transfer-Encoding: gzip, chunked"],
    ],
)
def test_a_request_with_two_meanings_is_refused(raw, lines):
    raw.send(*lines)

    answer = raw.answer()

    assert (answer.status, answer.code) == (400, "bad_request")
    assert raw.is_closed()


def test_an_upgrade_does_not_hand_out_the_connection(raw):
    raw.send(POST, "Host: x", TYPE, "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 2", body=OPENING)

    assert raw.answer().status == 200


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["GET /" + "x" * 9000 + " HTTP/1.1"], 414),
        ([PING, "X-Long: " + "x" * 40000], 431),
        ([PING, *(f"X-{number}: x" for number in range(5000))], 431),
        ([PING, *(f"X-{number}: x" for number in range(200))], 400),
    ],
)
def test_a_head_that_is_too_large_is_refused(raw, lines, status):
    raw.send(*lines)

    assert raw.answer().status == status


def test_a_head_that_does_not_end_is_given_up(raw, monkeypatch):
    monkeypatch.setattr(connection, "HEAD_TIMEOUT_S", 0.05)
    raw.socket.sendall(f"{PING}\r\nHost: x\r\n".encode())

    assert (raw.answer().status, raw.is_closed()) == (408, True)


def test_a_body_that_does_not_come_is_given_up(raw, monkeypatch):
    monkeypatch.setattr(answers, "DATA_TIMEOUT_S", 0.05)
    raw.send(POST, "Host: x", TYPE, "Content-Length: 100", body=b"x")

    assert (raw.answer().status, raw.is_closed()) == (408, True)


def test_a_connection_without_a_request_is_closed_after_a_while(raw, monkeypatch, endpoint):
    monkeypatch.setattr(connection, "KEEP_ALIVE_S", 0.05)
    late = RawClient(endpoint)

    assert late.is_closed()
    late.close()


def test_a_body_that_breaks_off_harms_nobody(raw, endpoint):
    raw.send(POST, "Host: x", TYPE, "Content-Length: 100", body=b"x")
    raw.close()

    assert is_served(endpoint)


def test_slow_clients_do_not_hold_up_others(monkeypatch):
    monkeypatch.setattr(transport, "_SPARE_CONNECTIONS", 4)
    rest = RestTransport(rest_context(peer_api=KnownPeers(), max_connections=2))
    [endpoint] = rest.listen(RecordedEvents())
    slow = [RawClient(endpoint) for _ in range(30)]
    for client in slow:
        client.socket.sendall(b"GET /api/v1/peers/ping HTTP/1.1\r\nX-Drip: ")

    served = is_served(endpoint)

    for client in slow:
        client.close()
    rest.stop(1.0)
    assert served


def test_random_bytes_do_no_harm(endpoint, caplog, capfd):
    generator = Random(7)
    for _ in range(200):
        with closing(socket.create_connection((endpoint.host, endpoint.port), timeout=PATIENCE_S)) as client:
            client.sendall(generator.randbytes(generator.randrange(1, 400)) + b"\r\n\r\n")

    assert is_served(endpoint)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    assert capfd.readouterr().err == ""


def test_random_messages_under_a_real_token_end_at_most_their_own_link(endpoint, caplog):
    generator, url = Random(11), f"http://{endpoint.authority}{MESSAGES_PATH}"
    session = requests.Session()
    opened = MessageAck.FromString(session.post(url, OPENING, headers={"Content-Type": PROTOBUF}).content)
    headers = {"Content-Type": PROTOBUF, TOKEN_HEADER: token_text(opened.link_token)}

    statuses = {session.post(url, generator.randbytes(generator.randrange(64)), headers=headers).status_code for _ in range(300)}

    assert statuses <= {200, 400, 410}
    assert is_served(endpoint)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "::", "0.0.0.0"])
def test_a_port_is_found_on_every_kind_of_address(host):
    if ":" in host and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    rest = RestTransport(rest_context(host=host, peer_api=KnownPeers()))

    [listening] = rest.listen(RecordedEvents())

    reached = "127.0.0.1" if host in ("localhost", "::", "0.0.0.0") else host
    assert listening == Endpoint("rest", host, listening.port)
    assert is_served(listening._replace(host=reached))
    rest.stop(1.0)


def test_all_addresses_of_a_machine_without_ipv6_are_its_ipv4_ones(monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(addresses, "_lacks_ipv6", lambda: True)
    rest = RestTransport(rest_context(host="::", peer_api=KnownPeers()))

    [listening] = rest.listen(RecordedEvents())

    assert listening == Endpoint("rest", "0.0.0.0", listening.port)
    assert is_served(listening._replace(host="127.0.0.1"))
    assert "no IPv6: REST listens on its IPv4 addresses only" in caplog.text
    rest.stop(1.0)


def test_a_link_is_dialled_over_ipv6():
    rest, events = RestTransport(rest_context(host="::1")), RecordedEvents()
    [listening] = rest.listen(events)

    rest.dial(listening, RecordedEvents(), PATIENCE_S).send(b"six")

    assert events.wait_for_batches(1) == [b"six"]
    assert events.opens[0].remote.host == "::1"
    rest.stop(1.0)


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "localhost", "::"])
def test_a_port_in_use_is_named_with_the_reason(host):
    with closing(socket.socket()) as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(StartError, match=f"{port}: Address already in use"):
            RestTransport(rest_context(port, host)).listen(RecordedEvents())


def test_a_name_that_does_not_exist_cannot_be_listened_on():
    with pytest.raises(StartError, match=r"no-such-host\.invalid"):
        RestTransport(rest_context(host="no-such-host.invalid")).listen(RecordedEvents())


def test_a_process_that_is_not_patched_is_refused_with_a_sentence():
    script = (
        "from sorcha_peer_core.testing.transport_suite import transport_context\n"
        "from sorcha_peer_core.errors import PluginError\n"
        "from sorcha_transport_rest.plugin import peer_transports\n"
        "try:\n    peer_transports()[0].build(transport_context())\n"
        "except PluginError as error:\n    print(error)\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)

    assert "patch_all" in done.stdout


def test_the_entry_point_imports_no_flask():
    script = "import sys, sorcha_transport_rest.plugin as plugin; plugin.peer_transports(); print('flask' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout == "False\n"
