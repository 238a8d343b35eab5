"""PeerDiscovery and TransactionDistribution as a client of the published protocol meets them."""

from __future__ import annotations

from dataclasses import replace

import gevent
import grpc
import pytest

from sorcha_peer_core.interfaces.peer_api import NotifyAnswer, RegisteredPeer
from sorcha_peer_core.model.ids import parse_tx_hash, tx_hash_of
from sorcha_peer_core.testing.transport_suite import PATIENCE_S, EmptyPeerApi, transport_context
from sorcha_peer_core.wire import peer_discovery_pb2 as discovery
from sorcha_peer_core.wire import transaction_distribution_pb2 as distribution
from sorcha_peer_core.wire.methods import PEER_DISCOVERY, TRANSACTION_DISTRIBUTION
from sorcha_transport_grpc.discovery_service import serve_discovery
from sorcha_transport_grpc.endpoint import GrpcEndpoint, endpoint_of, method_of

ALICE = RegisteredPeer("a" * 40, "192.0.2.1", 5001, ("GrpcStream", "Grpc"), 1_700_000_000, True, True, 10_485_760)
HASH = "ab" * 32


class KnownPeers(EmptyPeerApi):
    """Knows Alice, has the payloads it is given, and remembers what it is told."""

    def __init__(self) -> None:
        self.payloads: dict[str, bytes] = {}
        self.registered: list[RegisteredPeer] = []
        self.told: list[tuple[object, ...]] = []
        self.callers: list[str] = []

    def peer_list(self, requesting_peer_id, most):
        self.told.append(("list", requesting_peer_id, most))
        return [ALICE], 7

    def register(self, peer, caller=""):
        self.registered.append(peer)
        self.callers.append(caller)
        return True, "listed"

    def ping(self, peer_id):
        self.told.append(("ping", peer_id))

    def notify(self, tx_hash, sender_peer_id, size, *, register_id="", caller=""):
        self.told.append(("notify", parse_tx_hash(tx_hash).hex(), sender_peer_id, size, register_id, caller))
        return NotifyAnswer(already_known=False, will_request=True)

    def payload(self, tx_hash):
        return self.payloads.get(parse_tx_hash(tx_hash).hex())

    def keep(self, payload: bytes) -> str:
        tx_hash = tx_hash_of(payload).hex()
        self.payloads[tx_hash] = payload
        return tx_hash


@pytest.fixture
def api():
    return KnownPeers()


@pytest.fixture
def endpoint(api):
    context = replace(transport_context(), peer_api=api, max_transaction_bytes=2 * 1024 * 1024)
    return endpoint_of(context)


@pytest.fixture
def call(endpoint):
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(endpoint.listen("test").authority, options=options) as channel:

        def call(methods, name, request):
            return method_of(channel, methods[name])(request, timeout=PATIENCE_S)

        yield call
    endpoint.release("test", 1.0)


def status_of(refused) -> tuple[grpc.StatusCode, str]:
    return refused.value.code(), refused.value.details()


def test_a_peer_list_shows_peers_with_seconds_and_capabilities(call, api):
    request = discovery.PeerListRequest(requesting_peer_id="me", max_peers=5)

    answer = call(PEER_DISCOVERY, "GetPeerList", request)

    assert api.told == [("list", "me", 5)]
    assert answer.total_peers == 7
    assert answer.peers[0] == discovery.PeerInfo(
        peer_id="a" * 40,
        address="192.0.2.1",
        port=5001,
        supported_protocols=["GrpcStream", "Grpc"],
        last_seen=1_700_000_000,
        capabilities=discovery.PeerCapabilities(
            supports_streaming=True, supports_transaction_distribution=True, max_transaction_size=10_485_760
        ),
    )


def test_a_registration_is_handed_on_without_what_nobody_should_believe(call, api):
    info = discovery.PeerInfo(
        peer_id="client-7",
        address="198.51.100.7",
        port=5001,
        supported_protocols=["Grpc"],
        last_seen=4_000_000_000,
        is_seed_node=True,
        capabilities=discovery.PeerCapabilities(supports_transaction_distribution=True, max_transaction_size=-1),
    )

    answer = call(PEER_DISCOVERY, "RegisterPeer", discovery.RegisterPeerRequest(peer_info=info))

    assert (answer.success, answer.message) == (True, "listed")
    assert api.registered == [RegisteredPeer("client-7", "198.51.100.7", 5001, ("Grpc",), 0, False, True, 0)]
    assert api.callers == ["127.0.0.1"], "where the call came from is not what the client says"


@pytest.mark.parametrize(
    ("info", "named"),
    [
        (discovery.PeerInfo(address="h", port=1), "peer_id"),
        (discovery.PeerInfo(peer_id="x", port=1), "address"),
        (discovery.PeerInfo(peer_id="x", address="h"), "port"),
        (discovery.PeerInfo(peer_id="x", address="h", port=70000), "70000"),
    ],
)
def test_an_incomplete_registration_is_refused_with_the_field(call, api, info, named):
    answer = call(PEER_DISCOVERY, "RegisterPeer", discovery.RegisterPeerRequest(peer_info=info))

    assert not answer.success
    assert named in answer.message
    assert api.registered == []


def test_ping_answers_with_our_id_and_seconds(api):
    endpoint = GrpcEndpoint(transport_context())
    serve_discovery(endpoint, api, clock=lambda: 1_700_000_000.9)
    with grpc.insecure_channel(endpoint.listen("test").authority) as channel:
        answer = method_of(channel, PEER_DISCOVERY["Ping"])(discovery.PingRequest(peer_id="me"), timeout=PATIENCE_S)
    endpoint.release("test", 1.0)

    assert answer == discovery.PingResponse(peer_id="00" * 20, timestamp=1_700_000_000, status=discovery.ONLINE)
    assert api.told == [("ping", "me")]


def test_an_exchange_answers_with_our_list_and_takes_nothing(call, api):
    known = [discovery.PeerInfo(peer_id="hearsay", address="203.0.113.9", port=1)]

    answer = call(PEER_DISCOVERY, "ExchangePeers", discovery.PeerExchangeRequest(peer_id="me", known_peers=known, max_peers=3))

    assert answer.success
    assert [peer.peer_id for peer in answer.known_peers] == ["a" * 40]
    assert api.registered == []
    assert api.told == [("list", "me", 3)]


def test_a_notification_is_answered_by_the_node(call, api):
    request = distribution.TransactionNotification(
        transaction_hash=HASH, sender_peer_id="me", transaction_size=10, register_id="r"
    )

    answer = call(TRANSACTION_DISTRIBUTION, "NotifyTransaction", request)

    assert answer == distribution.NotificationAck(already_known=False, will_request=True)
    assert api.told == [("notify", HASH, "me", 10, "r", "127.0.0.1")]


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (distribution.TransactionNotification(transaction_hash="xyz", transaction_size=1), "'xyz'"),
        (distribution.TransactionNotification(transaction_hash=HASH, transaction_size=-1), "-1"),
    ],
)
def test_a_notification_that_cannot_be_is_an_invalid_argument(call, request_, named):
    with pytest.raises(grpc.RpcError) as refused:
        call(TRANSACTION_DISTRIBUTION, "NotifyTransaction", request_)

    code, details = status_of(refused)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert named in details


def test_get_returns_the_payload(call, api):
    tx_hash = api.keep(b"payload")

    answer = call(TRANSACTION_DISTRIBUTION, "GetTransaction", distribution.TransactionRequest(transaction_hash=tx_hash))

    assert answer == distribution.TransactionResponse(transaction_hash=tx_hash, transaction_data=b"payload", found=True)


def test_get_answers_not_found_for_what_is_not_here(call):
    answer = call(TRANSACTION_DISTRIBUTION, "GetTransaction", distribution.TransactionRequest(transaction_hash=HASH))

    assert answer == distribution.TransactionResponse(transaction_hash=HASH, found=False)


def test_get_returns_the_largest_transaction_that_the_node_accepts(call, api):
    tx_hash = api.keep(bytes(2 * 1024 * 1024))

    answer = call(TRANSACTION_DISTRIBUTION, "GetTransaction", distribution.TransactionRequest(transaction_hash=tx_hash))

    assert len(answer.transaction_data) == 2 * 1024 * 1024


def test_get_of_more_than_a_message_takes_says_what_to_use_instead(call, api):
    tx_hash = api.keep(bytes(2 * 1024 * 1024 + 1))

    with pytest.raises(grpc.RpcError) as refused:
        call(TRANSACTION_DISTRIBUTION, "GetTransaction", distribution.TransactionRequest(transaction_hash=tx_hash))

    code, details = status_of(refused)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "StreamTransaction" in details


def test_stream_cuts_the_payload_into_numbered_chunks_of_64_kib(call, api):
    payload = bytes(range(256)) * 600
    tx_hash = api.keep(payload)

    chunks = list(call(TRANSACTION_DISTRIBUTION, "StreamTransaction", distribution.TransactionRequest(transaction_hash=tx_hash)))

    assert [(chunk.chunk_index, chunk.total_chunks) for chunk in chunks] == [(0, 3), (1, 3), (2, 3)]
    assert [len(chunk.chunk_data) for chunk in chunks] == [65536, 65536, 22528]
    assert b"".join(chunk.chunk_data for chunk in chunks) == payload
    assert {chunk.transaction_hash for chunk in chunks} == {tx_hash}


def test_stream_of_what_is_not_here_is_not_found(call):
    with pytest.raises(grpc.RpcError) as refused:
        list(call(TRANSACTION_DISTRIBUTION, "StreamTransaction", distribution.TransactionRequest(transaction_hash=HASH)))

    code, details = status_of(refused)
    assert code is grpc.StatusCode.NOT_FOUND
    assert HASH in details


def test_an_error_of_ours_tells_the_client_nothing(call, api, monkeypatch, caplog):
    def fail(peer_id):
        raise RuntimeError("/secret/path/of/the/database")

    monkeypatch.setattr(api, "ping", fail)

    with pytest.raises(grpc.RpcError) as refused:
        call(PEER_DISCOVERY, "Ping", discovery.PingRequest(peer_id="me"))

    assert status_of(refused) == (grpc.StatusCode.INTERNAL, "internal error")
    assert "/secret/path" in caplog.text


def test_streams_at_the_same_time_are_bounded_and_those_that_end_make_room(call, api):
    tx_hash = api.keep(bytes(2 * 1024 * 1024))
    request = distribution.TransactionRequest(transaction_hash=tx_hash)
    held = [call(TRANSACTION_DISTRIBUTION, "StreamTransaction", request) for _ in range(16)]
    for stream in held:
        next(stream)

    with pytest.raises(grpc.RpcError) as refused:
        list(call(TRANSACTION_DISTRIBUTION, "StreamTransaction", request))
    read = [sum(len(chunk.chunk_data) for chunk in stream) for stream in held]

    assert status_of(refused)[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert read == [2 * 1024 * 1024 - 65536] * 16
    assert len(list(call(TRANSACTION_DISTRIBUTION, "StreamTransaction", request))) == 32


def test_a_stream_that_a_client_gives_up_makes_room(call, api):
    tx_hash = api.keep(bytes(2 * 1024 * 1024))
    request = distribution.TransactionRequest(transaction_hash=tx_hash)

    for _ in range(40):
        stream = call(TRANSACTION_DISTRIBUTION, "StreamTransaction", request)
        next(stream)
        stream.cancel()

    assert _eventually_streams(call, request)


def _eventually_streams(call, request) -> bool:
    # The server hears of a cancelled call a moment later.
    for _ in range(100):
        try:
            return len(list(call(TRANSACTION_DISTRIBUTION, "StreamTransaction", request))) == 32
        except grpc.RpcError:
            gevent.sleep(0.02)
    return False


GARBAGE = {
    "bytes that are no message": b"\xff\xff",
    "more than a client has to ask": discovery.PeerExchangeRequest(known_peers=[discovery.PeerInfo()] * 150_000),
}


@pytest.mark.parametrize("what", GARBAGE)
def test_a_request_that_is_none_is_refused_and_fills_no_log(endpoint, caplog, what):
    request = GARBAGE[what]
    data = request if isinstance(request, bytes) else request.SerializeToString()
    with grpc.insecure_channel(endpoint.listen("test").authority) as channel:
        ask = channel.unary_unary(PEER_DISCOVERY["ExchangePeers"].path)

        with pytest.raises(grpc.RpcError) as refusal:
            ask(data, timeout=PATIENCE_S)
    endpoint.release("test", 1.0)

    assert refusal.value.code() is grpc.StatusCode.INTERNAL
    assert caplog.records == []


def test_a_registration_with_more_protocols_than_there_are_is_refused(call, api):
    info = discovery.PeerInfo(peer_id="x", address="192.0.2.9", port=5, supported_protocols=["p"] * 17)

    answer = call(PEER_DISCOVERY, "RegisterPeer", discovery.RegisterPeerRequest(peer_info=info))

    assert (answer.success, answer.message) == (False, "peer_info.supported_protocols has 17 entries; at most 16 are allowed")
    assert api.registered == []
