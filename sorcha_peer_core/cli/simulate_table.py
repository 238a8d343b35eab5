"""What a simulation found, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sorcha_peer_core.cli.tables import bytes_text, count_text, print_table

Report = Mapping[str, Any]

_COLUMNS = ("", "peers", "t50 ms", "t90 ms", "p95", "t99 ms", "t100 ms", "coverage", "copies", "announced", "bytes", "bound t90")


def print_reports(reports: Sequence[Report]) -> None:
    """One run in detail, several side by side."""
    if len(reports) == 1:
        print_table(("", ""), _rows_of(reports[0]))
    else:
        print_table(_COLUMNS, map(_row_of, reports), right=range(1, len(_COLUMNS)))


def _rows_of(report: Report) -> Iterator[tuple[str, str]]:
    yield "network", f"{count_text(report['peers'])} nodes, profile {report['profile']}, strategy {report['strategy']}"
    yield "published", _published(report)
    yield "troubles", _troubles(report)
    for share in (50, 90, 99, 100):
        yield f"time to {share} %", _times(report[f"t{share}_ms"])
    yield "bounds of 90 %", f"{_ms(report['bound_t90_ms'])} directly, {_ms(report['overlay_bound_t90_ms'])} over these links"
    yield "coverage", f"{report['coverage']:.3%} in the mean, {report['coverage_min']:.3%} at least"
    yield "copies", f"{report['copies']:.2f} payloads, {report['announcements_per_node']:.1f} announcements a node"
    yield "sent", f"{report['bytes_per_node_per_tx']:,.0f} bytes a node and transaction; {report['pulls_per_node']:.2f} asked for"
    yield "hops", f"{report['hops']['mean']:.1f} in the mean, {report['hops']['max']} at most"
    yield "CPU", f"{report['cpu_mean']:.1%} in the mean, {report['cpu_max']:.1%} of the busiest"
    yield "uplink", f"{report['uplink_mean']:.1%} in the mean, {report['uplink_max']:.1%} of the busiest"
    if report["repaired_ms"]:
        each = bytes_text(report["repair_bytes_per_node"])
        yield "made good", f"{_times(report['repaired_ms'])} after the last disturbance, with {each} sent a node"
    yield "simulated", f"{count_text(report['events'])} events in {report['wall_s']:.1f} s"


def _row_of(report: Report) -> tuple[str, ...]:
    return (
        report["name"] or f"{report['strategy']}, {report['profile']}",
        count_text(report["peers"]),
        _ms(report["t50_ms"]["median"]),
        _ms(report["t90_ms"]["median"]),
        _ms(report["t90_ms"]["p95"]),
        _ms(report["t99_ms"]["median"]),
        _ms(report["t100_ms"]["median"]),
        f"{report['coverage']:.3%}",
        f"{report['copies']:.2f}",
        f"{report['announcements_per_node']:.1f}",
        f"{report['bytes_per_node_per_tx']:,.0f}",
        _ms(report["bound_t90_ms"]),
    )


def _published(report: Report) -> str:
    how = "one after the other" if report["rate"] is None else f"{report['rate']:g} a second"
    counts = f"{report['transactions']} transactions of {count_text(report['size'])} bytes, {how}"
    seeds = f", {report['seeds']} seeds" if report["seeds"] > 1 else ""
    return f"{counts}, after {report['warmup']} to warm up{seeds}"


def _troubles(report: Report) -> str:
    kinds = {"loss": f"messages lost ({report['loss_kind']})", "dead": "nodes dead", "sybils": "nodes that never deliver"}
    return ", ".join(f"{report[key]:.0%} of {what}" for key, what in kinds.items() if report[key])


def _times(times: Mapping[str, float | None]) -> str:
    return f"{_ms(times['median'])} ms, 95th percentile {_ms(times['p95'])} ms"


def _ms(value: float | None) -> str:
    if value is None:
        return "never"
    return f"{value:,.0f}" if value >= 20 else f"{value:.2f}"
