"""``sorcha-peer simulate``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from sorcha_peer_core.cli import run_command_line
from sorcha_peer_core.cli.scenario_file import plan_of, read_tables
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.sim.scenario import NEVER_S, Absence, Churn, Partition

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "simulations").glob("*.toml"))
SHORT = ["--transactions", "3", "--warmup", "2"]
FIXED_KEYS = {
    "peers", "strategy", "profile", "coverage", "t50_ms", "t90_ms", "t99_ms", "t100_ms", "copies", "bytes_per_node_per_tx",
    "announcements_per_node", "bound_t90_ms", "events", "wall_s",
}  # fmt: skip


def simulate(*arguments):
    return run_command_line(["simulate", *SHORT, *arguments])


def scenario(tmp_path, text):
    file = tmp_path / "scenario.toml"
    file.write_text(text)
    return str(file)


def test_it_prints_a_table_for_people(capsys):
    status = simulate("--peers", "12")

    shown = capsys.readouterr()
    assert status == 0
    assert "12 nodes, profile world, strategy mesh" in shown.out
    assert "time to 90 %" in shown.out
    assert "100.000%" in shown.out
    assert shown.err == ""


def test_json_has_the_keys_that_programs_rely_on(capsys):
    simulate("--peers", "12", "--json", "--seeds", "2")

    report = json.loads(capsys.readouterr().out)
    assert set(report) >= FIXED_KEYS
    assert (report["peers"], report["strategy"], report["profile"], report["coverage"]) == (12, "mesh", "world", 1.0)
    assert all(set(report[key]) == {"median", "p95"} for key in ("t50_ms", "t90_ms", "t99_ms", "t100_ms"))


def test_the_same_seed_gives_the_same_json_but_for_the_wall_clock(capsys):
    reports = []
    for _ in range(2):
        simulate("--peers", "12", "--json", "--seed", "7", "--loss", "0.02")
        reports.append(json.loads(capsys.readouterr().out))

    first, second = ({key: value for key, value in report.items() if key != "wall_s"} for report in reports)
    assert json.dumps(first) == json.dumps(second)


def test_a_scenario_runs_all_its_runs_and_options_go_before_it(tmp_path, capsys):
    file = scenario(tmp_path, 'peers = 10\nsize = 300\n[[run]]\nname = "one"\n[[run]]\nname = "two"\nprofile = "lan"\n')

    simulate("--scenario", file, "--peers", "8", "--json")

    shown = json.loads(capsys.readouterr().out)
    assert shown["scenario"] == "scenario"
    assert [(run["name"], run["profile"], run["peers"], run["size"]) for run in shown["runs"]] == [
        ("one", "world", 8, 300),
        ("two", "lan", 8, 300),
    ]


def test_several_runs_are_shown_side_by_side(tmp_path, capsys):
    simulate("--scenario", scenario(tmp_path, 'peers = 8\n[[run]]\nname = "north"\n[[run]]\nname = "south"\n'))

    out = capsys.readouterr().out
    assert "north" in out
    assert "south" in out
    assert "bound t90" in out


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_every_scenario_that_ships_is_sound(file):
    plans = [plan_of(table) for table in read_tables(file)]

    assert plans
    assert all(plan.scenario.name for plan in plans)
    assert all(plan.strategy().name == plan.scenario.strategy for plan in plans)


def test_there_are_the_scenarios_that_the_manual_names():
    manual = (ROOT / "docs" / "simulator.md").read_text()

    assert {file.stem for file in SCENARIOS} >= {"world", "loss_and_dead", "partition", "churn", "load", "sybils", "large"}
    assert all(f"simulations/{file.name}" in manual for file in SCENARIOS)


def test_a_table_means_what_it_says():
    plan = plan_of(
        {
            "peers": 20,
            "rate": 5,
            "loss": 0.01,
            "loss_kind": "tcp",
            "leaves_per_s": 0.5,
            "partition": [{"at_s": 1, "for_s": 10, "parts": 3}],
            "absence": [{"for_s": 7}],
            "verify_ms": 0.05,
            "transaction_distribution": {"eager_max_bytes": 2048},
            "core": {"recent_bytes": 2048},
        }
    )

    made = plan.scenario
    assert (made.peers, made.rate, made.loss.ratio, made.loss.kind) == (20, 5, 0.01, "tcp")
    assert made.churn == Churn(0.5, 0.0)
    assert made.partitions == (Partition(1, 10, 3),)
    assert made.absences == (Absence(0, 7, 1),)
    assert made.costs.verify_ms == 0.05
    assert (made.core.eager_max_bytes, made.core.recent_bytes) == (2048, 2048)


def test_a_run_does_without_the_upkeep_that_has_nothing_to_do():
    calm, lossy, disturbed = (plan_of(table).scenario for table in ({}, {"loss": 0.05}, {"rate": 5, "absence": [{"for_s": 7}]}))
    usual = CoreConfig()

    assert (calm.core_config.probe_interval_s, calm.core_config.digest_interval_s) == (NEVER_S, NEVER_S)
    assert (lossy.core_config.probe_interval_s, lossy.core_config.digest_interval_s) == (NEVER_S, usual.digest_interval_s)
    assert disturbed.core_config == usual


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("peeers = 5", "peeers is no key of a scenario; did you mean peers?"),
        ("[[run]]\nlos = 0.1", "run.1.los is no key of a scenario; did you mean loss?"),
        ("[[partition]]\nfor = 5", "did you mean for_s?"),
        ("peers = 1", "peers is 1: input should be greater than or equal to 2"),
        ("loss = 1.5", "loss is 1.5: input should be less than 1"),
        ('profile = "moon"', "profile is 'moon': input should be 'world', 'continent' or 'lan'"),
        ("dead = 0.9\nsybils = 0.9", "nobody is left"),
        ("leaves_per_s = 1", "rate is not given"),
        ('strategy = "mash"', "did you mean 'mesh'?"),
        ("[core]\nrecent_byte = 1", "core.recent_byte is no knob; did you mean recent_bytes?"),
        ('[core]\nprobe_misses = "three"', "core.probe_misses is 'three'; it is a number"),
        ("[transaction_distribution]\nfanuot = 3", "did you mean transaction_distribution.fanout?"),
        ("peers = ", "is not TOML"),
    ],
)
def test_what_is_wrong_in_a_scenario_is_named(tmp_path, capsys, text, said):
    status = run_command_line(["simulate", "--scenario", scenario(tmp_path, text)])

    err = capsys.readouterr().err
    assert status == 2
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--peers", "1"], "--peers"),
        (["--loss", "1"], "--loss"),
        (["--dead", "-0.1"], "--dead"),
        (["--profile", "moon"], "--profile"),
        (["--rate", "0"], "--rate"),
        (["--strategy", "floood"], "did you mean 'flood'?"),
        (["--scenario", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_what_is_wrong_with_an_option_is_named(capsys, arguments, said):
    status = simulate(*arguments)

    assert status == 2
    assert said in capsys.readouterr().err


def test_a_plot_needs_matplotlib_and_says_so_before_anything_is_computed(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    status = simulate("--peers", "8", "--plot", str(tmp_path / "spread.png"))

    shown = capsys.readouterr()
    assert status == 1
    assert "pip install 'sorcha-peer[plot]'" in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(("name", "said"), [("spread.doc", "ends in one of"), ("no/where/spread.png", "there is no directory")])
def test_a_plot_that_cannot_be_written_is_refused_before_anything_is_computed(tmp_path, capsys, name, said):
    status = simulate("--plot", str(tmp_path / name))

    shown = capsys.readouterr()
    assert status == 1
    assert said in shown.err
    assert shown.out == ""


def test_a_plot_is_drawn(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    file = tmp_path / "spread.svg"

    status = simulate("--peers", "8", "--plot", str(file))

    assert status == 0
    assert "<svg" in file.read_text()
