"""Pages of the queue, of dead letters and of events."""

from __future__ import annotations

import re

import pytest
from admin_fakes import FIRST_EVENT_ID, LINKED, FakeNode, event_entry, row

from sorcha_peer_core.errors import StoreError
from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.model.transaction import QueueState

DEAD = "/admin/dead-letters"


def hex_of(number: int) -> str:
    return TxHash(number.to_bytes(32, "big")).hex()


@pytest.fixture
def full(node: FakeNode) -> FakeNode:
    """Rows 1 to 6: three wait, three are dead."""
    states = [QueueState.PENDING, QueueState.DEAD, QueueState.INFLIGHT, QueueState.DEAD, QueueState.RETRY, QueueState.DEAD]
    node.rows = [row(number, state, "<too> few took it") for number, state in enumerate(states, start=1)]
    return node


@pytest.fixture
def eventful(node: FakeNode) -> FakeNode:
    """250 events; every tenth is a warning about a dead letter."""
    for number in range(250):
        if number % 10:
            node.happen()
        else:
            node.happen("DeadLetter", "warning", tx_hash=hex_of(number), reason="<b>nobody</b>")
    return node


# The queue


def test_the_queue_shows_what_waits_and_how_much_room_is_left(browser, full):
    page = browser.get("/admin/queue").text

    assert [state for state in ("pending", "inflight", "retry") if f">{state}</span>" in page] == ["pending", "inflight", "retry"]
    assert hex_of(2) not in page
    assert "24 of 15" in page
    assert "140 B of 1.6 KiB" in page
    assert "&lt;too&gt; few took it" in page
    assert "receipts of 1 peer; with more peers linked it would be 2" in page


def test_an_empty_queue_says_so(browser):
    assert "Nothing waits" in browser.get("/admin/queue").text
    assert "There are no dead letters" in browser.get(DEAD).text


def test_the_next_attempt_is_a_time_only_while_it_lies_ahead(browser, node):
    node.rows = [
        row(1, QueueState.RETRY)._replace(not_before_ms=1_000_000_000_000.0),
        row(2, QueueState.RETRY)._replace(not_before_ms=4_000_000_000_000.0),
    ]

    page = browser.get("/admin/queue").text

    assert ">now</span>" in page
    assert 'datetime="2096-10-02T07:06:40Z"' in page


def test_a_long_queue_comes_in_pages_and_only_the_first_is_live(browser, node):
    node.rows = [row(number) for number in range(1, 251)]

    first, second, third = (browser.get(f"/admin/queue{query}").text for query in ("", "?after=100", "?after=200"))

    assert [page.count('data-label="State"') for page in (first, second, third)] == [100, 100, 50]
    assert 'href="/admin/queue?after=100"' in first
    assert [("data-live=" in page) for page in (first, second)] == [True, False]
    assert 'rel="next"' not in third


def test_the_rows_come_without_the_frame_for_a_page_that_is_open(browser, full):
    assert "<html" not in browser.get("/admin/queue/rows").text


# Dead letters


def test_dead_letters_say_why_and_can_be_saved(browser, full):
    page = browser.get(DEAD).text

    assert page.count("&lt;too&gt; few took it") == 3
    assert f'href="/admin/transactions/{hex_of(2)}/payload"' in page


@pytest.mark.parametrize("path", [f"/{hex_of(2)}/retry", f"/{hex_of(2)}/drop", "/retry", "/drop"])
def test_nothing_happens_to_dead_letters_before_somebody_confirms(browser, full, path):
    answer = browser.post(f"{DEAD}{path}", data={"csrf_token": browser.csrf})

    assert 'name="confirmed" value="1"' in answer.text
    assert len(full.dead_letters(0, 10)) == 3


def test_a_retried_dead_letter_waits_again_and_that_is_said_and_written_down(browser, full):
    answer = browser.act(f"{DEAD}/{hex_of(2)}/retry")

    assert answer.location == DEAD
    assert "was offered again" in browser.get(DEAD).text
    assert full.rows[1].state == QueueState.RETRY
    assert full.audited[-1][2:5] == ("admin page from 127.0.0.1", "dead-letter.retry", hex_of(2))


def test_a_dropped_dead_letter_is_gone(browser, full):
    browser.act(f"{DEAD}/{hex_of(4)}/drop")

    assert [found.row_id for found in full.dead_letters(0, 10)] == [2, 6]
    assert full.audited[-1].action == "dead-letter.drop"


def test_all_are_retried_or_dropped_at_once(browser, full):
    browser.act(f"{DEAD}/retry")

    assert "3 dead letters were offered again" in browser.get(DEAD).text
    browser.act(f"{DEAD}/drop")
    assert "0 dead letters were dropped" in browser.get(DEAD).text
    assert [entry.target for entry in full.audited[-2:]] == ["all", "all"]


def test_what_is_no_dead_letter_any_more_is_said(browser, full):
    browser.act(f"{DEAD}/{hex_of(1)}/drop")

    assert "is no dead letter any more" in browser.get(DEAD).text
    assert full.audited[-1].outcome.startswith("failed: ")


def test_a_store_that_fails_is_said(browser, full, monkeypatch):
    def fail(hashes):
        raise StoreError("the disk is full")

    monkeypatch.setattr(full, "drop_dead_letters", fail)
    browser.act(f"{DEAD}/drop")

    assert "The disk is full." in browser.get(DEAD).text


def test_a_form_without_its_token_drops_nothing(browser, full):
    assert browser.post(f"{DEAD}/drop", data={"confirmed": "1"}).status_code == 400
    assert len(full.dead_letters(0, 10)) == 3


# Events


def numbers_of(page: str) -> list[int]:
    return [int(number) - FIRST_EVENT_ID for number in re.findall(r'data-mark="(\d+)"', page)]


def test_the_latest_events_come_first_and_pages_lead_into_the_past(browser, eventful):
    first = browser.get("/admin/events").text
    second = browser.get(f"/admin/events?before={FIRST_EVENT_ID + 150}").text

    assert numbers_of(first) == list(range(249, 149, -1))
    assert f'href="/admin/events?before={FIRST_EVENT_ID + 150}"' in first
    assert numbers_of(second) == list(range(149, 49, -1))
    assert "data-follow" not in second


def test_a_page_that_is_open_follows_the_stream_of_what_it_shows(browser, eventful):
    page = browser.get("/admin/events?level=warning&text=nobody").text

    assert 'data-rows="/admin/events/rows?level=warning&amp;text=nobody"' in page
    assert 'data-stream="/manage/v1/events?level=warning&amp;follow=1"' in page
    assert f'data-last="{FIRST_EVENT_ID + 249}"' in page


@pytest.mark.parametrize("query", ["level=warning", "kind=DeadLetter", f"text={hex_of(10)}", "level=warning&kind=DeadLetter"])
def test_events_are_filtered_also_in_what_comes_later(browser, eventful, query):
    found = numbers_of(browser.get(f"/admin/events/rows?{query}").text)

    assert found == ([10] if "text" in query else list(range(240, -1, -10)))


def test_a_level_or_kind_that_does_not_exist_asks_for_nothing(browser, eventful):
    assert len(numbers_of(browser.get("/admin/events?level=loud&kind=<b>").text)) == 100


def test_what_events_are_about_is_linked(browser, node):
    node.happen(peer_id=LINKED.peer_id)
    entry = node.event_entries[0]
    node.event_entries[0] = entry._replace(sentence=f"linked to peer {LINKED.peer_id[:8]} at <b>")

    page = browser.get("/admin/events").text

    assert f'linked to <a href="/admin/peers/{LINKED.peer_id}" title="{LINKED.peer_id}">ben</a> at &lt;b&gt;' in page


def test_no_events_and_none_that_fit_are_told_apart(browser, node):
    assert "Nothing has happened yet" in browser.get("/admin/events").text
    node.happen()
    assert "None of the 1 events that are kept fits" in browser.get("/admin/events?text=zebra").text


def test_ten_thousand_events_fill_no_more_than_a_page(browser, node):
    node.event_entries = [event_entry(FIRST_EVENT_ID + number) for number in range(10_000)]

    assert len(numbers_of(browser.get("/admin/events").text)) == 100
