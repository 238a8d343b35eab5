"""The command line ``sorcha-peer``: one module a command, and one place that turns every failure into a sentence."""

from __future__ import annotations

import errno
import logging
import os
import sys
import traceback
from collections.abc import Sequence

import click

from sorcha_peer_core import __version__
from sorcha_peer_core.cli.admin_access import admin_link, admin_password
from sorcha_peer_core.cli.audit import audit
from sorcha_peer_core.cli.bans import bans
from sorcha_peer_core.cli.ca import ca
from sorcha_peer_core.cli.config import config
from sorcha_peer_core.cli.dead_letters import dead_letters
from sorcha_peer_core.cli.devnet import devnet
from sorcha_peer_core.cli.events import events
from sorcha_peer_core.cli.get import get
from sorcha_peer_core.cli.identity import identity
from sorcha_peer_core.cli.init import init
from sorcha_peer_core.cli.peers import peers
from sorcha_peer_core.cli.plugins import plugins
from sorcha_peer_core.cli.queue import queue
from sorcha_peer_core.cli.run import run
from sorcha_peer_core.cli.simulate import simulate
from sorcha_peer_core.cli.status import status
from sorcha_peer_core.cli.submit import submit
from sorcha_peer_core.cli.tail import tail
from sorcha_peer_core.cli.trace import trace
from sorcha_peer_core.errors import ConfigError, PeerError, PluginError

PROGRAM = "sorcha-peer"
TRACEBACK_VARIABLE = "SORCHA_PEER_TRACEBACK"

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141

log = logging.getLogger(__name__)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
def commands() -> None:
    """A node of a decentralised network in which every node gets every transaction."""


for _command in (
    run, init, identity, devnet, submit, tail, get, trace, status, peers, bans, audit, queue, dead_letters, events, config,
    plugins, admin_password, admin_link, ca, simulate,
):  # fmt: skip
    commands.add_command(_command)


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status. Whatever goes wrong becomes one sentence on stderr."""
    try:
        result = commands.main(list(arguments), prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):
        # Outside standalone mode click exits by itself for one reason only: a broken pipe.
        return _broken_pipe()
    except Exception as error:
        return _explain(error)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return result if isinstance(result, int) else 0


def _explain(error: Exception) -> int:
    """Say what happened; returns the exit status."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort):
        return EXIT_INTERRUPTED
    if os.environ.get(TRACEBACK_VARIABLE) == "1":
        traceback.print_exception(error)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
    else:
        # A sentence stays one line, whatever an operating system or a server put into it.
        click.echo(f"{PROGRAM}: {' '.join(_sentence_on(error).split())}", err=True)
    if isinstance(error, click.ClickException):
        return error.exit_code
    # A PluginError names the setting that asks for something nobody, or more than one, offers.
    return EXIT_USAGE if isinstance(error, ConfigError | PluginError) else EXIT_FAILED


def _sentence_on(error: Exception) -> str:
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, PeerError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    log.debug("the command ended with an unexpected error", exc_info=error)
    what = f"unexpected error: {type(error).__name__}: {error}"
    return f"{what} (set {TRACEBACK_VARIABLE}=1 to see where it happened)"


def _broken_pipe() -> int:
    """The reader of stdout has gone, as in ``tail | head``: nothing to say, and nothing more to flush at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
    return EXIT_BROKEN_PIPE
