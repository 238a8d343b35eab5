"""``sorcha-peer tail``: transactions in the order in which they arrived at a node."""

from __future__ import annotations

import json
from datetime import datetime

import click

from sorcha_peer_core.cli.options import asks_node
from sorcha_peer_core.client import Json, NodeClient, Place
from sorcha_peer_core.errors import NodeUnreachable

PATIENCE_S = 60.0
"""How long a followed node may be away."""
_HEADING = f"{'seq':>10}  {'received':<23}  {'size':>9}  {'hops':>4}  {'hash':<64}  {'origin':<8}  content type"


@click.command()
@click.option("--after", type=click.IntRange(min=0), default=0, metavar="SEQ", help="Begin behind this place in the log.")
@click.option("--register", "register_id", metavar="ID", help="Only transactions of this register.")
@click.option("--follow", is_flag=True, help="Go on with what arrives, until interrupted.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
@asks_node
def tail(client: NodeClient, after: int, register_id: str | None, follow: bool, as_json: bool) -> None:
    """List transactions in the order of their arrival; the last sequence number is where to go on.

    Sequence numbers are a node's own: another node has the same transactions in another order.
    """
    reader = _Tail(client, after, register_id, as_json)
    if follow:
        reader.follow()
    else:
        reader.read_to_the_end()


class _Tail:
    """Prints the log from a place on."""

    def __init__(self, client: NodeClient, after: int, register_id: str | None, as_json: bool) -> None:
        self._client = client
        self._after = after
        self._register_id = register_id
        self._as_json = as_json
        self._is_first = True

    def read_to_the_end(self) -> None:
        """Print what is there now."""
        place = Place(0, self._after)
        for page in self._client.pages(self._after, self._register_id):
            for line in page.lines:
                # Of one register the places of others are missing anyway; where the log begins tells more.
                gap = place.gap_before(page.oldest_seq if self._register_id else line["seq"])
                if gap is not None:
                    _note(gap)
                self._print(line)
                place = Place(0, line["seq"])

    def follow(self) -> None:
        """Print what is there and what comes, also when the node is away for a while."""
        place = Place(0, self._after)
        subscription = self._client.subscribe(
            place,
            self._register_id,
            on_gap=_note,
            on_trouble=lambda problem: _note(f"{problem}; trying again"),
            patience_s=PATIENCE_S,
        )
        try:
            for line in subscription:
                self._print(line)
        except NodeUnreachable as error:
            raise NodeUnreachable(f"{error}; go on with --after {subscription.place.seq}") from error

    def _print(self, line: Json) -> None:
        if not self._as_json and self._is_first:
            click.echo(_HEADING)
        self._is_first = False
        click.echo(json.dumps(line) if self._as_json else _row(line))


def _note(what: object) -> None:
    click.echo(f"note: {what}", err=True)


def _row(line: Json) -> str:
    received = datetime.fromtimestamp(line["received_ms"] / 1000).astimezone().isoformat(" ", "milliseconds")[:23]
    kind = "".join(c if c.isprintable() else "�" for c in line["content_type"])
    return f"{line['seq']:>10}  {received}  {line['size']:>9}  {line['hops']:>4}  {line['hash']}  {line['origin'][:8]:<8}  {kind}"
