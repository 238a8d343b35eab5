"""Status, peers, plugins, probes, the token, errors and the OpenAPI document."""

from __future__ import annotations

import logging
import re

import pytest
from admin_fakes import LOG_EPOCH, OWN_ID, SETTINGS, TOKEN, FakeNode, sample

from sorcha_peer_admin.app import create_app
from sorcha_peer_core.errors import PeerError, StoreError
from sorcha_peer_core.interfaces.views import Health

API = "/manage/v1"


def test_status_has_what_the_contract_names(client):
    status = client.get(f"{API}/status").get_json()

    assert status == {
        "peer_id": OWN_ID, "name": "anna", "version": "0.1.0", "network_id": "sorcha", "state": "online",
        "started_at": 1_700_000_000, "uptime_s": 12.346, "listening": ["grpc://127.0.0.1:5001"],
        "external_address": "192.0.2.7", "reachability": "unknown",
        "addresses": [{
            "address": "grpc://192.0.2.7:5001", "source": "stun", "state": "not reached", "age_s": 8.5, "told": False,
            "reason": "no answer",
        }],
        "address_findings": {"stun": {"nat_type": "full cone"}},
        "peers": {"known": 4, "connected": 3, "active": 2}, "links": {"grpcstream": 2, "grpc": 1},
        "queue": {"pending": 5, "inflight": 6, "dead": 7, "retry": 13, "waiting_bytes": 140},
        "receipts": {"min": 2, "needed": 1},
        "transactions": {"stored": 8, "delivered": 9, "last_seq": 10, "oldest_seq": 0, "log_bytes": 0},
        "log_epoch": LOG_EPOCH, "traffic": {"received": 11, "duplicates": 1, "sent_bytes": 1200, "received_bytes": 1300,
        "sent_plain_bytes": 2400, "received_plain_bytes": 1300},
        "last_discovery": 1_700_000_005, "partition": False, "clock_skew_s": None, "warnings": [],
        "limits": {"max_transaction_bytes": 1000, "max_queue_size": 15, "max_queue_bytes": 1600},
        "jobs": [
            {"name": "send feelers", "interval_s": 15.0, "last_run_at": 1_700_000_006, "last_duration_s": 0.2, "last_error": ""},
            {"name": "save the peer table", "interval_s": 10.0, "last_run_at": None, "last_duration_s": None, "last_error": ""},
        ],
    }  # fmt: skip


def test_peers_are_listed_with_their_links(client):
    linked, known = client.get(f"{API}/peers").get_json()["peers"]

    assert linked == {
        "id": "cd" * 20, "name": "ben", "address": "192.0.2.8:5001", "status": "linked", "transport": "grpcstream",
        "direction": "outbound", "latency_ms": 1.25, "last_seen": 1_700_000_009, "failures": 0, "bootstrap": True,
        "software": "sorcha-peer/0.1.0", "queued_bytes": 17, "link_age_s": 90.5,
        "rungs": [
            {"transport": "grpcstream", "breaker": "closed", "last_error": "", "last_error_age_s": None},
            {"transport": "rest", "breaker": "half-open", "last_error": "nobody listens there", "last_error_age_s": 301.2},
        ],
        "score": -9.6,
        "score_terms": [
            {"name": "first deliveries", "amount": 2.0, "points": 0.4}, {"name": "forged", "amount": 1.0, "points": -10.0},
        ],
        "addresses": ["grpc://192.0.2.8:5001", "rest://192.0.2.8:5002"],
    }  # fmt: skip
    assert (known["status"], known["latency_ms"], known["link_age_s"]) == ("known", None, None)


def test_plugins_are_listed_as_the_node_knows_them(client):
    [plugin] = client.get(f"{API}/plugins").get_json()["plugins"]

    assert (plugin["name"], plugin["chosen"]) == ("admin", True)


def test_settings_are_listed_with_their_origins(client):
    settings = client.get(f"{API}/config").get_json()["settings"]

    assert settings[0] == {
        "key": "node.name", "value": "anna", "origin": "flag", "default": "", "summary": "what people call this node",
    }  # fmt: skip
    assert [setting["key"] for setting in settings] == [setting.key for setting in SETTINGS]


def test_history_comes_in_columns_and_from_a_time_on(client, node: FakeNode):
    node.samples = [sample(1_700_000_000), sample(1_700_000_060, transactions=5)._replace(latency_ms=None)]

    assert client.get(f"{API}/history?after=1700000000").get_json() == {
        "at": [1_700_000_060], "sent_bytes": [17_000_000_600], "received_bytes": [34_000_001_200], "transactions": [5],
        "queue": [1_700_000_060 % 7], "latency_ms": [None],
    }  # fmt: skip
    assert client.get(f"{API}/history").get_json()["latency_ms"] == [12.5, None]


def test_history_of_a_node_that_just_started_has_empty_columns(client):
    assert set(map(tuple, client.get(f"{API}/history").get_json().values())) == {()}


def test_metrics_need_no_token(stranger):
    answer = stranger.get("/metrics")

    assert answer.data.startswith(b"# TYPE sorcha_peer_count gauge")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_a_healthy_node_is_live_and_ready(stranger):
    assert [stranger.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]


def test_a_node_that_is_not_ready_is_still_live(stranger, node: FakeNode):
    node.condition = Health(live=True, ready=False, reasons=("no peer is linked",))

    answer = stranger.get("/readyz")

    assert stranger.get("/healthz").status_code == 200
    assert answer.status_code == 503
    assert answer.get_json()["error"]["code"] == "unavailable"
    assert answer.get_json()["reasons"] == ["no peer is linked"]


def test_a_node_that_is_not_live_is_not_ready_either(stranger, node: FakeNode):
    node.condition = Health(live=False, ready=True, reasons=("the disk is full",))

    assert [stranger.get(path).status_code for path in ("/healthz", "/readyz")] == [503, 503]


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer t\xf6ken"],
)
def test_without_the_right_token_nothing_is_served(stranger, header):
    answer = stranger.get(f"{API}/status", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.get_json()["error"]["code"] == "unauthorized"
    assert "admin.token" in answer.get_json()["error"]["message"]
    assert answer.headers["WWW-Authenticate"].lower().startswith("bearer")


def test_a_stranger_does_not_learn_which_addresses_exist(stranger):
    assert stranger.get(f"{API}/no-such-thing").status_code == 401


def test_a_stranger_submits_nothing(stranger, node: FakeNode):
    assert stranger.post(f"{API}/transactions", data=b"abc").status_code == 401
    assert node.calls == []


def test_the_scheme_of_the_token_is_read_in_any_case(stranger):
    assert stranger.get(f"{API}/status", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200


@pytest.mark.parametrize(("method", "path", "status", "code"), [
    ("GET", "/nothing", 404, "not_found"),
    ("GET", f"{API}/nothing", 404, "not_found"),
    ("PUT", f"{API}/status", 405, "method_not_allowed"),
    ("GET", f"{API}/transactions?limit=many", 400, "bad_request"),
])  # fmt: skip
def test_every_error_is_json_with_a_code_and_a_sentence(client, method, path, status, code):
    answer = client.open(path, method=method)

    assert answer.status_code == status
    assert answer.get_json()["error"]["code"] == code
    assert re.match(r"\w.*\w", answer.get_json()["error"]["message"])


def test_a_wrong_method_is_told_the_right_ones(client):
    assert "GET" in client.put(f"{API}/status").headers["Allow"]


@pytest.mark.parametrize("failure", [RuntimeError("secret detail"), PeerError("secret detail")])
def test_an_unexpected_error_is_logged_and_says_nothing_internal(client, node: FakeNode, caplog, failure):
    node.failure = failure

    with caplog.at_level(logging.ERROR):
        answer = client.get(f"{API}/status")

    assert answer.status_code == 500
    assert answer.get_json() == {"error": {"code": "internal", "message": "internal error"}}
    assert "secret detail" in caplog.text


def test_a_failing_store_is_503(client, node: FakeNode):
    node.failure = StoreError("the disk is full")

    answer = client.post(f"{API}/transactions", data=b"abc")

    assert answer.status_code == 503
    assert answer.get_json()["error"] == {"code": "store_failed", "message": "the disk is full"}


@pytest.mark.parametrize("path", ["/metrics", f"{API}/status", f"{API}/nothing"])
def test_every_answer_is_hardened(client, path):
    headers = client.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


def routes_of(app):
    """Each route of the application but the pages, as (path as OpenAPI writes it, method)."""
    return {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule != "/" and not rule.rule.startswith("/admin")
    }


def test_the_openapi_document_has_every_route_and_no_other(node: FakeNode, client):
    document = client.get(f"{API}/openapi.json").get_json()

    documented = {(path, method) for path, operations in document["paths"].items() for method in operations}
    assert documented == routes_of(create_app(node, TOKEN))


def references_of(value):
    """Every ``$ref`` below a JSON value."""
    if isinstance(value, dict):
        yield from [value["$ref"]] if "$ref" in value else []
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from references_of(item)


def test_the_references_of_the_openapi_document_exist(client):
    document = client.get(f"{API}/openapi.json").get_json()

    for reference in set(references_of(document)):
        _, section, kind, name = reference.split("/")
        assert name in document[section][kind]


def test_the_openapi_document_names_every_field_of_status_and_peers(client):
    schemas = client.get(f"{API}/openapi.json").get_json()["components"]["schemas"]

    assert list(schemas["Status"]["properties"]) == list(client.get(f"{API}/status").get_json())
    assert list(schemas["Peer"]["properties"]) == list(client.get(f"{API}/peers").get_json()["peers"][0])
