"""``sorcha-peer peers``: whom a running node knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sorcha_peer_core.cli.options import asks_node, json_option
from sorcha_peer_core.cli.tables import moment_text, print_json, print_table

if TYPE_CHECKING:
    from sorcha_peer_core.cli.client import NodeClient

_COLUMNS = ("peer", "name", "address", "status", "transport", "direction", "latency", "last seen", "failures")


@click.command()
@asks_node
@json_option
def peers(client: NodeClient, as_json: bool) -> None:
    """Show whom a running node knows, linked peers first."""
    known = client.peers()
    if as_json:
        print_json({"peers": known})
        return
    if not known:
        click.echo("The node knows no peers yet.")
        return
    rows = [
        (
            peer["id"],
            peer["name"],
            peer["address"],
            f"{peer['status']}, bootstrap" if peer.get("bootstrap") else peer["status"],
            peer["transport"],
            peer["direction"],
            "" if peer["latency_ms"] is None else f"{peer['latency_ms']:.1f} ms",
            moment_text(peer["last_seen"]),
            peer["failures"],
        )
        for peer in known
    ]
    print_table(_COLUMNS, rows, right=(6, 8))
