"""``sorcha-peer status``: how a running node is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from sorcha_peer_core.cli.options import asks_node, json_option
from sorcha_peer_core.cli.tables import bytes_text, count_text, duration_text, moment_text, print_json, print_table

if TYPE_CHECKING:
    from sorcha_peer_core.client import NodeClient


_JOB_COLUMNS = ("job", "every", "last run", "took", "error")


@click.command()
@asks_node
@json_option
def status(client: NodeClient, as_json: bool) -> None:
    """Show how a running node is."""
    state = client.status()
    if as_json:
        print_json(state)
        return
    print_table(("", ""), rows_of(state))
    if jobs := list(job_rows(state)):
        click.echo("\nDone every so often:\n")
        print_table(_JOB_COLUMNS, jobs, right=(1, 3))


def job_rows(state: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """What the node does every so often, a line each."""
    for job in state.get("jobs", ()):
        took_s = job["last_duration_s"]
        took = "" if took_s is None else f"{took_s:.3f} s"
        yield job["name"], duration_text(job["interval_s"]), moment_text(job["last_run_at"]), took, job["last_error"]


def rows_of(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What matters of a node's state, a line each."""
    peers, queue, transactions = state["peers"], state["queue"], state["transactions"]
    yield "node", f"{state['name']} ({state['peer_id']})"
    yield "state", f"{state['state']}, up {duration_text(state['uptime_s'])}"
    yield "version", f"{state['version']}, network {state['network_id']}"
    yield "listens on", ", ".join(state.get("listening", ()))
    yield "external address", f"{state['external_address'] or 'none'} (reachability {state['reachability']})"
    yield from _address_rows(state)
    yield "peers", f"{peers['connected']} linked, {peers['active']} active, {peers['known']} known"
    yield "links", ", ".join(f"{links} {transport}" for transport, links in state.get("links", {}).items())
    stored, last_seq = count_text(transactions["stored"]), count_text(transactions["last_seq"])
    yield "transactions", f"{stored} stored, last place in the log {last_seq}"
    if "log_bytes" in transactions:
        oldest_seq = count_text(transactions["oldest_seq"])
        yield "log", f"{bytes_text(transactions['log_bytes'])} of payloads, from place {oldest_seq} on"
    yield "queue", _queue_text(queue)
    if receipts := state.get("receipts"):
        yield "receipts", _receipts_text(receipts, peers["connected"])
    if traffic := state.get("traffic"):
        yield "traffic", ", ".join(f"{_amount(traffic, way)} {way}" for way in ("sent", "received"))
        yield "copies", f"{count_text(traffic['received'])} received, {count_text(traffic['duplicates'])} of them known already"
    yield "last discovery", moment_text(state["last_discovery"])
    if state["partition"]:
        yield "warning", "the network seems to be split"
    for warning in state.get("warnings", ()):
        yield "warning", warning


def _queue_text(queue: Mapping[str, int]) -> str:
    states = {"pending": "not released", "inflight": "awaiting receipts", "retry": "to be offered again", "dead": "dead"}
    counts = ", ".join(f"{count_text(queue[state])} {text}" for state, text in states.items() if queue.get(state))
    return f"{counts}; {bytes_text(queue['waiting_bytes'])} wait" if queue.get("waiting_bytes") else counts or "empty"


def _receipts_text(receipts: Mapping[str, int], linked: int) -> str:
    needed = "1 peer" if receipts["min"] == 1 else f"{receipts['min']} peers"
    if not linked:
        return f"needed of {needed}, none is linked"
    return f"needed of {needed}" + (f"; now of {receipts['needed']}, no more are linked" if linked < receipts["min"] else "")


def _address_rows(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for address in state.get("addresses", ()):
        why = f": {address['reason']}" if address["reason"] else ""
        told = "told to others" if address["told"] else "kept back"
        found = f"{address['address']} by {address['source']}, {told}, {address['state']}"
        yield "may be reached at", f"{found} ({duration_text(address['age_s'])}){why}"
    for source, findings in state.get("address_findings", {}).items():
        if findings:
            yield f"found by {source}", "; ".join(f"{key}: {value}" for key, value in findings.items())


def _amount(traffic: Mapping[str, int], way: str) -> str:
    amount, plain = traffic[f"{way}_bytes"], traffic.get(f"{way}_plain_bytes", 0)
    return f"{bytes_text(amount)} ({bytes_text(plain)} before compression)" if plain > amount else bytes_text(amount)
