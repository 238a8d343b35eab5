"""Whole scenarios."""

from __future__ import annotations

import json

import pytest
from sim_parts import mesh, small

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.protocol.strategies import Flood
from sorcha_peer_core.sim.profile import Loss
from sorcha_peer_core.sim.report import run
from sorcha_peer_core.sim.scenario import Absence, Churn, Partition, Scenario


def test_the_same_seed_gives_the_same_report_byte_for_byte():
    scenario = small(seeds=2, loss=Loss(0.02), rate=20.0)

    first, second = (json.dumps(run(scenario, mesh)) for _ in range(2))

    assert first == second
    assert first != json.dumps(run(small(seeds=2, loss=Loss(0.02), rate=20.0, seed=5), mesh))


def test_several_seeds_are_those_runs_together():
    one, other = (run(small(seed=seed), mesh) for seed in (1, 2))

    both = run(small(seed=1, seeds=2), mesh)

    assert both["events"] == one["events"] + other["events"]
    assert both["copies"] == pytest.approx((one["copies"] + other["copies"]) / 2, abs=0.001)


def test_a_transaction_reaches_everybody_in_order_of_the_shares():
    report = run(small(), mesh)

    times = [report[key]["median"] for key in ("t50_ms", "t90_ms", "t99_ms", "t100_ms")]
    assert report["coverage"] == report["coverage_min"] == 1.0
    assert times == sorted(times)
    assert report["bound_t90_ms"] <= report["overlay_bound_t90_ms"] < times[1]


def test_flood_over_eight_random_links_is_what_the_study_found():
    report = run(Scenario(peers=300, links=8, near_ratio=0.0, transactions=6, warmup=0, seeds=2), Flood)

    # 147 ms at 100 nodes, 187 at 1,000; every node but the origin gets a copy from each neighbour it did not send to.
    assert 147 < report["t90_ms"]["median"] < 187
    assert report["copies"] == pytest.approx(7.0, abs=0.05)
    # Beside them only the receipts: one for each push of the origin.
    assert report["messages"] == {"Push": pytest.approx(7.0, abs=0.05), "Receipt": pytest.approx(8 / 300, abs=0.01)}
    assert report["announcements_per_node"] == 0


def test_ten_nodes_push_directly_and_each_gets_one_copy():
    report = run(Scenario(peers=10, transactions=10, warmup=2, seeds=4), mesh)

    assert report["copies"] == pytest.approx(0.9, abs=0.01)
    assert report["t90_ms"]["median"] <= 1.25 * report["bound_t90_ms"] + 5


def test_the_dead_are_neither_counted_nor_waited_for():
    report = run(small(dead=0.3, transactions=1, seeds=3), mesh)

    assert report["coverage"] == 1.0
    assert report["t100_ms"]["p95"] < 2000


def test_sybils_are_not_counted_and_never_deliver():
    honest, attacked = (run(small(sybils=share), mesh) for share in (0.0, 0.25))

    assert attacked["coverage"] > 0.9
    assert attacked["messages"]["Announce"] > honest["messages"]["Announce"]


def test_who_has_it_after_the_deadline_is_not_covered():
    report = run(small(deadline_s=0.05), mesh)

    assert 0.0 < report["coverage"] < 1.0
    assert report["t100_ms"] == {"median": None, "p95": None}


def test_under_load_all_is_measured_over_the_time_of_the_load():
    idle, busy = run(small(), Flood), run(small(rate=50.0, transactions=50), Flood)

    assert busy["coverage"] == 1.0
    assert busy["cpu_mean"] > 5 * idle["cpu_mean"]
    assert busy["uplink_max"] >= busy["uplink_mean"] > 5 * idle["uplink_mean"]


def test_verifying_and_committing_cost_what_is_said():
    scenario = small()
    free = run(scenario, Flood)
    costly = run(small(costs=scenario.costs.__class__(verify_ms=5.0, commit_ms=5.0)), Flood)

    assert costly["t50_ms"]["median"] > free["t50_ms"]["median"] + 5.0
    assert costly["cpu_mean"] > free["cpu_mean"]


def test_after_a_partition_everybody_gets_what_the_other_part_had():
    parted = small(peers=8, rate=5.0, transactions=150, partitions=(Partition(at_s=2.0, for_s=20.0),), deadline_s=3.0)

    report = run(parted, mesh)

    assert report["coverage_min"] == pytest.approx(0.5)
    assert report["coverage"] < 0.9
    assert 0 < report["repaired_ms"]["median"] < 60_000
    assert report["repair_bytes_per_node"] > 0


def test_a_node_that_was_away_gets_everything_it_missed():
    away = small(peers=6, rate=10.0, transactions=220, absences=(Absence(at_s=1.0, for_s=20.0),))

    report = run(away, mesh)

    assert report["coverage"] == 1.0
    assert 0 < report["repaired_ms"]["median"] < 60_000
    assert report["repair_bytes_per_node"] > 180 * 1024 / 6


def test_with_churn_those_count_that_stay():
    churned = small(rate=5.0, transactions=60, churn=Churn(leaves_per_s=0.5, joins_per_s=0.5))

    report = run(churned, mesh)

    assert report["coverage"] > 0.99
    assert report["repaired_ms"]["median"] is not None


def test_progress_is_told_up_to_the_last_transaction():
    told = []

    run(small(seeds=2), mesh, told.append)

    assert told == list(range(1, 17))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"profile": "moon"}, "profile"),
        ({"dead": 0.6, "sybils": 0.5}, "nobody is left"),
        ({"links": 40}, "links is 40"),
        ({"churn": Churn(1.0, 1.0)}, "rate"),
        ({"rate": 5.0, "absences": (Absence(0.0, 1.0, nodes=40),)}, "absence"),
    ],
)
def test_what_cannot_be_simulated_is_refused_with_a_reason(changes, what):
    with pytest.raises(ConfigError, match=what):
        small(**changes)
