"""The page about security: bans, protection, limits, who was turned away, and the audit."""

from __future__ import annotations

import re

import pytest
from admin_fakes import LINKED, FakeNode
from page_parts import HOSTILE, messages_in, text_of

from sorcha_peer_core.interfaces.views import ProtectionView
from sorcha_peer_core.model.ids import PeerId

BEN = LINKED.peer_id
STRANGER = PeerId("5a" * 20)


def security(browser, query=""):
    return text_of(browser.get(f"/admin/security{query}").text)


def test_a_node_with_nothing_to_tell_says_so(browser, node: FakeNode):
    node.audited.clear()

    words = security(browser)

    for said in (
        "Nobody is banned.",
        "Nobody was turned away",
        "No operator has done anything yet.",
        "Everybody who is not banned may link.",
    ):
        assert said in words


def test_bans_are_shown_with_why_by_whom_and_until_when(browser, node: FakeNode):
    node.ban(BEN, HOSTILE, 3600)
    node.ban(STRANGER, "", None)

    page = browser.get("/admin/security").text

    assert "5a5a5a5a no reason was given operator" in text_of(page)
    assert "when it is lifted" in text_of(page)
    assert '<time datetime="2023-11-14T23:13:30Z"' in page
    assert "<script>alert" not in page


def test_a_ban_is_lifted_from_here_and_here_it_goes_on(browser, node: FakeNode):
    node.ban(BEN, "", None)
    assert f'action="/admin/peers/{BEN}/unban"' in browser.get("/admin/security").text

    answer = browser.act(f"/admin/peers/{BEN}/unban", back="/admin/security")

    assert answer.headers["Location"] == "/admin/security"
    assert messages_in(browser.get("/admin/security").text) == ["The ban of peer ben is lifted."]


def test_a_peer_that_nobody_knows_is_banned_by_its_id(browser, node: FakeNode):
    page = browser.post(
        "/admin/security/bans",
        data={
            "csrf_token": browser.csrf,
            "peer_id": f" {STRANGER.upper()}",
            "term": "7d",
            "reason": "told of by a friend",
            "back": "/admin/security",
        },
        follow_redirects=True,
    )

    assert node.banned[STRANGER].reason == "told of by a friend"
    assert messages_in(page.text) == ["Peer 5a5a5a5a is banned for 7 days."]


@pytest.mark.parametrize("fields", [{"peer_id": "ben", "term": "1d"}, {"peer_id": STRANGER, "term": "2d"}, {"peer_id": STRANGER}])
def test_what_is_no_id_or_no_duration_bans_nobody(browser, node: FakeNode, fields):
    page = browser.post("/admin/security/bans", data={"csrf_token": browser.csrf, **fields}, follow_redirects=True)

    assert node.banned == {}
    [message] = messages_in(page.text)
    assert message.startswith("Nobody was banned: ")


def test_certificate_mode_and_keys_are_shown(browser):
    words = security(browser)

    assert "Mode open Certificate ends" in words
    for digits in ("0a", "0b", "0c"):
        assert digits * 32 in words


@pytest.mark.parametrize(("ends_at", "tone"), [(4_000_000_000, "good"), (1_000_000_000, "bad")])
def test_a_certificate_that_ended_stands_out(browser, node: FakeNode, ends_at, tone):
    node.protected = node.protected._replace(expires_at=ends_at)

    assert re.search(rf'<dt>Certificate ends</dt><dd>\s*<span class="badge {tone}">', browser.get("/admin/security").text)


def test_a_node_without_encryption_says_what_that_means(browser, node: FakeNode):
    node.protected = ProtectionView("insecure", "0a" * 32, "", None, [])

    words = security(browser)

    assert "Links are not encrypted." in words
    assert "Certificate ends" not in words


def test_limits_are_those_of_the_configuration(browser, node: FakeNode):
    node.sections = {"communication": {"max_connections": 64}, "transaction_distribution": {"max_transaction_bytes": 10_485_760}}

    words = security(browser)

    assert "Most links at the same time 64 Largest payload 10 MiB" in words
    assert "Most submissions that wait" not in words


def test_allowed_peers_are_named(browser, node: FakeNode):
    node.sections = {"security": {"allowed_peers": (BEN, STRANGER)}}

    assert "Allowed peers ben cdcdcdcd unnamed 5a5a5a5a" in security(browser)


def test_who_was_turned_away_is_shown_newest_first_and_no_other_event(browser, node: FakeNode):
    node.happen("HandshakeRefused", "warning", address="grpc://203.0.113.1:4711", reason=HOSTILE)
    node.happen("PeerLinked", address="grpc://203.0.113.2:4711")
    node.happen("TurnedAway", "debug", peer_id=BEN, address="grpc://[2001:db8::1]:4711")

    page = browser.get("/admin/security").text

    assert "[2001:db8::1] there was no room for peer ben 1" in text_of(page)
    assert page.index("2001:db8::1") < page.index("203.0.113.1")
    assert "203.0.113.2" not in page
    assert "<script>alert" not in page


def test_whoever_tries_again_and_again_is_one_line(browser, node: FakeNode):
    for port in range(4000, 4014):
        node.happen(
            "HandshakeRefused", "warning", address=f"rest://203.0.113.1:{port}", reason="peer cdcdcdcd is banned by this node"
        )

    assert "203.0.113.1 peer ben is banned by this node 14" in security(browser)


def test_the_audit_is_read_page_by_page_without_a_gap(browser, node: FakeNode):
    for number in range(60):
        node.record("token from 127.0.0.1", "peer.ping", f"target-{number}", HOSTILE)

    address, seen = "/admin/security", []
    while address:
        page = browser.get(address).text
        assert "<script>alert" not in page
        seen += re.findall(r"target-(\d+)", page)
        further = re.search(r'href="(/admin/security\?before=\d+)#', page)
        address = further[1] if further else ""

    assert [int(number) for number in seen] == list(range(59, -1, -1))


def test_peers_are_named_in_the_audit(browser, node: FakeNode):
    node.record("token from 127.0.0.1", "peer.ban", BEN, "ok")

    assert "peer.ban ben cdcdcdcd ok token from 127.0.0.1" in security(browser)


@pytest.mark.parametrize("before", ["", "x", "-1", "0", "9" * 30, "²"])
def test_an_address_that_makes_no_sense_shows_the_newest(browser, node: FakeNode, before):
    node.record("token from 127.0.0.1", "peer.ban", BEN, "ok")

    assert "peer.ban" in security(browser, f"?before={before}")


def test_before_the_first_entry_there_is_nothing(browser):
    assert "Nothing earlier is kept." in security(browser, "?before=1")
