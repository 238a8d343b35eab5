"""What the table of peers shows: search, filters, order and pages; and the same as a file."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_parts import many, peer, unlinked

from sorcha_peer_admin.pages.peer_csv import peers_csv
from sorcha_peer_admin.pages.peer_table import COLUMNS, PAGE_ROWS, PeerQuery, peer_table


def shown(peers, **said):
    return [found.name for found in peer_table(peers, PeerQuery.of(said)).peers]


def test_without_a_wish_linked_peers_come_first_and_equal_ones_by_name():
    peers = [unlinked(1, "lost"), unlinked(2, name="b"), unlinked(3, name="a"), peer(4)]

    assert shown(peers) == ["node 4", "a", "b", "node 1"]


@pytest.mark.parametrize("text", ["BEN", "\uff22\uff25\uff2e", "00000000aa", "192.0.2.170", "other/9"])
def test_the_search_finds_names_ids_addresses_and_software(text):
    peers = [peer(1), peer(170, name="Big Ben", software="other/9.1")]

    assert shown(peers, q=text) == ["Big Ben"]


def test_the_filters_work_together():
    peers = [peer(1, transport="rest"), peer(2), unlinked(3)]

    assert shown(peers, status="linked", transport="rest") == ["node 1"]
    assert shown(peers, status="known", transport="rest") == []


def test_what_is_not_known_comes_last_whichever_way_it_is_sorted():
    peers = [unlinked(1), peer(2, latency_ms=9.0), peer(3, latency_ms=1.0)]

    assert shown(peers, sort="latency") == ["node 3", "node 2", "node 1"]
    assert shown(peers, sort="latency", order="desc") == ["node 2", "node 3", "node 1"]


@given(order=st.sampled_from(["asc", "desc"]), key=st.sampled_from([column.key for column in COLUMNS]))
@settings(derandomize=True, max_examples=len(COLUMNS) * 4)
def test_every_order_shows_every_peer_once(order, key):
    peers = many(PAGE_ROWS + 7)

    pages = [shown(peers, sort=key, order=order, page=str(page)) for page in (1, 2)]

    assert [len(page) for page in pages] == [PAGE_ROWS, 7]
    assert sorted(pages[0] + pages[1]) == sorted(found.name for found in peers)


@given(st.dictionaries(st.sampled_from(["q", "status", "transport", "sort", "order", "page"]), st.text(max_size=8)))
@settings(derandomize=True)
def test_whatever_an_address_says_there_is_a_page_and_its_own_address_shows_the_same(said):
    peers = many(120)
    table = peer_table(peers, PeerQuery.of(said))

    again = dict(part.split("=") for part in table.query.string(text="", status="", transport="").split("&") if part)

    assert 1 <= table.query.page <= table.pages
    assert len(table.peers) == max(0, min(PAGE_ROWS, table.matching - (table.query.page - 1) * PAGE_ROWS))
    assert PeerQuery.of(again)._replace(page=table.query.page) == table.query._replace(text="", status="", transport="")


def test_a_page_beyond_the_last_is_the_last():
    table = peer_table(many(60), PeerQuery.of({"page": "99"}))

    assert (table.query.page, table.first, len(table.peers)) == (2, 51, 10)


def test_the_first_click_on_a_column_shows_what_tells_most_and_the_second_turns_it():
    query = PeerQuery.of({"q": "a b"})

    assert query.sorted_by("failures", "asc") == "?q=a+b&sort=failures&order=desc"
    assert query.sorted_by("name", "asc") == "?q=a+b&sort=name"
    assert PeerQuery.of({"sort": "failures", "order": "desc"}).sorted_by("failures", "asc") == "?sort=failures"


def test_counts_are_of_all_peers_whatever_is_asked():
    table = peer_table([peer(1), unlinked(2), unlinked(3, "banned")], PeerQuery.of({"q": "node 1"}))

    assert (table.matching, table.total, dict(table.by_status)) == (1, 3, {"linked": 1, "known": 1, "banned": 1})


def test_the_file_has_a_line_for_each_peer():
    rows = list(csv.DictReader(io.StringIO(peers_csv([peer(1, latency_ms=1.5), unlinked(2, last_seen_at=0)]))))

    assert [row["name"] for row in rows] == ["node 1", "node 2"]
    assert (rows[0]["latency_ms"], rows[0]["last_seen"]) == ("1.500", "2023-11-14T22:13:29Z")
    assert (rows[1]["latency_ms"], rows[1]["last_seen"]) == ("", "")
    assert rows[0]["score"] == "-9.6"


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_name_is_a_formula_for_a_spreadsheet(name):
    [row] = csv.DictReader(io.StringIO(peers_csv([peer(1, name=name)]), newline=""))

    assert row["name"] == f"'{name}"


def test_names_with_quotes_commas_and_new_lines_survive_the_file():
    name = 'a "b", c\nd'

    [row] = csv.DictReader(io.StringIO(peers_csv([peer(1, name=name)]), newline=""))

    assert row["name"] == name
