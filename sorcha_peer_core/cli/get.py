"""``sorcha-peer get``: one payload, byte for byte."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sorcha_peer_core.cli.options import asks_node
from sorcha_peer_core.cli.output import destination
from sorcha_peer_core.errors import PeerError
from sorcha_peer_core.model.ids import TxHash, parse_tx_hash

if TYPE_CHECKING:
    from sorcha_peer_core.client import NodeClient


def tx_hash_argument(context: click.Context, parameter: click.Parameter, text: str) -> TxHash:
    """What click makes of HASH."""
    try:
        return parse_tx_hash(text)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from error


@click.command()
@click.argument("tx_hash", metavar="HASH", callback=tx_hash_argument)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file instead of stdout.")
@asks_node
def get(client: NodeClient, tx_hash: TxHash, output: Path | None) -> None:
    """Print the payload of one transaction, byte for byte."""
    with client.payload(tx_hash.hex()) as pieces, destination(output) as file:
        digest = sha256()
        for piece in pieces:
            digest.update(piece)
            file.write(piece)
        if digest.digest() != tx_hash:
            raise PeerError(f"what the node sent is not the payload of {tx_hash.hex()}: its SHA-256 is {digest.hexdigest()}")
