"""Logging in to the pages and out again: keys, sessions, attempts, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from admin_fakes import TOKEN, FakeNode
from flask.testing import FlaskClient
from werkzeug.security import check_password_hash

from sorcha_peer_admin.app import create_app
from sorcha_peer_admin.attempts import FREE, FREE_OVERALL, LONGEST_WAIT_OVERALL_S, LONGEST_WAIT_S, Attempts
from sorcha_peer_admin.gate import COOKIE, Gate
from sorcha_peer_admin.hosts import Hosts
from sorcha_peer_admin.keys import PASSWORD_FILE, Keys
from sorcha_peer_admin.login_links import GOOD_FOR_S, MOST_LINKS, LoginLinks
from sorcha_peer_admin.sessions import IDLE_S, LONGEST_S, MOST_SESSIONS, Sessions
from sorcha_peer_core.cli.admin_access import password_hash

LOGIN = "/admin/login"
PASSWORD = "correct horse battery"


class Clock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def visitor(node: FakeNode, clock: Clock) -> FlaskClient:
    """A browser that is not logged in, of an application whose time is the clock's."""
    gate = Gate(Keys(node.data_dir, TOKEN), Sessions(clock), Attempts(clock), Hosts())
    return create_app(node, TOKEN, gate=gate).test_client()


def set_password(data_dir: Path, password: str) -> None:
    (data_dir / PASSWORD_FILE).write_text(password_hash(password))


def log_in(visitor: FlaskClient, secret: str = TOKEN, **fields: str):
    return visitor.post(LOGIN, data={"secret": secret, **fields})


def is_in(visitor: FlaskClient) -> bool:
    return visitor.get("/admin/").status_code == 200


def csrf_of(visitor: FlaskClient) -> str:
    found = re.search(r'name="csrf-token" content="([^"]+)"', visitor.get("/admin/").text)
    assert found
    return found[1]


@pytest.mark.parametrize("path", ["/admin/", "/admin/peers?sort=name", "/admin/no-such-page"])
def test_a_stranger_is_led_to_the_login_and_learns_nothing(visitor, path):
    answer = visitor.get(path)

    assert answer.status_code == 302
    assert answer.location.startswith(LOGIN)
    assert "anna" not in answer.text


def test_after_the_login_one_is_where_one_wanted_to_be(visitor):
    wanted = visitor.get("/admin/plugin/nat?x=1&y=2").location
    page = visitor.get(wanted).text
    [back] = re.findall(r'name="next" value="([^"]+)"', page)

    assert log_in(visitor, next=back.replace("&amp;", "&")).location == "/admin/plugin/nat?x=1&y=2"


@pytest.mark.parametrize("elsewhere", [
    "https://evil.example/", "//evil.example/", "/\\evil.example", "/admin/\\..\\evil", "/admin/..//evil.example", 
    "javascript:alert(1)",    "/admin/\r\nSet-Cookie: a=b", "/manage/v1/status", "/admin/../../x", " /admin/",
])  # fmt: skip
def test_nobody_is_led_elsewhere_after_the_login(visitor, elsewhere):
    assert log_in(visitor, next=elsewhere).location == "/admin/"


def test_the_token_opens_the_door(visitor, node):
    assert log_in(visitor, f" {TOKEN}\n").status_code == 303
    assert is_in(visitor)
    assert [(entry.action, entry.outcome) for entry in node.audited] == [("login", "logged in")]


@pytest.mark.parametrize("secret", ["", "wrong", TOKEN[:-1], "pässword"])
def test_a_wrong_key_does_not_and_is_noted(visitor, node, secret):
    answer = log_in(visitor, secret)

    assert answer.status_code == 401
    assert "neither the token nor the password" in answer.text
    assert COOKIE not in answer.headers.get("Set-Cookie", "")
    assert not is_in(visitor)
    assert [entry.outcome for entry in node.audited] == ["failed: wrong token or password"]


def test_a_password_opens_it_too_also_when_it_is_set_while_the_node_runs(visitor, node):
    assert log_in(visitor, PASSWORD).status_code == 401

    set_password(node.data_dir, PASSWORD)

    assert "Password or token" in visitor.get(LOGIN).text
    assert log_in(visitor, PASSWORD + "x").status_code == 401
    assert log_in(visitor, PASSWORD).status_code == 303


def test_the_command_writes_the_hash_that_the_pages_read():
    assert check_password_hash(password_hash("søk 🔑 it"), "søk 🔑 it")


def test_a_password_file_that_cannot_be_read_lets_nobody_in_by_password(visitor, node, caplog):
    (node.data_dir / PASSWORD_FILE).write_bytes(b"\xff\xfe")

    assert log_in(visitor, PASSWORD).status_code == 401
    assert "cannot be read" in caplog.text
    assert log_in(visitor).status_code == 303


def test_a_new_password_ends_all_sessions(visitor, node):
    log_in(visitor)
    assert is_in(visitor)

    set_password(node.data_dir, PASSWORD)

    assert not is_in(visitor)


def test_the_cookie_is_for_this_site_only_and_for_no_script(visitor):
    cookie = log_in(visitor).headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" not in cookie


def test_behind_https_the_cookie_is_secure(visitor):
    cookie = visitor.post(LOGIN, data={"secret": TOKEN}, base_url="https://localhost").headers["Set-Cookie"]

    assert "Secure" in cookie


def test_a_session_id_from_before_the_login_does_not_become_the_session(visitor):
    visitor.set_cookie(COOKIE, "chosen-by-somebody-else")

    log_in(visitor)

    assert visitor.get_cookie(COOKIE).value != "chosen-by-somebody-else"


def test_a_second_login_has_a_new_id_and_ends_the_first_session(visitor):
    log_in(visitor)
    first = visitor.get_cookie(COOKIE).value

    log_in(visitor, csrf_token=csrf_of(visitor))
    second = visitor.get_cookie(COOKIE).value
    visitor.set_cookie(COOKIE, first)

    assert second != first
    assert not is_in(visitor)


def test_a_logout_ends_the_session_not_only_the_cookie(visitor):
    log_in(visitor)
    session_id = visitor.get_cookie(COOKIE).value

    answer = visitor.post("/admin/logout", data={"csrf_token": csrf_of(visitor)})
    visitor.set_cookie(COOKIE, session_id)

    assert answer.location == LOGIN
    assert not is_in(visitor)


def test_an_idle_session_ends(visitor, clock):
    log_in(visitor)
    clock.now_s += IDLE_S - 1
    assert is_in(visitor)
    clock.now_s += IDLE_S + 1

    assert not is_in(visitor)


def test_live_parts_of_a_page_that_stands_open_do_not_keep_a_session_alive(visitor, clock):
    log_in(visitor)
    for _ in range(3):
        clock.now_s += IDLE_S / 2 - 1
        visitor.get("/admin/overview/now", headers={"X-Background": "1"})
        visitor.get("/admin/live?once=1")

    assert visitor.get("/admin/overview/now", headers={"X-Background": "1"}).status_code == 401


def test_no_session_lasts_for_ever(visitor, clock):
    log_in(visitor)
    for _ in range(int(LONGEST_S / IDLE_S) * 2):
        clock.now_s += IDLE_S / 2
        is_in(visitor)

    clock.now_s += 1

    assert not is_in(visitor)


def test_the_most_sessions_are_bounded_and_the_least_used_goes_first(clock):
    sessions = Sessions(clock)
    first, second = sessions.begin("m"), sessions.begin("m")
    clock.now_s += 1
    sessions.find(first.session_id, "m")
    for _ in range(MOST_SESSIONS - 1):
        sessions.begin("m")

    assert sessions.find(first.session_id, "m")
    assert sessions.find(second.session_id, "m") is None


def test_guessing_costs_time_and_then_works_again(visitor, clock):
    for _ in range(FREE):
        assert log_in(visitor, "wrong").status_code == 401

    refused = log_in(visitor)

    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "2"
    assert "Try again in 2 s" in refused.text
    clock.now_s += 2.1
    assert log_in(visitor).status_code == 303


def test_each_further_guess_doubles_the_wait_up_to_a_limit(clock):
    attempts = Attempts(clock)
    waits = []
    for _ in range(FREE + 12):
        attempts.failed("192.0.2.1")
        waits.append(attempts.wait_s("192.0.2.1"))
        clock.now_s += waits[-1]

    assert waits[FREE - 2 : FREE + 2] == [0.0, 2.0, 4.0, 8.0]
    assert waits[-1] == LONGEST_WAIT_S


def test_guesses_from_many_addresses_slow_everybody_down_but_not_for_long(clock):
    attempts = Attempts(clock)
    for number in range(FREE_OVERALL + 50):
        attempts.failed(f"192.0.2.{number}")

    assert attempts.wait_s("198.51.100.1") == LONGEST_WAIT_OVERALL_S


def test_a_success_forgives_the_address(clock):
    attempts = Attempts(clock)
    for _ in range(FREE - 1):
        attempts.failed("192.0.2.1")
    attempts.succeeded("192.0.2.1")
    attempts.failed("192.0.2.1")

    assert attempts.wait_s("192.0.2.1") == 0


def test_a_link_logs_in_once(client, node):
    link = client.post("/manage/v1/login-links")
    browser = client.application.test_client()
    code = link.get_json()["url"].partition("once=")[2]

    assert link.status_code == 201
    assert f'name="once" value="{code}"' in browser.get(f"{LOGIN}?once={code}").text
    assert not is_in(browser)
    assert browser.post(LOGIN, data={"once": code}).status_code == 303
    assert is_in(browser)
    again = client.application.test_client().post(LOGIN, data={"once": code})
    assert again.status_code == 401
    assert "used already" in again.text


def test_a_stranger_makes_no_links(stranger):
    assert stranger.post("/manage/v1/login-links").status_code == 401


def test_a_link_is_good_for_some_minutes(clock):
    links = LoginLinks(clock)
    code = links.new()
    clock.now_s += GOOD_FOR_S

    assert not links.use(code)


def test_the_oldest_link_gives_way(clock):
    links = LoginLinks(clock)
    codes = [links.new() for _ in range(MOST_LINKS + 1)]

    assert [links.use(code) for code in (codes[0], codes[1], codes[-1])] == [False, True, True]
