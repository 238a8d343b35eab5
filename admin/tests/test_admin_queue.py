"""The queue, dead letters, and how far a submission has come."""

from __future__ import annotations

import threading
import time

import pytest
from admin_fakes import FakeNode, row

from sorcha_peer_admin.follow import Followers
from sorcha_peer_core.errors import StoreError
from sorcha_peer_core.interfaces.views import DeliveryView
from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.model.transaction import QueueState

API = "/manage/v1"
TOTALS = {"pending": 5, "inflight": 6, "retry": 13, "dead": 7, "waiting_bytes": 140}


def hash_of(number: int) -> TxHash:
    return TxHash(number.to_bytes(32, "big"))


def hex_of(number: int) -> str:
    return hash_of(number).hex()


@pytest.fixture
def full(node: FakeNode) -> FakeNode:
    """Rows 1 to 6: three wait, three are dead."""
    states = [QueueState.PENDING, QueueState.DEAD, QueueState.INFLIGHT, QueueState.DEAD, QueueState.RETRY, QueueState.DEAD]
    node.rows = [row(number, state, "too large" if state == "dead" else "") for number, state in enumerate(states, start=1)]
    return node


def test_the_queue_is_what_waits_with_totals_and_what_it_waits_for(client, full):
    answer = client.get(f"{API}/queue").get_json()

    assert [(waiting["id"], waiting["state"]) for waiting in answer["queue"]] == [(1, "pending"), (3, "inflight"), (5, "retry")]
    assert answer["totals"] == TOTALS
    assert (answer["next_after"], answer["min_receipts"], answer["receipts_needed"], answer["peers_linked"]) == (None, 2, 1, 3)


def test_dead_letters_say_why(client, full):
    first, *_ = client.get(f"{API}/dead-letters").get_json()["dead_letters"]

    assert first == {
        "id": 2, "hash": hex_of(2), "state": "dead", "size": 3, "content_type": "text/plain", "register_id": "r-1",
        "queued_ms": 1_700_000_000_000.125, "attempts": 2, "last_attempt_ms": 1_700_000_003_000.5, "not_before_ms": None,
        "reason": "too large",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["queue", "dead-letters"])
def test_pages_join_without_loss(client, full, name):
    ids, after = [], 0
    while after is not None:
        page = client.get(f"{API}/{name}?limit=2&after={after}").get_json()
        ids += [found["id"] for found in page[name.replace("-", "_")]]
        after = page["next_after"]

    assert ids == ([1, 3, 5] if name == "queue" else [2, 4, 6])


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "after=-1", "after=x"])
def test_a_page_that_cannot_be_is_400(client, query):
    assert client.get(f"{API}/queue?{query}").status_code == 400


def test_one_dead_letter_can_be_looked_at(client, full):
    assert client.get(f"{API}/dead-letters/{hex_of(4)}").get_json()["id"] == 4


def test_a_retried_dead_letter_waits_again(client, full):
    answer = client.post(f"{API}/dead-letters/{hex_of(4)}/retry")

    assert answer.get_json() == {"retried": 1}
    assert full.rows[3].state == QueueState.RETRY


def test_a_dropped_dead_letter_is_gone(client, full):
    assert client.delete(f"{API}/dead-letters/{hex_of(4)}").get_json() == {"dropped": 1}
    assert client.get(f"{API}/dead-letters/{hex_of(4)}").status_code == 404


def test_all_can_be_retried_or_dropped_at_once(client, full):
    assert client.post(f"{API}/dead-letters/retry").get_json() == {"retried": 3}
    assert client.delete(f"{API}/dead-letters").get_json() == {"dropped": 0}


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("POST", "/retry")])
@pytest.mark.parametrize(("state", "says"), [
    ("unknown", "it is not here"),
    ("delivered", "it is delivered"),
    ("queued", "it waits in the queue for its release"),
    ("sending", "it waits in the queue for its receipts"),
])  # fmt: skip
def test_what_is_no_dead_letter_is_404_and_says_what_it_is(client, node: FakeNode, method, path, state, says):
    node.tell(DeliveryView(hash_of(9), state))

    answer = client.open(f"{API}/dead-letters/{hex_of(9)}{path}", method=method)

    assert answer.status_code == 404
    assert answer.get_json()["error"] == {
        "code": "not_found",
        "message": f"the transaction {hex_of(9)} is no dead letter: {says}",
    }


@pytest.mark.parametrize("path", ["dead-letters/xyz", "transactions/xyz/delivery"])
def test_what_is_no_hash_is_400(client, path):
    assert "is not a transaction hash" in client.get(f"{API}/{path}").get_json()["error"]["message"]


def test_a_stranger_drops_nothing(stranger, full):
    assert stranger.delete(f"{API}/dead-letters").status_code == 401
    assert len(full.rows) == 6


def test_a_store_that_fails_is_503_and_says_when_to_come_back(client, node: FakeNode):
    node.failure = StoreError("the disk is full")

    answer = client.post(f"{API}/transactions", data=b"abc")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


def test_delivery_says_how_far_a_submission_has_come(client, node: FakeNode):
    node.tell(DeliveryView(hash_of(1), "sending", 1, 2, 3, "no receipt came", 1_700_000_009_000.5))

    assert client.get(f"{API}/transactions/{hex_of(1)}/delivery").get_json() == {
        "hash": hex_of(1), "state": "sending", "receipts": 1, "receipts_needed": 2, "attempts": 3, "reason": "no receipt came",
        "next_attempt_ms": 1_700_000_009_000.5,
    }  # fmt: skip


def test_delivery_of_something_unknown_is_an_answer_and_no_error(client):
    answer = client.get(f"{API}/transactions/{hex_of(1)}/delivery")

    assert (answer.status_code, answer.get_json()["state"]) == (200, "unknown")


def test_a_wait_ends_when_it_is_delivered(client, node: FakeNode):
    node.tell(DeliveryView(hash_of(1), "sending", 0, 2))
    threading.Timer(0.05, node.tell, [DeliveryView(hash_of(1), "delivered")]).start()
    begun_s = time.monotonic()

    answer = client.get(f"{API}/transactions/{hex_of(1)}/delivery?wait=30").get_json()

    assert answer["state"] == "delivered"
    assert time.monotonic() - begun_s < 10


def test_a_wait_that_is_over_says_how_far_it_came(client, node: FakeNode):
    node.tell(DeliveryView(hash_of(1), "sending", 1, 2))

    answer = client.post(f"{API}/transactions/delivery", json={"hashes": [hex_of(1)], "wait_s": 0.02}).get_json()

    assert [(told["state"], told["receipts"]) for told in answer["deliveries"]] == [("sending", 1)]


def test_many_are_answered_in_the_order_asked(client, node: FakeNode):
    node.tell(DeliveryView(hash_of(2), "dead", reason="too large"))

    answer = client.post(f"{API}/transactions/delivery", json={"hashes": [hex_of(1), hex_of(2), hex_of(1)]}).get_json()

    assert [told["state"] for told in answer["deliveries"]] == ["unknown", "dead", "unknown"]


def test_a_wait_ends_when_the_service_stops_and_gives_its_place_back(client_of, node: FakeNode):
    followers = Followers()
    node.tell(DeliveryView(hash_of(1), "queued"))
    threading.Timer(0.05, followers.close).start()
    begun_s = time.monotonic()

    client_of(followers).get(f"{API}/transactions/{hex_of(1)}/delivery?wait=30")

    assert time.monotonic() - begun_s < 10
    assert followers.open == 0


def test_who_waits_takes_one_of_the_places_for_streams(client_of, node: FakeNode):
    node.tell(DeliveryView(hash_of(1), "queued"))

    answer = client_of(Followers(most=0)).get(f"{API}/transactions/{hex_of(1)}/delivery?wait=1")

    assert answer.status_code == 503


def test_a_node_that_stops_and_answers_at_once_does_not_make_a_wait_spin(client_of, node: FakeNode, monkeypatch):
    node.tell(DeliveryView(hash_of(1), "queued"))
    asked = []
    monkeypatch.setattr(node, "wait_for_delivery", lambda hashes, timeout_s: bool(asked.append(timeout_s)))

    client_of(Followers()).get(f"{API}/transactions/{hex_of(1)}/delivery?wait=1")

    assert len(asked) <= 4


@pytest.mark.parametrize("body", [
    b"", b"[]", b"{}", b'{"hashes": "x"}', b'{"hashes": [7]}', b'{"hashes": [], "wait_s": 61}', b'{"hashes": [], "wait_s": "1"}',
    b'{"hashes": [], "wait_s": NaN}', b'{"hashes": [], "wait_s": true}', b'{"hashes": [' + b",".join([b'""'] * 1001) + b"]}",
])  # fmt: skip
def test_a_question_in_another_form_is_400(client, body):
    assert client.post(f"{API}/transactions/delivery", data=body).status_code == 400


def test_the_openapi_document_names_every_field_of_rows_and_deliveries(client, full):
    schemas = client.get(f"{API}/openapi.json").get_json()["components"]["schemas"]

    assert list(schemas["QueueRow"]["properties"]) == list(client.get(f"{API}/queue").get_json()["queue"][0])
    assert list(schemas["Delivery"]["properties"]) == list(client.get(f"{API}/transactions/{hex_of(1)}/delivery").get_json())
