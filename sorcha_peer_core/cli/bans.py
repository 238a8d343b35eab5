"""``sorcha-peer bans``: whom a running node has nothing to do with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sorcha_peer_core.cli.options import asks_node, json_option
from sorcha_peer_core.cli.tables import moment_text, print_json, print_listing

if TYPE_CHECKING:
    from sorcha_peer_core.client import NodeClient

_COLUMNS = ("peer", "name", "since", "until", "by", "reason")


@click.command()
@asks_node
@json_option
def bans(client: NodeClient, as_json: bool) -> None:
    """Show which peers a running node has banned, the latest first; peers ban and peers unban change that."""
    found = client.bans()
    if as_json:
        print_json({"bans": found})
        return
    if not found:
        click.echo("Nobody is banned.")
        return
    rows = [
        (
            ban["id"],
            ban["name"],
            moment_text(ban["since"]),
            "lifted" if ban["until"] is None else moment_text(ban["until"]),
            ban["by"],
            ban["reason"],
        )
        for ban in found
    ]
    print_listing(_COLUMNS, rows)
