"""Handing transactions to a running node."""

from __future__ import annotations

import io
import json
import sys
from hashlib import sha256

import pytest

from sorcha_peer_core.cli.payloads import Sourced
from sorcha_peer_core.cli.submit import MAX_BATCH_BYTES, batches_of
from sorcha_peer_core.client import NodeClient, find_node
from sorcha_peer_core.errors import NodeUnreachable


def hash_of(payload: bytes) -> str:
    return sha256(payload).hexdigest()


def test_each_file_is_one_transaction_and_its_hash_is_printed(api, command, data_dir, tmp_path):
    (tmp_path / "a").write_bytes(b"first\n")
    (tmp_path / "b").write_bytes(b"\x00\xff")

    outcome = command("submit", "--data-dir", data_dir, "a", "b")

    assert outcome == (0, f"{hash_of(b'first' + bytes([10]))}\n{hash_of(bytes([0, 255]))}\n", "")
    assert api.payloads == [b"first\n", b"\x00\xff"]


def test_with_lines_each_line_without_its_end_is_a_transaction_and_empty_lines_are_none(api, command, data_dir, tmp_path):
    (tmp_path / "a").write_bytes(b"one\n\ntwo\r\nthree")

    outcome = command("submit", "--data-dir", data_dir, "--lines", "a")

    assert outcome.status == 0
    assert api.payloads == [b"one", b"two", b"three"]


def test_many_lines_go_in_few_requests(api, command, data_dir, tmp_path):
    (tmp_path / "a").write_text("".join(f"line {number}\n" for number in range(1100)))

    outcome = command("submit", "--data-dir", data_dir, "--lines", "a")

    assert len(outcome.out.splitlines()) == 1100
    assert api.requests == ["POST /manage/v1/transactions/batch"] * 3


def test_the_payload_can_be_hex_in_a_field_of_each_line(api, command, data_dir, tmp_path):
    (tmp_path / "a").write_text('{"raw": "00ff"}\n{"other": 1, "raw": "AB"}\n')

    outcome = command("submit", "--data-dir", data_dir, "--lines", "--hex", "raw", "a")

    assert outcome.status == 0
    assert api.payloads == [b"\x00\xff", b"\xab"]


def test_a_dash_is_stdin(api, command, data_dir, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from a pipe")))

    outcome = command("submit", "--data-dir", data_dir, "-")

    assert outcome.status == 0
    assert api.payloads == [b"from a pipe"]


def test_an_empty_file_is_refused_with_a_sentence_that_names_it(command, data_dir, tmp_path):
    (tmp_path / "nothing").touch()

    outcome = command("submit", "--data-dir", data_dir, "nothing")

    assert outcome == (1, "", "sorcha-peer: nothing: the transaction is empty; a payload has at least 1 byte\n")


def test_a_transaction_over_the_limit_is_refused_and_the_others_are_in(api, command, data_dir, tmp_path):
    (tmp_path / "big").write_bytes(b"x" * 1001)
    (tmp_path / "small").write_bytes(b"x")

    outcome = command("submit", "--data-dir", data_dir, "big", "small")

    assert outcome.status == 1
    assert outcome.out == f"{hash_of(b'x')}\n"
    assert outcome.err == (
        "sorcha-peer: 1 of 2 transactions were refused: big: the transaction has 1001 bytes; at most 1000 are allowed\n"
    )
    assert api.payloads == [b"x"]


def test_a_full_node_ends_the_submission_and_the_hashes_before_are_printed(api, command, data_dir, tmp_path):
    api.full_after = 2
    (tmp_path / "a").write_text("one\ntwo\nthree\n")

    outcome = command("submit", "--data-dir", data_dir, "--lines", "a")

    assert outcome.status == 1
    assert outcome.out.splitlines() == [hash_of(b"one"), hash_of(b"two")]
    assert outcome.err.startswith("sorcha-peer: the outbox holds 100000 submissions, which is the most; ")
    assert outcome.err.endswith("; everything up to the last hash printed was accepted\n")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("no json", "a line 1 is not JSON, which --hex raw needs"),
        ('{"other": "00"}', "a line 1 has no text in the field 'raw' that --hex names"),
        ('{"raw": 5}', "a line 1 has no text in the field 'raw' that --hex names"),
        ('{"raw": "0g"}', "a line 1: the field 'raw' is not hex digits in pairs"),
    ],
)
def test_a_line_that_is_not_what_hex_needs_is_named(api, command, data_dir, tmp_path, line, sentence):
    (tmp_path / "a").write_text(f"{line}\n")

    outcome = command("submit", "--data-dir", data_dir, "--lines", "--hex", "raw", "a")

    assert outcome == (1, "", f"sorcha-peer: {sentence}\n")
    assert api.payloads == []


def test_hex_without_lines_is_wrong_usage(command, data_dir, tmp_path):
    (tmp_path / "a").touch()

    outcome = command("submit", "--data-dir", data_dir, "--hex", "raw", "a")

    assert outcome.status == 2
    assert "--hex FIELD needs --lines" in outcome.err


def test_a_missing_file_is_wrong_usage_and_named(command, data_dir):
    outcome = command("submit", "--data-dir", data_dir, "nowhere.bin")

    assert outcome.status == 2
    assert "'nowhere.bin' does not exist" in outcome.err


def test_register_and_content_type_go_along(api, command, data_dir, tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(NodeClient, "submit", lambda self, *given: seen.update(given=given) or {"hash": "h", "state": "queued"})
    (tmp_path / "a").write_bytes(b"x")

    command("submit", "--data-dir", data_dir, "--register", "R1", "--content-type", "text/plain", "a")

    assert seen["given"] == (b"x", "text/plain", "R1")


@pytest.mark.parametrize("register", ["caf\xe9", "\u65e5\u672c"])
def test_a_register_may_be_written_in_any_script(api, command, data_dir, tmp_path, register):
    (tmp_path / "a").write_bytes(b"x")

    outcome = command("submit", "--data-dir", data_dir, "--register", register, "a")

    assert (outcome.status, api.registers) == (0, [register])


def test_what_no_header_can_carry_is_said_and_the_node_is_not_blamed(api, command, data_dir, tmp_path):
    (tmp_path / "a").write_bytes(b"x")

    outcome = command("submit", "--data-dir", data_dir, "--register", "two\nlines", "a")

    assert outcome.status == 1
    assert "line ends, and spaces at the beginning, cannot be sent" in outcome.err


def test_a_batch_is_bounded_in_count_and_bytes_and_a_large_payload_goes_alone():
    sizes = [10, MAX_BATCH_BYTES, 20, 30, 40]

    batches = list(batches_of([Sourced("s", bytes(size)) for size in sizes], most=2))

    assert [[len(item.payload) for item in batch] for batch in batches] == [[10], [MAX_BATCH_BYTES], [20, 30], [40]]


def test_wait_returns_when_all_are_delivered(api, command, data_dir, tmp_path):
    (tmp_path / "a").write_text("one\ntwo\n")
    api.deliveries[hash_of(b"two")] = [{"state": "queued"}, {"state": "sending", "receipts": 1}, {"state": "delivered"}]

    outcome = command("submit", "--data-dir", data_dir, "--lines", "--wait", "a")

    assert outcome == (0, f"{hash_of(b'one')}\n{hash_of(b'two')}\n", "")
    assert api.deliveries[hash_of(b"two")] == [{"state": "delivered"}]


def test_wait_that_is_over_names_what_is_missing_and_why(api, command, data_dir, tmp_path):
    (tmp_path / "a").write_text("one\ntwo\nthree\n")
    api.connected = 0
    api.deliveries[hash_of(b"one")] = [{"state": "queued"}]
    api.deliveries[hash_of(b"two")] = [{"state": "sending", "receipts": 1}]

    outcome = command("submit", "--data-dir", data_dir, "--lines", "--wait", "--timeout", "0", "a")

    assert outcome.status == 1
    assert len(outcome.out.splitlines()) == 3
    assert outcome.err == (
        f"sorcha-peer: 2 of 3 not delivered after 0 s: no peer is linked; {hash_of(b'one')} is not released yet; "
        f"{hash_of(b'two')} has 1 of 2 receipts; the node keeps trying (sorcha-peer queue)\n"
    )


def test_wait_ends_early_for_what_was_given_up(api, command, data_dir, tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    api.deliveries[hash_of(b"one")] = [{"state": "dead", "reason": "no peer takes it"}]

    outcome = command("submit", "--data-dir", data_dir, "--wait", "a")

    assert outcome.status == 1
    assert outcome.err == (
        f"sorcha-peer: 1 of 1 will not be delivered: {hash_of(b'one')} was given up: no peer takes it "
        "(sorcha-peer dead-letters)\n"
    )


def test_what_dies_in_the_last_moment_of_a_wait_is_said_too(api, command, data_dir, tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    api.deliveries[hash_of(b"one")] = [{"state": "sending"}, {"state": "dead", "reason": "too old"}]

    outcome = command("submit", "--data-dir", data_dir, "--wait", "--timeout", "0", "a")

    assert "was given up: too old" in outcome.err


def test_what_was_refused_is_said_beside_what_was_waited_for(api, command, data_dir, tmp_path):
    (tmp_path / "empty").touch()
    (tmp_path / "a").write_bytes(b"one")
    api.deliveries[hash_of(b"one")] = [{"state": "sending", "receipts": 0}]

    outcome = command("submit", "--data-dir", data_dir, "--wait", "--timeout", "0", "a", "empty")

    assert "1 of 2 transactions were refused: empty: the transaction is empty" in outcome.err
    assert "has 0 of 2 receipts" in outcome.err


def test_thousands_are_waited_for_in_few_requests(api, command, data_dir, tmp_path):
    (tmp_path / "a").write_text("".join(f"line {number}\n" for number in range(1100)))

    command("submit", "--data-dir", data_dir, "--lines", "--wait", "a")

    assert api.requests.count("POST /manage/v1/transactions/delivery") == 3


def test_a_node_that_restarts_meanwhile_is_waited_for(api, command, data_dir, tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"one")
    asked, real = [], NodeClient.deliveries

    def deliveries(self, hashes, wait_s=0.0):
        asked.append(wait_s)
        if len(asked) < 3:
            raise NodeUnreachable("no node answers")
        return real(self, hashes, wait_s)

    monkeypatch.setattr(NodeClient, "deliveries", deliveries)
    monkeypatch.setattr("sorcha_peer_core.cli.delivery._PAUSE_S", 0.0)

    assert command("submit", "--data-dir", data_dir, "--wait", "a").status == 0
    assert len(asked) == 3


def test_a_node_that_stays_away_is_said_when_the_time_is_over(api, command, data_dir, tmp_path, monkeypatch):
    def deliveries(self, hashes, wait_s=0.0):
        raise NodeUnreachable("no node answers")

    (tmp_path / "a").write_bytes(b"one")
    monkeypatch.setattr(NodeClient, "deliveries", deliveries)

    outcome = command("submit", "--data-dir", data_dir, "--wait", "--timeout", "0", "a")

    assert outcome == (1, f"{hash_of(b'one')}\n", "sorcha-peer: no node answers\n")


def test_a_timeout_without_wait_is_wrong_usage(command, data_dir, tmp_path):
    (tmp_path / "a").touch()

    outcome = command("submit", "--data-dir", data_dir, "--timeout", "3", "a")

    assert outcome.status == 2
    assert "--timeout S needs --wait" in outcome.err


def test_the_batch_request_carries_one_json_object_a_line(api, data_dir):
    answer = NodeClient(*find_node(data_dir, None, None)).submit_batch([b"a", b"", b"b"])

    assert answer.accepted == [hash_of(b"a"), hash_of(b"b")]
    assert answer.rejected == [(2, "the transaction is empty; a payload has at least 1 byte")]
    assert json.dumps(answer.accepted)
