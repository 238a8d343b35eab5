"""How long it takes until every node of a network on this machine knows every other, when all know one bootstrap node.

python benchmarks/discovery.py                      20 nodes, once
python benchmarks/discovery.py --nodes 100          more
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import psutil
from rich import box
from rich.console import Console
from rich.table import Table

from sorcha_peer_core.cli.cluster import Cluster, NodeProcess
from sorcha_peer_core.cli.devnet_settle import cpu_s
from sorcha_peer_core.errors import PeerError

CONFIG = {"communication": {"transports": ["grpcstream"]}, "store": {"url": "memory://"}}
"""The least that a node needs: one transport, nothing on disk. Links are encrypted, as they are by default."""
LIMIT_S = 300.0
_PAUSE_S = 0.2
_ASKED_AT_A_TIME = 4
"""What asking costs is part of what is measured: only a few nodes are asked at a time, and none again that knows everybody."""


class Moments(NamedTuple):
    """Monotonic seconds."""

    began_s: float
    first_ready_s: float
    last_spawned_s: float
    all_ready_s: float
    all_known_s: float


class Cpu(NamedTuple):
    """Seconds of all nodes together."""

    when_ready_s: float
    at_the_end_s: float


def main() -> int:
    options = _options()
    runs = []
    for run in range(1, options.runs + 1):
        print(f"{options.nodes} nodes, run {run} of {options.runs}", file=sys.stderr, flush=True)
        runs.append(_run(options.nodes, options.keep_s))
    if options.json:
        print(json.dumps({"machine": _machine(), "nodes": options.nodes, "runs": runs}, indent=2))
    else:
        _print(options.nodes, runs)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-n", "--nodes", type=int, default=20, help="size of the network, at least 2")
    parser.add_argument("--runs", type=int, default=1, help="how often it is measured")
    parser.add_argument("--keep-s", type=float, default=0.0, help="let the network run on for so long, for whoever looks at it")
    parser.add_argument("--json", action="store_true", help="every run, for programs")
    options = parser.parse_args()
    if options.nodes < 2:
        parser.error("a network has at least 2 nodes")
    return options


def _run(count: int, keep_s: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="sorcha-benchmark-") as name, Cluster(Path(name), count, [CONFIG] * count) as cluster:
        alone_cpu_s, moments, cpu = _form(cluster)
        found = _found(cluster.nodes)
        time.sleep(keep_s)
    spawned_s = moments.last_spawned_s
    return {
        "start_of_one_alone_s": moments.first_ready_s - moments.began_s,
        "start_of_one_alone_cpu_s": alone_cpu_s,
        "spawning_s": spawned_s - moments.first_ready_s,
        "last_spawned_to_all_ready_s": moments.all_ready_s - spawned_s,
        "last_spawned_to_all_known_s": moments.all_known_s - spawned_s,
        "all_ready_to_all_known_s": moments.all_known_s - moments.all_ready_s,
        "cpu_of_all_starts_s": alone_cpu_s * count,
        "cpu_when_ready_s": cpu.when_ready_s,
        "cpu_at_the_end_s": cpu.at_the_end_s,
        "cpu_per_node_beyond_start_s": cpu.at_the_end_s / count - alone_cpu_s,
        **found,
    }


def _form(cluster: Cluster) -> tuple[float, Moments, Cpu]:
    """Start the nodes and wait; the first value is the CPU that a node took to start with nobody around."""
    first, *others = cluster.nodes
    began_s = time.monotonic()
    first.spawn()
    first.wait_until_ready()
    first_ready_s, alone_cpu_s = time.monotonic(), cpu_s([first])
    for node in others:
        node.spawn([first.address])
    last_spawned_s = time.monotonic()
    for node in others:
        node.wait_until_ready(LIMIT_S)
    all_ready_s, when_ready_s = time.monotonic(), cpu_s(cluster.nodes)
    _wait_until_all_known(cluster.nodes)
    moments = Moments(began_s, first_ready_s, last_spawned_s, all_ready_s, time.monotonic())
    return alone_cpu_s, moments, Cpu(when_ready_s, cpu_s(cluster.nodes))


def _wait_until_all_known(nodes: Sequence[NodeProcess]) -> None:
    waiting, deadline = list(nodes), time.monotonic() + LIMIT_S
    while waiting:
        if time.monotonic() > deadline:
            raise PeerError(f"after {LIMIT_S:.0f} s {len(waiting)} of {len(nodes)} nodes do not know all others")
        asked, waiting = waiting[:_ASKED_AT_A_TIME], waiting[_ASKED_AT_A_TIME:]
        missing = [node for node in asked if node.status()["peers"]["known"] < len(nodes) - 1]
        # The one that lacked somebody a moment ago is asked last; when all of a handful did, it is time to wait.
        waiting += missing
        if len(missing) == len(asked):
            time.sleep(_PAUSE_S)


def _found(nodes: Sequence[NodeProcess]) -> dict[str, Any]:
    """What the nodes say afterwards: links, how long after its start each was linked to the bootstrap node, memory."""
    first, *others = nodes
    links = [node.status()["peers"]["connected"] for node in nodes]
    linked = [took_s for node in others if (took_s := _linked_after_s(node, first)) is not None]
    return {
        "links": {"least": min(links), "median": median(links), "most": max(links)},
        "bootstrap_link_s": {"median": median(linked), "most": max(linked)} if linked else None,
        "still_linked_to_bootstrap": len(linked),
        "rss_mb": max(psutil.Process(node.pid).memory_info().rss for node in nodes) / 1e6,
    }


def _linked_after_s(node: NodeProcess, other: NodeProcess) -> float | None:
    """Since the node's start, by its own clock; None when that link is gone."""
    uptime_s = node.status()["uptime_s"]
    ages = [peer["link_age_s"] for peer in node.client.peers() if peer["id"] == other.peer_id]
    return max(0.0, uptime_s - ages[0]) if ages and ages[0] is not None else None


def _print(count: int, runs: Sequence[dict[str, Any]]) -> None:
    table = Table(title=f"{count} nodes, one bootstrap node", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("")
    table.add_column("minimum / median / maximum", justify="right")
    rows = {
        "last process spawned -> every node knows all others, s": "last_spawned_to_all_known_s",
        "all processes ready -> every node knows all others, s": "all_ready_to_all_known_s",
        "last process spawned -> all ready, s": "last_spawned_to_all_ready_s",
        "start of one process alone, s": "start_of_one_alone_s",
        "start of one process alone, CPU s": "start_of_one_alone_cpu_s",
        "CPU of all, s": "cpu_at_the_end_s",
        "of that, what starting alone takes, s": "cpu_of_all_starts_s",
        "CPU per node beyond that, s": "cpu_per_node_beyond_start_s",
    }
    for title, key in rows.items():
        table.add_row(title, _spread([run[key] for run in runs]))
    linked = [run["bootstrap_link_s"] for run in runs if run["bootstrap_link_s"]]
    for title, key in {"start -> linked to the bootstrap node, median, s": "median", "the slowest, s": "most"}.items():
        table.add_row(title, _spread([each[key] for each in linked]) if linked else "-")
    table.add_row("links per node, median", _spread([run["links"]["median"] for run in runs]))
    table.add_row("RSS of the largest, MB", _spread([run["rss_mb"] for run in runs]))
    console = Console(width=120)
    console.print(table)
    least_s = median(run["cpu_of_all_starts_s"] for run in runs) / (os.cpu_count() or 1)
    console.print(f"{_machine()}. Starting {count} processes takes at least {least_s:.1f} s here, whatever they do then.")


def _spread(values: Sequence[float]) -> str:
    return " / ".join(f"{value:,.2f}" for value in (min(values), median(values), max(values)))


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
