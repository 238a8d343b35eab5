"""The report of devnet for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sorcha_peer_core.cli.tables import bytes_text, count_text, print_table


def print_report(report: Mapping[str, Any], copies_given: int) -> None:
    """A calm table with what matters."""
    print_table(("", ""), rows_of(report, copies_given))


def rows_of(report: Mapping[str, Any], copies_given: int = 0) -> Iterator[tuple[str, str]]:
    """The lines of the table."""
    links = ", ".join(f"{count} {transport}" for transport, count in report["transports"].items())
    again = f"; {copies_given} more were copies of these" if copies_given else ""
    yield "network", f"{report['nodes']} nodes, links: {links or 'none'}; all linked after {report['start_s']:.1f} s"
    yield "published", f"{count_text(report['transactions'])} transactions, {count_text(report['payload_bytes'])} bytes{again}"
    if report["complete"]:
        yield "result", "complete: every node holds exactly the same transactions"
    else:
        yield "result", f"NOT complete: {len(report['missing'])} of {report['nodes']} nodes differ"
    for share in (50, 90, 100):
        yield f"time to {share} %", _times(report[f"time_to_{share}_ms"])
    yield "throughput", _measured(report["throughput_tx_s"], "{:,.0f} transactions/s")
    yield "copies", _measured(report["copies_per_node"], "{:.2f} of each transaction per node")
    yield "sent", _measured(report["bytes_per_node_per_tx"], "{:,.0f} bytes per node and transaction")
    yield "CPU", _measured(report["cpu_s_per_1000_tx_per_node"], "{:.2f} s per 1,000 transactions and node")
    memory = [bytes_text(megabytes * 1e6) for megabytes in (min(report["rss_mb"]), max(report["rss_mb"]))]
    yield "memory", f"{memory[0]} to {memory[1]} per node"
    yield "whole command", f"{report['wall_s']:.1f} s"


def _times(times: Mapping[str, float | None]) -> str:
    if times["p50"] is None:
        return "no transaction got so far"
    return ", ".join(f"{name} {value:,.1f} ms" for name, value in times.items() if value is not None)


def _measured(value: float | None, text: str) -> str:
    return "not measured" if value is None else text.format(value)
