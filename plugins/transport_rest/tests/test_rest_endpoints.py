"""The published endpoints as a client with a plain HTTP tool meets them."""

from __future__ import annotations

import json

import pytest
import requests
from rest_fakes import KnownPeers, rest_context

from sorcha_peer_core.interfaces.peer_api import RegisteredPeer
from sorcha_peer_core.testing.transport_suite import PATIENCE_S, RecordedEvents
from sorcha_peer_core.wire import peer_communication_pb2, peer_discovery_pb2, transaction_distribution_pb2
from sorcha_transport_rest.app import make_app
from sorcha_transport_rest.calls import MESSAGES_PATH, PROTOBUF
from sorcha_transport_rest.connection import SECURITY
from sorcha_transport_rest.messages_routes import BEHIND_PROXY
from sorcha_transport_rest.openapi import SCHEMAS
from sorcha_transport_rest.transport import RestTransport

HASH = "ab" * 32
PAYLOAD = bytes(range(256)) * 1000


@pytest.fixture
def api():
    return KnownPeers()


@pytest.fixture
def base(api):
    transport = RestTransport(rest_context(peer_api=api))
    [endpoint] = transport.listen(RecordedEvents())
    yield f"http://{endpoint.authority}/api/v1"
    transport.stop(1.0)


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=PATIENCE_S)


def post(url: str, fields: object) -> requests.Response:
    return requests.post(url, json=fields, timeout=PATIENCE_S)


def refusal_of(response: requests.Response) -> tuple[int, str]:
    assert set(response.json()) == {"error"}
    assert set(response.json()["error"]) == {"code", "message"}
    return response.status_code, response.json()["error"]["code"]


def test_a_list_shows_peers_with_the_names_of_the_proto_in_camel_case(base, api):
    answer = get(f"{base}/peers/list?max_peers=5&requesting_peer_id=me").json()

    assert api.told == [("list", "me", 5)]
    assert answer["totalPeers"] == 7
    assert answer["peers"] == [
        {
            "peerId": "a" * 40,
            "address": "192.0.2.1",
            "port": 5001,
            "supportedProtocols": ["GrpcStream", "Grpc"],
            "lastSeen": "1700000000",
            "advertisedRegisters": [],
            "isSeedNode": False,
            "capabilities": {
                "supportsStreaming": True,
                "supportsTransactionDistribution": True,
                "maxTransactionSize": 10_485_760,
            },
        }
    ]


@pytest.mark.parametrize("most", ["-1", "x", "1e3", "99999999999"])
def test_a_number_of_peers_that_cannot_be_is_a_bad_request(base, most):
    response = get(f"{base}/peers/list?max_peers={most}")

    assert refusal_of(response) == (400, "bad_request")
    assert "max_peers" in response.json()["error"]["message"]


def test_a_registration_is_handed_on_without_what_nobody_should_believe(base, api):
    info = {
        "peerId": "client-7",
        "address": "198.51.100.7",
        "port": 5001,
        "supportedProtocols": ["Rest"],
        "lastSeen": "4000000000",
        "isSeedNode": True,
        "capabilities": {"supportsTransactionDistribution": True, "maxTransactionSize": -1},
        "fromTheFuture": 1,
    }

    answer = post(f"{base}/peers/register", {"peerInfo": info})

    assert (answer.status_code, answer.json()) == (200, {"success": True, "message": "listed"})
    assert api.registered == [RegisteredPeer("client-7", "198.51.100.7", 5001, ("Rest",), 0, False, True, 0)]
    assert api.callers == ["127.0.0.1"], "where the request came from is not what the client says"


def test_behind_a_proxy_nobody_knows_where_a_request_came_from(api):
    app = make_app(api, exchange=None, behind_proxy=True)  # type: ignore[arg-type]  # no links here
    info = {"peerId": "x", "address": "192.0.2.1", "port": 1}

    app.test_client().post("/api/v1/peers/register", json={"peerInfo": info})

    assert api.callers == [""]


def test_behind_a_proxy_a_link_comes_from_no_address(api):
    opened = []

    class Opens:
        def accept(self, remote, seen):
            opened.append(remote)
            return peer_communication_pb2.MessageAck(received=True, link_token=bytes(16))

    origin = {"REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "40000", SECURITY: None}
    opening = peer_communication_pb2.PeerMessage(message_type=peer_communication_pb2.SESSION_BATCH).SerializeToString()
    for behind_proxy in (False, True):
        client = make_app(api, Opens(), behind_proxy=behind_proxy).test_client()  # type: ignore[arg-type]  # no more of it is needed
        client.post(MESSAGES_PATH, data=opening, content_type=PROTOBUF, environ_overrides=origin)

    assert [remote.host for remote in opened] == ["127.0.0.1", BEHIND_PROXY]


@pytest.mark.parametrize(
    ("info", "named"),
    [
        ({"address": "h", "port": 1}, "peerId"),
        ({"peerId": "x", "port": 1}, "address"),
        ({"peerId": "x", "address": "h"}, "port"),
        ({"peerId": "x", "address": "h", "port": 70000}, "70000"),
        ({"peerId": "x", "address": "h", "port": "seven"}, "port"),
    ],
)
def test_an_incomplete_registration_is_refused_with_the_field(base, api, info, named):
    answer = post(f"{base}/peers/register", {"peerInfo": info})

    assert refusal_of(answer) == (400, "bad_request")
    assert named in answer.json()["error"]["message"]
    assert api.registered == []


def test_a_registration_that_the_node_does_not_take_is_a_conflict(base, api):
    api.full = True

    answer = post(f"{base}/peers/register", {"peerInfo": {"peerId": "x", "address": "h", "port": 1}})

    assert refusal_of(answer) == (409, "conflict")
    assert answer.json()["error"]["message"] == "the list is full"


def test_ping_answers_with_our_id_and_seconds(api):
    app = make_app(api, exchange=None, clock=lambda: 1_700_000_000.9)  # type: ignore[arg-type]  # no links here

    answer = app.test_client().get("/api/v1/peers/ping?peer_id=me")

    assert answer.json == {"peerId": "00" * 20, "timestamp": "1700000000", "status": "ONLINE"}
    assert api.told == [("ping", "me")]


def test_a_notification_is_answered_by_the_node(base, api):
    told = {"transactionHash": HASH, "senderPeerId": "me", "transactionSize": "10", "registerId": "r"}

    answer = post(f"{base}/transactions/notify", told)

    assert answer.json() == {"alreadyKnown": False, "willRequest": True}
    assert api.told == [("notify", HASH, "me", 10, "r", "127.0.0.1")]


@pytest.mark.parametrize(
    ("told", "named"), [({"transactionHash": "xyz"}, "'xyz'"), ({"transactionHash": HASH, "transactionSize": -1}, "-1")]
)
def test_a_notification_that_cannot_be_is_a_bad_request(base, told, named):
    answer = post(f"{base}/transactions/notify", told)

    assert refusal_of(answer) == (400, "bad_request")
    assert named in answer.json()["error"]["message"]


def test_a_payload_comes_byte_for_byte_and_may_be_kept(base, api):
    tx_hash = api.keep(PAYLOAD)

    answer = get(f"{base}/transactions/{tx_hash.upper()}")

    assert (answer.status_code, answer.content) == (200, PAYLOAD)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Length"] == str(len(PAYLOAD))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["ETag"] == f'"{tx_hash}"'


@pytest.mark.parametrize(
    ("asked", "part", "place"),
    [
        ("bytes=0-9", PAYLOAD[:10], "bytes 0-9/256000"),
        ("bytes=100000-200000", PAYLOAD[100000:200001], "bytes 100000-200000/256000"),
        ("bytes=255990-", PAYLOAD[255990:], "bytes 255990-255999/256000"),
        ("bytes=-5", PAYLOAD[-5:], "bytes 255995-255999/256000"),
        ("bytes=255999-999999", PAYLOAD[255999:], "bytes 255999-255999/256000"),
    ],
)
def test_a_range_of_a_payload_is_honoured(base, api, asked, part, place):
    answer = get(f"{base}/transactions/{api.keep(PAYLOAD)}", Range=asked)

    assert (answer.status_code, answer.content) == (206, part)
    assert answer.headers["Content-Range"] == place


def test_a_range_outside_of_the_payload_is_not_satisfiable(base, api):
    answer = get(f"{base}/transactions/{api.keep(PAYLOAD)}", Range="bytes=256000-")

    assert refusal_of(answer) == (416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == "bytes */256000"


def test_a_payload_that_the_client_has_is_not_sent_again(base, api):
    tx_hash = api.keep(PAYLOAD)

    answer = get(f"{base}/transactions/{tx_hash}", **{"If-None-Match": f'"{tx_hash}"'})

    assert (answer.status_code, answer.content) == (304, b"")


def test_head_of_a_payload_tells_its_size_alone(base, api):
    answer = requests.head(f"{base}/transactions/{api.keep(PAYLOAD)}", timeout=PATIENCE_S)

    assert (answer.headers["Content-Length"], answer.content) == (str(len(PAYLOAD)), b"")


@pytest.mark.parametrize(("tx_hash", "status", "code"), [(HASH, 404, "not_found"), ("xyz", 400, "bad_request")])
def test_a_payload_that_is_not_here_is_refused(base, tx_hash, status, code):
    assert refusal_of(get(f"{base}/transactions/{tx_hash}")) == (status, code)


def test_an_unknown_address_is_not_found(base):
    assert refusal_of(get(f"{base}/nothing")) == (404, "not_found")


def test_a_method_that_an_address_does_not_take_is_named(base):
    answer = requests.delete(f"{base}/peers/ping", timeout=PATIENCE_S)

    assert refusal_of(answer) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["peers/register", "transactions/notify"])
def test_the_endpoints_take_only_json(base, path):
    answer = requests.post(f"{base}/{path}", b"x", headers={"Content-Type": "application/x-protobuf"}, timeout=PATIENCE_S)

    assert refusal_of(answer) == (415, "unsupported_media_type")


def test_an_error_of_ours_tells_the_client_nothing(base, api, monkeypatch, caplog):
    def fail(peer_id):
        raise RuntimeError("/secret/path/of/the/database")

    monkeypatch.setattr(api, "ping", fail)

    answer = get(f"{base}/peers/ping")

    assert refusal_of(answer) == (500, "internal")
    assert "secret" not in answer.text
    assert "/secret/path" in caplog.text


def test_an_answer_does_not_say_what_software_made_it(base):
    assert "Server" not in get(f"{base}/peers/ping").headers


def test_every_route_stands_in_the_document_and_the_other_way_round(base, api):
    app = make_app(api, exchange=None)  # type: ignore[arg-type]  # no links here
    routes = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
    }

    paths = get(f"{base}/openapi.json").json()["paths"]

    assert {(path, method) for path, operations in paths.items() for method in operations} == routes


def test_the_document_refers_only_to_what_it_defines(base):
    text = get(f"{base}/openapi.json").text
    defined = json.loads(text)["components"]

    references = {part.partition('"')[0] for part in text.split('"#/components/')[1:]}

    assert references <= {f"{kind}/{name}" for kind, entries in defined.items() for name in entries}


def test_the_document_names_the_fields_of_the_messages():
    modules = (peer_communication_pb2, peer_discovery_pb2, transaction_distribution_pb2)
    messages = {name: message for module in modules for name, message in module.DESCRIPTOR.message_types_by_name.items()}

    for name in SCHEMAS.keys() - {"Error"}:
        assert list(SCHEMAS[name]["properties"]) == [field.json_name for field in messages[name].fields], name
