"""``sorcha-peer run``: one node, until it is told to stop."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sorcha_peer_core.cli.logs import set_up_logging
from sorcha_peer_core.cli.options import config_option, configuration, data_dir_option
from sorcha_peer_core.client import URL_FILE
from sorcha_peer_core.errors import StartError
from sorcha_peer_core.model.ids import short

if TYPE_CHECKING:
    from sorcha_peer_core.node import Node

NODE_FILE = "node.json"
"""In the data directory while the node runs: who it is and where it listens."""

_OVERTIME_S = 2.0
"""How far an orderly stop may exceed its grace before the process is ended regardless."""

log = logging.getLogger(__name__)


@click.command()
@config_option
@data_dir_option
@click.option("--name", help="What people call this node.")
@click.option("--listen", metavar="HOST:PORT", help="Where peers link to; port 0 lets the system choose.")
@click.option("--bootstrap", multiple=True, metavar="HOST:PORT[#PEER_ID]", help="A first contact; may be given several times.")
@click.option("--admin", metavar="HOST:PORT", help="Where the management API listens.")
@click.option("--exit-with-stdin", is_flag=True, hidden=True, help="Stop when stdin ends: nobody is left who wants this node.")
def run(
    config_file: Path | None,
    data_dir: Path | None,
    name: str | None,
    listen: str | None,
    bootstrap: tuple[str, ...],
    admin: str | None,
    exit_with_stdin: bool,
) -> int:
    """Run one node until SIGTERM or SIGINT, then stop in order. A second signal ends it at once."""
    given: dict[str, dict[str, Any]] = {
        "node": {"name": name},
        "communication": {"listen": listen},
        "peer_discovery": {"bootstrap_nodes": list(bootstrap) or None},
        "admin": {"listen": admin},
    }
    overrides = {section: {key: value for key, value in keys.items() if value is not None} for section, keys in given.items()}
    config = configuration(config_file, data_dir, {section: keys for section, keys in overrides.items() if keys})
    set_up_logging(config.node.log_level, config.node.log_format)

    from sorcha_peer_core.node import Node

    stop = _StopRequest(config.communication.shutdown_grace_s + _OVERTIME_S)
    stop.on_signals()
    if exit_with_stdin:
        stop.on_end_of_stdin()
    notices: Sequence[str] = ()
    while True:
        node = Node(config, notices=notices)
        node.on_broken, node.on_new_log = stop.broken, stop.renew
        reason = _run_until_asked(node, stop)
        if not stop.is_renewal:
            break
        notices = node.notices
        stop.begin_again()
        gc.unfreeze()
    if stop.is_broken:
        raise StartError(reason)
    return 0


def _run_until_asked(node: Node, stop: _StopRequest) -> str:
    """Returns why it was to stop."""
    node.start()
    # What is here now stays: modules, configuration, the parts of the node. No search for garbage need pass it again.
    gc.freeze()
    peer_id, reason = node.status().peer_id, "the process ends"
    try:
        with _announced(node):
            reason = stop.wait()
    finally:
        node.stop(reason)
    log.info("node %s has stopped", short(peer_id))
    return reason


class _StopRequest:
    """Why the node is to stop, and the insistence that it does."""

    def __init__(self, at_most_s: float) -> None:
        from gevent.event import Event

        self._at_most_s = at_most_s
        self._requested = Event()
        self._reason = ""
        self._over: list[bool] = []
        self.is_broken = False
        self.is_renewal = False
        """The node is to stop and to begin anew in the same process."""

    def renew(self, reason: str) -> None:
        """What the node has in memory counts on a log that is another one now."""
        if not self._requested.is_set():
            self.is_renewal = True
            self._request(f"{reason}; the node begins anew")

    def begin_again(self) -> None:
        """The stop is over, and another node is about to start."""
        self._over.append(True)
        self._over = []
        self.is_renewal = False
        self._requested.clear()

    def broken(self, reason: str) -> None:
        """The node cannot go on: better a process that ends, and is started again, than one that only seems to live."""
        self.is_broken, self.is_renewal = True, False
        self._request(reason)

    def wait(self) -> str:
        """Block until somebody asks; returns why."""
        self._requested.wait()
        return self._reason

    def on_signals(self) -> None:
        """Stop at the first SIGTERM or SIGINT; a second one ends the process on the spot."""
        import gevent

        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, self._signalled, number)

    def on_end_of_stdin(self) -> None:
        """Stop when whoever holds the other end of stdin is gone, however it ended."""
        import gevent

        gevent.spawn(self._watch_stdin)

    def _signalled(self, number: int) -> None:
        if self.is_renewal:
            log.info("asked to stop: %s", signal.Signals(number).name)
            self.is_renewal = False
            return
        if self._requested.is_set():
            os._exit(128 + number)
        self._request(signal.Signals(number).name)

    def _watch_stdin(self) -> None:
        from gevent.os import make_nonblocking, nb_read

        stdin = sys.stdin.fileno()
        make_nonblocking(stdin)
        while nb_read(stdin, 4096):
            pass
        self._request("stdin has ended")

    def _request(self, reason: str) -> None:
        if self._requested.is_set():
            return
        from gevent.monkey import get_original

        log.info("asked to stop: %s", reason)
        # A native thread, so that not even a blocked hub can keep the process alive.
        get_original("_thread", "start_new_thread")(_end_process_after, (self._at_most_s, self._over))
        self._reason = reason
        self._requested.set()


def _end_process_after(seconds: float, over: Sequence[bool]) -> None:
    from gevent.monkey import get_original

    get_original("time", "sleep")(seconds)
    if over:
        return
    print(f"sorcha-peer: the node did not stop within {seconds:.0f} s and is ended", file=sys.stderr, flush=True)
    os._exit(1)


@contextmanager
def _announced(node: Node) -> Iterator[None]:
    """Say where the node is, to people on stdout and to programs in a file that is there as long as it runs."""
    state = node.status()
    admin_url = _admin_url(node.data_dir)
    file = node.data_dir / NODE_FILE
    _write_whole(
        file,
        {
            "pid": os.getpid(),
            "peer_id": state.peer_id,
            "name": state.name,
            "listening": list(state.listening),
            "admin_url": admin_url,
            "started_at": int(time.time()),
        },
    )
    api = f"pages {admin_url}/admin/" if admin_url else "no pages and no management API (pip install 'sorcha-peer[admin]')"
    click.echo(f"Node {state.peer_id} listens on {', '.join(state.listening) or 'nothing'}, {api}")
    sys.stdout.flush()
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _admin_url(data_dir: Path) -> str:
    try:
        return (data_dir / URL_FILE).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def _write_whole(file: Path, document: dict[str, Any]) -> None:
    # Written beside and renamed: whoever reads it finds all of it or nothing.
    draft = file.with_suffix(".tmp")
    draft.write_text(json.dumps(document) + "\n", encoding="utf-8")
    draft.replace(file)
