"""What operators do with peers over the API, and what is noted of that."""

from __future__ import annotations

import pytest
from admin_fakes import LINKED, OWN_ID, FakeNode

from sorcha_peer_core.errors import ActionRefused, BanInvalid, PeerUnreachable, StoreError

API = "/manage/v1"
BEN = LINKED.peer_id
STRANGER = "12" * 20


def audited(node: FakeNode) -> list[tuple[str, str, str, str]]:
    return [tuple(entry[2:]) for entry in node.audited]  # type: ignore[misc]


def error_of(answer) -> tuple[int, str, str]:
    error = answer.get_json()["error"]
    return answer.status_code, error["code"], error["message"]


def test_a_peer_is_added_by_its_address(client, node: FakeNode):
    answer = client.post(f"{API}/peers", json={"address": "node.example:5001"})

    assert (answer.status_code, answer.get_json()) == (200, {"added": "node.example:5001"})
    assert node.added == ["node.example:5001"]
    assert audited(node) == [("token from 127.0.0.1", "peer.add", "node.example:5001", "ok")]


def test_a_ping_tells_the_round_trip_and_the_transport(client, node: FakeNode):
    answer = client.post(f"{API}/peers/{BEN}/ping")

    assert answer.get_json() == {"rtt_ms": 1.5, "transport": "grpcstream"}
    assert audited(node) == [("token from 127.0.0.1", "peer.ping", BEN, "1.5 ms by grpcstream")]


def test_a_peer_is_removed(client, node: FakeNode):
    assert client.delete(f"{API}/peers/{BEN.upper()}").get_json() == {"removed": BEN}

    assert node.removed == {BEN}


def test_a_peer_is_banned_for_a_time_listed_and_unbanned(client, node: FakeNode):
    ban = client.post(f"{API}/peers/{BEN}/ban", json={"reason": "it floods us", "duration_s": 60}).get_json()

    assert ban == {
        "id": BEN, "name": "ben", "reason": "it floods us", "by": "operator", "since": 1_700_000_010, "until": 1_700_000_070,
    }  # fmt: skip
    assert client.get(f"{API}/bans").get_json() == {"bans": [ban]}
    assert client.get(f"{API}/peers").get_json()["peers"][0]["status"] == "banned"
    assert client.delete(f"{API}/peers/{BEN}/ban").get_json() == {"unbanned": BEN}
    assert client.get(f"{API}/bans").get_json() == {"bans": []}
    assert [entry[1:] for entry in audited(node)] == [
        ("peer.ban", BEN, "for 60 s: it floods us"), ("peer.unban", BEN, "ok")
    ]  # fmt: skip


@pytest.mark.parametrize("body", [{}, {"json": {}}, {"json": {"reason": "", "duration_s": None}}])
def test_a_ban_needs_neither_reason_nor_end(client, node: FakeNode, body):
    ban = client.post(f"{API}/peers/{STRANGER}/ban", **body).get_json()

    assert (ban["name"], ban["reason"], ban["until"]) == ("", "", None)
    assert audited(node)[0][3] == "until it is lifted"


@pytest.mark.parametrize(("method", "path", "body"), [
    ("POST", "peers", b""), ("POST", "peers", b"[]"), ("POST", "peers", b"{}"), ("POST", "peers", b'{"address": 7}'),
    ("POST", "peers", b'{"address": "a:1", "name": "x"}'), ("POST", "peers", b'{"address": "nowhere"}'),
    ("POST", "peers/xyz/ping", b""), ("DELETE", f"peers/{'x' * 100_000}", b""),
    ("POST", f"peers/{STRANGER}/ban", b"no json"), ("POST", f"peers/{STRANGER}/ban", b'{"reason": 7}'),
    ("POST", f"peers/{STRANGER}/ban", b'{"duration_s": true}'), ("POST", f"peers/{STRANGER}/ban", b'{"duration_s": "1"}'),
    ("POST", f"peers/{STRANGER}/ban", b'{"duration_s": 1e999}'),
    ("POST", f"peers/{STRANGER}/ban", b'{"duration_s": 1' + b"0" * 400 + b"}"),
])  # fmt: skip
def test_what_is_asked_in_another_form_is_400_and_does_nothing(client, node: FakeNode, method, path, body):
    answer = client.open(f"{API}/{path}", method=method, data=body)

    assert answer.status_code == 400
    assert len(answer.get_json()["error"]["message"]) < 300
    assert (node.added, node.removed, node.banned) == ([], set(), {})


@pytest.mark.parametrize("path", ["peers", f"peers/{STRANGER}/ban"])
def test_a_body_that_is_too_large_is_not_read(client, path):
    assert client.post(f"{API}/{path}", data=b"x" * 20_000).status_code == 413


@pytest.mark.parametrize(("method", "path"), [("POST", "ping"), ("DELETE", ""), ("DELETE", "ban")])
def test_who_is_not_known_or_not_banned_is_404_and_that_is_noted(client, node: FakeNode, method, path):
    status, code, message = error_of(client.open(f"{API}/peers/{STRANGER}/{path}".rstrip("/"), method=method))

    assert (status, code) == (404, "no_such_peer")
    assert audited(node)[0][2:] == (STRANGER, f"failed: {message}")


def test_a_node_that_is_to_ban_itself_refuses(client):
    assert error_of(client.post(f"{API}/peers/{OWN_ID}/ban")) == (409, "refused", "a node does not ban itself")


def test_a_peer_that_does_not_answer_in_time_is_504(client, node: FakeNode):
    node.silent.add(BEN)

    assert error_of(client.post(f"{API}/peers/{BEN}/ping")) == (504, "timeout", f"peer {BEN[:8]} did not answer within 5 s")


@pytest.mark.parametrize(("error", "status", "code"), [
    (PeerUnreachable("nobody answers at a:1"), 502, "unreachable"), (ActionRefused("it is banned"), 409, "refused"),
    (StoreError("the disk is full"), 503, "store_failed"), (BanInvalid("a ban lasts 0 s"), 400, "invalid_ban"),
])  # fmt: skip
def test_what_the_node_refuses_is_said_with_a_code(client, node: FakeNode, monkeypatch, error, status, code):
    def refuse(address: str) -> None:
        raise error

    monkeypatch.setattr(node, "add_peer", refuse)

    assert error_of(client.post(f"{API}/peers", json={"address": "a:1"})) == (status, code, str(error))
    assert audited(node) == [("token from 127.0.0.1", "peer.add", "a:1", f"failed: {error}")]


def test_strangers_do_nothing(stranger, node: FakeNode):
    for method, path in (
        ("POST", "peers"),
        ("DELETE", f"peers/{BEN}"),
        ("POST", f"peers/{BEN}/ban"),
        ("GET", "audit"),
        ("GET", "bans"),
    ):
        assert stranger.open(f"{API}/{path}", method=method).status_code == 401

    assert (node.removed, node.banned, node.audited) == (set(), {}, [])


def test_the_audit_is_read_in_pages_from_the_newest_on(client, node: FakeNode):
    for number in range(5):
        node.record("anna", "peer.ping", f"{number}", "ok")

    first = client.get(f"{API}/audit?limit=3").get_json()
    rest = client.get(f"{API}/audit?limit=3&before={first['next_before']}").get_json()

    assert [entry["target"] for entry in (*first["audit"], *rest["audit"])] == ["4", "3", "2", "1", "0"]
    assert rest["next_before"] is None
    assert rest["audit"][-1] == {
        "id": 1, "at": 1_700_000_020, "actor": "anna", "action": "peer.ping", "target": "0", "outcome": "ok",
    }  # fmt: skip


@pytest.mark.parametrize("query", ["before=0", "before=-1", "before=x", "limit=0", "limit=1001"])
def test_a_page_of_the_audit_that_cannot_be_is_400(client, query):
    assert client.get(f"{API}/audit?{query}").status_code == 400


def test_what_is_done_about_dead_letters_is_noted_and_what_is_submitted_is_not(client, node: FakeNode):
    client.post(f"{API}/transactions", data=b"abc")
    client.post(f"{API}/dead-letters/retry")
    client.delete(f"{API}/dead-letters")

    assert [entry[1:] for entry in audited(node)] == [
        ("dead-letter.retry", "all", "0 dead letters"), ("dead-letter.drop", "all", "0 dead letters")
    ]  # fmt: skip


def test_what_a_browser_does_over_the_api_is_noted_as_a_login(browser, node: FakeNode):
    browser.post(f"{API}/peers/{BEN}/ping", headers={"X-CSRF-Token": browser.csrf})

    assert audited(node)[-1][0] == "login from 127.0.0.1"


def test_the_openapi_document_names_every_field_of_bans_and_the_audit(client, node: FakeNode):
    schemas = client.get(f"{API}/openapi.json").get_json()["components"]["schemas"]

    assert list(schemas["Ban"]["properties"]) == list(client.post(f"{API}/peers/{BEN}/ban").get_json())
    assert list(schemas["AuditEntry"]["properties"]) == list(client.get(f"{API}/audit").get_json()["audit"][0])
