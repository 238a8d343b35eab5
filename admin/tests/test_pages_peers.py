"""The pages about peers, and what can be done there."""

from __future__ import annotations

import csv
import io

import pytest
from admin_fakes import LINKED, OWN_ID, FakeNode
from page_parts import HOSTILE, many, messages_in, names_in, peer, text_of, unlinked

from sorcha_peer_core.model.ids import PeerId

BEN = LINKED.peer_id
STRANGER = PeerId("5a" * 20)


def test_the_list_shows_who_is_known_and_how_it_is_linked(browser):
    page = browser.get("/admin/peers")
    words = text_of(page.text)

    assert page.status_code == 200
    assert names_in(page.text) == ["ben", "ben"]
    assert "cdcdcdcd bootstrap linked 192.0.2.8:5001 grpcstream outbound 1.25 ms now 0 -9.6" in words


def test_the_score_of_a_peer_says_why(browser):
    table, page = browser.get("/admin/peers").text, text_of(browser.get(f"/admin/peers/{BEN}").text)

    assert 'title="first deliveries +0.4, forged -10.0"' in table
    assert "Its score is -9.6" in page
    assert "forged 1.0 -10.0" in page


def test_without_peers_the_list_says_why(browser, node: FakeNode):
    node.known_peers = []

    words = text_of(browser.get("/admin/peers").text)

    assert "This node knows no peers yet." in words
    assert "bootstrap_nodes" in words


def test_a_search_without_success_says_so_and_leads_back(browser):
    page = browser.get("/admin/peers?q=nobody").text

    assert "None of the 2 known peers fits the search." in text_of(page)
    assert '<a href="/admin/peers">' in page


def test_a_thousand_peers_come_in_pages_of_fifty(browser, node: FakeNode):
    node.known_peers = many(1000)

    page = browser.get("/admin/peers?sort=latency&page=3")

    assert len(names_in(page.text)) == 50
    assert "101 to 150 of 1 000" in text_of(page.text).replace("\u202f", " ")


def test_links_to_other_pages_and_orders_keep_what_was_asked(browser, node: FakeNode):
    node.known_peers = many(240)

    page = browser.get("/admin/peers?q=node&status=known&sort=seen&order=desc&page=2").text

    assert 'href="/admin/peers?q=node&amp;status=known&amp;sort=seen&amp;order=desc&amp;page=3"' in page
    assert 'href="/admin/peers?q=node&amp;status=known&amp;sort=name"' in page
    assert '<th scope="col" class="number" aria-sort="descending">' in page
    assert 'data-live="/admin/peers/table?q=node&amp;status=known' in page


def test_the_table_alone_is_what_the_page_has(browser, node: FakeNode):
    node.known_peers = many(60)

    page, table = browser.get("/admin/peers?page=2").text, browser.get("/admin/peers/table?page=2").text

    assert "<html" not in table
    assert table.count("<tr>") == 11
    assert table.strip() in page


def test_the_file_has_all_who_are_asked_for_also_beyond_the_page(browser, node: FakeNode):
    node.known_peers = many(240)

    answer = browser.get("/admin/peers.csv?status=known&page=2")

    assert len(list(csv.DictReader(io.StringIO(answer.text)))) == 120
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    "path", ["/admin/peers", f"/admin/peers/{'0' * 39}1", f"/admin/peers/{'0' * 39}1/ban", "/admin/topology"]
)
def test_a_hostile_name_is_shown_as_text(browser, node: FakeNode, path):
    node.known_peers = [peer(1, name=HOSTILE, software=HOSTILE, address=HOSTILE, addresses=(HOSTILE,))]

    page = browser.get(path).text

    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "49gnp" not in page


def test_a_peer_is_shown_with_all_that_is_known_of_it(browser, node: FakeNode):
    node.happen("PeerLinked", peer_id=BEN)
    node.happen("PeerLinked", peer_id=STRANGER)
    node.happen("DialFailed", "debug", address="rest://192.0.2.8:5002", transport="rest", reason="nobody listens")

    words = text_of(browser.get(f"/admin/peers/{BEN}").text)

    for said in ("cd" * 20, "Dialled by this node", "Up for 1 min 30 s", "Latency 1.25 ms", "sorcha-peer/0.1.0",
                 "grpc://192.0.2.8:5001 rest://192.0.2.8:5002", "rest half-open nobody listens there 5 min 1 s ago",
                 "PeerLinked number 1700000000000", "DialFailed number 1700000000002"):  # fmt: skip
        assert said in words
    assert "PeerLinked number 1700000000001" not in words


def test_what_changes_of_a_peer_is_what_its_page_has(browser):
    page, facts = browser.get(f"/admin/peers/{BEN}").text, browser.get(f"/admin/peers/{BEN}/facts").text

    assert "<html" not in facts
    assert facts.strip() in page


def test_a_peer_that_is_forgotten_while_it_is_looked_at_is_said_to_be(browser, node: FakeNode):
    node.remove_peer(BEN)

    answer = browser.get(f"/admin/peers/{BEN}/facts")

    assert answer.status_code == 200
    assert "This node has forgotten the peer." in text_of(answer.text)


def test_events_of_a_peer_call_it_by_its_name(browser, node: FakeNode):
    node.happen(peer_id=BEN, reason="gone")
    node.event_entries[-1] = node.event_entries[-1]._replace(sentence=f"lost the link to peer {BEN[:8]}: gone")

    assert "lost the link to ben : gone" in text_of(browser.get(f"/admin/peers/{BEN}").text)


def test_a_peer_that_is_not_linked_is_not_said_to_be(browser, node: FakeNode):
    node.known_peers = [unlinked(1, address="", addresses=(), rungs=(), last_seen_at=0)]

    words = text_of(browser.get(f"/admin/peers/{node.known_peers[0].peer_id}").text)

    for said in ("Transport not linked", "Latency never measured", "Addresses none: only it can dial", "Last seen never",
                 "No transport was tried", "None of the latest events"):  # fmt: skip
        assert said in words


def test_of_an_unknown_peer_only_its_ban_is_shown(browser, node: FakeNode):
    node.ban(STRANGER, "spam", None)

    page = browser.get(f"/admin/peers/{STRANGER}")

    assert page.status_code == 200
    assert "Why spam By operator" in text_of(page.text)


@pytest.mark.parametrize("peer_id", [STRANGER, "nobody", "AB" * 19])
def test_a_peer_that_is_not_there_is_404(browser, peer_id):
    page = browser.get(f"/admin/peers/{peer_id}")

    assert page.status_code == 404
    assert "There is no such peer" in text_of(page.text)


def test_adding_a_peer_tells_what_came_of_it_and_is_audited(browser, node: FakeNode):
    page = browser.post(
        "/admin/peers/add", data={"csrf_token": browser.csrf, "address": " 192.0.2.9:5001 "}, follow_redirects=True
    )

    assert node.added == ["192.0.2.9:5001"]
    assert messages_in(page.text) == ["The peer at 192.0.2.9:5001 answered and is kept."]
    assert (node.audited[-1].action, node.audited[-1].target) == ("peer.add", "192.0.2.9:5001")


def test_what_is_no_address_is_said_and_audited(browser, node: FakeNode):
    page = browser.post("/admin/peers/add", data={"csrf_token": browser.csrf, "address": "nowhere"}, follow_redirects=True)

    assert messages_in(page.text) == ["'nowhere' is not an address of a peer."]
    assert node.audited[-1].outcome.startswith("failed: ")


def test_a_ping_says_how_long_it_took(browser, node: FakeNode):
    answer = browser.post(f"/admin/peers/{BEN}/ping", data={"csrf_token": browser.csrf, "back": "/admin/peers?q=ben"})

    assert answer.headers["Location"] == "/admin/peers?q=ben"
    assert messages_in(browser.get("/admin/peers?q=ben").text) == ["Peer ben answered in 1.50 ms over grpcstream."]


def test_a_peer_that_does_not_answer_is_said_to_be_silent(browser, node: FakeNode):
    node.silent.add(BEN)

    page = browser.post(f"/admin/peers/{BEN}/ping", data={"csrf_token": browser.csrf}, follow_redirects=True)

    assert messages_in(page.text) == ["Peer cdcdcdcd did not answer within 5 s."]


def test_a_removal_asks_first(browser, node: FakeNode):
    page = browser.post(f"/admin/peers/{BEN}/remove", data={"csrf_token": browser.csrf, "back": f"/admin/peers/{BEN}"})

    assert "Remove ben?" in text_of(page.text)
    assert "Other peers may tell of it again" in text_of(page.text)
    assert node.removed == set()


def test_after_a_removal_from_its_page_the_list_is_shown(browser, node: FakeNode):
    answer = browser.act(f"/admin/peers/{BEN}/remove", back=f"/admin/peers/{BEN}")

    assert node.removed == {BEN}
    assert answer.headers["Location"] == "/admin/peers"
    assert messages_in(browser.get("/admin/peers").text) == ["Peer ben was removed."]


def test_a_ban_is_asked_for_with_reason_and_duration(browser):
    words = text_of(browser.get(f"/admin/peers/{BEN}/ban?back=/admin/peers").text)

    assert "Ban ben?" in words
    assert "1 hour 1 day 7 days 30 days until it is lifted" in words


@pytest.mark.parametrize(("term", "duration_s"), [("1h", 3600), ("30d", 30 * 86_400), ("lifted", None)])
def test_a_ban_lasts_as_long_as_was_chosen(browser, node: FakeNode, term, duration_s):
    browser.act(f"/admin/peers/{BEN}/ban", term=term, reason="  sends\n nonsense ")

    ban = node.banned[BEN]
    assert ban.reason == "sends nonsense"
    assert ban.until_at == (None if duration_s is None else ban.since_at + duration_s)
    assert (node.audited[-1].action, node.audited[-1].target) == ("peer.ban", BEN)


@pytest.mark.parametrize("fields", [{"term": "for ever", "reason": "x"}, {"term": "1d", "reason": "x" * 201}, {}])
def test_a_ban_that_makes_no_sense_bans_nobody_and_keeps_what_was_typed(browser, node: FakeNode, fields):
    page = browser.act(f"/admin/peers/{BEN}/ban", **fields)

    assert node.banned == {}
    assert "Nobody was banned:" in text_of(page.text)
    assert f'value="{fields.get("reason", "")}"' in page.text


def test_a_node_does_not_ban_itself(browser, node: FakeNode):
    page = browser.post(
        f"/admin/peers/{OWN_ID}/ban", data={"csrf_token": browser.csrf, "term": "1d", "reason": ""}, follow_redirects=True
    )

    assert messages_in(page.text) == ["A node does not ban itself."]


def test_a_ban_is_lifted_after_a_question(browser, node: FakeNode):
    node.ban(BEN, "", None)

    asked = browser.post(f"/admin/peers/{BEN}/unban", data={"csrf_token": browser.csrf})
    assert "Lift the ban of ben?" in text_of(asked.text)
    assert BEN in node.banned
    browser.act(f"/admin/peers/{BEN}/unban")

    assert node.banned == {}


ACTIONS = ["/peers/add", *(f"/peers/{BEN}/{action}" for action in ("ping", "remove", "ban", "unban")), "/security/bans"]
PAGES = [
    "/peers", "/peers/table", "/peers.csv", f"/peers/{BEN}", f"/peers/{BEN}/facts", f"/peers/{BEN}/ban", "/topology",
    "/topology/table", "/security", "/plugins", "/configuration",
]  # fmt: skip


@pytest.mark.parametrize("path", ACTIONS)
def test_nothing_is_done_without_the_token_of_the_form(browser, node: FakeNode, path):
    answer = browser.post(
        f"/admin{path}", data={"confirmed": "1", "term": "1d", "address": "192.0.2.9:5001", "peer_id": STRANGER}
    )

    assert answer.status_code == 400
    assert (node.added, node.removed, node.banned) == ([], set(), {})


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_led_to_the_login(stranger, path):
    answer = stranger.get(f"/admin{path}")

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/admin/login?next=")
