"""The pipe over HTTP behaves as a transport must, and keeps to what its requests promise."""

from __future__ import annotations

import base64
import time

import gevent
import pytest
import requests
from rest_fakes import RawClient, rest_context

from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES
from sorcha_peer_core.testing.transport_suite import PATIENCE_S, RecordedEvents, TransportSuite
from sorcha_peer_core.wire.peer_communication_pb2 import HEARTBEAT, SESSION_BATCH, MessageAck, PeerMessage
from sorcha_transport_rest.calls import MESSAGES_PATH, PROTOBUF, TOKEN_BYTES, token_text
from sorcha_transport_rest.plugin import peer_transports
from sorcha_transport_rest.transport import RestTransport

JSON_TYPE = "application/json"


class ManualClock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class PipeClient:
    """Makes the requests of a link by hand, as its other side does."""

    def __init__(self, endpoint) -> None:
        self.endpoint = endpoint
        self.url = f"http://{endpoint.authority}{MESSAGES_PATH}"
        self.token = b""

    def _headers(self) -> dict[str, str]:
        return {"X-Link-Token": token_text(self.token)} if self.token else {}

    def post(self, message_type: int = SESSION_BATCH, **fields) -> requests.Response:
        body = PeerMessage(message_type=message_type, **fields).SerializeToString()
        headers = self._headers() | {"Content-Type": PROTOBUF}
        return requests.post(self.url, body, headers=headers, timeout=PATIENCE_S)

    def poll(self, wait: object = 25) -> requests.Response:
        return requests.get(f"{self.url}?wait={wait}", headers=self._headers(), timeout=PATIENCE_S)

    def open(self) -> MessageAck:
        ack = ack_of(self.post())
        self.token = ack.link_token
        return ack


def ack_of(response: requests.Response) -> MessageAck:
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == PROTOBUF
    return MessageAck.FromString(response.content)


def refusal_of(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


class TestRestTransport(TransportSuite):
    plugin = "sorcha_transport_rest.plugin"

    def make_transport(self, port: int = 0) -> RestTransport:
        return peer_transports()[0].build(rest_context(port))


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def listener(clock):
    transport = RestTransport(rest_context(max_connections=4), now=clock)
    yield transport
    transport.stop(1.0)


@pytest.fixture
def events():
    return RecordedEvents()


@pytest.fixture
def client(listener, events):
    return PipeClient(listener.listen(events)[0])


@pytest.fixture
def link(client, events):
    client.open()
    events.wait_for(lambda: bool(events.opens))
    return events.opens[0]


def started(call, *arguments):
    """A request under way."""
    job = gevent.spawn(call, *arguments)
    gevent.idle()
    return job


def polled(client, link):
    """A poll that has arrived at the listener and waits there."""
    poll = started(client.poll)
    with gevent.Timeout(PATIENCE_S):
        while not link._polling:
            gevent.sleep(0.01)
    return poll


def test_opening_gives_a_random_token(client):
    tokens = {ack_of(client.post()).link_token for _ in range(3)}

    assert [len(token) for token in tokens] == [TOKEN_BYTES] * 3


def test_a_message_of_another_type_is_not_received(client):
    assert ack_of(client.post(message_type=HEARTBEAT, payload=b"x")) == MessageAck(received=False)


def test_the_message_that_opens_a_link_carries_no_batch(client, events):
    assert refusal_of(client.post(payload=b"x", batch_number=1)) == (400, "bad_request")
    assert events.opens == []


def test_more_links_than_allowed_are_refused_until_one_ends(client, events):
    tokens = [ack_of(client.post()).link_token for _ in range(4)]

    assert refusal_of(client.post()) == (429, "too_many_requests")
    client.token = tokens[0]
    client.post(close=True)
    events.wait_for(lambda: bool(events.ends))
    client.token = b""
    assert client.open().received


def test_a_token_nobody_gave_is_gone(client):
    client.token = b"guessed guessed!"

    assert refusal_of(client.post(payload=b"x", batch_number=1)) == (410, "closed")
    assert refusal_of(client.poll(0)) == (410, "closed")


@pytest.mark.parametrize("token", ["", "short", "????", "A" * 2000])
def test_a_header_that_is_no_token_is_a_bad_request(client, token):
    response = requests.get(client.url, headers={"X-Link-Token": token}, timeout=PATIENCE_S)

    assert refusal_of(response) == (400, "bad_request")


def test_a_poll_without_a_token_is_a_bad_request(client):
    assert refusal_of(client.poll(0)) == (400, "bad_request")


@pytest.mark.parametrize("wait", ["26", "-1", "1.5", "x", "", "9" * 5000])
def test_a_wait_that_cannot_be_is_a_bad_request(client, link, wait):
    assert refusal_of(client.poll(wait)) == (400, "bad_request")


def test_the_token_never_stands_in_an_address(client, link):
    token = token_text(client.token)
    client.token = b""

    assert client.poll(f"0&X-Link-Token={token}").status_code == 400


def test_a_batch_arrives_and_the_next_answer_brings_one(client, link, events):
    link.send(b"waiting")

    unwelcome = ack_of(client.post(payload=b"a", batch_number=1))
    welcome = ack_of(client.post(payload=b"b", batch_number=2, wait_ms=1))

    assert (unwelcome.batch, welcome.batch, welcome.batch_number) == (b"", b"waiting", 1)
    assert events.wait_for_batches(2) == [b"a", b"b"]


def test_the_poll_is_answered_when_a_batch_comes(client, link):
    poll = polled(client, link)

    link.send(b"late")

    ack = ack_of(poll.get(timeout=PATIENCE_S))
    assert (ack.batch, ack.batch_number) == (b"late", 1)


def test_the_poll_is_answered_empty_when_its_time_is_over(client, link):
    ack = ack_of(client.poll(0))

    assert (ack.received, ack.closed, ack.batch) == (True, False, b"")


def test_a_second_poll_does_not_wait_beside_the_first(client, link):
    polls = [started(client.poll), started(client.poll)]

    first_done = gevent.wait(polls, timeout=PATIENCE_S, count=1)
    link.send(b"batch")
    gevent.joinall(polls, timeout=PATIENCE_S)

    assert ack_of(first_done[0].value).batch == b""
    assert sorted(ack_of(poll.value).batch for poll in polls) == [b"", b"batch"]


def test_the_answer_to_a_poll_is_not_kept_by_caches(client, link):
    assert client.poll(0).headers["Cache-Control"] == "no-store"


def test_a_batch_out_of_turn_ends_the_link(client, link, events):
    ack = ack_of(client.post(payload=b"x", batch_number=7))

    assert ack.closed
    events.wait_for(lambda: bool(events.ends))
    assert events.arrivals == []


def test_close_is_acknowledged_and_ends_the_waiting_poll(client, link, events):
    poll = polled(client, link)
    client.post(payload=b"last words", batch_number=1)

    ack = ack_of(client.post(close=True))

    assert ack.closed
    assert ack_of(poll.get(timeout=PATIENCE_S)).closed
    events.wait_for(lambda: bool(events.ends))
    assert events.batches() == [b"last words"]


def test_a_closed_link_is_gone(client, link):
    client.post(close=True)

    assert refusal_of(client.poll(0)) == (410, "closed")


def test_what_was_sent_before_close_can_still_be_fetched(client, link):
    link.send(b"goodbye")
    link.close("done")

    ack = ack_of(client.poll())

    assert (ack.batch, ack.closed) == (b"goodbye", True)


def test_a_poll_that_breaks_off_ends_the_link(client, link, events):
    raw = RawClient(client.endpoint)
    raw.send(f"GET {MESSAGES_PATH}?wait=25 HTTP/1.1", "Host: x", f"X-Link-Token: {token_text(client.token)}")
    client.post(payload=b"x", batch_number=1)

    raw.close()

    events.wait_for(lambda: bool(events.ends))
    assert "broke off" in events.ends[0][1]


def test_a_dialler_that_asks_no_more_is_given_up_after_two_poll_waits(client, link, events, listener, clock):
    clock.now_s += 49.0
    listener.reap()
    assert events.ends == []

    clock.now_s += 2.0
    listener.reap()

    events.wait_for(lambda: bool(events.ends))
    assert client.poll(0).status_code == 410


def test_nobody_looks_after_links_when_the_last_one_is_gone(client, link, events, listener):
    reaper = listener._reaper
    assert not reaper.ready()

    client.post(close=True)

    reaper.join(PATIENCE_S)
    assert reaper.ready()


def test_a_dialler_with_a_poll_under_way_is_not_given_up(client, link, events, listener, clock):
    poll = polled(client, link)
    clock.now_s += 1000.0

    listener.reap()
    link.send(b"still here")

    assert ack_of(poll.get(timeout=PATIENCE_S)).batch == b"still here"


def test_a_link_can_be_used_in_json(client, events):
    opened = requests.post(client.url, json={"messageType": "SESSION_BATCH"}, headers={"Accept": JSON_TYPE}, timeout=PATIENCE_S)
    headers = {"Accept": JSON_TYPE, "X-Link-Token": opened.json()["linkToken"]}
    events.wait_for(lambda: bool(events.opens))
    events.opens[0].send(b"\x00back")
    there = base64.b64encode(b"\xffthere").decode()

    message = {"messageType": "SESSION_BATCH", "payload": there, "batchNumber": "1"}
    handed_over = requests.post(client.url, json=message, headers=headers, timeout=PATIENCE_S)
    fetched = requests.get(f"{client.url}?wait=5", headers=headers, timeout=PATIENCE_S)

    assert events.wait_for_batches(1) == [b"\xffthere"]
    assert handed_over.json()["received"] is True
    assert base64.b64decode(fetched.json()["batch"]) == b"\x00back"
    assert fetched.json()["batchNumber"] == "1"


def test_the_largest_batch_fits_in_json(client, events):
    opened = requests.post(client.url, json={"messageType": "SESSION_BATCH"}, headers={"Accept": JSON_TYPE}, timeout=PATIENCE_S)
    payload = base64.b64encode(bytes(MAX_BATCH_BYTES)).decode()
    message = {"messageType": "SESSION_BATCH", "payload": payload, "batchNumber": 1}

    requests.post(client.url, json=message, headers={"X-Link-Token": opened.json()["linkToken"]}, timeout=PATIENCE_S)

    assert events.wait_for_batches(1) == [bytes(MAX_BATCH_BYTES)]


def test_a_question_in_json_is_answered_in_json(client):
    answer = requests.post(client.url, json={"messageType": 100}, timeout=PATIENCE_S)

    assert answer.headers["Content-Type"] == JSON_TYPE
    assert len(base64.b64decode(answer.json()["linkToken"])) == TOKEN_BYTES


def test_head_does_not_take_a_batch(client, link):
    link.send(b"kept")

    refused = requests.head(client.url, headers={"X-Link-Token": token_text(client.token)}, timeout=PATIENCE_S)

    assert refused.status_code == 405
    assert ack_of(client.poll(0)).batch == b"kept"


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_body_of_another_type_is_refused(client, content_type):
    response = requests.post(client.url, b"\x18\x64", headers={"Content-Type": content_type}, timeout=PATIENCE_S)

    assert refusal_of(response) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("content_type", "body"), [(PROTOBUF, b"\xff\xff"), (JSON_TYPE, b"{"), (JSON_TYPE, b"[1]"), (JSON_TYPE, b"\xff")]
)
def test_a_body_that_cannot_be_read_is_a_bad_request(client, content_type, body):
    response = requests.post(client.url, body, headers={"Content-Type": content_type}, timeout=PATIENCE_S)

    assert refusal_of(response) == (400, "bad_request")


def test_a_node_that_stops_opens_no_more_links(client, listener):
    listener._events = None

    assert refusal_of(client.post()) == (503, "unavailable")


def test_stop_with_open_polls_ends_quickly_and_answers_them(client, link, listener):
    polls = [polled(client, link)]
    idle = RawClient(client.endpoint)
    idle.send("GET /api/v1/peers/ping HTTP/1.1", "Host: x")
    assert idle.answer().status == 200

    started_s = time.monotonic()
    listener.stop(3.0)
    stopped_s = time.monotonic() - started_s

    assert stopped_s < 1.5
    assert ack_of(polls[0].get(timeout=PATIENCE_S)).closed
    assert idle.is_closed()
