"""How much memory a node takes that knows many peers and is linked to 64 of them.

python benchmarks/memory.py                          1,000 and 10,000 known peers
python benchmarks/memory.py --known 1000 --links 8   other numbers

The node is a real process with everything that ships. The peers it is linked to are real nodes as well, in one other process;
those it only knows are rows of its peer table with addresses at which nobody answers, so it keeps trying.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

NEIGHBOURS = "neighbours"
_LIMIT_S = 120.0
_PAUSE_S = 0.5
_NOBODY_LISTENS = 9


def main() -> int:
    if sys.argv[1:2] == [NEIGHBOURS]:
        return _be_neighbours(int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
    options = _options()
    results = [_idle(), *(_measure(known, options.links, options.settle_s) for known in options.known)]
    if options.json:
        print(json.dumps({"machine": _machine(), "results": results}, indent=2))
    else:
        _print(results)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--known", type=int, nargs="+", default=[1000, 10_000], help="peers that the node knows")
    parser.add_argument("--links", type=int, default=64, help="peers that it is linked to; they are among those it knows")
    parser.add_argument("--settle-s", type=float, default=60.0, help="how long it is watched once all links are up")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser.parse_args()


# The node that is measured.


def _idle() -> dict[str, Any]:
    """A node that is alone in the world."""
    from sorcha_peer_core.cli.cluster import Cluster

    with tempfile.TemporaryDirectory(prefix="sorcha-benchmark-") as root, Cluster(Path(root), 1) as cluster:
        [node] = cluster.nodes
        node.spawn()
        node.wait_until_ready()
        return {"known": 0, "links": 0, "rss_mb": _rss_mb(node.pid), "most_rss_mb": _rss_mb(node.pid), "cpu_ratio": None}


def _measure(known: int, links: int, settle_s: float) -> dict[str, Any]:
    from sorcha_peer_core.cli.cluster import Cluster

    print(f"{known} known peers, {links} links", file=sys.stderr, flush=True)
    config = {
        "peer_discovery": {"max_peers_in_list": known},
        "communication": {"max_connections": links},
        # It wants a link to everybody, so it gives none up.
        "transaction_distribution": {"full_mesh_max_peers": 2 * known},
    }
    with tempfile.TemporaryDirectory(prefix="sorcha-benchmark-") as root, Cluster(Path(root), 1, [config]) as cluster:
        [node] = cluster.nodes
        _fill_table(node.data_dir, known - links)
        node.spawn()
        node.wait_until_ready()
        with _neighbours(links, node.address, Path(root)):
            _wait_for_links(node, links)
            return {"known": node.status()["peers"]["known"], "links": links, **_watch(node.pid, settle_s)}


def _fill_table(data_dir: Path, rows: int) -> None:
    """Peers that were met a moment ago, each with a record of the usual size under a real signature."""
    from sorcha_peer_core import __version__
    from sorcha_peer_core.builtin.sqlite_store import build_sqlite_store
    from sorcha_peer_core.model.peer import Endpoint, PeerRow
    from sorcha_peer_core.services.identity import Identity

    def row(number: int) -> PeerRow:
        host = f"127.{1 + number // 65536}.{number // 256 % 256}.{number % 256}"
        endpoints = tuple(Endpoint(scheme, host, _NOBODY_LISTENS) for scheme in ("grpc", "rest"))
        seed = sha256(b"%d" % number).digest()
        record = Identity(seed).record("sorcha", endpoints, f"peer {number}", f"sorcha-peer/{__version__}", (seed,))
        return PeerRow(record, first_seen_at=now, last_seen_at=now)

    now = int(time.time())
    store = build_sqlite_store("sqlite:///peer.db", data_dir)
    store.open()
    store.save_peers([row(number) for number in range(rows)])
    store.close()


def _wait_for_links(node: Any, links: int) -> None:
    deadline = time.monotonic() + _LIMIT_S
    while (linked := node.status()["peers"]["connected"]) < links:
        if time.monotonic() > deadline:
            raise SystemExit(f"after {_LIMIT_S:.0f} s the node is linked to {linked} of {links} peers: {node.last_words()}")
        time.sleep(_PAUSE_S)


def _watch(pid: int, settle_s: float) -> dict[str, Any]:
    cpu_s, most_mb = _cpu_s(pid), _rss_mb(pid)
    deadline = time.monotonic() + settle_s
    while time.monotonic() < deadline:
        time.sleep(_PAUSE_S)
        most_mb = max(most_mb, _rss_mb(pid))
    return {"rss_mb": _rss_mb(pid), "most_rss_mb": most_mb, "cpu_ratio": (_cpu_s(pid) - cpu_s) / settle_s if settle_s else None}


def _rss_mb(pid: int) -> float:
    import psutil

    return float(psutil.Process(pid).memory_info().rss / 1e6)


def _cpu_s(pid: int) -> float:
    import psutil

    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


# Those it is linked to.


@contextmanager
def _neighbours(count: int, address: str, root: Path) -> Iterator[None]:
    command = [sys.executable, __file__, NEIGHBOURS, str(count), address, str(root / NEIGHBOURS)]
    with (
        open(root / f"{NEIGHBOURS}.log", "wb") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log) as process,
    ):
        try:
            yield
        finally:
            process.kill()


def _be_neighbours(count: int, address: str, root: Path) -> int:
    """So many nodes in this process, each with one link: to ``address``. Until stdin ends."""
    import sorcha_peer_core.testing.patched  # noqa: F401  (before everything that opens sockets)

    # isort: split
    import gevent

    from sorcha_peer_core.builtin import plugin as builtin
    from sorcha_peer_core.config import Config
    from sorcha_peer_core.node import Node
    from sorcha_peer_core.plugin_manager import PluginManager
    from sorcha_transport_grpcstream import plugin as grpcstream

    for number in range(count):
        settings = {
            "node": {"data_dir": str(root / str(number)), "name": f"neighbour {number}"},
            "peer_discovery": {"bootstrap_nodes": [address], "max_peers_in_list": 50},
            "communication": {"transports": ["grpcstream"], "listen": "127.0.0.1:0", "max_connections": 1},
            "store": {"url": "memory://"},
        }
        plugins = PluginManager([("builtin", builtin), ("grpcstream", grpcstream)], discover=False)
        Node(Config.model_validate(settings), plugins).start()
    # On a native thread: the nodes go on meanwhile.
    gevent.get_hub().threadpool.apply(sys.stdin.read)
    return 0


# What came of it.


def _print(results: Sequence[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Memory of one node", title_justify="left", box=box.SIMPLE_HEAD)
    for title in ("known peers", "links", "RSS MB at the end", "RSS MB at most", "CPU, share of a core"):
        table.add_column(title, justify="right")
    for result in results:
        cpu = "" if result["cpu_ratio"] is None else f"{result['cpu_ratio']:.1%}"
        rss = (f"{result[key]:.0f}" for key in ("rss_mb", "most_rss_mb"))
        table.add_row(f"{result['known']:,}", str(result["links"]), *rss, cpu)
    console = Console(width=120)
    console.print(table)
    console.print(f"{_machine()}.")


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
