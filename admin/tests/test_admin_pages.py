"""The frame of the pages, the overview, live messages, and what plugins show."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from admin_fakes import FIRST_EVENT_ID, OWN_ID, STATUS, TOKEN, FakeNode

from sorcha_peer_admin.app import create_app
from sorcha_peer_admin.pages.rates import Rates, rates_of
from sorcha_peer_admin.pages.site import STATIC, asset
from sorcha_peer_core.errors import StoreError
from sorcha_peer_core.interfaces.panels import Page, Panel
from sorcha_peer_core.interfaces.views import EventEntry, Health, PluginAnswer, Sample

HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}"


class Elements(HTMLParser):
    """The elements of a page, each with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def event(number: int, level: str = "info", sentence: str = "something happened") -> EventEntry:
    return EventEntry(FIRST_EVENT_ID + number, 1_700_000_000_000.0 + number, "StateChanged", level, sentence, {})


def assert_keeps_the_policy(html: str) -> None:
    """No inline script or style, nothing from another host."""
    for tag, attributes in Elements(html).found:
        assert tag != "style"
        assert tag != "script" or attributes.get("src", "").startswith("/admin/static/")
        assert not any(name == "style" or name.startswith("on") for name in attributes)
        for name in ("src", "href", "action"):
            assert name not in attributes or re.match(r"(/(?!/)|#)", attributes[name] or "")


def test_the_frame_says_where_one_is(browser):
    page = browser.get("/admin/").text
    elements = Elements(page).found

    assert ("a", {"href": "/admin/", "aria-current": "page"}) in elements
    assert [tag for tag, _ in elements if tag in ("header", "nav", "main", "footer")] == ["header", "nav", "main", "footer"]
    assert [tag for tag, _ in elements].count("h1") == 1
    assert "anna" in page
    assert "Network <strong>sorcha</strong>" in page


@pytest.mark.parametrize("path", ["/admin/", "/admin/nothing", "/admin/overview/now", "/admin/plugin/bad", "/admin/plugin/good"])
def test_no_page_breaks_the_content_security_policy_or_runs_what_others_say(node: FakeNode, path):
    status = replace(
        STATUS, name=HOSTILE, network_id=HOSTILE, warnings=(HOSTILE,), external_address=HOSTILE, listening=(HOSTILE,),
        addresses=(replace(STATUS.addresses[0], address=HOSTILE, reason=HOSTILE),),
    )  # fmt: skip
    node.status = lambda: status  # type: ignore[method-assign]
    node.event_entries = [event(1, sentence=HOSTILE)]
    panel = Panel(HOSTILE, HOSTILE, [(HOSTILE, HOSTILE)], [HOSTILE], [[HOSTILE]])
    node.answers = {
        "peer_admin_panels": [PluginAnswer("p", (panel,)), PluginAnswer(HOSTILE, (), HOSTILE)],
        "peer_admin_pages": [PluginAnswer("p", (Page("good", HOSTILE, lambda: [panel]), Page("bad", "Bad", lambda: 1 / 0)))],
    }
    browser = create_app(node, TOKEN).test_client()
    browser.post("/admin/login", data={"secret": TOKEN})

    page = browser.get(path).text

    assert "<script>alert" not in page
    assert "49" not in re.sub(r"[0-9a-f]{12,}|[\w-]{30,}", "", page).replace("{{7*7}}", "")
    assert_keeps_the_policy(page)


def test_the_login_keeps_the_policy_too(stranger):
    assert_keeps_the_policy(stranger.get("/admin/login?next=" + HOSTILE).text)
    assert_keeps_the_policy(stranger.get("/admin/login?once=" + HOSTILE).text)


def test_the_overview_says_what_is_wrong_first(browser, node: FakeNode):
    node.status = lambda: replace(STATUS, state="degraded", warnings=("the disk is nearly full",))  # type: ignore[method-assign]
    node.condition = Health(live=True, ready=False, reasons=("no peer is linked",))

    page = browser.get("/admin/").text

    assert 0 < page.index("The disk is nearly full") < page.index("Not ready: no peer is linked") < page.index("peers linked")
    assert OWN_ID in page


def test_the_overview_shows_the_latest_events_that_matter_newest_first(browser, node: FakeNode):
    node.event_entries = [event(1, sentence="ebb"), event(2, "debug", "undertow"), event(3, "warning", "flood")]

    page = browser.get("/admin/").text

    assert page.index("flood") < page.index("ebb")
    assert "undertow" not in page


def test_an_overview_without_anything_says_so(browser):
    assert "Nothing worth telling has happened" in browser.get("/admin/").text


@pytest.mark.parametrize("path", ["/admin/nothing", "/admin/plugin/none", "/admin/static/x/nothing.css"])
def test_what_is_not_there_is_said_on_a_page(browser, path):
    answer = browser.get(path)

    assert answer.status_code == 404
    assert answer.content_type.startswith("text/html")


def test_a_failure_is_said_on_a_page_without_its_details(browser, node: FakeNode):
    node.failure = RuntimeError("secret detail")

    answer = browser.get("/admin/")

    assert answer.status_code == 500
    assert "secret detail" not in answer.text


def test_assets_may_be_kept_for_ever_because_their_address_changes_with_them(stranger):
    answer = stranger.get(asset("style.css"))

    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.content_type.startswith("text/css")


@pytest.mark.parametrize("name", ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "/etc/passwd", "....//app.py"])
def test_nothing_but_assets_is_served_as_one(stranger, name):
    assert stranger.get(f"/admin/static/x/{name}").status_code in (404, 302)


@pytest.mark.parametrize(
    "path", sorted(path for path in STATIC.rglob("*") if path.suffix in (".js", ".mjs", ".css")), ids=lambda p: p.name
)
def test_scripts_and_styles_have_a_type_that_browsers_take(stranger, path):
    answer = stranger.get(asset(str(path.relative_to(STATIC))))

    assert re.match(r"(text|application)/(javascript|css)", answer.content_type)


def test_a_live_message_counts_kinds_of_events_since_the_last_one(browser, node: FakeNode):
    node.event_entries = [event(1), event(2)]
    node.samples = [Sample(1_700_000_000, 1, 2, 3, 4, None)]

    first = browser.get("/admin/live?once=1").get_json()
    node.event_entries += [event(3), event(4)]
    then = browser.get(f"/admin/live?once=1&after={FIRST_EVENT_ID + 2}").get_json()

    assert first["kinds"] == {}
    assert (then["kinds"], then["after"]) == ({"StateChanged": 2}, FIRST_EVENT_ID + 4)
    assert (then["state"], then["linked"], then["sample"]["transactions"]) == ("online", 3, 3)


def test_the_live_stream_is_a_stream_of_server_sent_events(browser):
    answer = browser.get("/admin/live")

    assert answer.content_type == "text/event-stream"
    [name, message] = next(answer.response).decode().strip().split(": ", 1)
    assert (name, json.loads(message)["state"]) == ("data", "online")
    answer.close()


def test_a_logout_ends_the_streams_of_the_session(browser):
    answer = browser.get("/admin/live")
    next(answer.response)

    browser.act("/admin/logout")

    assert list(answer.response) == []


def test_a_node_that_stops_ends_the_stream_without_an_error(browser, node: FakeNode):
    answer = browser.get("/admin/live")
    next(answer.response)

    node.failure = StoreError("the node is stopping")

    assert list(answer.response) == []


def test_the_libraries_are_those_that_the_list_names():
    vendor = STATIC / "vendor"
    listed = dict(re.findall(r"`([^`]+)`, SHA-256 `([0-9a-f]{64})`", (vendor / "LICENSES.md").read_text()))
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in vendor.iterdir()}

    assert listed == {name: digest for name, digest in files.items() if not name.startswith("LICENSE")}
    assert {name for name in files if name.startswith("LICENSE.")} == {"LICENSE.uplot", "LICENSE.cytoscape"}


def test_rates_are_those_of_the_last_seconds():
    samples = [Sample(at, 100 * at, 10 * at, at, 0, 5.0 if at == 95 else None) for at in range(60, 101)]

    assert rates_of(samples) == Rates(100.0, 10.0, 1.0, 5.0)


@pytest.mark.parametrize("samples", [[], [Sample(1, 2, 3, 4, 5, None)]])
def test_without_a_past_there_are_no_rates(samples):
    assert rates_of(samples) == Rates()


def with_plugins(node: FakeNode, **answers: list[PluginAnswer]):
    node.answers = dict(answers)
    browser = create_app(node, TOKEN).test_client()
    browser.post("/admin/login", data={"secret": TOKEN})
    return browser


def test_a_plugin_shows_a_box_on_the_overview(node: FakeNode):
    browser = with_plugins(node, peer_admin_panels=[PluginAnswer("weather", (Panel("Weather", facts=[("Wind", 7)]),))])

    assert re.search(r"<h2>Weather</h2>.*<dt>Wind</dt><dd>7</dd>", browser.get("/admin/").text, re.DOTALL)


@pytest.mark.parametrize("answer", [
    PluginAnswer("broken", (), "RuntimeError: no wind"), PluginAnswer("broken", ("no panel",)),
    PluginAnswer("broken", (Panel("x", facts=5),)),  # type: ignore[arg-type]
])  # fmt: skip
def test_a_plugin_that_fails_is_named_and_the_rest_stands(node: FakeNode, answer):
    browser = with_plugins(node, peer_admin_panels=[answer, PluginAnswer("weather", (Panel("Weather"),))])

    page = browser.get("/admin/")

    assert page.status_code == 200
    assert "The plugin broken failed" in page.text
    assert "<h2>Weather</h2>" in page.text


def test_a_plugin_has_a_page_in_the_navigation(node: FakeNode):
    page = Page("tides", "Tides", lambda: [Panel("High water", columns=["Where"], rows=[["Leith"]])])
    browser = with_plugins(node, peer_admin_pages=[PluginAnswer("sea", (page,))])

    assert '<a href="/admin/plugin/tides">Tides</a>' in browser.get("/admin/").text
    assert "Leith" in browser.get("/admin/plugin/tides").text


def test_a_page_that_fails_says_whose_it_is(node: FakeNode):
    browser = with_plugins(node, peer_admin_pages=[PluginAnswer("sea", (Page("tides", "Tides", lambda: 1 / 0),))])  # type: ignore[arg-type]

    assert "The plugin sea failed: ZeroDivisionError: division by zero" in browser.get("/admin/plugin/tides").text


@pytest.mark.parametrize("pages", [("no page",), (Page("../x", "X", list),), (Page("a", "A", list), Page("a", "B", list))])
def test_pages_that_cannot_be_are_left_out_and_named_in_the_log(node: FakeNode, caplog, pages):
    with_plugins(node, peer_admin_pages=[PluginAnswer("sea", pages)])

    assert "a page of the plugin sea is left out" in caplog.text
