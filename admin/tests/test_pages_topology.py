"""The picture of a node and its peers: who is in it, where, and that the table says the same."""

from __future__ import annotations

import re
from itertools import combinations
from math import dist, hypot

import pytest
from admin_fakes import FakeNode
from page_parts import many, names_in, peer, text_of, unlinked

from sorcha_peer_admin.pages.topology_picture import MOST_NODES, label_of, picture_of


def test_linked_peers_are_around_the_node_nearest_first_and_the_others_further_out():
    picture = picture_of([unlinked(1), peer(2, latency_ms=None), peer(3, latency_ms=9.0), peer(4, latency_ms=1.0)])

    assert [placed.peer.name for placed in picture.placed] == ["node 4", "node 3", "node 2", "node 1"]
    radii = [hypot(placed.x, placed.y) for placed in picture.placed]
    assert max(radii[:3]) < min(radii[3:])


@pytest.mark.parametrize("count", [1, 2, 12, 64, 200, 1000])
def test_no_peer_covers_another_or_this_node(count):
    places = [(0, 0), *((placed.x, placed.y) for placed in picture_of(many(count)).placed)]

    assert min(dist(one, other) for one, other in combinations(places, 2)) > 75


def test_nobody_is_left_out_while_there_is_room():
    assert picture_of(many(MOST_NODES)).left_out == 0


def test_where_there_is_no_room_linked_peers_stay():
    peers = [*(unlinked(number) for number in range(300)), *(peer(number) for number in range(300, 364))]

    picture = picture_of(peers)

    assert (len(picture.placed), picture.left_out) == (MOST_NODES, 164)
    assert sum(placed.peer.status == "linked" for placed in picture.placed) == 64


def test_more_linked_peers_than_there_is_room_for_leave_it_to_the_nearest():
    picture = picture_of([peer(number, latency_ms=float(number)) for number in range(250)])

    assert {placed.peer.latency_ms for placed in picture.placed} == {float(number) for number in range(MOST_NODES)}


def test_a_label_is_the_name_shortened_or_the_beginning_of_the_id():
    assert label_of(peer(1, name="a name that is too long")) == "a name that is …"
    assert label_of(peer(1, name=" ")) == "00000000"


def test_picture_and_table_are_the_same_rows(browser, node: FakeNode):
    node.known_peers = [peer(1, direction="inbound", transport="rest", latency_ms=12.5), unlinked(2)]

    page = browser.get("/admin/topology").text

    rows = re.findall(r'<tr data-id="(\w+)"[^>]*data-status="(\w+)" data-direction="(\w*)" data-edge="([^"]*)"', page)
    assert [(peer_id[-1], *rest) for peer_id, *rest in rows] == [
        ("1", "linked", "inbound", "rest · 12.5 ms"),
        ("2", "known", "", ""),
    ]
    assert names_in(page) == ["node 1", "node 2"]
    assert "topology.js" in page


def test_nothing_of_a_page_is_styled_or_scripted_where_the_policy_forbids_it(browser, node: FakeNode):
    node.known_peers = many(30)

    for path in ("peers", "topology", "security", "plugins", "configuration", f"peers/{node.known_peers[0].peer_id}"):
        page = browser.get(f"/admin/{path}").text
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", page)
        assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", page)


def test_a_node_without_peers_has_no_picture(browser, node: FakeNode):
    node.known_peers = []

    page = browser.get("/admin/topology").text

    assert "This node knows no peers yet" in text_of(page)
    assert "topology.js" not in page


def test_a_thousand_peers_are_said_to_be_too_many_for_the_picture(browser, node: FakeNode):
    node.known_peers = many(1000)

    page = browser.get("/admin/topology").text

    assert len(names_in(page)) == MOST_NODES
    assert "show 200 of 1 000 known peers" in text_of(page).replace("\u202f", " ")


def test_the_table_alone_is_what_the_page_has(browser, node: FakeNode):
    assert browser.get("/admin/topology/table").text.strip() in browser.get("/admin/topology").text
