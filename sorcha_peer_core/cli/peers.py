"""``sorcha-peer peers``: whom a running node knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from sorcha_peer_core.cli.options import asks_node, json_option
from sorcha_peer_core.cli.tables import duration_text, moment_text, print_json, print_table

if TYPE_CHECKING:
    from sorcha_peer_core.client import NodeClient

_COLUMNS = ("peer", "name", "address", "status", "transport", "direction", "age", "latency", "last seen", "failures")
_TROUBLE_COLUMNS = ("peer", "transport", "breaker", "last error", "ago")


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
            _age_text(peer.get("link_age_s")),
            "" if peer["latency_ms"] is None else f"{peer['latency_ms']:.1f} ms",
            moment_text(peer["last_seen"]),
            peer["failures"],
        )
        for peer in known
    ]
    print_table(_COLUMNS, rows, right=(6, 7, 9))
    troubles = list(_troubles(known))
    if troubles:
        click.echo("\nTransports that failed where another one reached the peer:\n")
        print_table(_TROUBLE_COLUMNS, troubles, right=(4,))


def _troubles(peers: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, ...]]:
    for peer in peers:
        for rung in peer.get("rungs", ()):
            if rung["last_error"]:
                age = _age_text(rung["last_error_age_s"])
                yield peer["id"], rung["transport"], rung["breaker"], rung["last_error"], age


def _age_text(seconds: float | None) -> str:
    return "" if seconds is None else duration_text(seconds)
