"""A picture of how transactions spread over a devnet; needs matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sorcha_peer_core.cli.devnet_trace import shown_of, tree_of

_COLOURS = {"push": "tab:blue", "fetch": "tab:orange", "sync": "tab:red", "chunks": "tab:green"}


def draw_trace(report: Mapping[str, Any], file: Path) -> None:
    """Draw who got the transaction of median speed from whom and when, and the share of nodes over time of all sampled."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (tree, curve) = pyplot.subplots(1, 2, figsize=(13, 6))
    for spread in shown_of(report["transactions"])[:1]:
        _draw_tree(tree, spread)
    for spread in report["transactions"]:
        moments = [0.0, *(arrival["ms"] for arrival in spread["arrivals"])]
        shares = [(place + 1) / spread["nodes"] * 100 for place in range(len(moments))]
        curve.step(moments, shares, where="post", color="tab:blue", alpha=0.35)
    curve.set(xlabel="milliseconds from the release", ylabel="nodes that have it, %", ylim=(0, 101))
    curve.set_title(f"{report['traced']} transactions")
    curve.grid(alpha=0.3)
    figure.savefig(file, dpi=120, bbox_inches="tight")
    pyplot.close(figure)


def _draw_tree(axes: Any, spread: Mapping[str, Any]) -> None:
    """A row for each node in the order of the tree, lines from sender to receiver."""
    where = {spread["origin"]: (0.0, 0)}
    axes.annotate(f"node {spread['origin']}, origin", (0.0, 0), xytext=(6, 2), textcoords="offset points", fontsize=8)
    for row, (_, arrival) in enumerate(tree_of(spread)):
        if arrival is None:
            continue
        where[arrival["node"]] = end = (arrival["ms"], row)
        if arrival["from"] in where:
            start = where[arrival["from"]]
            axes.plot(*zip(start, end, strict=True), color=_COLOURS.get(arrival["by"], "grey"), linewidth=1)
        axes.annotate(f"node {arrival['node']}", end, xytext=(6, 2), textcoords="offset points", fontsize=8)
    axes.plot(*zip(*where.values(), strict=True), "o", color="black", markersize=3)
    for way, colour in _COLOURS.items():
        axes.plot([], [], color=colour, label=way)
    axes.margins(x=0.15)
    axes.invert_yaxis()
    axes.set_yticks([])
    axes.set_xlabel("milliseconds from the release")
    axes.set_title(f"{spread['hash'][:16]}, of median speed")
    axes.legend(fontsize=8)
