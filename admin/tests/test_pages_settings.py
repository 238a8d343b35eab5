"""The pages about configuration and plugins."""

from __future__ import annotations

import re

from admin_fakes import FakeNode
from page_parts import HOSTILE, text_of

from sorcha_peer_admin.pages.configuration_table import sections_of
from sorcha_peer_core.interfaces.views import SettingView

FILE = "file /etc/sorcha/config.toml"


def setting(key="node.name", value="anna", origin="flag", default="", summary="what people call it"):
    return SettingView(key, value, origin, default, summary)


def plugin(name, distribution, offers=(), *, chosen=False, error=""):
    return {"name": name, "distribution": distribution, "version": "1", "offers": offers, "chosen": chosen, "error": error}


def test_settings_are_shown_by_section_with_where_they_come_from(browser):
    words = text_of(browser.get("/admin/configuration").text)

    assert "[node] 2 changed" in words
    assert 'name "anna" default "" flag what people call this node' in words
    assert 'log_level "debug" default "info" environment SORCHA_PEER__NODE__LOG_LEVEL' in words
    assert "[plugins.rest]" in words
    assert 'listen "[::]:5002" file /etc/sorcha/config.toml' in words


def test_secrets_stay_hidden_and_are_said_to_be(browser):
    words = text_of(browser.get("/admin/configuration").text)

    assert "postgresql://peer:***@db.example/peer" in words
    assert "a secret is hidden" in words


def test_the_search_finds_keys_values_origins_and_meanings():
    settings = [setting(), setting("store.url", "memory://", FILE, "x", "where data is")]

    for search in ("STORE.url", "memory", "config.toml", "where data"):
        assert [section.name for section in sections_of(settings, search)] == ["store"]


def test_a_search_without_success_says_so(browser):
    page = text_of(browser.get("/admin/configuration?q=nothing-like-this").text)

    assert "No setting fits the search." in page
    assert "Show all 4" in page


def test_only_what_is_changed_is_shown_when_asked_for():
    settings = [
        setting(),
        setting("node.log_level", "info", "default", "info"),
        setting("node.network_id", "sorcha", FILE, "sorcha"),
    ]

    [section] = sections_of(settings, only_changed=True)

    assert [line.key for line in section.lines] == ["name"]
    assert section.changed == 1


def test_a_list_that_is_as_it_comes_is_not_changed():
    [section] = sections_of([setting("communication.transports", ["grpc"], FILE, ("grpc",))])

    assert section.changed == 0


def test_changed_settings_stand_out(browser, node: FakeNode):
    node.shown = [setting(), setting("node.log_level", "info", "default", "info")]

    assert len(re.findall(r'<tr class="changed">', browser.get("/admin/configuration").text)) == 1


def test_hostile_values_are_shown_as_text(browser, node: FakeNode):
    node.shown = [setting(value=HOSTILE, default=[HOSTILE], summary=HOSTILE)]
    node.installed = [
        {"name": HOSTILE, "distribution": HOSTILE, "version": HOSTILE, "chosen": False, "error": HOSTILE, "offers": []}
    ]

    for path in ("configuration", "plugins"):
        page = browser.get(f"/admin/{path}").text
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


def test_plugins_that_failed_come_first_with_the_reason(browser, node: FakeNode):
    offer = {"kind": "store", "name": "sqlite", "summary": "one file", "chosen": True}
    spare = {"kind": "store", "name": "memory", "summary": "for tests", "chosen": False}
    node.installed = [
        plugin("builtin", "sorcha-peer", [spare, offer], chosen=True),
        plugin("spare", "sorcha-spare", [spare]),
        plugin("pigeon", "sorcha-pigeon", error="ImportError: no birds"),
    ]

    words = text_of(browser.get("/admin/plugins").text)

    assert words.index("pigeon sorcha-pigeon 1 failed It was left out: ImportError: no birds") < words.index(
        "builtin sorcha-peer"
    )
    assert "in use Offers Kind What it is Chosen sqlite store one file chosen memory store for tests no" in words
    assert "spare sorcha-spare 1 not chosen" in words


def test_a_plugin_without_offers_is_a_service(browser):
    assert "admin sorcha-peer-admin 0.1.0 in use Runs beside the node" in text_of(browser.get("/admin/plugins").text)
