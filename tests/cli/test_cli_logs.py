"""The log of a node: lines for people, objects for collectors."""

from __future__ import annotations

import json
import logging

import pytest

from sorcha_peer_core.cli.logs import set_up_logging
from sorcha_peer_core.model.events import StateChanged, TransactionRejected
from sorcha_peer_core.model.ids import PeerId, TxHash
from sorcha_peer_core.services.event_log import EventLog


@pytest.fixture(autouse=True)
def _logging_is_as_before():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], level = before[0], before[1]
    root.setLevel(level)


def test_people_read_when_how_grave_and_what(capsys):
    set_up_logging("info", "text")

    logging.getLogger("sorcha_peer_core.x").warning("peer %s is down", "ab")

    assert capsys.readouterr().err.endswith(" WARNING peer ab is down  [sorcha_peer_core.x]\n")


def test_collectors_read_one_object_a_line(capsys):
    set_up_logging("info", "json")

    logging.getLogger("sorcha_peer_core.x").info("two\nlines")

    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["logger"], line["message"]) == ("info", "sorcha_peer_core.x", "two\nlines")


def test_collectors_read_when_it_was_in_both_of_the_usual_forms(capsys, monkeypatch):
    monkeypatch.setattr("logging.time.time", lambda: 1_700_000_000.1234)
    monkeypatch.setattr("logging.time.time_ns", lambda: 1_700_000_000_123_400_000, raising=False)
    set_up_logging("info", "json")

    logging.getLogger("x").info("a")

    line = json.loads(capsys.readouterr().err)
    assert (line["time"], line["time_ms"]) == ("2023-11-14T22:13:20.123+00:00", 1_700_000_000_123.4)


def test_collectors_read_in_full_whom_an_event_is_about_and_people_in_short(capsys):
    peer_id, tx_hash = PeerId("ab" * 20), TxHash(bytes(range(32)))
    tell = EventLog(lambda: 0.0)

    set_up_logging("info", "json")
    tell(TransactionRejected(tx_hash, peer_id, "why"))
    tell(TransactionRejected(tx_hash, None, "why"))
    tell(StateChanged("online", "why"))
    rejected, unknown, changed = map(json.loads, capsys.readouterr().err.splitlines())
    set_up_logging("info", "text")
    tell(TransactionRejected(tx_hash, peer_id, "why"))

    assert (rejected["peer_id"], rejected["tx_hash"], rejected["event"]) == (peer_id, tx_hash.hex(), "TransactionRejected")
    assert "peer_id" not in unknown
    assert changed.keys() == {"time", "time_ms", "level", "logger", "message", "event"}
    assert "rejected transaction 00010203 from peer abababab: why" in capsys.readouterr().err


def test_a_traceback_stays_inside_its_object(capsys):
    set_up_logging("info", "json")

    try:
        raise ValueError("x")
    except ValueError:
        logging.getLogger("a").exception("it failed")

    assert "ValueError: x" in json.loads(capsys.readouterr().err)["traceback"]


def test_what_is_below_the_level_is_left_out_and_libraries_only_warn(capsys):
    set_up_logging("info", "text")

    logging.getLogger("sorcha_peer_core.x").debug("detail")
    logging.getLogger("apscheduler").info("added a job")

    assert capsys.readouterr().err == ""
