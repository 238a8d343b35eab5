"""Asking a client that is no node: what it has to serve, and what it cannot make this node do."""

from __future__ import annotations

import threading
from dataclasses import replace

import grpc
import pytest

from sorcha_peer_core.errors import LinkTimeout, NotOffered, PeerUnreachable, TransportError
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.testing.transport_suite import PATIENCE_S, EmptyPeerApi, transport_context
from sorcha_peer_core.wire import transaction_distribution_pb2 as pb
from sorcha_peer_core.wire.methods import PEER_DISCOVERY, TRANSACTION_DISTRIBUTION
from sorcha_transport_grpc.discovery_service import serve_discovery
from sorcha_transport_grpc.distribution_service import serve_distribution
from sorcha_transport_grpc.endpoint import GrpcEndpoint
from sorcha_transport_grpc.foreign import GrpcForeignClient

MAX_BYTES = 4 * 1024 * 1024
THRESHOLD_BYTES = 100_000
SMALL = b"small"
LARGE = bytes(range(256)) * 5000
GET = TRANSACTION_DISTRIBUTION["GetTransaction"]
STREAM = TRANSACTION_DISTRIBUTION["StreamTransaction"]


class Payloads(EmptyPeerApi):
    def __init__(self) -> None:
        self.by_hash = {tx_hash_of(payload).hex(): payload for payload in (SMALL, LARGE)}
        self.asked: list[str] = []

    def payload(self, tx_hash):
        self.asked.append(tx_hash)
        return self.by_hash.get(tx_hash)


class NoTls:
    """Credentials of a node whose every look at a server finds no TLS."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.looks: list[tuple[str, int]] = []

    def client(self, host, port, timeout_s):
        self.looks.append((host, port))
        raise NotOffered("it does not speak TLS")


@pytest.fixture
def foreign():
    """A server of the test's own; nothing is served yet."""
    endpoint = GrpcEndpoint(replace(transport_context(), max_transaction_bytes=MAX_BYTES))
    yield endpoint
    endpoint.release("test", 0.1)


@pytest.fixture
def api():
    return Payloads()


def client_of(credentials=None) -> GrpcForeignClient:
    own = GrpcEndpoint(replace(transport_context(), credentials=credentials))
    return GrpcForeignClient(own, lambda: "ab" * 20, THRESHOLD_BYTES)


def fetch(where: Endpoint, payload: bytes, size: int | None = None) -> bytes:
    return client_of().fetch(where, tx_hash_of(payload), len(payload) if size is None else size, PATIENCE_S)


@pytest.mark.parametrize("payload", [SMALL, LARGE], ids=["in one message", "as a stream"])
def test_a_payload_comes_byte_for_byte(foreign, api, payload):
    serve_distribution(foreign, api)

    assert fetch(foreign.listen("test"), payload) == payload


def test_the_size_decides_how_it_is_asked_for(foreign):
    asked = []
    foreign.serve(GET, lambda request, context: asked.append(("get", request.requesting_peer_id)) or pb.TransactionResponse())
    foreign.serve(STREAM, lambda request, context: asked.append(("stream", request.requesting_peer_id)) or iter(()))
    where = foreign.listen("test")

    with pytest.raises(NotOffered, match="does not have"):
        fetch(where, SMALL, THRESHOLD_BYTES)
    assert fetch(where, SMALL, THRESHOLD_BYTES + 1) == b""

    assert asked == [("get", "ab" * 20), ("stream", "ab" * 20)]


@pytest.mark.parametrize("size", [3000, THRESHOLD_BYTES + 1], ids=["in one message", "as a stream"])
def test_more_than_was_announced_is_not_read(foreign, api, size):
    api.by_hash[tx_hash_of(SMALL).hex()] = LARGE
    serve_distribution(foreign, api)

    with pytest.raises(TransportError):
        fetch(foreign.listen("test"), SMALL, size)


@pytest.mark.parametrize(
    "chunks",
    [
        [pb.TransactionChunk(chunk_index=1, chunk_data=b"x")],
        [pb.TransactionChunk(chunk_index=0, chunk_data=b"x")] * 2,
        [pb.TransactionChunk(chunk_index=0)],
    ],
    ids=["it does not begin at the beginning", "twice the same", "nothing in it"],
)
def test_chunks_that_are_none_end_the_stream(foreign, chunks):
    foreign.serve(STREAM, lambda request, context: iter(chunks))

    with pytest.raises(NotOffered, match="chunk"):
        fetch(foreign.listen("test"), LARGE)


def test_a_stream_that_does_not_end_is_given_up_in_time(foreign):
    def drip(request, context):
        yield pb.TransactionChunk(chunk_index=0, chunk_data=b"x")
        ended.wait(PATIENCE_S)

    ended = threading.Event()
    foreign.serve(STREAM, drip)

    with pytest.raises(LinkTimeout):
        client_of().fetch(foreign.listen("test"), tx_hash_of(LARGE), len(LARGE), 0.3)
    ended.set()


def test_a_client_that_serves_discovery_answers_a_ping(foreign, api):
    serve_discovery(foreign, api)

    client_of().ping(foreign.listen("test"), PATIENCE_S)

    assert api.asked == []


def test_a_client_that_serves_transactions_alone_answers_a_ping_too(foreign, api):
    serve_distribution(foreign, api)

    client_of().ping(foreign.listen("test"), PATIENCE_S)

    assert api.asked == ["00" * 32]


def test_a_server_that_serves_neither_does_not_answer(foreign):
    with pytest.raises(NotOffered):
        client_of().ping(foreign.listen("test"), PATIENCE_S)


def test_nobody_is_unreachable(foreign):
    nobody = foreign.listen("test")
    foreign.release("test", 0.1)

    with pytest.raises(PeerUnreachable):
        client_of().ping(nobody, PATIENCE_S)


def test_a_refusal_is_an_error_of_the_other_side(foreign):
    def refuse(request, context):
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "not for you")

    foreign.serve(PEER_DISCOVERY["Ping"], refuse)

    with pytest.raises(PeerUnreachable, match="not for you"):
        client_of().ping(foreign.listen("test"), PATIENCE_S)


def test_in_mode_open_plaintext_follows_where_no_tls_is_spoken(foreign, api):
    serve_distribution(foreign, api)
    credentials, where = NoTls("open"), foreign.listen("test")

    client_of(credentials).ping(where, PATIENCE_S)

    assert credentials.looks == [(where.host, where.port)]


def test_in_mode_ca_nobody_is_asked_in_plaintext(foreign, api):
    serve_distribution(foreign, api)

    with pytest.raises(NotOffered, match="TLS"):
        client_of(NoTls("ca")).ping(foreign.listen("test"), PATIENCE_S)
    assert api.asked == []
