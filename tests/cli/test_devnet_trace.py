"""How the views of all nodes become one picture."""

from __future__ import annotations

import pytest

from sorcha_peer_core.cli.devnet_trace import lines_of, shown_of, spread_of, time_to_share_ms, trace_report, tree_of
from sorcha_peer_core.cli.devnet_trace_plot import draw_trace

IDS = ["a", "b", "c", "d"]


def origin(first_ms: float = 1000.0):
    return {"hops": 0, "first_ms": first_ms, "verified_after_ms": 0.0, "copies": [], "copies_received": 0}


def receiver(sender: str, first_ms: float, hops: int, copies: int = 1):
    first = {"peer": sender, "by": "push", "hop": hops - 1}
    return {"hops": hops, "first_ms": first_ms, "verified_after_ms": 1.0, "copies": [first], "copies_received": copies}


@pytest.fixture
def spread():
    """b published; c has it from b, a from c, and d is missing."""
    return spread_of("5e", [receiver("c", 1020.0, 2, copies=3), origin(), receiver("b", 1010.0, 1), None], IDS)


def test_each_node_stands_below_the_one_it_has_it_from(spread):
    assert [(depth, arrival["node"] if arrival else None) for depth, arrival in tree_of(spread)] == [(0, None), (1, 3), (2, 1)]


def test_time_runs_from_the_release_to_the_verification(spread):
    assert [(arrival["node"], arrival["ms"]) for arrival in spread["arrivals"]] == [(3, 11.0), (1, 21.0)]


def test_the_origin_counts_as_reached_and_a_missing_node_as_not(spread):
    assert [time_to_share_ms(spread, share) for share in (25, 50, 75, 100)] == [0.0, 11.0, 21.0, None]


def test_without_its_origin_nothing_can_be_said_of_a_transaction():
    assert spread_of("5e", [receiver("b", 1.0, 1), None], IDS) is None


def test_whose_sender_is_not_known_stands_below_the_origin():
    spread = spread_of("5e", [origin(), receiver("gone", 1010.0, 2)], IDS)

    assert [depth for depth, _ in tree_of(spread)] == [0, 1]


def test_nodes_that_name_each_other_are_drawn_once():
    spread = spread_of("5e", [origin(), receiver("c", 1010.0, 2), receiver("b", 1011.0, 2)], IDS)

    assert sorted(arrival["node"] for _, arrival in tree_of(spread) if arrival) == [2, 3]


def test_the_report_estimates_coverage_and_copies(spread):
    report = trace_report([spread], sampled=2)

    assert (report["sampled"], report["traced"], report["coverage"], report["copies_per_receiver"]) == (2, 1, 0.75, 2.0)
    assert report["time_to_50_ms"]["p50"] == 11.0
    assert report["time_to_100_ms"]["p50"] is None


def test_people_get_a_tree(spread):
    text = "\n".join(lines_of(trace_report([spread], sampled=1)))

    assert "node 2  origin\n└─ node 3  11.0 ms, hop 1, push\n   └─ node 1  21.0 ms, hop 2, push, 3 copies" in text
    assert "coverage 75.0 % of the nodes" in text
    assert "time to 100 %: no transaction got so far" in text


def test_where_nothing_was_traced_the_text_says_so():
    assert "1 more were asked for, and are no longer traced." in list(lines_of(trace_report([], sampled=1)))


def test_of_many_the_median_and_the_slowest_are_shown():
    spreads = [spread_of(str(ms), [origin(), receiver("a", 1000.0 + ms, 1)], IDS) for ms in (5, 90, 20)]

    assert [spread["hash"] for spread in shown_of(spreads)] == ["20", "90"]


def test_a_picture_is_drawn(spread, tmp_path):
    pytest.importorskip("matplotlib")

    draw_trace(trace_report([spread], sampled=1), tmp_path / "a.png")

    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_a_name_that_is_no_picture_is_refused_before_anything_starts(command):
    outcome = command("devnet", "--trace", "lines.txt")

    assert outcome == (1, "", "sorcha-peer: --trace lines.txt: the name ends in one of .png, .svg, .pdf\n")
