"""``sorcha-peer tail``: transactions in the order in which they arrived at a node."""

from __future__ import annotations

import json
from datetime import datetime

import click

from sorcha_peer_core.cli.options import asks_node
from sorcha_peer_core.client import Json, LogLines, NodeClient
from sorcha_peer_core.errors import NodeUnreachable

_PAGE_LINES = 1000
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
    """Prints the log from a place on, and remembers how far it got."""

    def __init__(self, client: NodeClient, after: int, register_id: str | None, as_json: bool) -> None:
        self._client = client
        self._after = after
        self._register_id = register_id
        self._as_json = as_json
        self._lines_printed = 0

    def read_to_the_end(self) -> None:
        """Print page after page until one is not full."""
        lines = _PAGE_LINES
        while lines == _PAGE_LINES:
            with self._client.log(self._after, _PAGE_LINES, self._register_id) as part:
                lines = self._print(part)

    def follow(self) -> None:
        """Print for as long as the node answers."""
        try:
            with self._client.log(self._after, _PAGE_LINES, self._register_id, follow=True) as part:
                self._print(part)
        except NodeUnreachable as error:
            raise NodeUnreachable(f"{error}; go on with --after {self._after}") from error
        raise NodeUnreachable(f"the node ended the list; go on with --after {self._after}")

    def _print(self, part: LogLines) -> int:
        if part.oldest_seq > self._after + 1:
            gone = f"{self._after + 1} to {part.oldest_seq - 1}"
            click.echo(f"note: the places {gone} of the log are gone: their retention is over", err=True)
        before = self._lines_printed
        for line in part.lines:
            if not self._as_json and self._lines_printed == 0:
                click.echo(_HEADING)
            click.echo(json.dumps(line) if self._as_json else _row(line))
            self._lines_printed += 1
            self._after = line["seq"]
        return self._lines_printed - before


def _row(line: Json) -> str:
    received = datetime.fromtimestamp(line["received_ms"] / 1000).astimezone().isoformat(" ", "milliseconds")[:23]
    kind = "".join(c if c.isprintable() else "�" for c in line["content_type"])
    return f"{line['seq']:>10}  {received}  {line['size']:>9}  {line['hops']:>4}  {line['hash']}  {line['origin'][:8]:<8}  {kind}"
