"""``sorcha-peer events``: what happened in a running node, and what happens."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from datetime import datetime

import click

from sorcha_peer_core.cli.options import asks_node, limit_option
from sorcha_peer_core.client import Json, NodeClient

PATIENCE_S = 60.0
"""How long a followed node may be away."""


@click.command()
@click.option("--follow", is_flag=True, help="Go on with what happens, until interrupted.")
@click.option(
    "--level",
    type=click.Choice(["debug", "info", "warning"]),
    default="info",
    show_default=True,
    help="Only events of this level, and graver.",
)
@click.option(
    "--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind, such as PeerLinked; may be given several times."
)
@limit_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
@asks_node
def events(client: NodeClient, follow: bool, level: str, kinds: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Show the latest events of a node, oldest first. It keeps 10,000 of them while it runs."""
    begin = client.events(0, 1)
    latest = deque(client.all_events(0, level, kinds), maxlen=limit)
    _print(latest, as_json)
    if follow:
        after = max(begin["last_id"], latest[-1]["id"] if latest else 0)
        coming = client.follow_events(
            after, level, kinds, on_trouble=lambda problem: _note(f"{problem}; trying again"), patience_s=PATIENCE_S
        )
        _print(coming, as_json)
    elif not latest and not as_json:
        click.echo("Nothing of that kind has happened since the node started.")


def _print(events: Iterable[Json], as_json: bool) -> None:
    for event in events:
        click.echo(json.dumps(event) if as_json else _row(event))


def _row(event: Json) -> str:
    at = datetime.fromtimestamp(event["at_ms"] / 1000).astimezone().isoformat(" ", "milliseconds")[:23]
    # Peers and strangers choose some of its words.
    sentence = "".join(c if c.isprintable() else "\ufffd" for c in event["sentence"])
    return f"{at}  {event['level']:<7}  {event['kind']:<20}  {sentence}"


def _note(what: object) -> None:
    click.echo(f"note: {what}", err=True)
