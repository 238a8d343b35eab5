"""``sorcha-peer queue``: what a running node has accepted and the network does not have yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from sorcha_peer_core.cli.options import asks_node, json_option, limit_option
from sorcha_peer_core.cli.tables import bytes_text, count_text, moment_text, print_json, print_listing

if TYPE_CHECKING:
    from sorcha_peer_core.client import Json, NodeClient

_PAGE_ROWS = 1000
_COLUMNS = ("hash", "state", "size", "queued", "attempts", "next attempt", "what was wrong")
_STATES = {"pending": "not released", "inflight": "awaiting receipts", "retry": "to be offered again"}


@click.command()
@limit_option
@asks_node
@json_option
def queue(client: NodeClient, limit: int, as_json: bool) -> None:
    """Show what a node has accepted and the network does not have for certain, oldest first."""
    found = read_rows(client.queue, "queue", limit)
    if as_json:
        print_json(found)
        return
    click.echo(summary_of(found))
    if found["queue"]:
        print_listing(_COLUMNS, list(_rows_of(found["queue"])), right=(2, 4))
        say_if_more(len(found["queue"]), waiting_of(found["totals"]))


def read_rows(page_of: Callable[[int, int], Json], name: str, limit: int) -> Json:
    """Up to ``limit`` rows, page by page, in the form of one page."""
    found = page_of(0, min(limit, _PAGE_ROWS))
    rows: list[Json] = found[name]
    while found["next_after"] is not None and len(rows) < limit:
        found = page_of(found["next_after"], min(limit - len(rows), _PAGE_ROWS))
        rows += found[name]
    return {**found, name: rows}


def waiting_of(totals: Mapping[str, int]) -> int:
    """How many are not delivered and not given up."""
    return totals["pending"] + totals["inflight"] + totals["retry"]


def summary_of(found: Mapping[str, Any]) -> str:
    """How much waits, and for what."""
    totals = found["totals"]
    waiting = waiting_of(totals)
    if not waiting:
        return (
            f"Nothing waits.{_dead_text(totals['dead'])}"
            if totals["dead"]
            else "Nothing waits: all that was accepted is delivered."
        )
    parts = [f"{count_text(totals[state])} {text}" for state, text in _STATES.items() if totals[state]]
    counted = f"{count_text(waiting)} {'submission waits' if waiting == 1 else 'submissions wait'}"
    size = bytes_text(totals["waiting_bytes"])
    return f"{counted} ({size}): {', '.join(parts)}.{_dead_text(totals['dead'])}\n{_needed(found)}"


def _rows_of(rows: list[Json]) -> Iterator[tuple[object, ...]]:
    """A line of the table for each row."""
    for row in rows:
        next_ms = row["not_before_ms"] if row["state"] == "retry" else None
        yield (
            row["hash"],
            _STATES.get(row["state"], row["state"]),
            bytes_text(row["size"]),
            moment_text(row["queued_ms"] / 1000),
            row["attempts"],
            moment_text(next_ms / 1000) if next_ms else "",
            row["reason"],
        )


def say_if_more(shown: int, total: int) -> None:
    """That there is more than is shown."""
    if total > shown:
        click.echo(f"{count_text(total - shown)} more are not shown; --limit N shows N of them.")


def _dead_text(dead: int) -> str:
    if not dead:
        return ""
    letters = "is 1 dead letter" if dead == 1 else f"are {count_text(dead)} dead letters"
    return f" There {letters}, see sorcha-peer dead-letters."


def _needed(found: Mapping[str, Any]) -> str:
    linked, needed, configured = found["peers_linked"], found["receipts_needed"], found["min_receipts"]
    if not linked:
        return "No peer is linked: they go out when one is."
    peers = "1 peer has" if needed == 1 else f"{needed} peers have"
    fewer = f" ({configured} where as many are linked)" if needed < configured else ""
    return f"Each leaves the queue when {peers} said that it is there{fewer}."
