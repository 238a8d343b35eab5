"""Real node processes on this machine: started, watched, killed and surely gone at the end.

For the command ``devnet`` and for integration tests. Blocks politely where the standard library is patched.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import gevent

from sorcha_peer_core.cli.cluster_ca import certify
from sorcha_peer_core.cli.devnet_plan import Contact, Schemes, first_contacts, schemes_of
from sorcha_peer_core.cli.run import NODE_FILE
from sorcha_peer_core.client import Json, NodeClient, find_node
from sorcha_peer_core.config import CONFIG_FILE, Config, load_config
from sorcha_peer_core.errors import PeerError, StartError

POLL_S = 0.05
_ANY_PORT = "127.0.0.1:0"
_REST_LISTEN_VARIABLE = "SORCHA_PEER__PLUGINS__REST__LISTEN"
_BASE = {"plugins": {"rest": {"listen": _ANY_PORT}}}
"""What nodes on one machine need: no two may want the same port."""
_AUTHORITY = "authority"
_START_TIMEOUT_S = 60.0
_STOP_GRACE_S = 6.0


class NodeProcess:
    """One node in a process and a data directory of its own; may be ended and started again."""

    def __init__(self, number: int, data_dir: Path) -> None:
        self.number = number
        self.data_dir = data_dir
        self.name = data_dir.name
        """What it calls itself."""
        self.log_file = data_dir.with_name(f"{data_dir.name}.log")
        self.listen = _ANY_PORT
        self.admin = _ANY_PORT
        self.address = ""
        """Where peers reach it, with its scheme; empty until it was ready once."""
        self.addresses: tuple[str, ...] = ()
        """All of them, in the order in which the node names them."""
        self.peer_id = ""
        self.prefix: tuple[str, ...] = ()
        """A program that starts it, with its arguments: one that puts it into a namespace, for instance."""
        self._rest_listen = ""
        self._bootstrap: tuple[str, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        self._client: NodeClient | None = None
        self._url = ""

    def spawn(self, bootstrap: Sequence[str] = ()) -> None:
        """Start the process; ``wait_until_ready`` says when it is a node."""
        self._bootstrap = tuple(bootstrap)
        self._process = None
        (self.data_dir / NODE_FILE).unlink(missing_ok=True)
        command = [*self.prefix, sys.executable, "-m", "sorcha_peer_core", "run", "--exit-with-stdin"]
        command += [
            "--data-dir",
            str(self.data_dir),
            "--name",
            self.name,
            "--listen",
            self.listen,
            "--admin",
            self.admin,
        ]
        command += [part for address in bootstrap for part in ("--bootstrap", address)]
        # An interrupt in the middle of this would leave a process that nobody knows and ends.
        making = gevent.spawn(self._make_process, command)
        try:
            making.join()
        finally:
            making.join()
        if self._process is None:
            raise StartError(f"node {self.number} cannot be started: {making.value}")

    def wait_until_ready(self, timeout_s: float = _START_TIMEOUT_S) -> None:
        """Block until the node listens. Raises StartError with the last line of its log."""
        wait_until(lambda: self._is_announced() or not self.is_running(), timeout_s, f"node {self.number} to start", POLL_S)
        if not self._is_announced():
            raise StartError(f"node {self.number} ended while it started: {self.last_words()}")
        announced = json.loads((self.data_dir / NODE_FILE).read_text(encoding="utf-8"))
        if not announced["admin_url"]:
            raise PeerError("the nodes have no management API, by which they are asked: pip install 'sorcha-peer[admin]'")
        self.peer_id = announced["peer_id"]
        self.addresses = tuple(announced["listening"])
        self.address = self.addresses[0] if self.addresses else ""
        # From now on it comes back where it was.
        ports = {scheme: where for scheme, _, where in (text.partition("://") for text in announced["listening"])}
        self.listen = ports.get("grpc", self.listen)
        self._rest_listen = ports.get("rest", "")
        self.admin = announced["admin_url"].partition("://")[2].rstrip("/")

    def config(self) -> Config:
        """The settings it starts with. Raises ConfigError."""
        return load_config(self.data_dir / CONFIG_FILE, os.environ, {"node": {"data_dir": str(self.data_dir)}})

    def restart(self, bootstrap: Sequence[str] | None = None) -> None:
        """Start an ended node again on its data directory and ports."""
        self.spawn(self._bootstrap if bootstrap is None else bootstrap)
        self.wait_until_ready()

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        return self._started().pid

    @property
    def client(self) -> NodeClient:
        """Asks the node that runs on this data directory, also one that somebody else restarted there."""
        url, token = find_node(self.data_dir, None, None)
        if self._client is None or url != self._url:
            self._client, self._url = NodeClient(url, token), url
        return self._client

    def status(self) -> Json:
        """The node's state. Raises NodeUnreachable."""
        return self.client.status()

    def hashes(self) -> set[str]:
        """All transactions in the node's log."""
        return {line["hash"] for line in read_log(self.client)}

    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._started().kill()
        self._started().wait()

    def send_signal(self, number: int = signal.SIGTERM) -> None:
        """Ask it to stop; does not wait."""
        if self.is_running():
            self._started().send_signal(number)

    def close_stdin(self) -> None:
        """Let go of it, as happens when this process ends."""
        if (stdin := self._started().stdin) is not None:
            stdin.close()

    def terminate(self, grace_s: float = _STOP_GRACE_S) -> int:
        """Ask it to stop and see that it does; returns the exit status, negative for a signal."""
        self.send_signal()
        return self.wait_for_exit(grace_s)

    def wait_for_exit(self, timeout_s: float) -> int:
        """Block until the process ended; one that does not is killed."""
        process = self._started()
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        self.close_stdin()
        return status

    def log_text(self) -> str:
        """Everything it printed, over all its starts."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def last_words(self) -> str:
        """The last line it printed."""
        lines = self.log_text().strip().splitlines() if self.log_file.exists() else []
        return lines[-1].removeprefix("sorcha-peer: ") if lines else "it printed nothing"

    def _make_process(self, command: Sequence[str]) -> OSError | None:
        """Set ``_process``; an error is returned, because one that leaves a greenlet is printed with its traceback."""
        try:
            with self.log_file.open("ab") as out:
                # A session of its own: a Ctrl-C in the terminal reaches the parent, which ends its nodes in order. The
                # pipe on stdin ends with the parent, however that ends, and the node with it.
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    env={**os.environ, _REST_LISTEN_VARIABLE: self._rest_listen} if self._rest_listen else None,
                )
        except OSError as error:
            return error
        return None

    def _is_announced(self) -> bool:
        return (self.data_dir / NODE_FILE).exists()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise PeerError(f"node {self.number} was never started")
        return self._process


class Cluster:
    """Some nodes that join through the first of them. A context manager: no node outlives it."""

    def __init__(self, root: Path, count: int, configs: Sequence[Mapping[str, Any]] = ()) -> None:
        """``configs`` are tables for the ``config.toml`` of the nodes, in order; nodes beyond them have what ``_BASE`` says."""
        self._root = root
        self.nodes = [NodeProcess(number, root / f"node-{number}") for number in range(1, count + 1)]
        for place, node in enumerate(self.nodes):
            node.data_dir.mkdir(parents=True, exist_ok=True)
            file, own = node.data_dir / CONFIG_FILE, configs[place] if place < len(configs) else None
            # A data directory that was used before keeps its settings, unless there are new ones.
            if own is not None or not file.exists():
                file.write_text(toml_of(merged_tables(_BASE, own or {})), encoding="utf-8")

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def start(self, started: Callable[[int], None] = lambda ready: None) -> None:
        """Start the first node, then the others with it as their first contact; ``started`` hears how many are ready.

        A node that has no transport in common with the first joins through the first one with which it has.
        """
        atexit.register(self._kill_all)
        certify(self._root / _AUTHORITY, [node.config() for node in self.nodes])
        contacts = first_contacts(self.schemes())
        joined_through = {0, *(contact.place for each in contacts for contact in each)}
        for ready, place in enumerate(sorted(joined_through), start=1):
            self.nodes[place].spawn(self._addresses_of(contacts[place]))
            self.nodes[place].wait_until_ready()
            started(ready)
        others = [place for place in range(len(self.nodes)) if place not in joined_through]
        for place in others:
            self.nodes[place].spawn(self._addresses_of(contacts[place]))
        for ready, place in enumerate(others, start=len(joined_through) + 1):
            self.nodes[place].wait_until_ready(_START_TIMEOUT_S + len(self.nodes))
            started(ready)

    def schemes(self) -> list[Schemes]:
        """What each node can dial and be dialled by, as it is configured."""
        return [schemes_of(node.config().communication.transports) for node in self.nodes]

    def wait_until_linked(
        self, links: int | Sequence[int], timeout_s: float, linked: Callable[[int], None] = lambda nodes: None
    ) -> None:
        """Block until every node is linked to at least ``links`` peers; ``linked`` hears how many are so far.

        ``links`` is one number, or one for each node.
        """
        wanted = [links] * len(self.nodes) if isinstance(links, int) else links
        waiting = list(zip(self.nodes, wanted, strict=True))

        def all_linked() -> bool:
            for node, _ in waiting:
                if not node.is_running():
                    raise StartError(f"node {node.number} ended before it was linked to the others: {node.last_words()}")
            waiting[:] = [(node, least) for node, least in waiting if node.status()["peers"]["connected"] < least]
            linked(len(self.nodes) - len(waiting))
            return not waiting

        wait_until(all_linked, timeout_s, f"every node to be linked to {max(wanted)} peers", 4 * POLL_S)

    def wait_until_all_have(self, transactions: int, timeout_s: float) -> None:
        """Block until every running node holds as many transactions."""
        running = [node for node in self.nodes if node.is_running()]
        wait_until(
            lambda: all(node.status()["transactions"]["stored"] >= transactions for node in running),
            timeout_s,
            f"every node to have {transactions} transactions",
            4 * POLL_S,
        )

    def _addresses_of(self, contacts: Sequence[Contact]) -> list[str]:
        """Where those nodes are reached, by something that is spoken on both sides."""
        found = []
        for contact in contacts:
            addresses = self.nodes[contact.place].addresses
            common = [address for address in addresses if address.partition("://")[0] in contact.schemes]
            found += (common or list(addresses))[:1]
        return found

    def close(self) -> None:
        """Ask all to stop, in one go, and end those that do not."""
        try:
            for node in self.nodes:
                node.send_signal()
            deadline = time.monotonic() + _STOP_GRACE_S
            for node in self.nodes:
                if node.is_running():
                    node.wait_for_exit(max(0.0, deadline - time.monotonic()))
        finally:
            self._kill_all()
            atexit.unregister(self._kill_all)

    def _kill_all(self) -> None:
        for node in self.nodes:
            if node.is_running():
                node.kill()


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str, pause_s: float = POLL_S) -> None:
    """Ask again and again. Raises PeerError when the time is over; ``what`` says for what was waited."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise PeerError(f"waited {timeout_s:.0f} s for {what}, in vain")
        time.sleep(pause_s)


def read_log(client: NodeClient, page_lines: int = 5000) -> list[Json]:
    """The whole arrival log of a node."""
    return [line for page in client.pages(page_lines=page_lines) for line in page.lines]


def merged_tables(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Tables in which the second argument's keys win.

    >>> merged_tables({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}})
    {'a': {'x': 1, 'y': 3}}
    """
    merged = dict(lower)
    for key, value in upper.items():
        under = merged.get(key)
        merged[key] = merged_tables(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return merged


def toml_of(tables: Mapping[str, Any]) -> str:
    """Tables of plain values as TOML.

    >>> print(toml_of({"node": {"name": "a"}, "plugins": {"rest": {"listen": "[::]:1"}}}), end="")
    [node]
    name = "a"
    [plugins]
    [plugins.rest]
    listen = "[::]:1"
    """
    return "".join(f"{line}\n" for name, table in tables.items() for line in _toml_lines((name,), table))


def _toml_lines(path: tuple[str, ...], table: Mapping[str, Any]) -> list[str]:
    def quoted(key: str) -> str:
        return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else json.dumps(key)

    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    lines = [f"[{'.'.join(map(quoted, path))}]"]
    lines += [f"{quoted(key)} = {json.dumps(value, ensure_ascii=False)}" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, Mapping):
            lines += _toml_lines((*path, key), value)
    return lines
