"""How quick the pages of a node are when there is much to show, and what those who watch a node cost it.

python benchmarks/pages.py                       both
python benchmarks/pages.py --only pages          every page with 1,000 known peers, 10,000 events and 10,000 transactions
python benchmarks/pages.py --only streams        20 open event streams at one of 5 nodes: CPU when idle, throughput under load

The pages are those of the application over a stand-in for a node that answers at once, without a network: what is measured is the
view, the template and the framework. The streams are open at real node processes, with and without in turn.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import selectors
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.cli.devnet_settle import cpu_s

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from sorcha_peer_core.cli.cluster import Cluster, NodeProcess

FAKES = Path(__file__).resolve().parents[1] / "admin" / "tests"
TOKEN = "benchmark"
NODES = 5
_TRANSACTIONS = 3_000
_BATCH = 250
_SIZE = 1024
_LIMIT_S = 300.0
_SETTLE_S = 5.0
_PAUSE_S = 0.02


def main() -> int:
    options = _options()
    results: dict[str, Any] = {}
    if options.only != "streams":
        results["pages"] = measure_pages(options.peers, options.events, options.requests)
        if not options.json:
            _print_pages(results["pages"])
    if options.only != "pages":
        results["streams"] = measure_streams(options.streams, options.runs, options.idle, options.transactions)
        if not options.json:
            _print_streams(results["streams"])
    if options.json:
        print(json.dumps(results, indent=2))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", choices=("pages", "streams"))
    parser.add_argument("--peers", type=int, default=1_000, help="known peers")
    parser.add_argument("--events", type=int, default=10_000, help="kept events, and as many transactions in the log")
    parser.add_argument("--requests", type=int, default=30, help="of each page")
    parser.add_argument("--streams", type=int, default=20, help="open event streams")
    parser.add_argument("--runs", type=int, default=3, help="with and without streams, in turn")
    parser.add_argument("--idle", type=float, default=20.0, help="seconds for which an idle node is watched")
    parser.add_argument("--transactions", type=int, default=_TRANSACTIONS, help="of each run under load")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser.parse_args()


# The pages.


def measure_pages(peers: int, events: int, requests: int) -> list[dict[str, Any]]:
    """Milliseconds and bytes of every page of the navigation, and of the fragments and data that scripts ask for."""
    with tempfile.TemporaryDirectory(prefix="sorcha-benchmark-") as folder:
        client = _client(_crowded(Path(folder), peers, events))
        return [_measured(client, path, requests) for path in _paths(client)]


def _crowded(folder: Path, peers: int, events: int) -> Any:
    """A stand-in for a node that knows and remembers much."""
    sys.path.append(str(FAKES))
    from admin_fakes import FIRST_EVENT_ID, LINKED, FakeNode, event_entry, sample

    from sorcha_peer_core.model.ids import PeerId

    node, rng = FakeNode(folder), Random(1)
    ids = [PeerId(rng.randbytes(20).hex()) for _ in range(peers)]
    node.known_peers = [replace(LINKED, peer_id=it, name=f"peer-{number}", status="linked" if number < 50 else "known")
                        for number, it in enumerate(ids)]  # fmt: skip
    node.event_entries = [
        event_entry(FIRST_EVENT_ID + number, peer_id=ids[number % peers], transport="grpcstream", outbound=True, address="a:1")
        for number in range(events)
    ]
    for _ in range(events):
        node.append()
    now = int(time.time())
    node.samples = [sample(now - 86_400 + 60 * minute, minute) for minute in range(1430)]
    node.samples += [sample(now - 600 + second, 1430 + second) for second in range(600)]
    return node


def _client(node: Any) -> FlaskClient:
    from sorcha_peer_admin.app import create_app

    client = create_app(node, TOKEN).test_client()
    answer = client.post("/admin/login", data={"secret": TOKEN})
    assert answer.status_code == 303, answer.text
    return client


def _paths(client: FlaskClient) -> list[str]:
    navigation = client.get("/admin/").text.partition("<nav")[2].partition("</nav>")[0]
    pages = [part.partition('"')[0] for part in navigation.split('href="')[1:]]
    asked = ["/admin/peers/table?sort=latency", "/admin/peers?q=peer-77", "/admin/peers.csv", "/admin/events?text=peer-77"]
    return (
        pages
        + asked
        + ["/admin/live?once=1", "/manage/v1/peers", "/manage/v1/events?limit=1000", "/manage/v1/history", "/metrics"]
    )


def _measured(client: FlaskClient, path: str, requests: int) -> dict[str, Any]:
    client.get(path)  # templates are compiled once
    took_ms, size = [], 0
    for _ in range(requests):
        began_s = time.perf_counter()
        answer = client.get(path)
        size = len(answer.data)
        took_ms.append(1e3 * (time.perf_counter() - began_s))
    p95_ms = quantiles(took_ms, n=20)[-1] if len(took_ms) > 1 else took_ms[0]
    return {"path": path, "status": answer.status_code, "median_ms": median(took_ms), "p95_ms": p95_ms, "bytes": size}


# The streams.


def measure_streams(streams: int, runs: int, idle_s: float, transactions: int) -> dict[str, Any]:
    """CPU of an idle node and throughput of its network, with and without somebody who watches, in turn."""
    from sorcha_peer_core.cli.cluster import Cluster

    with tempfile.TemporaryDirectory(prefix="sorcha-benchmark-") as root, Cluster(Path(root), NODES) as cluster:
        cluster.start()
        cluster.wait_until_linked(NODES - 1, _LIMIT_S)
        time.sleep(_SETTLE_S)
        watched, rounds = cluster.nodes[0], []
        for number in range(runs):
            order = (0, streams) if number % 2 == 0 else (streams, 0)
            for count in order:
                rounds.append(_round(cluster, watched, count, idle_s, transactions, number))
    return {"streams": streams, "nodes": NODES, "transactions": transactions, "rounds": rounds}


def _round(cluster: Cluster, watched: NodeProcess, count: int, idle_s: float, transactions: int, number: int) -> dict[str, Any]:
    with _watching(watched, count) as told:
        time.sleep(1.0)
        before_s, began_s = cpu_s([watched]), time.monotonic()
        time.sleep(idle_s)
        idle = (cpu_s([watched]) - before_s) / (time.monotonic() - began_s)
        load = _publish(cluster, transactions, seed=2 * number + bool(count))
        return {"open": count, "idle_cpu_percent": 100 * idle, **load, "bytes_told": told[0]}


def _publish(cluster: Cluster, transactions: int, seed: int) -> dict[str, Any]:
    rng = Random(seed)
    payloads = (rng.randbytes(_SIZE) for _ in range(transactions))
    batches = list(iter(lambda: list(islice(payloads, _BATCH)), []))
    wanted = cluster.nodes[0].status()["transactions"]["stored"] + transactions
    before_s, watched_before_s, began_s = cpu_s(cluster.nodes), cpu_s(cluster.nodes[:1]), time.monotonic()
    workers = [
        threading.Thread(target=lambda node=node, own=batches[place::NODES]: [node.client.submit_batch(batch) for batch in own])
        for place, node in enumerate(cluster.nodes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    while any(node.status()["transactions"]["stored"] < wanted for node in cluster.nodes):
        if time.monotonic() - began_s > _LIMIT_S:
            raise SystemExit("the transactions did not arrive everywhere")
        time.sleep(_PAUSE_S)
    took_s = time.monotonic() - began_s
    watched_cpu_s = cpu_s(cluster.nodes[:1]) - watched_before_s
    return {"tx_per_s": transactions / took_s, "cpu_s": cpu_s(cluster.nodes) - before_s, "watched_cpu_s": watched_cpu_s}


@contextmanager
def _watching(node: NodeProcess, count: int) -> Iterator[list[int]]:
    """So many readers of the node's events and of what its pages are told, half of each; counts the bytes they got."""
    told, over = [0], threading.Event()
    cookie = _session_of(node)
    streams = [_stream(node, "/admin/live" if number % 2 else "/manage/v1/events?follow=1", cookie) for number in range(count)]
    reader = threading.Thread(target=_drain, args=(streams, told, over))
    reader.start()
    try:
        yield told
    finally:
        over.set()
        reader.join()
        for stream in streams:
            stream.close()


def _session_of(node: NodeProcess) -> str:
    connection = http.client.HTTPConnection(node.admin, timeout=30)
    secret = (node.data_dir / "admin.token").read_text(encoding="ascii").strip()
    connection.request("POST", "/admin/login", f"secret={secret}", {"Content-Type": "application/x-www-form-urlencoded"})
    cookie = connection.getresponse().headers["Set-Cookie"].partition(";")[0]
    connection.close()
    return cookie


def _stream(node: NodeProcess, path: str, cookie: str) -> socket.socket:
    host, _, port = node.admin.rpartition(":")
    stream = socket.create_connection((host, int(port)), timeout=30)
    stream.sendall(f"GET {path} HTTP/1.1\r\nHost: {node.admin}\r\nCookie: {cookie}\r\n\r\n".encode())
    answer = stream.recv(64)
    if b" 200 " not in answer:
        raise SystemExit(f"{path}: {answer!r}")
    stream.setblocking(False)
    return stream


def _drain(streams: Sequence[socket.socket], told: list[int], over: threading.Event) -> None:
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream, selectors.EVENT_READ)
        while not over.is_set():
            for key, _ in selector.select(0.2) if streams else _nothing(over):
                told[0] += len(os.read(key.fd, 65_536))


def _nothing(over: threading.Event) -> Sequence[tuple[selectors.SelectorKey, int]]:
    over.wait(0.2)
    return ()


# What came of it.


def _print_pages(pages: Sequence[dict[str, Any]]) -> None:
    print(f"{'page':<34}{'median ms':>11}{'p95 ms':>9}{'KiB':>8}")
    for page in pages:
        mark = "" if page["status"] == 200 else f"  answered {page['status']}"
        print(f"{page['path']:<34}{page['median_ms']:>11.1f}{page['p95_ms']:>9.1f}{page['bytes'] / 1024:>8.0f}{mark}")


def _print_streams(result: dict[str, Any]) -> None:
    print(f"\n{result['nodes']} nodes, {result['transactions']} transactions a run; the streams are open at the first node")
    print(f"{'open':>5}{'idle CPU %':>12}{'tx/s':>8}{'CPU s, all':>12}{'CPU s, watched':>16}{'KiB told':>10}")
    for line in result["rounds"]:
        print(
            f"{line['open']:>5}{line['idle_cpu_percent']:>12.1f}{line['tx_per_s']:>8.0f}{line['cpu_s']:>12.2f}"
            f"{line['watched_cpu_s']:>16.2f}{line['bytes_told'] / 1024:>10.0f}"
        )
    for count in (0, result["streams"]):
        same = [line for line in result["rounds"] if line["open"] == count]
        idle, rate = (median(line[key] for line in same) for key in ("idle_cpu_percent", "tx_per_s"))
        print(f"median with {count} open: {idle:.1f} % of a core when idle, {rate:.0f} tx/s")


if __name__ == "__main__":
    sys.exit(main())
