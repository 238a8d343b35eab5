"""``sorcha-peer trace``: the way of one transaction through a running node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from sorcha_peer_core.cli.get import tx_hash_argument
from sorcha_peer_core.cli.options import asks_node, json_option
from sorcha_peer_core.cli.tables import count_text, print_json, print_table
from sorcha_peer_core.model.ids import short

if TYPE_CHECKING:
    from sorcha_peer_core.client import NodeClient
    from sorcha_peer_core.model.ids import TxHash

_COLUMNS = ("after", "what", "peer", "name", "how")
_SENT = {"push": "pushed", "announce": "announced", "fetch": "sent when asked", "chunks": "sent in chunks"}
_CAME = {"push": "pushed", "fetch": "fetched", "sync": "fetched after a comparison", "chunks": "in chunks"}


@click.command()
@click.argument("tx_hash", metavar="HASH", callback=tx_hash_argument)
@asks_node
@json_option
def trace(client: NodeClient, tx_hash: TxHash, as_json: bool) -> None:
    """Show whom a node has a transaction from, and whom it passed it on to."""
    found = client.trace(tx_hash.hex())
    if as_json:
        print_json(found)
        return
    print_table(("", ""), rows_of(found))
    click.echo()
    print_table(_COLUMNS, steps_of(found), right=(0,))


def rows_of(trace: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What it is, a line each."""
    yield "transaction", trace["hash"]
    yield "size", f"{count_text(trace['size'])} bytes"
    yield "origin", f"{trace['origin']}{' (this node)' if trace['hops'] == 0 else ''}"
    yield "created", f"{_clock(trace['created_ms'])} by the clock of its origin"
    if trace["hops"]:
        hops = "1 hop" if trace["hops"] == 1 else f"{trace['hops']} hops"
        yield "first copy", f"{_clock(trace['first_ms'])}, {hops} from its origin"
    else:
        yield "released", _clock(trace["first_ms"])
    shown = len(trace["copies"])
    further = f", the first {shown} of them are shown" if trace["copies_received"] > shown else ""
    yield "copies received", f"{count_text(trace['copies_received'])}{further}"
    if trace["further_passed_on"]:
        yield "passed on", f"{count_text(trace['further_passed_on'])} times more than is shown"


def steps_of(trace: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What happened, in the order of time."""
    steps = [(copy["after_ms"], 0, _came(copy)) for copy in trace["copies"]]
    steps.append((trace["verified_after_ms"], 1, ("verified", "", "", "")))
    if trace["stored_after_ms"] is not None:
        steps.append((trace["stored_after_ms"], 3, ("stored", "", "", "")))
    steps += [(passed["after_ms"], 2, _passed(passed)) for passed in trace["passed_on"]]
    return [(f"{after_ms:,.1f} ms", *step) for after_ms, _, step in sorted(steps, key=lambda step: step[:2])]


def _came(copy: Mapping[str, Any]) -> tuple[str, str, str, str]:
    others = f" of it and {len(copy['also_from'])} others" if copy["also_from"] else ""
    from_whom = "from its origin" if copy["hop"] == 0 else f"at hop {copy['hop']}"
    return "copy received", _peer(copy), copy["name"], f"{_CAME.get(copy['by'], copy['by'])}{others}, {from_whom}"


def _passed(passed: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return "passed on", _peer(passed), passed["name"], _SENT.get(passed["by"], passed["by"])


def _peer(step: Mapping[str, Any]) -> str:
    return short(step["peer"]) if step["peer"] else "no longer known"


def _clock(unix_ms: float) -> str:
    moment = datetime.fromtimestamp(unix_ms / 1000).astimezone()
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"
