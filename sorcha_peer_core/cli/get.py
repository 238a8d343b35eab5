"""``sorcha-peer get``: one payload, byte for byte."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from sorcha_peer_core.cli.options import asks_node
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
    with client.payload(tx_hash.hex()) as pieces, _destination(output) as file:
        digest = sha256()
        for piece in pieces:
            digest.update(piece)
            file.write(piece)
        if digest.digest() != tx_hash:
            raise PeerError(f"what the node sent is not the payload of {tx_hash.hex()}: its SHA-256 is {digest.hexdigest()}")


@contextmanager
def _destination(output: Path | None) -> Iterator[BinaryIO]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    # Beside the target and renamed at the end: a broken-off answer leaves no half file under the wanted name.
    handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(output)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
