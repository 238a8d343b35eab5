"""``sorcha-peer audit``: what operators did at a running node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sorcha_peer_core.cli.options import asks_node, json_option, limit_option
from sorcha_peer_core.cli.tables import moment_text, print_json, print_listing

if TYPE_CHECKING:
    from sorcha_peer_core.client import Json, NodeClient

_PAGE_ENTRIES = 1000
_COLUMNS = ("time", "who", "action", "target", "outcome")


@click.command()
@limit_option
@asks_node
@json_option
def audit(client: NodeClient, limit: int, as_json: bool) -> None:
    """Show what operators did at a running node, over the API, the command line and the pages, newest first."""
    entries = _read(client, limit)
    if as_json:
        print_json({"audit": entries})
    elif not entries:
        click.echo("Nobody has done anything yet that is noted.")
    else:
        print_listing(_COLUMNS, [(moment_text(e["at"]), e["actor"], e["action"], e["target"], e["outcome"]) for e in entries])


def _read(client: NodeClient, limit: int) -> list[Json]:
    entries: list[Json] = []
    before: int | None = None
    while len(entries) < limit:
        page = client.audit(before, min(_PAGE_ENTRIES, limit - len(entries)))
        entries += page["audit"]
        before = page["next_before"]
        if before is None:
            break
    return entries
