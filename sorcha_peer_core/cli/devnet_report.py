"""What a run of devnet showed, computed from what its nodes logged. Pure: no clock, no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, NamedTuple

PERCENTILES = (50, 95, 99)


class Published(NamedTuple):
    """One distinct payload and the node it was submitted to."""

    origin: int
    size: int


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """What one node had to say at the end."""

    received_ms: Mapping[str, float] = field(default_factory=dict)
    """Its arrival log: hash to Unix milliseconds; for its own submissions the moment of their commit."""
    payload_bytes: int = 0
    copies_received: int = 0
    """Copies of transactions that came over its links while it was measured."""
    sent_bytes: int = 0
    links: Mapping[str, int] = field(default_factory=dict)
    rss_bytes: int = 0
    cpu_s: float = 0.0
    problem: str = ""
    """Why it could not be asked; empty when it answered."""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything the report is computed from."""

    published: Mapping[str, Published]
    """By hash; a payload that was given twice stands here once."""
    nodes: Sequence[NodeRecord]
    first_submission_ms: float
    start_s: float
    wall_s: float
    settle_s: float = 0.0


def report_of(run: Run) -> dict[str, Any]:
    """The report as ``devnet --json`` prints it."""
    nodes, transactions = run.nodes, len(run.published)
    missing = missing_of(run)
    return {
        "nodes": len(nodes),
        "transactions": transactions,
        "payload_bytes": sum(item.size for item in run.published.values()),
        "complete": not missing,
        "wall_s": round(run.wall_s, 3),
        "start_s": round(run.start_s, 3),
        "settle_s": round(run.settle_s, 3),
        **{f"time_to_{share}_ms": _percentiles(times_to_share_ms(run, share)) for share in (50, 90, 100)},
        "throughput_tx_s": _rounded(throughput_tx_s(run), 1),
        "copies_per_node": _rounded(_per_node_and_transaction((node.copies_received for node in nodes), run), 3),
        "bytes_per_node_per_tx": _rounded(_per_node_and_transaction((node.sent_bytes for node in nodes), run), 1),
        "transports": transports_of(nodes),
        "rss_mb": [round(node.rss_bytes / 1e6, 1) for node in nodes],
        "cpu_s_per_1000_tx_per_node": _rounded(_per_node_and_transaction((node.cpu_s * 1000 for node in nodes), run), 3),
        "missing": missing,
    }


def missing_of(run: Run) -> list[dict[str, Any]]:
    """The nodes that do not hold exactly what was published, and what is wrong with each."""
    wanted_bytes = sum(item.size for item in run.published.values())
    found = []
    for number, node in enumerate(run.nodes, start=1):
        lacking = len(run.published.keys() - node.received_ms.keys())
        foreign = len(node.received_ms.keys() - run.published.keys())
        if lacking or foreign or node.problem or node.payload_bytes != wanted_bytes:
            found.append({"node": number, "lacking": lacking, "foreign": foreign, "problem": node.problem})
    return found


def times_to_share_ms(run: Run, percent: int) -> list[float]:
    """For each transaction that got so far: milliseconds from its commit until ``percent`` of all nodes had it."""
    needed = nodes_in_share(len(run.nodes), percent)
    times = []
    for tx_hash, item in run.published.items():
        committed_ms = run.nodes[item.origin].received_ms.get(tx_hash)
        if committed_ms is None:
            continue
        # The origin has it at 0 by definition; it is sorted in like the others.
        reached = sorted(node.received_ms[tx_hash] - committed_ms for node in run.nodes if tx_hash in node.received_ms)
        if len(reached) >= needed:
            times.append(reached[needed - 1])
    return times


def nodes_in_share(nodes: int, percent: int) -> int:
    """How many nodes are at least ``percent`` of them.

    >>> [nodes_in_share(5, percent) for percent in (50, 90, 100)]
    [3, 5, 5]
    >>> nodes_in_share(10, 90)
    9
    """
    return ceil(nodes * percent / 100)


def percentile(values: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile of values that are not empty.

    >>> percentile([4.0, 1.0, 3.0, 2.0], 50), percentile([4.0, 1.0, 3.0, 2.0], 95)
    (2.0, 4.0)
    """
    return sorted(values)[max(1, ceil(len(values) * percent / 100)) - 1]


def throughput_tx_s(run: Run) -> float | None:
    """Transactions per second from the first submission to the last arrival anywhere."""
    arrivals = [moment for node in run.nodes for moment in node.received_ms.values()]
    if not arrivals or max(arrivals) <= run.first_submission_ms:
        return None
    return len(run.published) / (max(arrivals) - run.first_submission_ms) * 1000


def transports_of(nodes: Iterable[NodeRecord]) -> dict[str, int]:
    """Links by transport; both ends count a link, so the sum is halved."""
    ends: Counter[str] = Counter()
    for node in nodes:
        ends.update(node.links)
    return {transport: ceil(count / 2) for transport, count in sorted(ends.items())}


def _percentiles(values: Sequence[float]) -> dict[str, float | None]:
    return {f"p{percent}": round(percentile(values, percent), 3) if values else None for percent in PERCENTILES}


def _per_node_and_transaction(amounts: Iterable[float], run: Run) -> float | None:
    if not run.published or not run.nodes:
        return None
    return sum(amounts) / len(run.nodes) / len(run.published)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
