"""What a browser may and may not do: sessions for the management API, forms, origins, names of the node, headers."""

from __future__ import annotations

import pytest
from admin_fakes import TOKEN, FakeNode

from sorcha_peer_admin.app import create_app
from sorcha_peer_admin.hosts import Hosts, hosts_of

API = "/manage/v1"


def test_a_browser_that_is_logged_in_reads_the_management_api(browser):
    assert browser.get(f"{API}/status").status_code == 200


def test_to_change_something_it_shows_its_csrf_token(browser, node: FakeNode):
    assert browser.post(f"{API}/transactions", data=b"abc").status_code == 400
    assert browser.post(f"{API}/transactions", data=b"abc", headers={"X-CSRF-Token": "wrong"}).status_code == 400
    assert node.calls == []

    answer = browser.post(f"{API}/transactions", data=b"abc", headers={"X-CSRF-Token": browser.csrf})

    assert answer.status_code == 202


def test_a_program_with_the_token_needs_none(client):
    assert client.post(f"{API}/transactions", data=b"abc").status_code == 202


@pytest.mark.parametrize("token", ["", "wrong", "é"])
def test_a_form_without_the_right_token_changes_nothing(browser, token):
    answer = browser.post("/admin/logout", data={"csrf_token": token})

    assert answer.status_code == 400
    assert "nothing was changed" in answer.text
    assert browser.get("/admin/").status_code == 200


def test_the_token_of_another_session_does_not_count(browser):
    other = browser.application.test_client()
    other.post("/admin/login", data={"secret": TOKEN})

    assert other.post("/admin/logout", data={"csrf_token": browser.csrf}).status_code == 400


@pytest.mark.parametrize("headers", [
    {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://localhost:81"},
])  # fmt: skip
def test_a_form_of_another_site_is_refused_even_with_the_token(browser, headers):
    answer = browser.post("/admin/logout", data={"csrf_token": browser.csrf}, headers=headers)

    assert answer.status_code == 403
    assert "another site" in answer.text


def test_another_site_logs_nobody_in(stranger):
    answer = stranger.post("/admin/login", data={"secret": TOKEN}, headers={"Origin": "http://evil.example"})

    assert answer.status_code == 403


@pytest.mark.parametrize("headers", [
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
    {"Origin": "http://localhost"},
    {"Origin": "null"},
])  # fmt: skip
def test_forms_of_its_own_pages_are_taken(browser, headers):
    assert browser.post("/admin/logout", data={"csrf_token": browser.csrf}, headers=headers).status_code == 303


@pytest.mark.parametrize("path", ["/admin/login", "/admin/", f"{API}/status"])
def test_a_name_that_a_stranger_pointed_here_gets_nothing(stranger, path):
    answer = stranger.get(path, headers={"Host": "rebound.example:5080"})

    assert answer.status_code == 403
    assert "admin.hosts" in answer.text


def test_a_program_may_call_the_node_what_it_likes(client):
    assert client.get(f"{API}/status", headers={"Host": "tunnel.example"}).status_code == 200


def test_monitoring_may_too(stranger):
    assert stranger.get("/metrics", headers={"Host": "node-7.monitoring.example"}).status_code == 200


def test_names_from_the_settings_are_known(node: FakeNode):
    node.admin_settings["hosts"] = ("Peer.Example",)
    stranger = create_app(node, TOKEN).test_client()

    assert stranger.get("/admin/login", headers={"Host": "peer.example:8443"}).status_code == 200


@pytest.mark.parametrize(("host", "known"), [
    ("localhost", True), ("LOCALHOST:5080", True), ("localhost.", True), ("127.0.0.1:5080", True), ("[::1]:5080", True),
    ("[fe80::1]", True), ("10.0.0.7", True), ("pc.lan:5080", True), ("evil.example", False), ("localhost.evil.example", False),
    ("127.0.0.1.evil.example", False), ("", False), ("[", False), ("1", False),
])  # fmt: skip
def test_which_names_a_node_has(host, known):
    assert hosts_of("pc.lan:5080", ()).knows(host) is known


def test_without_a_listening_address_it_is_this_machine():
    assert Hosts().knows("localhost")
    assert not hosts_of("", ()).knows("")


@pytest.mark.parametrize("path", ["/admin/", "/admin/login", "/admin/nothing", f"{API}/status", f"{API}/nothing", "/metrics"])
def test_every_answer_tells_browsers_to_trust_nothing_else(browser, path):
    headers = browser.get(path).headers

    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


def test_the_root_leads_to_the_pages(stranger):
    assert [stranger.get(path).location for path in ("/", "/admin")] == ["/admin/", "/admin/"]
