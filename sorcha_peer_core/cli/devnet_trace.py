"""How transactions spread over a devnet, joined from what each node traced. Pure: no clock, no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sorcha_peer_core.cli.devnet_report import PERCENTILES, nodes_in_share, percentile

MOST_SAMPLED = 50
_MOST_BACK = 5000
"""Nodes keep traces of their latest transactions only."""
_MOST_LINES = 60

Json = Mapping[str, Any]


def sample_of(hashes: Sequence[str], most: int = MOST_SAMPLED) -> list[str]:
    """Some of the latest, evenly spread.

    >>> sample_of(list("abcdefghij"), most=3)
    ['a', 'd', 'g']
    """
    latest = hashes[-_MOST_BACK:]
    return [latest[place * len(latest) // most] for place in range(most)] if len(latest) > most else list(latest)


def spread_of(tx_hash: str, traces: Sequence[Json | None], peer_ids: Sequence[str]) -> dict[str, Any] | None:
    """How one transaction came to the nodes; None when no origin is among those that traced it.

    Nodes are numbered from 1. Milliseconds count from its release at the origin to its verification, by the clock on the wall,
    which is one and the same for all.
    """
    found = [(node, trace) for node, trace in enumerate(traces, start=1) if trace is not None]
    origin = next(((node, trace) for node, trace in found if trace["hops"] == 0), None)
    if origin is None:
        return None
    numbers = {peer_id: node for node, peer_id in enumerate(peer_ids, start=1)}
    arrivals = [_arrival(node, trace, origin[1]["first_ms"], numbers) for node, trace in found if node != origin[0]]
    return {
        "hash": tx_hash,
        "origin": origin[0],
        "nodes": len(traces),
        "arrivals": sorted(arrivals, key=lambda arrival: (arrival["ms"], arrival["node"])),
    }


def _arrival(node: int, trace: Json, released_ms: float, numbers: Mapping[str, int]) -> dict[str, Any]:
    first: Json = trace["copies"][0] if trace["copies"] else {"peer": "", "by": "", "hop": 0}
    return {
        "node": node,
        "from": numbers.get(first["peer"]),
        "by": first["by"],
        "hop": trace["hops"],
        "ms": round(trace["first_ms"] + trace["verified_after_ms"] - released_ms, 3),
        "copies": trace["copies_received"],
    }


def trace_report(spreads: Sequence[Json], sampled: int) -> dict[str, Any]:
    """What ``devnet --trace --json`` adds to the report."""
    nodes = sum(spread["nodes"] for spread in spreads)
    copies = [arrival["copies"] for spread in spreads for arrival in spread["arrivals"]]
    return {
        "sampled": sampled,
        "traced": len(spreads),
        "coverage": round(sum(len(spread["arrivals"]) + 1 for spread in spreads) / nodes, 4) if nodes else None,
        **{f"time_to_{share}_ms": _times(spreads, share) for share in (50, 90, 100)},
        "copies_per_receiver": round(sum(copies) / len(copies), 3) if copies else None,
        "transactions": list(spreads),
    }


def _times(spreads: Sequence[Json], share: int) -> dict[str, float | None]:
    times = [ms for spread in spreads if (ms := time_to_share_ms(spread, share)) is not None]
    return {f"p{percent}": round(percentile(times, percent), 3) if times else None for percent in PERCENTILES}


def time_to_share_ms(spread: Json, share: int) -> float | None:
    """Until so many percent of all nodes had it, the origin counted; None when they never did."""
    reached = sorted([0.0, *(arrival["ms"] for arrival in spread["arrivals"])])
    needed = nodes_in_share(spread["nodes"], share)
    return reached[needed - 1] if len(reached) >= needed else None


def shown_of(spreads: Sequence[Json]) -> list[Json]:
    """The one of median speed, and the slowest if it is another."""
    order = sorted(spreads, key=lambda spread: spread["arrivals"][-1]["ms"] if spread["arrivals"] else 0.0)
    if not order:
        return []
    median, slowest = order[(len(order) - 1) // 2], order[-1]
    return [median] if median is slowest else [median, slowest]


def tree_of(spread: Json) -> list[tuple[int, Json | None]]:
    """Depth and arrival of each node in the order of a drawn tree; the origin has no arrival. No node comes twice."""
    children: dict[int | None, list[Json]] = {}
    for arrival in spread["arrivals"]:
        children.setdefault(arrival["from"], []).append(arrival)
    drawn: list[tuple[int, Json | None]] = [(0, None)]

    def draw(parent: int | None, depth: int) -> None:
        for arrival in children.pop(parent, ()):
            drawn.append((depth, arrival))
            draw(arrival["node"], depth + 1)

    draw(spread["origin"], 1)
    # Whose sender nobody knows, or did not answer.
    for parent in list(children):
        draw(parent, 1)
    return drawn


def lines_of(report: Json) -> Iterator[str]:
    """The picture as text."""
    yield f"How {report['traced']} of them spread, in milliseconds from the release at the origin until a node has verified it:"
    if report["traced"] < report["sampled"]:
        yield f"{report['sampled'] - report['traced']} more were asked for, and are no longer traced."
    if report["coverage"] is not None:
        copies = report["copies_per_receiver"] or 0.0
        yield f"coverage {report['coverage'] * 100:.1f} % of the nodes, {copies:.2f} copies per receiver"
    for share in (50, 90, 100):
        times = ", ".join(f"{name} {ms:,.1f} ms" for name, ms in report[f"time_to_{share}_ms"].items() if ms is not None)
        yield f"time to {share} %: {times or 'no transaction got so far'}"
    for spread in shown_of(report["transactions"]):
        yield ""
        yield from _tree_lines(spread)


def _tree_lines(spread: Json) -> Iterator[str]:
    yield f"{spread['hash']}"
    drawn = tree_of(spread)
    for depth, arrival in drawn[:_MOST_LINES]:
        if arrival is None:
            yield f"node {spread['origin']}  origin"
        else:
            yield f"{'   ' * (depth - 1)}└─ {_arrival_text(arrival)}"
    if len(drawn) > _MOST_LINES:
        yield f"... and {len(drawn) - _MOST_LINES} nodes more"


def _arrival_text(arrival: Json) -> str:
    copies = f", {arrival['copies']} copies" if arrival["copies"] != 1 else ""
    lost = "" if arrival["from"] else ", from somebody who is no longer known"
    return f"node {arrival['node']}  {arrival['ms']:,.1f} ms, hop {arrival['hop']}, {arrival['by']}{copies}{lost}"
