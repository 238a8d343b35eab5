"""What operators do with peers from the command line."""

from __future__ import annotations

import json
import sys

import pytest

from sorcha_peer_core.cli.durations import seconds_of

NORTH, SOUTH, SOUTHEAST = "ab" * 20, "cd" * 20, "ce" * 20
STRANGER = "12" * 20


@pytest.fixture(autouse=True)
def _three_peers(api):
    [south] = api.peers
    api.peers = [{**south, "id": NORTH, "name": "north"}, south, {**south, "id": SOUTHEAST, "name": "southeast"}]


def test_a_ping_says_how_long_it_took_and_by_what(api, command, data_dir):
    outcome = command("peers", "ping", "north", "--data-dir", data_dir)

    assert (outcome.status, outcome.out) == (0, "north (abababab) answered after 1.5 ms by grpcstream.\n")
    assert api.asked == [(f"POST /peers/{NORTH}/ping", None)]


def test_a_ping_for_programs(command, data_dir):
    outcome = command("peers", "ping", "ab", "--json", "--data-dir", data_dir)

    assert json.loads(outcome.out) == {"id": NORTH, "rtt_ms": 1.5, "transport": "grpcstream"}


@pytest.mark.parametrize(("text", "peer_id"), [
    (NORTH, NORTH), (NORTH.upper(), NORTH), ("a", NORTH), ("CD", SOUTH), ("n", NORTH), ("southe", SOUTHEAST), ("south", SOUTH),
])  # fmt: skip
def test_the_beginning_of_an_id_or_a_name_is_enough_and_a_whole_name_counts_more(api, command, data_dir, text, peer_id):
    command("peers", "remove", text, "--data-dir", data_dir)

    assert api.asked == [(f"DELETE /peers/{peer_id}", None)]


@pytest.mark.parametrize("text", ["c", "sou"])
def test_what_may_be_several_is_not_done_and_they_are_named(api, command, data_dir, text):
    outcome = command("peers", "remove", text, "--data-dir", data_dir)

    assert outcome.status == 1
    assert outcome.err == (
        f"sorcha-peer: {text!r} may be any of 2 known peers: south (cdcdcdcd), southeast (cececece); write more of the id\n"
    )
    assert api.asked == []


def test_an_id_that_is_another_peers_name_means_the_id(api, command, data_dir):
    api.peers[1] = {**api.peers[1], "name": NORTH}

    command("peers", "ping", NORTH, "--data-dir", data_dir)

    assert api.asked == [(f"POST /peers/{NORTH}/ping", None)]


@pytest.mark.parametrize("text", ["x", "", STRANGER])
def test_who_is_not_known_is_said(api, command, data_dir, text):
    outcome = command("peers", "ping", text, "--data-dir", data_dir)

    assert (outcome.status, outcome.err) == (1, f"sorcha-peer: no known peer has an id or a name that begins with {text!r}\n")
    assert api.asked == []


def test_a_peer_is_added_by_its_address(api, command, data_dir):
    outcome = command("peers", "add", "node.example:5001", "--data-dir", data_dir)

    assert outcome.out == "node.example:5001 answers, and the node knows it now.\n"
    assert api.asked == [("POST /peers", {"address": "node.example:5001"})]


def test_a_peer_is_banned_until_somebody_lifts_it(api, command, data_dir):
    outcome = command("peers", "ban", "north", "--reason", "it floods us", "--data-dir", data_dir)

    assert outcome.out == "north (abababab) is banned until you lift it.\n"
    assert api.asked == [(f"POST /peers/{NORTH}/ban", {"reason": "it floods us", "duration_s": None})]


def test_a_peer_is_banned_for_a_time(api, command, data_dir):
    outcome = command("peers", "ban", "north", "--for", "12h", "--data-dir", data_dir)

    assert outcome.out.startswith("north (abababab) is banned until 2023-11-15 ")
    assert api.asked[0][1] == {"reason": "", "duration_s": 43_200.0}


def test_a_peer_that_is_not_known_is_banned_by_its_whole_id(api, command, data_dir):
    outcome = command("peers", "ban", STRANGER, "--json", "--data-dir", data_dir)

    assert json.loads(outcome.out)["id"] == STRANGER
    assert "no known peer" in command("peers", "ban", STRANGER[:-1], "--data-dir", data_dir).err


def test_a_ban_is_lifted_of_who_is_banned(api, command, data_dir):
    api.bans = [{"id": STRANGER, "name": "", "reason": "", "by": "operator", "since": 1_700_000_000, "until": None}]

    outcome = command("peers", "unban", "12", "--data-dir", data_dir)

    assert outcome.out == f"{STRANGER} is not banned any more.\n"
    assert api.asked == [(f"DELETE /peers/{STRANGER}/ban", None)]
    refused = command("peers", "unban", "north", "--data-dir", data_dir)
    assert refused.err == "sorcha-peer: no banned peer has an id or a name that begins with 'north'\n"


def test_bans_are_a_table_for_people_and_json_for_programs(api, command, data_dir):
    assert command("bans", "--data-dir", data_dir).out == "Nobody is banned.\n"
    ban = {"id": SOUTH, "name": "so\x1b[2Juth", "reason": "it floods us", "by": "operator", "since": 1_700_000_000, "until": None}
    api.bans = [ban]

    shown = command("bans", "--data-dir", data_dir).out

    assert all(text in shown for text in (SOUTH, "it floods us", "operator", "lifted"))
    assert "\x1b" not in shown
    assert json.loads(command("bans", "--json", "--data-dir", data_dir).out) == {"bans": [ban]}


def test_the_audit_is_read_page_by_page(api, command, data_dir, monkeypatch):
    monkeypatch.setattr(sys.modules["sorcha_peer_core.cli.audit"], "_PAGE_ENTRIES", 2)
    assert "Nobody has done anything" in command("audit", "--data-dir", data_dir).out
    entry = {"at": 1_700_000_000, "actor": "token from ::1", "action": "peer.ban", "outcome": "ok"}
    api.audit = [{"id": number, "target": f"peer {number}", **entry} for number in range(5, 0, -1)]

    shown = command("audit", "--limit", 3, "--data-dir", data_dir).out

    assert [f"peer {number}" in shown for number in (5, 4, 3, 2, 1)] == [True, True, True, False, False]
    assert json.loads(command("audit", "--json", "--data-dir", data_dir).out) == {"audit": api.audit}


def test_options_of_the_group_belong_behind_the_subcommand(command, data_dir):
    outcome = command("peers", "--json", "ping", "north", "--data-dir", data_dir)

    assert (outcome.status, outcome.err) == (2, "sorcha-peer: --json belongs behind ping\n")


@pytest.mark.parametrize("text", ["", "x", "-1h", "0", "0.0s", "1w", "1h30m", "9" * 30])
def test_what_is_no_length_of_time_is_refused(command, data_dir, text):
    outcome = command("peers", "ban", "north", "--for", text, "--data-dir", data_dir)

    assert outcome.status == 2
    assert "is no length of time; write 90s, 30m, 12h or 7d" in outcome.err


def test_lengths_of_time_have_a_unit_or_are_seconds():
    assert [seconds_of(text) for text in ("90", "90s", "30m", "12h", "7d", " 1.5h ")] == [90, 90, 1800, 43_200, 604_800, 5400]
