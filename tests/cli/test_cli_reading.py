"""Asking a running node: tail, get, status, peers, and when there is none."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from hashlib import sha256

import pytest

from sorcha_peer_core.cli import run_command_line


def test_tail_lists_everything_over_many_pages(api, command, data_dir):
    api.payloads = [b"%d" % number for number in range(2500)]

    outcome = command("tail", "--data-dir", data_dir, "--json")

    assert [json.loads(line)["seq"] for line in outcome.out.splitlines()] == list(range(1, 2501))


def test_tail_goes_on_behind_a_place(api, command, data_dir):
    api.payloads = [b"a", b"b", b"c"]

    outcome = command("tail", "--data-dir", data_dir, "--after", 2, "--json")

    assert [json.loads(line)["seq"] for line in outcome.out.splitlines()] == [3]
    assert outcome.err == ""


def test_tail_shows_people_a_row_for_each_transaction(api, command, data_dir):
    api.payloads = [b"a"]

    heading, row = command("tail", "--data-dir", data_dir).out.splitlines()

    assert heading.split() == ["seq", "received", "size", "hops", "hash", "origin", "content", "type"]
    assert sha256(b"a").hexdigest() in row
    assert row.endswith("efefefef  text/plain")


def test_tail_says_which_places_are_gone(api, command, data_dir):
    api.payloads = [b"a", b"b", b"c", b"d"]
    api.oldest_seq = 4

    outcome = command("tail", "--data-dir", data_dir, "--after", 1, "--json")

    assert json.loads(outcome.out)["seq"] == 4
    assert outcome.err == "note: the places 2 to 3 of the log are gone: their retention is over\n"


def test_a_followed_tail_that_ends_says_where_to_go_on(api, command, data_dir, monkeypatch):
    monkeypatch.setattr(sys.modules["sorcha_peer_core.cli.tail"], "PATIENCE_S", 0.0)
    api.payloads = [b"a", b"b"]

    outcome = command("tail", "--data-dir", data_dir, "--follow", "--json")

    assert [json.loads(line)["seq"] for line in outcome.out.splitlines()] == [1, 2]
    assert outcome.status == 1
    assert outcome.err == "sorcha-peer: the node ended the list; go on with --after 2\n"


def test_get_writes_the_payload_byte_for_byte_to_stdout(api, data_dir, capsysbinary):
    payload = bytes(range(256)) * 3
    api.payloads = [payload]

    status = run_command_line(["get", "--data-dir", str(data_dir), sha256(payload).hexdigest()])

    assert status == 0
    assert capsysbinary.readouterr().out == payload


def test_get_writes_to_a_file(api, command, data_dir, tmp_path):
    api.payloads = [b"\r\n\x00"]

    outcome = command("get", "--data-dir", data_dir, sha256(b"\r\n\x00").hexdigest(), "-o", tmp_path / "out")

    assert outcome == (0, "", "")
    assert (tmp_path / "out").read_bytes() == b"\r\n\x00"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out"]


def test_get_names_the_file_that_it_was_given_and_cannot_write(api, command, data_dir, tmp_path):
    api.payloads = [b"x"]

    outcome = command("get", "--data-dir", data_dir, sha256(b"x").hexdigest(), "-o", tmp_path / "nowhere/out")

    assert outcome == (1, "", f"sorcha-peer: {tmp_path / 'nowhere/out'} cannot be written: No such file or directory\n")


def test_get_refuses_a_payload_that_is_not_the_one_asked_for_and_leaves_no_file(api, command, data_dir, tmp_path):
    api.payloads = [b"right"]
    api.spoil = lambda payload: b"wrong"

    outcome = command("get", "--data-dir", data_dir, sha256(b"right").hexdigest(), "-o", tmp_path / "out")

    assert outcome.status == 1
    assert "is not the payload of" in outcome.err
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_get_of_something_unknown_says_so(command, data_dir):
    outcome = command("get", "--data-dir", data_dir, "00" * 32)

    assert outcome == (1, "", f"sorcha-peer: there is no transaction {'00' * 32} here\n")


def test_get_of_something_that_is_no_hash_is_wrong_usage(command, data_dir):
    outcome = command("get", "--data-dir", data_dir, "xyz")

    assert outcome.status == 2
    assert "'xyz' is not a transaction hash; one has 64 hex digits" in outcome.err


def test_status_shows_people_what_matters(command, data_dir):
    outcome = command("status", "--data-dir", data_dir)

    assert outcome.status == 0
    assert "online, up 1 min 33 s" in outcome.out
    assert "3 linked, 3 active, 4 known" in outcome.out
    assert "1,234 stored" in outcome.out


def test_status_shows_what_compression_saved_where_it_did(command, data_dir):
    lines = [" ".join(line.split()) for line in command("status", "--data-dir", data_dir).out.splitlines()]

    assert "traffic 2.0 KiB (10.0 KiB before compression) sent, 1.0 KiB received" in lines


def test_status_says_where_the_node_may_be_reached_and_who_says_so(command, data_dir):
    lines = [" ".join(line.split()) for line in command("status", "--data-dir", data_dir).out.splitlines()]

    assert "external address none (reachability private)" in lines
    assert "may be reached at grpc://8.8.4.4:5001 by stun, kept back, not reached (1 min 33 s): no answer" in lines
    assert "may be reached at grpc://192.168.1.5:5001 by interface, told to others, unproved (5 s)" in lines
    assert "found by stun nat_type: full cone; asked: stun.example:3478" in lines
    assert not any("found by manual" in line for line in lines)


def test_status_shows_what_is_done_every_so_often_and_how_it_went(command, data_dir):
    lines = [" ".join(line.split()) for line in command("status", "--data-dir", data_dir).out.splitlines()]

    [feelers] = [line for line in lines if line.startswith("send feelers")]
    assert feelers.startswith("send feelers 15 s 2023-11-1")
    assert feelers.endswith("0.002 s -")
    assert "save the peer table 10 s never - disk full" in lines


def test_status_gives_programs_the_whole_object(command, data_dir):
    outcome = command("status", "--data-dir", data_dir, "--json")

    assert json.loads(outcome.out)["transactions"] == {"stored": 1234, "delivered": 1234, "last_seq": 1300}


def test_status_shows_the_states_of_the_queue_and_what_it_needs(command, data_dir):
    lines = [" ".join(line.split()) for line in command("status", "--data-dir", data_dir).out.splitlines()]

    assert "queue 1 not released, 2 awaiting receipts, 3 to be offered again, 4 dead; 1.2 KiB wait" in lines
    assert "receipts needed of 2 peers" in lines


@pytest.mark.parametrize(
    ("linked", "says"), [(0, "needed of 2 peers, none is linked"), (1, "needed of 2 peers; now of 1, no more are linked")]
)
def test_status_says_when_fewer_receipts_are_enough(api, command, data_dir, linked, says):
    api.connected = linked

    lines = [" ".join(line.split()) for line in command("status", "--data-dir", data_dir).out.splitlines()]

    assert f"receipts {says}" in lines


def test_peers_shows_a_row_for_each(command, data_dir):
    outcome = command("peers", "--data-dir", data_dir)

    assert "cd" * 20 in outcome.out
    assert "linked, bootstrap" in outcome.out
    assert "1.2 ms" in outcome.out
    assert "1 h 2 min" in outcome.out
    assert "Transports that failed" not in outcome.out


def test_peers_shows_why_a_transport_failed_and_that_it_rests(api, command, data_dir):
    failed = {"transport": "grpcstream", "breaker": "open", "last_error": "no answer to \x1b[2J probes", "last_error_age_s": 12.3}
    api.peers = [{**api.peers[0], "transport": "rest", "rungs": [failed, *api.peers[0]["rungs"][1:]]}]

    outcome = command("peers", "--data-dir", data_dir)

    [row] = [line for line in outcome.out.splitlines() if "no answer to" in line]
    assert row.split()[:3] == ["cd" * 20, "grpcstream", "open"]
    assert row.rstrip().endswith("12 s")
    assert "\x1b" not in outcome.out


def test_peers_of_a_node_that_says_less_are_shown_all_the_same(api, command, data_dir):
    api.peers = [{key: value for key, value in api.peers[0].items() if key not in ("link_age_s", "rungs")}]

    assert "cd" * 20 in command("peers", "--data-dir", data_dir).out


def test_peers_gives_programs_the_rungs_of_each(command, data_dir):
    outcome = command("peers", "--data-dir", data_dir, "--json")

    [peer] = json.loads(outcome.out)["peers"]
    assert peer["link_age_s"] == 3723.4
    assert [rung["transport"] for rung in peer["rungs"]] == ["grpcstream", "rest"]


def test_what_a_peer_says_of_itself_cannot_play_with_the_terminal(api, command, data_dir):
    api.peers = [{**api.peers[0], "name": "[red]\x1b[2Jevil"}]

    outcome = command("peers", "--data-dir", data_dir)

    assert "\x1b" not in outcome.out
    assert "[red]" in outcome.out


def test_a_node_can_be_named_by_url_and_token(api, command):
    outcome = command("peers", "--url", api.url, "--token", "the-token", "--json")

    assert json.loads(outcome.out)["peers"][0]["name"] == "south"


def test_a_wrong_token_is_said(api, command):
    outcome = command("status", "--url", api.url, "--token", "guessed")

    assert outcome == (1, "", "sorcha-peer: the token is missing or wrong\n")


def test_a_data_directory_without_a_running_node_says_what_to_do(command, tmp_path):
    outcome = command("status", "--data-dir", tmp_path)

    assert outcome.status == 1
    assert "it has no admin.url" in outcome.err
    assert "sorcha-peer run" in outcome.err
    assert "pip install 'sorcha-peer[admin]'" in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_node_that_does_not_answer_is_said(command, data_dir):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

        outcome = command("status", "--url", url, "--token", "t")

    assert outcome == (1, "", f"sorcha-peer: no node answers at {url}: Connection refused\n")


def test_a_url_that_is_none_is_said(command):
    outcome = command("status", "--url", "localhost:5080", "--token", "t")

    assert outcome.status == 1
    assert "'localhost:5080' is no address of a management API" in outcome.err


def test_another_server_at_the_address_is_no_management_api(api, command):
    outcome = command("status", "--url", f"{api.url}/elsewhere", "--token", "the-token")

    assert outcome.status == 1
    assert outcome.err.count("\n") == 1


def test_a_reader_that_goes_away_ends_the_list_without_a_word(api, data_dir):
    api.payloads = [b"%d" % number for number in range(5000)]
    command = [sys.executable, "-m", "sorcha_peer_core", "tail", "--data-dir", str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tail:
        assert tail.stdout.readline().strip().startswith(b"seq")
        tail.stdout.close()

        assert tail.stderr.read() == b""

    assert tail.returncode == 141
