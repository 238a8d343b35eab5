"""What compressing links costs and saves: two real nodes in this process, over loopback; not compressed, zlib, zstd.

python benchmarks/compression.py                            random payloads of 300 bytes and 1 KiB
python benchmarks/compression.py --lines FILE --hex FIELD   and the payloads of a file, one a line
python benchmarks/compression.py --files FILE...            and these files, each a hundred times with another number
"""

from __future__ import annotations

import sorcha_peer_core.testing.patched  # noqa: F401  (before everything that opens sockets)

# isort: split
import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, NamedTuple

import gevent
from rich import box
from rich.console import Console
from rich.table import Table

from sorcha_peer_core.config import Config
from sorcha_peer_core.model.handshake import Form
from sorcha_peer_core.model.transaction import submission_of
from sorcha_peer_core.node import Node, parts
from sorcha_peer_core.services import compression, links
from sorcha_peer_core.wire.compress import FORMS

TRANSACTIONS = 3000
AT_ONCE = 250
COPIES_OF_A_FILE = 100
spent = {"cpu_s": 0.0}
"""In compression, by both nodes."""
FORMS_OF: dict[str, tuple[Form, ...]] = {"none": (), "zlib": (Form.ZLIB,), "zstd": FORMS}


class Result(NamedTuple):
    """One run."""

    cpu_us: float
    """Of both nodes, a transaction."""
    compressing_us: float
    """Of that, deciding, compressing and expanding."""
    sent_bytes: float
    """By the node that has the transactions, a transaction."""
    unpaid: int


def main() -> int:
    options = _options()
    compression.Compressor.pack = _timed(compression.Compressor.pack)
    links.expand = _timed(links.expand)
    console = Console(width=130)
    forms = [name for name in FORMS_OF if name != "zstd" or Form.ZSTD in FORMS]
    for title, payloads in _payloads(options):
        results: dict[str, list[Result]] = {name: [] for name in forms}
        # The first run pays for what is made once in a process.
        _run((), payloads, options)
        for _ in range(options.rounds):
            # One of each, then one of each again: a machine that is busy for a while is busy for all of them.
            for name in forms:
                results[name].append(_run(FORMS_OF[name], payloads, options))
        console.print(_table(f"{title}, {options.transport}, mode {options.mode}: {len(payloads)} transactions", results))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--transactions", type=int, default=TRANSACTIONS, help="of random payloads")
    parser.add_argument("--transport", default="grpcstream")
    parser.add_argument("--mode", choices=("insecure", "open"), default="insecure")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="transactions submitted together")
    parser.add_argument("--lines", type=Path)
    parser.add_argument("--hex")
    parser.add_argument("--files", type=Path, nargs="*", default=[])
    return parser.parse_args()


def _payloads(options: argparse.Namespace) -> Iterator[tuple[str, list[bytes]]]:
    rng = Random(2026)
    for size in (300, 1024):
        yield f"{size} random bytes", [rng.randbytes(size) for _ in range(options.transactions)]
    if options.lines:
        lines = options.lines.read_text().splitlines()
        found = [bytes.fromhex(json.loads(line)[options.hex]) if options.hex else line.encode() for line in lines]
        yield options.lines.name, found
    if options.files:
        files = [file.read_bytes() for file in options.files]
        yield "files", [b"%d " % number + file for number in range(COPIES_OF_A_FILE) for file in files]


def _timed(function: Callable[..., bytes]) -> Callable[..., bytes]:
    """The same, with its CPU time counted: what it costs is less than what other programs do to a measurement of the whole."""

    def timed(*args: Any) -> bytes:
        began_s = time.thread_time()
        try:
            return function(*args)
        finally:
            spent["cpu_s"] += time.thread_time() - began_s

    return timed


def _run(forms: tuple[Form, ...], payloads: Sequence[bytes], options: argparse.Namespace) -> Result:
    # What the nodes of this run can do.
    parts.FORMS = forms
    with tempfile.TemporaryDirectory(prefix="sorcha-benchmark-") as name:
        first = _started(Path(name) / "first", options)
        second = _started(Path(name) / "second", options, first.status().listening[0])
        try:
            return _measured(first, second, payloads, options.at_once)
        finally:
            second.stop("done")
            first.stop("done")


def _started(data_dir: Path, options: argparse.Namespace, bootstrap: str = "") -> Node:
    settings = {
        "node": {"data_dir": str(data_dir)},
        "communication": {"transports": [options.transport], "listen": "127.0.0.1:0"},
        "peer_discovery": {"bootstrap_nodes": [bootstrap] if bootstrap else []},
        "security": {"mode": options.mode},
        "store": {"url": "memory://"},
        "admin": {"listen": "127.0.0.1:0"},
        "plugins": {"rest": {"listen": "127.0.0.1:0"}} if options.transport == "rest" else {},
    }
    node = Node(Config.model_validate(settings))
    node.start()
    return node


def _measured(first: Node, second: Node, payloads: Sequence[bytes], at_once: int) -> Result:
    _until(lambda: first.status().peers_connected == second.status().peers_connected == 1)
    gevent.sleep(0.3)
    spent["cpu_s"] = 0.0
    before_bytes, before_s = first.status().traffic.sent_bytes, time.process_time()
    for at in range(0, len(payloads), at_once):
        first.submit([submission_of(payload, max_bytes=10_485_760) for payload in payloads[at : at + at_once]])
        # The next ones when these have arrived: so at-once is what there is to gather into batches.
        _until(partial(_has, second, min(at + at_once, len(payloads))))
    cpu_s = time.process_time() - before_s
    sent_bytes = first.status().traffic.sent_bytes - before_bytes
    counters = dict(line.rsplit(b" ", 1) for line in first.metrics_text().splitlines() if not line.startswith(b"#"))
    unpaid = int(float(counters[b"sorcha_compression_unpaid_total"]))
    count = len(payloads)
    return Result(cpu_s / count * 1e6, spent["cpu_s"] / count * 1e6, sent_bytes / count, unpaid)


def _has(node: Node, transactions: int) -> bool:
    return node.status().transactions_stored >= transactions


def _until(condition: Callable[[], bool]) -> None:
    with gevent.Timeout(60):
        while not condition():
            gevent.sleep(0.005)


def _table(title: str, results: dict[str, list[Result]]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in (
        "form",
        "CPU us / tx, both nodes",
        "of that compressing",
        "share %",
        "bytes sent / tx",
        "x none",
        "tried in vain",
    ):
        table.add_column(column, justify="right")
    none = results["none"]
    for name, runs in results.items():
        cpu = [run.cpu_us for run in runs]
        compressing = [run.compressing_us for run in runs]
        sent = median(run.sent_bytes for run in runs)
        table.add_row(
            name,
            f"{min(cpu):.0f} / {median(cpu):.0f} / {max(cpu):.0f}",
            f"{min(compressing):.1f} / {median(compressing):.1f} / {max(compressing):.1f}",
            f"{100 * median(run.compressing_us / run.cpu_us for run in runs):.1f}",
            f"{sent:.0f}",
            f"{sent / median(run.sent_bytes for run in none):.3f}",
            f"{median(run.unpaid for run in runs):.0f}",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
