"""What every action of a page goes through, and how numbers, times and ids are written."""

from __future__ import annotations

import re

import pytest
from admin_fakes import TOKEN, FakeNode
from flask import Blueprint, request

from sorcha_peer_admin.app import create_app
from sorcha_peer_admin.pages import filters
from sorcha_peer_admin.pages.frame import Input, ask_first, carry_out
from sorcha_peer_core.errors import PeerError

HOSTILE = "<script>alert(1)</script>\"'"


@pytest.fixture
def done() -> list[str]:
    """What the action of the page has done."""
    return []


@pytest.fixture
def browser(node: FakeNode, done: list[str]):
    """Logged in to pages with one that acts at ``/admin/act``; ``post`` sends the CSRF token along."""
    pages = Blueprint("acting_page", __name__)

    @pages.post("/admin/act")
    def act():
        inputs = [Input("reason", "Reason")]
        asked = ask_first("Sink the ship?", "It goes down.", "Sink", inputs=inputs)
        if asked:
            return asked

        def sink() -> str:
            if "ship" not in request.form:
                raise PeerError("there is no ship")
            done.append(request.form["reason"])
            return f"the ship {request.form['ship']} is sunk"

        return carry_out(node, "ship.sink", "ship", sink, "/admin/")

    app = create_app(node, TOKEN)
    app.register_blueprint(pages)
    browser = app.test_client()
    browser.post("/admin/login", data={"secret": TOKEN})
    found = re.search(r'name="csrf-token" content="([^"]+)"', browser.get("/admin/").text)
    assert found
    node.audited.clear()
    return lambda **fields: browser.post("/admin/act", data={"csrf_token": found[1], **fields}), browser


def fields_of(page: str) -> dict[str, str]:
    """The inputs of the form of a page, without the one that logs out."""
    form = re.findall(r"<main.*</main>", page, re.DOTALL)[0]
    return {name: value for name, value in re.findall(r'<(?:input|button)[^>]*name="(\w+)"[^>]*value="([^"]*)"', form)}


def test_an_action_asks_first_and_changes_nothing(browser, done):
    post, _ = browser

    page = post(ship=HOSTILE, back="/admin/peers")

    assert page.status_code == 200
    assert "Sink the ship?" in page.text
    assert "It goes down." in page.text
    assert "<script>alert" not in page.text
    assert 'href="/admin/peers"' in page.text
    assert done == []


def test_the_confirmation_carries_the_fields_along(browser):
    post, _ = browser

    fields = fields_of(post(ship="Pequod", reason="a whale").text)

    assert (fields["ship"], fields["reason"], fields["confirmed"]) == ("Pequod", "a whale", "1")


def test_a_confirmed_action_is_done_noted_and_told_once(browser, node, done):
    post, pages = browser

    answer = post(ship="Pequod", reason="a whale", confirmed="1")

    assert (answer.status_code, answer.location, done) == (303, "/admin/", ["a whale"])
    [entry] = node.audited
    assert (entry.action, entry.target, entry.outcome) == ("ship.sink", "ship", "the ship Pequod is sunk")
    assert entry.actor == "admin page from 127.0.0.1"
    assert '<p class="message done">The ship Pequod is sunk.</p>' in pages.get("/admin/").text
    assert "Pequod" not in pages.get("/admin/").text


def test_what_the_node_refuses_is_told_and_noted_too(browser, node):
    post, pages = browser

    post(confirmed="1")

    assert [entry.outcome for entry in node.audited] == ["failed: there is no ship"]
    assert '<p class="message failed">There is no ship.</p>' in pages.get("/admin/").text


@pytest.mark.parametrize(("written", "text"), [
    (filters.bytes_text(0), "0 B"), (filters.bytes_text(1023), "1023 B"), (filters.bytes_text(1536), "1.5 KiB"),
    (filters.bytes_text(10 * 2**20), "10 MiB"), (filters.bytes_text(2**50), "1024 TiB"),
    (filters.bytes_text(None), "\u2013"),
    (filters.rate_text(2048), "2 KiB/s"), (filters.rate_text(None), "\u2013"),
    (filters.count_text(1_234_567), "1\u202f234\u202f567"),
    (filters.count_text(999), "999"), (filters.count_text(None), "\u2013"),
    (filters.duration_text(0.25), "0.2 s"), (filters.duration_text(5), "5 s"), (filters.duration_text(42), "42 s"),
    (filters.duration_text(60), "1 min"), (filters.duration_text(3700), "1 h 1 min"),
    (filters.duration_text(200_000), "2 d 7 h"),
    (filters.duration_text(-1), "0 s"), (filters.duration_text(None), "\u2013"),
    (filters.ms_text(0.1234), "0.12 ms"), (filters.ms_text(12.34), "12.3 ms"), (filters.ms_text(150.4), "150 ms"),
    (filters.ms_text(1234.5), "1.23 s"), (filters.ms_text(None), "\u2013"),
    (filters.short_text("ab" * 20), "abababab"), (filters.short_text("harbour"), "harbour"),
    (filters.unix_time_text(1_700_000_000.9), "2023-11-14T22:13:20Z"), (filters.unix_time_text(1e300), ""),
    (filters.clock_text(1_700_000_000), "2023-11-14 22:13:20 UTC"), (filters.clock_text(None), "\u2013"),
    (filters.ago_text(100, now=160), "1 min ago"), (filters.ago_text(160, now=100), "in 1 min"),
    (filters.ago_text(0, now=3700), "1 h ago"), (filters.ago_text(100, now=100.4), "just now"), (filters.ago_text(None), "never"),
])  # fmt: skip
def test_values_are_written_for_people(written, text):
    assert written == text
