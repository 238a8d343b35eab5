"""The unary pipe behaves as a transport must, and keeps to what its calls promise."""

from __future__ import annotations

import grpc
import pytest

from sorcha_peer_core.errors import NotOffered
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.testing.transport_suite import PATIENCE_S, RecordedEvents, TransportSuite, transport_context
from sorcha_peer_core.wire.peer_communication_pb2 import HEARTBEAT, SESSION_BATCH, MessageAck, PeerMessage
from sorcha_transport_grpc.endpoint import GrpcEndpoint, endpoint_of, method_of
from sorcha_transport_grpc.plugin import peer_transports
from sorcha_transport_grpc.unary_call import SEND_MESSAGE, TOKEN_BYTES
from sorcha_transport_grpc.unary_transport import UnaryTransport

LONG_WAIT_MS = 5000


class ManualClock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Client:
    """Calls SendMessage by hand, as the other side of a link does."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.channel = grpc.insecure_channel(endpoint.authority)
        self._method = method_of(self.channel, SEND_MESSAGE)
        self.token = b""

    def start(self, message_type: int = SESSION_BATCH, **fields):
        fields.setdefault("link_token", self.token)
        return self._method.future(PeerMessage(message_type=message_type, **fields), timeout=PATIENCE_S)

    def call(self, **fields) -> MessageAck:
        return self.start(**fields).result()

    def open(self) -> MessageAck:
        ack = self.call()
        self.token = ack.link_token
        return ack


class TestUnaryTransport(TransportSuite):
    plugin = "sorcha_transport_grpc.plugin"

    def make_transport(self, port: int = 0) -> UnaryTransport:
        return peer_transports()[0].build(transport_context(port))


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def listener(clock):
    transport = UnaryTransport(endpoint_of(transport_context()), now=clock)
    yield transport
    transport.stop(1.0)


@pytest.fixture
def events():
    return RecordedEvents()


@pytest.fixture
def client(listener, events):
    client = Client(listener.listen(events)[0])
    yield client
    client.channel.close()


@pytest.fixture
def link(client, events):
    client.open()
    events.wait_for(lambda: bool(events.opens))
    return events.opens[0]


def test_opening_gives_a_random_token(client):
    tokens = {client.call().link_token for _ in range(3)}

    assert [len(token) for token in tokens] == [TOKEN_BYTES] * 3


def test_a_message_of_another_type_is_not_received(client):
    assert client.call(message_type=HEARTBEAT, payload=b"x") == MessageAck(received=False)


def test_a_token_nobody_gave_is_answered_closed(client):
    ack = client.call(link_token=b"guessed guessed!", payload=b"x", batch_number=1)

    assert (ack.received, ack.closed) == (False, True)


def test_the_poll_is_answered_when_a_batch_comes(client, link):
    poll = client.start(wait_ms=LONG_WAIT_MS)

    link.send(b"late")

    assert (poll.result().batch, poll.result().batch_number) == (b"late", 1)


def test_the_poll_is_answered_empty_when_its_time_is_over(client, link):
    ack = client.call(wait_ms=1)

    assert (ack.received, ack.closed, ack.batch) == (True, False, b"")


def test_a_second_poll_does_not_wait_beside_the_first(client, link):
    first = client.start(wait_ms=LONG_WAIT_MS)

    second = client.start(wait_ms=LONG_WAIT_MS)
    while not (first.done() or second.done()):
        client.call(payload=b"x", batch_number=link._accepted + 1)
    link.send(b"batch")

    assert sorted([first.result().batch, second.result().batch]) == [b"", b"batch"]


def test_the_answer_to_a_batch_brings_one_along_only_when_that_is_welcome(client, link):
    link.send(b"waiting")

    unwelcome = client.call(payload=b"a", batch_number=1)
    welcome = client.call(payload=b"b", batch_number=2, wait_ms=1)

    assert (unwelcome.batch, welcome.batch, welcome.batch_number) == (b"", b"waiting", 1)


def test_a_batch_out_of_turn_ends_the_link(client, link, events):
    ack = client.call(payload=b"x", batch_number=7)

    assert ack.closed
    events.wait_for(lambda: bool(events.ends))
    assert events.arrivals == []


def test_close_is_acknowledged_and_ends_the_waiting_poll(client, link, events):
    poll = client.start(wait_ms=LONG_WAIT_MS)
    client.call(payload=b"last words", batch_number=1)

    ack = client.call(close=True)

    assert ack.closed
    assert poll.result().closed
    events.wait_for(lambda: bool(events.ends))
    assert events.batches() == [b"last words"]


def test_what_was_sent_before_close_can_still_be_fetched(client, link):
    link.send(b"goodbye")
    link.close("done")

    ack = client.call(wait_ms=LONG_WAIT_MS)

    assert (ack.batch, ack.closed) == (b"goodbye", True)


def test_a_poll_that_breaks_off_ends_the_link(client, link, events):
    poll = client.start(wait_ms=LONG_WAIT_MS)
    client.call(payload=b"x", batch_number=1)

    client.channel.close()

    events.wait_for(lambda: bool(events.ends))
    assert poll.code() is grpc.StatusCode.CANCELLED


def test_a_dialler_that_calls_no_more_is_given_up_after_two_poll_waits(client, link, events, listener, clock):
    clock.now_s += 49.0
    listener.reap()
    assert events.ends == []

    clock.now_s += 2.0
    listener.reap()

    events.wait_for(lambda: bool(events.ends))
    assert "not called" in events.ends[0][1]
    assert client.call(wait_ms=1).closed


def test_a_dialler_with_a_poll_under_way_is_not_given_up(client, link, events, listener, clock):
    poll = client.start(wait_ms=LONG_WAIT_MS)
    client.call(payload=b"x", batch_number=1)
    clock.now_s += 1000.0

    listener.reap()
    link.send(b"still here")

    assert poll.result().batch == b"still here"


def test_a_service_that_only_acknowledges_messages_opens_no_link():
    endpoint = GrpcEndpoint(transport_context())
    endpoint.serve(SEND_MESSAGE, lambda request, context: MessageAck(received=True))
    dialler = UnaryTransport(GrpcEndpoint(transport_context()))

    with pytest.raises(NotOffered):
        dialler.dial(endpoint.listen("test"), RecordedEvents(), PATIENCE_S)
    endpoint.release("test", 1.0)


def test_answers_that_overtake_each_other_are_put_in_order():
    endpoint = GrpcEndpoint(transport_context())
    answers = iter([MessageAck(received=True, batch=b"second", batch_number=2), MessageAck(received=True, closed=True)])

    def answer(request, context):
        if not request.link_token:
            return MessageAck(received=True, link_token=b"token")
        if request.payload:
            return MessageAck(received=True, batch=b"first", batch_number=1)
        return next(answers)

    endpoint.serve(SEND_MESSAGE, answer)
    events = RecordedEvents()
    link = UnaryTransport(GrpcEndpoint(transport_context())).dial(endpoint.listen("test"), events, PATIENCE_S)
    link.send(b"x")

    assert events.wait_for_batches(2) == [b"first", b"second"]
    endpoint.release("test", 1.0)
