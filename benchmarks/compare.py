"""This revision against another one, and against what is written down: the same runs, in turn, in one sitting.

python benchmarks/compare.py HEAD~5                  the working tree against a revision
python benchmarks/compare.py HEAD~5 --nodes 10       other sizes
python benchmarks/compare.py --write-baseline        measure, and keep the figures in benchmarks/baseline.json

Machines are noisy, so look at ratios: each round runs both, one right after the other, and the order changes every round. The
other revision is checked out beside this one and runs with the packages that are installed here.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
BASELINE = Path(__file__).with_name("baseline.json")
DISTRIBUTIONS = (
    ".",
    "plugins/transport_grpc",
    "plugins/transport_grpcstream",
    "plugins/transport_rest",
    "plugins/nat_stun",
    "admin",
)
SIMULATED = ("--peers", "100", "--seeds", "3", "--transactions", "10", "--warmup", "30")
HERE, THERE, KEPT = "this", "other", "baseline"

Figures = dict[str, float]


class Wanted(NamedTuple):
    """A figure: where it stands in a report, and which way is better."""

    name: str
    keys: tuple[str, ...]
    more_is_better: bool = False


THROUGHPUT = (
    Wanted("tx/s", ("throughput_tx_s",), more_is_better=True),
    Wanted("CPU s per 1,000 tx and node", ("cpu_s_per_1000_tx_per_node",)),
    Wanted("bytes per node and tx", ("bytes_per_node_per_tx",)),
)
LATENCY = (Wanted("t90 ms at 5/s", ("time_to_90_ms", "p50")),)
SIMULATOR = (
    Wanted("simulated t90 ms, 100 nodes", ("t90_ms", "median")),
    Wanted("simulated copies", ("copies",)),
    Wanted("simulated bytes per node and tx", ("bytes_per_node_per_tx",)),
)
WANTED = {each.name: each for each in (*THROUGHPUT, *LATENCY, *SIMULATOR)}


def main() -> int:
    options = _options()
    with _checkout(options.revision) as other:
        trees = {HERE: ROOT} if other is None else {HERE: ROOT, THERE: other}
        figures = _rounds(trees, options)
    if options.write_baseline:
        kept = {
            "machine": _machine(),
            "nodes": options.nodes,
            "figures": {name: median(values) for name, values in figures[HERE].items()},
        }
        BASELINE.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    _print(options, figures)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("revision", nargs="?", help="what git calls the other one; without it only the baseline is compared with")
    parser.add_argument("--nodes", type=int, default=5, help="size of the network of real processes")
    parser.add_argument("--rounds", type=int, default=3, help="how often each revision is measured")
    parser.add_argument("--transactions", type=int, default=2000, help="for throughput")
    parser.add_argument("--write-baseline", action="store_true", help="keep the medians of this revision")
    return parser.parse_args()


@contextmanager
def _checkout(revision: str | None) -> Iterator[Path | None]:
    """A worktree of the revision while the block runs; None for none."""
    if revision is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="sorcha-compare-") as name:
        tree = Path(name) / "tree"
        add = ["git", "worktree", "add", "--detach", str(tree), revision]
        added = subprocess.run(add, cwd=ROOT, capture_output=True, text=True, check=False)
        if added.returncode != 0:
            raise SystemExit(f"{revision} cannot be checked out: {added.stderr.strip().splitlines()[-1]}")
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT, check=False, capture_output=True)


def _rounds(trees: Mapping[str, Path], options: argparse.Namespace) -> dict[str, dict[str, list[float]]]:
    figures: dict[str, dict[str, list[float]]] = {name: {} for name in trees}
    for number in range(options.rounds):
        order = list(trees) if number % 2 == 0 else list(reversed(trees))
        for name in order:
            print(f"round {number + 1} of {options.rounds}: {name}", file=sys.stderr, flush=True)
            for figure, value in _measure(trees[name], options, simulate=number == 0).items():
                figures[name].setdefault(figure, []).append(value)
    return figures


def _measure(tree: Path, options: argparse.Namespace, *, simulate: bool) -> Figures:
    """One round of one revision. The simulator gives the same figures every time, so it is asked once."""
    devnet = [str(tree / "benchmarks" / "devnet.py"), "--json", "--runs", "1", "-n", str(options.nodes)]
    devnet += ["--transactions", str(options.transactions), "--latency-transactions", "50"]
    fast, slow = (result["runs"][0] for result in _run(tree, devnet)["results"])
    found = {**_read(THROUGHPUT, fast), **_read(LATENCY, slow)}
    if simulate and (tree / "sorcha_peer_core" / "cli" / "simulate.py").exists():
        found |= _read(SIMULATOR, _run(tree, ["-m", "sorcha_peer_core", "simulate", *SIMULATED, "--json"]))
    return found


def _run(tree: Path, arguments: Sequence[str]) -> Any:
    path = os.pathsep.join(str(tree / distribution) for distribution in DISTRIBUTIONS)
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, *arguments], cwd=tree, env=environment, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise SystemExit(f"a run failed, so there is nothing to compare: {' '.join(arguments)}")
    return json.loads(done.stdout)


def _read(wanted: Sequence[Wanted], report: Any) -> Figures:
    found = {}
    for each in wanted:
        value = report
        for key in each.keys:
            value = value[key]
        found[each.name] = float(value)
    return found


def _print(options: argparse.Namespace, figures: Mapping[str, Mapping[str, list[float]]]) -> None:
    columns: dict[str, Mapping[str, list[float]]] = dict(figures)
    if BASELINE.exists():
        kept = json.loads(BASELINE.read_text(encoding="utf-8"))
        if kept["nodes"] == options.nodes:
            columns[KEPT] = {name: [value] for name, value in kept["figures"].items()}
    table = Table(title=f"{options.nodes} nodes, medians of {options.rounds} rounds", title_justify="left", box=box.SIMPLE_HEAD)
    for title in ("", *columns, *(f"this / {name}" for name in columns if name != HERE)):
        table.add_column(title, justify="right" if title else "left")
    for name, values in figures[HERE].items():
        cells = {column: median(found[name]) for column, found in columns.items() if name in found}
        ratios = [_ratio(WANTED[name], median(values), cells.get(column)) for column in columns if column != HERE]
        table.add_row(name, *(f"{cells[column]:,.2f}" if column in cells else "-" for column in columns), *ratios)
    console = Console(width=140)
    console.print(table)
    console.print(f"{_machine()}. The baseline is of {kept['machine']}." if KEPT in columns else f"{_machine()}.")


def _ratio(wanted: Wanted, here: float, there: float | None) -> str:
    if not there:
        return "-"
    ratio = here / there
    if 0.95 < ratio < 1.05:
        return f"{ratio:.2f}"
    return f"{ratio:.2f} {'better' if (ratio > 1) == wanted.more_is_better else 'worse'}"


def _machine() -> str:
    return f"{os.cpu_count()} cores, Python {sys.version.split()[0]}"


if __name__ == "__main__":
    sys.exit(main())
