"""Events over the management API: pages, and a stream that says what it lacks."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from admin_fakes import FIRST_EVENT_ID, FakeNode

from sorcha_peer_admin.events import KINDS
from sorcha_peer_admin.follow import Followers
from sorcha_peer_core.model.events import Event

EVENTS = "/manage/v1/events"


class Stream:
    """Reads server-sent events as a browser does."""

    def __init__(self, client, path: str, **headers: str) -> None:
        self.answer = client.get(path, headers=headers, buffered=False)
        self._chunks = iter(self.answer.response)

    def opening(self) -> bytes:
        return next(self._chunks)

    def next(self) -> list[dict]:
        """The messages of the next piece."""
        piece = next(self._chunks).decode()
        messages = [dict(line.split(": ", 1) for line in text.split("\n")) for text in piece.strip().split("\n\n")]
        assert all(message["event"] == "message" for message in messages)
        assert [json.loads(message["data"])["id"] for message in messages] == [int(message["id"]) for message in messages]
        return [json.loads(message["data"]) for message in messages]


@pytest.fixture
def followers() -> Followers:
    return Followers()


@pytest.fixture
def follower(client_of, followers):
    client = client_of(followers)
    yield lambda query="", **headers: Stream(client, f"{EVENTS}?follow=1{query}", **headers)
    followers.close()


def test_a_page_has_the_events_and_says_where_the_ring_begins(client, node: FakeNode):
    node.happen(peer_id="cd" * 20)
    node.happen("StoreFailed", "warning", what="disk full")

    page = client.get(EVENTS).get_json()

    assert page["events"] == [
        {
            "id": FIRST_EVENT_ID, "at_ms": FIRST_EVENT_ID + 0.5, "kind": "PeerLinked", "level": "info",
            "sentence": f"PeerLinked number {FIRST_EVENT_ID}", "fields": {"peer_id": "cd" * 20},
        },
        {
            "id": FIRST_EVENT_ID + 1, "at_ms": FIRST_EVENT_ID + 1.5, "kind": "StoreFailed", "level": "warning",
            "sentence": f"StoreFailed number {FIRST_EVENT_ID + 1}", "fields": {"what": "disk full"},
        },
    ]  # fmt: skip
    assert (page["oldest_id"], page["last_id"]) == (FIRST_EVENT_ID, FIRST_EVENT_ID + 1)
    assert (page["next_after"], page["gap"]) == (None, False)


def test_pages_lead_from_one_to_the_next_until_the_end(client, node: FakeNode):
    for _ in range(1203):
        node.happen()

    seen, after = [], 0
    while after is not None:
        page = client.get(f"{EVENTS}?after={after}&limit=401").get_json()
        seen += [event["id"] for event in page["events"]]
        after = page["next_after"]

    assert seen == list(range(FIRST_EVENT_ID, FIRST_EVENT_ID + 1203))


def test_a_page_of_a_node_in_which_nothing_happened_yet_is_empty(client):
    page = client.get(EVENTS).get_json()

    assert (page["events"], page["oldest_id"], page["last_id"]) == ([], FIRST_EVENT_ID, FIRST_EVENT_ID - 1)


def test_a_page_can_be_of_chosen_levels_and_kinds(client, node: FakeNode):
    for kind, level in (("PeerLinked", "info"), ("Dropped", "debug"), ("StoreFailed", "warning"), ("QueueFull", "warning")):
        node.happen(kind, level)

    def kinds(query: str) -> list[str]:
        return [event["kind"] for event in client.get(f"{EVENTS}?{query}").get_json()["events"]]

    assert kinds("level=info") == ["PeerLinked", "StoreFailed", "QueueFull"]
    assert kinds("kind=Dropped,PeerLinked") == ["PeerLinked", "Dropped"]
    assert kinds("kind=QueueFull&kind=Dropped&level=warning") == ["QueueFull"]


@pytest.mark.parametrize("after", [1, FIRST_EVENT_ID - 2, FIRST_EVENT_ID + 2])
def test_a_reader_of_an_earlier_process_learns_that_something_is_missing(client, node: FakeNode, after):
    node.happen()
    node.happen()

    page = client.get(f"{EVENTS}?after={after}").get_json()

    assert page["gap"]
    assert len(page["events"]) == 2


@pytest.mark.parametrize("after", [FIRST_EVENT_ID - 1, FIRST_EVENT_ID, FIRST_EVENT_ID + 1])
def test_a_reader_that_missed_nothing_hears_of_no_gap(client, node: FakeNode, after):
    node.happen()
    node.happen()

    assert not client.get(f"{EVENTS}?after={after}").get_json()["gap"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("level=loud", "level is 'loud'; it is debug, info, warning, which mean that and what is graver"),
        ("kind=PeerLnked", "kind is 'PeerLnked'; did you mean PeerLinked?"),
        ("after=-1", "after is '-1'; it is a whole number from 0 to 9223372036854775807"),
        ("limit=0", "limit is '0'; it is a whole number from 1 to 1000"),
    ],
)
def test_a_question_that_cannot_be_meant_is_refused_with_a_sentence(client, query, sentence):
    answer = client.get(f"{EVENTS}?{query}")

    assert (answer.status_code, answer.get_json()["error"]["message"]) == (400, sentence)


def test_every_kind_of_event_can_be_asked_for():
    assert set(KINDS) == {kind.__name__ for kind in get_args(Event)}


def test_a_stream_has_what_is_there_and_then_what_happens(follower, node: FakeNode):
    node.happen()
    stream = follower()

    assert stream.answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert stream.opening().startswith(b":")
    assert [event["id"] for event in stream.next()] == [FIRST_EVENT_ID]
    node.happen("StoreFailed", "warning")
    node.happen()
    assert [event["id"] for event in stream.next()] == [FIRST_EVENT_ID + 1, FIRST_EVENT_ID + 2]


def test_a_stream_goes_on_behind_the_last_event_that_its_reader_has(follower, node: FakeNode):
    for _ in range(4):
        node.happen()

    stream = follower(f"&after={FIRST_EVENT_ID}", **{"Last-Event-ID": str(FIRST_EVENT_ID + 2)})

    stream.opening()
    assert [event["id"] for event in stream.next()] == [FIRST_EVENT_ID + 3]


def test_a_stream_says_that_events_are_missing_and_goes_on_behind_them(follower, node: FakeNode):
    node.happen()
    stream = follower(**{"Last-Event-ID": "1600000000123"})

    stream.opening()
    [gap] = stream.next()

    assert (gap["kind"], gap["level"], gap["id"]) == ("gap", "warning", FIRST_EVENT_ID - 1)
    assert gap["fields"] == {"after": 1_600_000_000_123, "oldest_id": FIRST_EVENT_ID}
    assert [event["id"] for event in stream.next()] == [FIRST_EVENT_ID]


def test_a_reader_too_slow_for_what_is_kept_hears_of_the_gap(follower, node: FakeNode):
    node.happen()
    stream = follower()
    stream.opening()
    stream.next()

    for _ in range(5):
        node.happen()
    del node.event_entries[:4]
    node.oldest_event_id += 4

    assert [event["kind"] for event in stream.next()] == ["gap"]
    assert [event["id"] for event in stream.next()] == [FIRST_EVENT_ID + 4, FIRST_EVENT_ID + 5]


def test_a_filtered_stream_passes_over_the_rest(follower, node: FakeNode):
    node.happen()
    node.happen("StoreFailed", "warning")
    stream = follower("&level=warning")

    stream.opening()

    assert [event["kind"] for event in stream.next()] == ["StoreFailed"]


def test_a_last_event_id_that_is_none_is_refused(follower):
    stream = follower(**{"Last-Event-ID": "yesterday"})

    assert stream.answer.get_json()["error"]["message"] == "the header Last-Event-ID is 'yesterday'; it is the id of an event"


def test_a_stream_gives_its_place_back_when_it_ends(follower, followers: Followers):
    stream = follower()
    stream.opening()
    assert followers.open == 1

    followers.close()

    assert list(stream.answer.response) == []
    stream.answer.close()
    assert followers.open == 0


def test_a_silent_stream_is_kept_alive_and_waits_on_one_signal(node: FakeNode, follower, monkeypatch):
    monkeypatch.setattr("sorcha_peer_admin.events.KEEP_ALIVE_S", 0.05)
    stream = follower()
    stream.opening()

    assert stream.opening().startswith(b":")

    assert node.event_waits
    assert {after for after, _ in node.event_waits} == {FIRST_EVENT_ID - 1}
