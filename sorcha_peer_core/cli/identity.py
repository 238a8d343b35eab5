"""``sorcha-peer identity``: who this node is."""

from __future__ import annotations

from pathlib import Path

import click

from sorcha_peer_core.cli.options import config_option, configuration, data_dir_option, json_option
from sorcha_peer_core.cli.tables import print_json


@click.command()
@config_option
@data_dir_option
@json_option
def identity(config_file: Path | None, data_dir: Path | None, as_json: bool) -> None:
    """Show this node's peer id and public key, which are made if there are none yet, and the fingerprint of its certificate."""
    from sorcha_peer_core.services.identity import load_or_create_identity
    from sorcha_peer_core.services.tls.modes import certificate_fingerprint

    config = configuration(config_file, data_dir)
    own = load_or_create_identity(config.data_dir)
    facts = {
        "peer_id": str(own.peer_id),
        "public_key": own.public_key.hex(),
        "certificate_fingerprint": certificate_fingerprint(config.security, config.data_dir),
    }
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        click.echo(f"{name.replace('_', ' '):<25}{value or 'none'}")
