"""``trace``: one transaction's way through one node, for people and for programs."""

from __future__ import annotations

import json

import pytest

HASH = "5e" * 32
TRACE = {
    "hash": HASH, "size": 1234, "origin": "ab" * 20, "created_ms": 1_700_000_000_000.0, "hops": 2,
    "first_ms": 1_700_000_000_020.0, "verified_after_ms": 0.5, "stored_after_ms": 9.0, "copies_received": 2,
    "copies": [
        {"peer": "cd" * 20, "name": "south", "hop": 1, "by": "push", "at_ms": 1_700_000_000_020.0, "after_ms": 0.0,
         "also_from": []},
        {"peer": "", "name": "", "hop": 0, "by": "fetch", "at_ms": 1_700_000_000_024.0, "after_ms": 4.0, "also_from": []},
    ],
    "passed_on": [{"peer": "ef" * 20, "name": "east", "by": "announce", "at_ms": 1_700_000_000_020.5, "after_ms": 0.5}],
    "further_passed_on": 0,
}  # fmt: skip


@pytest.fixture
def traced(api):
    api.traces[HASH] = TRACE
    return api


def test_people_get_the_steps_in_the_order_of_time(traced, command, data_dir):
    outcome = command("trace", HASH, "--data-dir", data_dir)

    steps = [line.split() for line in outcome.out.splitlines() if " ms " in line]
    assert outcome.status == 0
    assert steps == [
        ["0.0", "ms", "copy", "received", "cdcdcdcd", "south", "pushed,", "at", "hop", "1"],
        ["0.5", "ms", "verified", "-", "-", "-"],
        ["0.5", "ms", "passed", "on", "efefefef", "east", "announced"],
        ["4.0", "ms", "copy", "received", "no", "longer", "known", "-", "fetched,", "from", "its", "origin"],
        ["9.0", "ms", "stored", "-", "-", "-"],
    ]
    assert "2 hops from its origin" in outcome.out


def test_programs_get_what_the_node_says(traced, command, data_dir):
    outcome = command("trace", HASH, "--json", "--data-dir", data_dir)

    assert json.loads(outcome.out) == TRACE


def test_an_own_transaction_was_released_here(traced, command, data_dir):
    traced.traces[HASH] = {**TRACE, "hops": 0, "copies": [], "copies_received": 0}

    outcome = command("trace", HASH, "--data-dir", data_dir)

    assert "(this node)" in outcome.out
    assert "first copy" not in outcome.out


def test_a_hash_that_is_not_known_is_one_sentence_and_status_1(api, command, data_dir):
    outcome = command("trace", HASH, "--data-dir", data_dir)

    assert outcome == (1, "", f"sorcha-peer: the transaction {HASH} is not here\n")


def test_what_is_no_hash_is_wrong_usage(api, command, data_dir):
    outcome = command("trace", "abc", "--data-dir", data_dir)

    assert outcome.status == 2
    assert "HASH" in outcome.err
