"""The log of a node: lines for people, objects for collectors."""

from __future__ import annotations

import json
import logging

import pytest

from sorcha_peer_core.cli.logs import set_up_logging


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
