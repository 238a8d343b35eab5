"""A node that was offline with a long queue meets its network: how long until everybody has all of it, and what it takes.

python benchmarks/flush.py                       10,000 transactions of 1 KiB, four other nodes
python benchmarks/flush.py --queued 100000       as many as a queue holds by default

The nodes are real processes. While the first is alone, it is also measured how fast submissions are taken in: one by one from 16
callers at a time, and in batches; each is on disk before it is answered.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.cli.devnet_settle import cpu_s

if TYPE_CHECKING:
    from sorcha_peer_core.cli.cluster import Cluster, NodeProcess

_CALLERS = 16
_SINGLES = 3_200
_BATCH = 250
_PAUSE_S = 0.1
_LIMIT_S = 600.0
_RECEIPTS_S = 20.0
"""What was released before all links were up is asked for once more: a lease, a pause and a round trip."""


def main() -> int:
    options = _options()
    results = [_measure(options.queued, options.nodes, options.size) for _ in range(options.runs)]
    if options.json:
        print(json.dumps({"machine": _machine(), "results": results}, indent=2))
    else:
        _print(results)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--queued", type=int, default=10_000, help="transactions that wait")
    parser.add_argument("--nodes", type=int, default=5, help="nodes of the network, the one that was offline among them")
    parser.add_argument("--size", type=int, default=1024, help="bytes of each transaction")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser.parse_args()


def _measure(queued: int, nodes: int, size: int) -> dict[str, Any]:
    from sorcha_peer_core.cli.cluster import Cluster

    with tempfile.TemporaryDirectory(prefix="sorcha-benchmark-") as root, Cluster(Path(root), nodes) as cluster:
        origin, *others = cluster.nodes
        origin.spawn()
        origin.wait_until_ready()
        rates = _fill(origin, queued, size)
        origin.terminate()
        _start(others)
        result = _flush(cluster, queued)
        return {"queued": queued, "size": size, "nodes": nodes, **rates, **result, **_left(origin)}


def _start(others: Sequence[NodeProcess]) -> None:
    from sorcha_peer_core.cli.cluster import wait_until

    first, *rest = others
    first.spawn()
    first.wait_until_ready()
    for node in rest:
        node.spawn([first.address])
    for node in rest:
        node.wait_until_ready()
    wait_until(lambda: all(_links(node) >= len(rest) for node in others), _LIMIT_S, "the others to be linked", _PAUSE_S)


def _flush(cluster: Cluster, queued: int) -> dict[str, Any]:
    """The origin comes back with its queue."""
    origin, *others = cluster.nodes
    origin.restart([others[0].address])
    before_mb = most_mb = _rss_mb(origin)
    while _links(origin) == 0:
        time.sleep(_PAUSE_S / 10)
    begin, all_before_s, own_before_s = time.monotonic(), cpu_s(cluster.nodes), cpu_s([origin])
    while any(node.status()["transactions"]["stored"] < queued for node in others):
        most_mb = max(most_mb, _rss_mb(origin))
        if time.monotonic() - begin > _LIMIT_S:
            raise SystemExit(f"after {_LIMIT_S:.0f} s: {[node.status()['transactions']['stored'] for node in others]}")
        time.sleep(_PAUSE_S)
    took_s = time.monotonic() - begin
    return {
        "flush_s": took_s,
        "flushed_per_s": queued / took_s,
        "cpu_s": cpu_s(cluster.nodes) - all_before_s,
        "origin_cpu_s": cpu_s([origin]) - own_before_s,
        "rss_mb": before_mb,
        "most_rss_mb": most_mb,
    }


def _left(origin: NodeProcess) -> dict[str, Any]:
    """What of the queue has no receipts, a while after everybody had everything."""
    from sorcha_peer_core.builtin.sqlite_store import build_sqlite_store

    time.sleep(_RECEIPTS_S)
    origin.terminate()
    store = build_sqlite_store("sqlite:///peer.db", origin.data_dir)
    store.open()
    totals = store.queue_totals()
    store.close()
    return {"without_receipts": totals.waiting, **totals._asdict()}


# Taking in.


def _fill(node: NodeProcess, queued: int, size: int) -> dict[str, float]:
    rng = Random(1)
    payloads = (rng.randbytes(size) for _ in range(queued))
    singles = list(islice(payloads, min(queued, _SINGLES)))
    began, before_s = time.monotonic(), cpu_s([node])
    _in_parallel(node, singles)
    took_s, single_cpu_s = time.monotonic() - began, cpu_s([node]) - before_s
    batches = list(_batches(payloads))
    began, before_s = time.monotonic(), cpu_s([node])
    ask = _caller(node)
    for body in batches:
        ask("/transactions/batch", body, "application/x-ndjson")
    rest = queued - len(singles)
    return {
        "singles_per_s": len(singles) / took_s,
        "single_cpu_us": 1e6 * single_cpu_s / len(singles),
        "batched_per_s": rest / (time.monotonic() - began) if rest else 0.0,
        "batched_cpu_us": 1e6 * (cpu_s([node]) - before_s) / max(1, rest),
    }


def _in_parallel(node: NodeProcess, payloads: Sequence[bytes]) -> None:
    def call(some: Sequence[bytes]) -> None:
        ask = _caller(node)
        for payload in some:
            ask("/transactions", payload, "application/octet-stream")

    threads = [threading.Thread(target=call, args=(payloads[number::_CALLERS],)) for number in range(_CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _batches(payloads: Iterator[bytes]) -> Iterator[bytes]:
    while some := list(islice(payloads, _BATCH)):
        yield "\n".join(json.dumps({"payload_b64": b64encode(payload).decode()}) for payload in some).encode()


def _caller(node: NodeProcess) -> Callable[[str, bytes, str], None]:
    """A connection that is kept; who asks hardly costs anything."""
    connection = http.client.HTTPConnection(node.admin, timeout=60.0)
    token = (node.data_dir / "admin.token").read_text(encoding="utf-8").strip()

    def ask(path: str, body: bytes, content_type: str) -> None:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type}
        connection.request("POST", f"/manage/v1{path}", body, headers)
        with connection.getresponse() as response:
            answer = response.read()
            if response.status >= 300:
                raise SystemExit(f"{path}: {response.status} {answer[:200]!r}")

    return ask


# The processes.


def _links(node: NodeProcess) -> int:
    return int(node.status()["peers"]["connected"])


def _rss_mb(node: NodeProcess) -> float:
    import psutil

    return float(psutil.Process(node.pid).memory_info().rss / 1e6)


# What came of it.


def _print(results: Sequence[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title="A queue that waited for the network", title_justify="left", box=box.SIMPLE_HEAD)
    for title in (
        "queued", "taken one by one /s", "in batches /s", "flushed in s", "tx/s", "CPU s, all nodes", "CPU s, origin",
        "RSS MB before", "at most", "without receipts",
    ):  # fmt: skip
        table.add_column(title, justify="right")
    for r in results:
        rates = (f"{r[key]:,.0f}" for key in ("singles_per_s", "batched_per_s"))
        cost = (f"{r[key]:.1f}" for key in ("cpu_s", "origin_cpu_s"))
        sizes = (f"{r[key]:.0f}" for key in ("rss_mb", "most_rss_mb"))
        flushed = (f"{r['flush_s']:.1f}", f"{r['flushed_per_s']:,.0f}")
        table.add_row(f"{r['queued']:,}", *rates, *flushed, *cost, *sizes, str(r["without_receipts"]))
    console = Console(width=140)
    console.print(table)
    console.print(f"{_machine()}.")


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
