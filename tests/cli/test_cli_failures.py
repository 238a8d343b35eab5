"""Whatever goes wrong is one sentence and an exit status."""

from __future__ import annotations

import click
import pytest

from sorcha_peer_core import cli
from sorcha_peer_core.client import Refused
from sorcha_peer_core.errors import ConfigError, StartError


@pytest.fixture
def failing(command, monkeypatch):
    """Runs a command that raises what the test gives."""

    def call(error: BaseException):
        @click.command()
        def fail() -> None:
            raise error

        monkeypatch.setitem(cli.commands.commands, "fail", fail)
        return command("fail")

    return call


def test_an_error_in_the_configuration_is_status_2(failing):
    assert failing(ConfigError("a.b is 5: at most 4")) == (2, "", "sorcha-peer: a.b is 5: at most 4\n")


@pytest.mark.parametrize("code", ["bad_request", "invalid_address", "invalid_ban", "invalid_metadata"])
def test_an_argument_that_the_node_finds_wrong_is_status_2(failing, code):
    assert failing(Refused("kind is 'X'; there is Y", code, 400, {})) == (2, "", "sorcha-peer: kind is 'X'; there is Y\n")


def test_what_the_node_cannot_do_is_status_1(failing):
    assert failing(Refused("the queue is full", "queue_full", 429, {})).status == 1


def test_an_operation_that_failed_is_status_1(failing):
    assert failing(StartError("port 1 is taken")) == (1, "", "sorcha-peer: port 1 is taken\n")


def test_an_unexpected_error_is_a_sentence_and_no_traceback(failing):
    outcome = failing(RuntimeError("two\nlines"))

    assert outcome.status == 1
    assert outcome.err == (
        "sorcha-peer: unexpected error: RuntimeError: two lines (set SORCHA_PEER_TRACEBACK=1 to see where it happened)\n"
    )


def test_the_traceback_is_there_for_who_asks_for_it(failing, monkeypatch):
    monkeypatch.setenv("SORCHA_PEER_TRACEBACK", "1")

    assert "Traceback (most recent call last)" in failing(RuntimeError("x")).err


def test_an_interrupt_is_status_130(failing):
    assert failing(KeyboardInterrupt()).status == 130


def test_an_error_of_the_operating_system_names_the_file(failing):
    assert failing(PermissionError(13, "Permission denied", "/x")) == (1, "", "sorcha-peer: /x: Permission denied\n")


def test_an_unknown_option_is_wrong_usage_and_named(command):
    outcome = command("run", "--lisen", "x")

    assert outcome.status == 2
    assert "--lisen" in outcome.err
    assert outcome.err.count("\n") == 1


def test_an_unknown_command_is_wrong_usage(command):
    assert command("walk").status == 2


def test_no_command_shows_the_help_and_is_wrong_usage(command):
    outcome = command()

    assert outcome.status == 2
    assert "devnet" in outcome.err


def test_the_version_is_printed(command):
    assert command("--version").out.startswith("sorcha-peer ")


def test_every_command_explains_itself(command):
    for name in cli.commands.commands:
        outcome = command(name, "--help")

        assert outcome.status == 0
        assert outcome.out.startswith(f"Usage: sorcha-peer {name}")
