"""``sorcha-peer init``: a commented configuration and an identity."""

from __future__ import annotations

from pathlib import Path

import click

from sorcha_peer_core.cli.options import data_dir_option
from sorcha_peer_core.config import CONFIG_FILE, DEFAULT_DATA_DIR, load_config, to_toml
from sorcha_peer_core.errors import StartError


@click.command()
@data_dir_option
def init(data_dir: Path | None) -> None:
    """Write a commented configuration and this node's identity. Never overwrites."""
    from sorcha_peer_core.services.identity import load_or_create_identity

    directory = data_dir or Path(DEFAULT_DATA_DIR)
    file = directory / CONFIG_FILE
    config = load_config(None, {}, {"node": {"data_dir": str(directory)}})
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as out:
            out.write(to_toml(config))
    except FileExistsError:
        raise StartError(f"{file} is already there and is not overwritten") from None
    except OSError as error:
        raise StartError(f"{file} cannot be written: {error.strerror}") from error
    identity = load_or_create_identity(directory)
    click.echo(f"{file} is written; the node is {identity.peer_id}. Start it with: sorcha-peer run --data-dir {directory}")
