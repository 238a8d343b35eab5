"""The way of one transaction through the node, as the API tells it."""

from __future__ import annotations

from admin_fakes import FakeNode

from sorcha_peer_core.model.transaction import submission_of

API = "/manage/v1"


def test_a_trace_has_what_the_document_names_and_nothing_else(client, node: FakeNode):
    [result] = node.submit([submission_of(b"abc", max_bytes=10)])
    schemas = client.get(f"{API}/openapi.json").get_json()["components"]["schemas"]

    trace = client.get(f"{API}/transactions/{result.tx_hash.hex()}/trace").get_json()

    assert sorted(trace) == sorted(schemas["Trace"]["properties"])
    assert sorted(trace["copies"][0]) == sorted(schemas["Copy"]["properties"])
    assert sorted(trace["passed_on"][0]) == sorted(schemas["PassedOn"]["properties"])


def test_times_are_told_by_the_clock_and_since_the_first_copy(client, node: FakeNode):
    [result] = node.submit([submission_of(b"abc", max_bytes=10)])

    trace = client.get(f"{API}/transactions/{result.tx_hash.hex()}/trace").get_json()

    first, second = trace["copies"]
    assert (first["peer"], first["name"], first["hop"], first["by"]) == ("cd" * 20, "ben", 1, "push")
    assert (second["at_ms"], second["after_ms"]) == (1_700_000_000_005.75, 4.25)
    assert (second["peer"], second["also_from"]) == ("", ["00" * 20])
    assert trace["passed_on"] == [
        {"peer": "00" * 20, "name": "carl", "by": "announce", "at_ms": 1_700_000_000_002.25, "after_ms": 0.75}
    ]


def test_a_transaction_without_a_trace_is_not_found_and_the_answer_says_why(client):
    answer = client.get(f"{API}/transactions/{'00' * 32}/trace")

    assert answer.status_code == 404
    assert answer.get_json()["error"] == {"code": "not_traced", "message": f"the transaction {'00' * 32} is not here"}


def test_what_is_no_hash_has_no_trace(client):
    assert client.get(f"{API}/transactions/abc/trace").status_code == 400


def test_a_stranger_gets_no_trace(stranger):
    assert stranger.get(f"{API}/transactions/{'00' * 32}/trace").status_code == 401
