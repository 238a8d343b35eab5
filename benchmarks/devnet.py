"""How fast and at what cost a network of real nodes on this machine spreads transactions.

python benchmarks/devnet.py                    5, 10 and 20 nodes, three runs each
python benchmarks/devnet.py -n 10 --runs 1     one size, once
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

SEED = 20_26
PAYLOAD_BYTES = 1024
THROUGHPUT_TRANSACTIONS = 3000
LATENCY_TRANSACTIONS = 100
LATENCY_RATE_TX_S = 5.0
SETTLE_S = 90.0
"""What a network does while it forms is measured elsewhere (discovery.py)."""

OTHERS = (
    "Measured once on a 2-core machine, 10 nodes in processes of their own, messages per second and time until all had one:",
    "  py-libp2p gossipsub 42/s, 21 ms; js-libp2p gossipsub 147/s, 11 ms; iroh-gossip (Rust) 845/s, 2.9 ms;",
    "  py-ipv8 1,793/s, 1.7 ms (signed datagrams to everyone; nothing relayed, encrypted or stored);",
    "  zenoh (Rust) 13,710/s, 1.0 ms (nothing signed or stored).",
    "Here every transaction is signed, verified by every node and stored by every node.",
)

Report = dict[str, Any]


class Figure(NamedTuple):
    """A column: what it is called and how it is read from a report."""

    title: str
    of: Callable[[Report], float]
    digits: int


THROUGHPUT_FIGURES = (
    Figure("tx/s", lambda report: report["throughput_tx_s"], 0),
    Figure("CPU ms / tx and node", lambda report: report["cpu_s_per_1000_tx_per_node"], 2),
    Figure("copies / node", lambda report: report["copies_per_node"], 2),
    Figure("bytes sent / node and tx", lambda report: report["bytes_per_node_per_tx"], 0),
    Figure("RSS MB / node", lambda report: sum(report["rss_mb"]) / len(report["rss_mb"]), 0),
    Figure("start s", lambda report: report["start_s"], 1),
)
LATENCY_FIGURES = (
    Figure("t50 ms (p50)", lambda report: report["time_to_50_ms"]["p50"], 1),
    Figure("t90 ms (p50)", lambda report: report["time_to_90_ms"]["p50"], 1),
    Figure("t90 ms (p95)", lambda report: report["time_to_90_ms"]["p95"], 1),
    Figure("t100 ms (p50)", lambda report: report["time_to_100_ms"]["p50"], 1),
    Figure("t100 ms (p99)", lambda report: report["time_to_100_ms"]["p99"], 1),
    Figure("CPU ms / tx and node", lambda report: report["cpu_s_per_1000_tx_per_node"], 2),
)


def main() -> int:
    options = _options()
    kinds = (
        ("throughput", options.transactions, None, THROUGHPUT_FIGURES),
        (f"latency at {options.rate:g} tx/s", options.latency_transactions, options.rate, LATENCY_FIGURES),
    )
    results: list[Report] = []
    console = Console(width=140)
    with tempfile.TemporaryDirectory(prefix="sorcha-benchmark-") as name:
        for title, transactions, rate, figures in kinds:
            if not transactions:
                continue
            payloads = _write_payloads(Path(name) / f"{title.split()[0]}.jsonl", transactions, options.size)
            reports = {nodes: list(_runs(nodes, payloads, rate, options)) for nodes in options.nodes}
            results += [{"kind": title, "runs": runs, "nodes": nodes} for nodes, runs in reports.items()]
            if not options.json:
                console.print(_table(f"{title}: {transactions} transactions of {options.size} bytes", figures, reports))
    if options.json:
        print(json.dumps({"machine": _machine(), "results": results}, indent=2))
    else:
        console.print(f"{_machine()}. Each cell: minimum / median / maximum of {options.runs} runs.\n")
        console.print("\n".join(OTHERS), highlight=False)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-n", "--nodes", type=int, nargs="+", default=[5, 10, 20], help="sizes of the network")
    parser.add_argument("--runs", type=int, default=3, help="how often each is measured")
    parser.add_argument("--size", type=int, default=PAYLOAD_BYTES, help="bytes a transaction")
    parser.add_argument("--transactions", type=int, default=THROUGHPUT_TRANSACTIONS, help="for throughput; 0 leaves it out")
    parser.add_argument("--latency-transactions", type=int, default=LATENCY_TRANSACTIONS, help="for latency; 0 leaves it out")
    parser.add_argument("--rate", type=float, default=LATENCY_RATE_TX_S, help="transactions a second for latency")
    parser.add_argument("-c", "--config", type=Path, help="configuration of all nodes")
    parser.add_argument("--json", action="store_true", help="all reports, for programs")
    return parser.parse_args()


def _write_payloads(file: Path, count: int, size: int) -> Path:
    rng = random.Random(SEED)
    with file.open("w", encoding="ascii") as out:
        for _ in range(count):
            out.write(json.dumps({"raw": rng.randbytes(size).hex()}) + "\n")
    return file


def _runs(nodes: int, payloads: Path, rate: float | None, options: argparse.Namespace) -> Iterator[Report]:
    command = [sys.executable, "-m", "sorcha_peer_core", "devnet", "-n", str(nodes), "--json"]
    command += ["--publish", str(payloads), "--lines", "--hex", "raw", "--settle", str(SETTLE_S)]
    command += ["--rate", str(rate)] if rate else []
    command += ["-c", str(options.config)] if options.config else []
    for run in range(1, options.runs + 1):
        print(f"{nodes} nodes, {payloads.stem}, run {run} of {options.runs}", file=sys.stderr, flush=True)
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"a run failed, so there is nothing to report: {' '.join(command)}")
        yield json.loads(done.stdout)


def _table(title: str, figures: Sequence[Figure], reports: dict[int, list[Report]]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("nodes", justify="right")
    for figure in figures:
        table.add_column(figure.title, justify="right")
    for nodes, runs in reports.items():
        table.add_row(str(nodes), *(_spread([figure.of(run) for run in runs], figure.digits) for figure in figures))
    return table


def _spread(values: Sequence[float], digits: int) -> str:
    return " / ".join(f"{value:,.{digits}f}" for value in (min(values), median(values), max(values)))


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
