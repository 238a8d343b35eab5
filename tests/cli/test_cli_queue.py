"""The queue and the dead letters of a running node, on the command line."""

from __future__ import annotations

import io
import json
import sys
from base64 import b64encode
from hashlib import sha256

import pytest

from sorcha_peer_core.cli import run_command_line
from sorcha_peer_core.cli.tables import print_listing


def hash_of(payload: bytes) -> str:
    return sha256(payload).hexdigest()


def row(number: int, state: str = "pending", payload: bytes | None = None, **values: object) -> dict[str, object]:
    return {
        "id": number,
        "hash": hash_of(b"%d" % number if payload is None else payload),
        "state": state,
        "size": 1234,
        "content_type": "text/plain",
        "register_id": "r-1",
        "queued_ms": 1_700_000_000_000.0,
        "attempts": 0,
        "last_attempt_ms": None,
        "not_before_ms": None,
        "reason": "",
        **values,
    }


def words(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


# The queue.


def test_queue_says_how_much_waits_and_for_what_and_shows_each(api, command, data_dir):
    api.rows = [
        row(1),
        row(2, "inflight", attempts=1),
        row(3, "retry", attempts=2, not_before_ms=1_700_000_100_000.0, reason="1 of 2 receipts came"),
        row(4, "dead", reason="too old"),
    ]

    lines = words(command("queue", "--data-dir", data_dir).out)

    assert lines[:2] == [
        "3 submissions wait (1.2 KiB): 1 not released, 1 awaiting receipts, 1 to be offered again. "
        "There is 1 dead letter, see sorcha-peer dead-letters.",
        "Each leaves the queue when 2 peers have said that it is there.",
    ]
    assert lines[2] == "hash state size queued attempts next attempt what was wrong"
    assert [line.split()[0] for line in lines[4:]] == [hash_of(b"1"), hash_of(b"2"), hash_of(b"3")]
    assert lines[6].endswith("1 of 2 receipts came")


def test_an_empty_queue_is_good_news(command, data_dir):
    assert command("queue", "--data-dir", data_dir).out == "Nothing waits: all that was accepted is delivered.\n"


def test_an_empty_queue_with_dead_letters_is_none(api, command, data_dir):
    api.rows = [row(1, "dead"), row(2, "dead")]

    out = command("queue", "--data-dir", data_dir).out

    assert out == "Nothing waits. There are 2 dead letters, see sorcha-peer dead-letters.\n"


def test_without_links_queue_says_that_one_is_waited_for(api, command, data_dir):
    api.rows, api.connected = [row(1)], 0

    assert "No peer is linked: they go out when one is." in command("queue", "--data-dir", data_dir).out


def test_with_few_links_queue_says_that_fewer_receipts_are_enough(api, command, data_dir):
    api.rows, api.connected = [row(1)], 1

    out = command("queue", "--data-dir", data_dir).out

    assert "Each leaves the queue when 1 peer has said that it is there (2 where as many are linked)." in out


def test_queue_shows_as_many_as_asked_and_says_that_there_are_more(api, command, data_dir):
    api.rows = [row(number) for number in range(1, 2501)]

    outcome = command("queue", "--data-dir", data_dir, "--limit", 1200)

    assert len([line for line in outcome.out.splitlines() if "not released " in line and "1.2 KiB" in line]) >= 1200
    assert outcome.out.endswith("1,300 more are not shown; --limit N shows N of them.\n")


def test_queue_gives_programs_one_object(api, command, data_dir):
    api.rows = [row(number) for number in range(1, 6)]

    found = json.loads(command("queue", "--data-dir", data_dir, "--json", "--limit", 2).out)

    assert [waiting["id"] for waiting in found["queue"]] == [1, 2]
    assert (found["next_after"], found["totals"]["pending"], found["min_receipts"]) == (2, 5, 2)


# Dead letters.


@pytest.fixture
def dead(api):
    """Three dead letters and one that waits."""
    api.payloads = [b"one", b"two", b"three"]
    api.rows = [row(number, "dead", payload, reason=f"reason {number}", attempts=5)
                for number, payload in enumerate(api.payloads, start=1)]  # fmt: skip
    api.rows.append(row(4))
    return api


def states(api):
    return {found["id"]: found["state"] for found in api.rows}


def test_dead_letters_are_shown_with_their_reasons(dead, command, data_dir):
    lines = words(command("dead-letters", "--data-dir", data_dir).out)

    assert lines[0] == "hash size queued attempts last attempt why"
    assert [line.rpartition(" never ")[2] for line in lines[2:]] == ["reason 1", "reason 2", "reason 3"]


def test_no_dead_letters_are_said(command, data_dir):
    assert command("dead-letters", "--data-dir", data_dir).out == "There are no dead letters.\n"


def test_dead_letters_gives_programs_one_object(dead, command, data_dir):
    found = json.loads(command("dead-letters", "--data-dir", data_dir, "--json").out)

    assert [letter["reason"] for letter in found["dead_letters"]] == ["reason 1", "reason 2", "reason 3"]


def test_retry_takes_those_that_are_named(dead, command, data_dir):
    outcome = command("dead-letters", "retry", "--data-dir", data_dir, hash_of(b"one"), hash_of(b"three"))

    assert outcome == (0, "2 dead letters are offered again.\n", "")
    assert states(dead) == {1: "retry", 2: "dead", 3: "retry", 4: "pending"}


def test_retry_of_all(dead, command, data_dir):
    assert command("dead-letters", "retry", "--all", "--data-dir", data_dir).out == "3 dead letters are offered again.\n"


def test_what_is_no_dead_letter_is_named_and_the_others_are_done(dead, command, data_dir):
    outcome = command("dead-letters", "retry", "--data-dir", data_dir, "00" * 32, hash_of(b"two"))

    assert outcome == (
        1,
        "1 dead letter is offered again.\n",
        f"sorcha-peer: the transaction {'00' * 32} is no dead letter: it is not here\n",
    )


def test_drop_does_not_ask_where_nobody_can_answer(dead, command, data_dir):
    outcome = command("dead-letters", "drop", "--data-dir", data_dir, hash_of(b"two"))

    assert outcome.out == "1 dead letter is dropped.\n"
    assert states(dead) == {1: "dead", 3: "dead", 4: "pending"}


class Terminal(io.StringIO):
    """Somebody who answers."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "status", "left"), [("n\n", 130, 4), ("\n", 130, 4), ("y\n", 0, 1)])
def test_drop_asks_on_a_terminal(dead, command, data_dir, monkeypatch, answer, status, left):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))

    outcome = command("dead-letters", "drop", "--all", "--data-dir", data_dir)

    assert "Drop 3 dead letters for good? [y/N]" in outcome.out
    assert (outcome.status, len(dead.rows)) == (status, left)


def test_yes_is_an_answer_before_the_question(dead, command, data_dir, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Terminal(""))

    assert command("dead-letters", "drop", "--all", "--yes", "--data-dir", data_dir).out == "3 dead letters are dropped.\n"


@pytest.mark.parametrize("name", ["retry", "drop"])
@pytest.mark.parametrize("arguments", [[], ["--all", "00" * 32]])
def test_either_some_or_all_are_meant(dead, command, data_dir, name, arguments):
    outcome = command("dead-letters", name, "--data-dir", data_dir, *arguments)

    assert outcome.status == 2
    assert "name the dead letters by their hashes, or say --all" in outcome.err


def test_options_of_a_subcommand_stand_behind_it(dead, command, data_dir):
    outcome = command("dead-letters", "--data-dir", data_dir, "drop", "--all")

    assert outcome.status == 2
    assert "--data-dir belongs behind drop" in outcome.err
    assert len(dead.rows) == 4


# Files.


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_export_writes_everything_about_each(dead, command, data_dir, tmp_path):
    outcome = command("dead-letters", "export", "--data-dir", data_dir, "letters")

    assert outcome == (0, "", "3 dead letters are exported.\n")
    first, *_ = lines_of(tmp_path / "letters")
    assert first == {
        "payload_b64": b64encode(b"one").decode(),
        "content_type": "text/plain",
        "register_id": "r-1",
        "hash": hash_of(b"one"),
        "reason": "reason 1",
        "attempts": 5,
        "queued_ms": 1_700_000_000_000.0,
    }


def test_export_to_a_dash_is_stdout(dead, data_dir, capsysbinary):
    run_command_line(["dead-letters", "export", "--data-dir", str(data_dir), "-"])

    assert len(capsysbinary.readouterr().out.splitlines()) == 3


def test_export_passes_over_what_went_meanwhile_and_says_so(dead, command, data_dir, tmp_path):
    dead.payloads.remove(b"two")

    outcome = command("dead-letters", "export", "--data-dir", data_dir, "letters")

    assert outcome.status == 1
    assert f"there is no transaction {hash_of(b'two')} here" in outcome.err
    assert [line["hash"] for line in lines_of(tmp_path / "letters")] == [hash_of(b"one"), hash_of(b"three")]


def test_what_was_exported_can_be_imported_and_a_second_time_is_known(dead, command, data_dir):
    command("dead-letters", "export", "--data-dir", data_dir, "letters")
    dead.payloads = [b"two"]

    first = command("dead-letters", "import", "--data-dir", data_dir, "letters")
    second = command("dead-letters", "import", "--data-dir", data_dir, "letters")

    assert first == (0, "2 new, 1 known already, 0 refused\n", "")
    assert second.out == "0 new, 3 known already, 0 refused\n"
    assert set(dead.payloads) == {b"one", b"two", b"three"}


def line(payload: bytes, **values: object) -> str:
    return json.dumps({"payload_b64": b64encode(payload).decode(), **values})


def test_import_names_each_line_that_is_refused_and_takes_the_others(api, command, data_dir, tmp_path):
    bad = [
        "no json",
        "[]",
        '{"payload_b64": 5}',
        '{"payload_b64": "!"}',
        line(b"x", hash="00" * 32),
        line(b""),
        line(b"x" * 1001),
    ]
    (tmp_path / "letters").write_text("\n".join([line(b"good"), "", *bad, line(b"good too")]))

    outcome = command("dead-letters", "import", "--data-dir", data_dir, "letters")

    assert outcome.status == 1
    assert outcome.out == "2 new, 0 known already, 7 refused\n"
    assert outcome.err.splitlines() == [
        "line 3: it is not JSON",
        "line 4: it is not a JSON object with payload_b64, as export writes it",
        "line 5: it is not a JSON object with payload_b64, as export writes it",
        "line 6: payload_b64 is not base64 text",
        f"line 7: its payload is not that of its hash, but of {hash_of(b'x')}",
        "line 8: the transaction is empty; a payload has at least 1 byte",
        "line 9: the transaction has 1001 bytes; at most 1000 are allowed",
        "sorcha-peer: 7 of the lines were refused",
    ]
    assert api.payloads == [b"good", b"good too"]


def test_import_into_a_full_node_says_from_which_line_on_nothing_was_taken(api, command, data_dir, tmp_path):
    api.full_after = 2
    (tmp_path / "letters").write_text("\n\n".join(line(b"%d" % number) for number in range(5)))

    outcome = command("dead-letters", "import", "--data-dir", data_dir, "letters")

    assert outcome.status == 1
    assert outcome.out == "2 new, 0 known already, 0 refused\n"
    assert "from line 5 on nothing was taken: import it again later, nothing is added twice" in outcome.err


def test_import_of_a_dash_is_stdin(api, command, data_dir, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(line(b"from a pipe").encode())))

    assert command("dead-letters", "import", "--data-dir", data_dir, "-").out == "1 new, 0 known already, 0 refused\n"
    assert api.payloads == [b"from a pipe"]


# What people see where there is little room.


def test_where_the_terminal_is_narrow_a_hash_is_whole_all_the_same(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")

    print_listing(("hash", "size", "why"), [(hash_of(b"a"), "3 B", ""), (hash_of(b"b"), "4 B", "too old")], right=(1,))

    assert capsys.readouterr().out.splitlines() == [
        hash_of(b"a"), "    size 3 B", hash_of(b"b"), "    size 4 B, why too old",
    ]  # fmt: skip


def test_where_stdout_is_no_terminal_nothing_is_cut(capsys):
    why = "because " * 60

    print_listing(("time", "hash", "why"), [("2026-11-21 10:00:00", hash_of(b"a"), why)])

    row = capsys.readouterr().out.splitlines()[3]
    assert row.split() == ["2026-11-21", "10:00:00", hash_of(b"a"), *why.split()]
