"""What a transaction of 1 KiB costs by each transport, encrypted and not: as a bare pipe, and between two nodes.

python benchmarks/transports.py                  everything, five rounds
python benchmarks/transports.py --rounds 1       a quick look
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

PIPE = Path(__file__).with_name("pipes.py")
RAW = "raw TCP"
SEED = 20_26
PAYLOAD_BYTES = 1024
TRANSACTIONS = 10_000
SINGLES = 60
SINGLES_RATE_TX_S = 20.0
TRANSACTIONS_OF_A_PIPE = 52 * 1500
"""As pipes.py sends them."""

Report = dict[str, float]
Runs = dict["Setup", list[Report]]


class Setup(NamedTuple):
    """A transport in a mode of encryption."""

    transport: str
    mode: str


YARDSTICK = Setup(RAW, "insecure")
SETUPS = tuple(Setup(transport, mode) for transport in ("grpcstream", "grpc", "rest") for mode in ("insecure", "open"))


class Figure(NamedTuple):
    """A column and where it comes from in a report."""

    title: str
    key: str
    digits: int


PIPE_FIGURES = (
    Figure("CPU us / tx, both ends", "cpu_us", 2),
    Figure("tx/s", "tx_s", 0),
    Figure("one tx: ms", "latency_ms", 2),
)
NODE_FIGURES = (
    Figure("CPU us / tx and node", "cpu_us", 0),
    Figure("tx/s", "tx_s", 0),
    Figure("t90 ms", "latency_ms", 2),
)


def main() -> int:
    options = _options()
    pipes: Runs = {setup: [] for setup in (YARDSTICK, *SETUPS)}
    nodes: Runs = {setup: [] for setup in SETUPS}
    with tempfile.TemporaryDirectory(prefix="sorcha-benchmark-") as name:
        many = _write_payloads(Path(name) / "many.jsonl", options.transactions, SEED)
        few = _write_payloads(Path(name) / "few.jsonl", SINGLES, SEED + 1)
        # One of each, then one of each again: a machine that is busy for a while is busy for all of them.
        for turn in range(1, options.rounds + 1):
            for setup in pipes if options.pipes else ():
                _note(f"round {turn} of {options.rounds}: pipe, {setup.transport}, {setup.mode}")
                pipes[setup].append(_pipe(setup))
            for setup in nodes if options.nodes else ():
                _note(f"round {turn} of {options.rounds}: two nodes, {setup.transport}, {setup.mode}")
                nodes[setup].append(_nodes(setup, many, few))
    if options.json:
        print(json.dumps({"rounds": options.rounds, "pipes": _plain(pipes), "nodes": _plain(nodes)}, indent=2))
        return 0
    _print(pipes, nodes, options.rounds)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured")
    parser.add_argument("--transactions", type=int, default=TRANSACTIONS, help="between two nodes")
    parser.add_argument("--no-pipes", dest="pipes", action="store_false", help="leave the bare pipes out")
    parser.add_argument("--no-nodes", dest="nodes", action="store_false", help="leave the nodes out")
    parser.add_argument("--json", action="store_true", help="every run, for programs")
    return parser.parse_args()


def _write_payloads(file: Path, count: int, seed: int) -> Path:
    rng = Random(seed)
    lines = (json.dumps({"raw": rng.randbytes(PAYLOAD_BYTES).hex()}) for _ in range(count))
    file.write_text("\n".join(lines) + "\n", encoding="ascii")
    return file


def _pipe(setup: Setup) -> Report:
    command = [sys.executable, str(PIPE)]
    with subprocess.Popen([*command, "receive", *setup], stdout=subprocess.PIPE, text=True) as receiving:
        assert receiving.stdout is not None
        port = json.loads(receiving.stdout.readline())["port"]
        done = subprocess.run([*command, "send", *setup, str(port)], stdout=subprocess.PIPE, text=True, check=True)
        sent, received = json.loads(done.stdout), json.loads(receiving.stdout.readline())
    wall_s = received["ended_at"] - sent["began_at"]
    return {
        "cpu_us": (sent["cpu_s"] + received["cpu_s"]) / TRANSACTIONS_OF_A_PIPE * 1e6,
        "tx_s": TRANSACTIONS_OF_A_PIPE / wall_s,
        "latency_ms": median(received["latencies_ms"]),
    }


def _nodes(setup: Setup, many: Path, few: Path) -> Report:
    crowd, single = _devnet(setup, many), _devnet(setup, few, "--rate", str(SINGLES_RATE_TX_S))
    return {
        "cpu_us": crowd["cpu_s_per_1000_tx_per_node"] * 1000,
        "tx_s": crowd["throughput_tx_s"],
        "latency_ms": single["time_to_90_ms"]["p50"],
    }


def _devnet(setup: Setup, payloads: Path, *more: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "sorcha_peer_core", "devnet", "-n", "2", "--json", "--lines", "--hex", "raw"]
    environment = {
        **os.environ,
        "SORCHA_PEER__COMMUNICATION__TRANSPORTS": json.dumps([setup.transport]),
        "SORCHA_PEER__SECURITY__MODE": setup.mode,
    }
    done = subprocess.run([*command, *more, str(payloads)], env=environment, stdout=subprocess.PIPE, text=True, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    if set(report["transports"]) != {setup.transport}:
        raise SystemExit(f"the nodes are linked by {report['transports']}, not by {setup.transport} alone")
    return report


def _print(pipes: Runs, nodes: Runs, rounds: int) -> None:
    console = Console(width=150)
    console.print(f"{os.cpu_count()} cores. Minimum / median / maximum of {rounds} rounds; x: median against raw TCP.\n")
    if pipes[YARDSTICK]:
        console.print(_table("Bare pipes between two processes, 64 KiB batches", PIPE_FIGURES, pipes, pipes))
        console.print(_tls_table("TLS: CPU of the pipe, open / insecure, round by round", pipes))
    if nodes[SETUPS[0]]:
        console.print(_table("Two nodes, everything signed, verified and stored", NODE_FIGURES, nodes, pipes))
        console.print(_tls_table("TLS: CPU of the nodes, open / insecure, round by round", nodes))


def _table(title: str, figures: Sequence[Figure], runs: Runs, yardstick: Runs) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("transport", "mode"):
        table.add_column(column)
    for figure in figures:
        table.add_column(figure.title, justify="right")
        table.add_column("x", justify="right")
    for setup, reports in runs.items():
        cells: list[str] = []
        for figure in figures:
            values = [report[figure.key] for report in reports]
            base = [report[figure.key] for report in yardstick[YARDSTICK]]
            cells += [_spread(values, figure.digits), f"{median(values) / median(base):.3g}" if base else "-"]
        table.add_row(*setup, *cells)
    return table


def _tls_table(title: str, runs: Runs) -> Table:
    table = Table("transport", "min / median / max", title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for transport in dict.fromkeys(setup.transport for setup in SETUPS):
        pairs = zip(runs[Setup(transport, "open")], runs[Setup(transport, "insecure")], strict=True)
        table.add_row(transport, _spread([opened["cpu_us"] / plain["cpu_us"] for opened, plain in pairs], 3))
    return table


def _spread(values: Sequence[float], digits: int) -> str:
    return " / ".join(f"{value:,.{digits}f}" for value in (min(values), median(values), max(values)))


def _plain(runs: Runs) -> list[dict[str, Any]]:
    return [{**setup._asdict(), "runs": reports} for setup, reports in runs.items()]


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
