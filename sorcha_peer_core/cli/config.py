"""``sorcha-peer config``: every setting of a node, and where it comes from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sorcha_peer_core.cli.options import TOKEN_VARIABLE, URL_VARIABLE, config_option, configuration, data_dir_option, json_option
from sorcha_peer_core.cli.tables import print_json, print_listing
from sorcha_peer_core.client import URL_FILE, NodeClient, find_node
from sorcha_peer_core.config import DEFAULT_DATA_DIR

if TYPE_CHECKING:
    from sorcha_peer_core.client import Json


@click.command()
@config_option
@data_dir_option
@click.option("--url", envvar=URL_VARIABLE, help=f"Of the management API of a running node, also {URL_VARIABLE}.")
@click.option("--token", envvar=TOKEN_VARIABLE, help=f"Its token, also {TOKEN_VARIABLE}; else from the data directory.")
@click.option("--origin", is_flag=True, help="Say where each value comes from: flag, environment variable, file or default.")
@json_option
def config(
    config_file: Path | None, data_dir: Path | None, url: str | None, token: str | None, origin: bool, as_json: bool
) -> None:
    """Show every setting of the node that runs on the data directory, or of one that would be started there.

    With -c it is the latter in any case. Secrets are masked.
    """
    directory = data_dir or Path(DEFAULT_DATA_DIR)
    if config_file is None and (url or (directory / URL_FILE).is_file()):
        settings = NodeClient(*find_node(directory, url, token)).config()
    else:
        settings = _settings_without_a_node(config_file, data_dir)
    if as_json:
        print_json({"settings": settings})
    elif origin:
        print_listing(("setting", "value", "origin"), _rows(settings, lambda setting: setting["origin"]))
    else:
        print_listing(("setting", "value", "what it is"), _rows(settings, lambda setting: setting["summary"]))


def _settings_without_a_node(config_file: Path | None, data_dir: Path | None) -> list[Json]:
    from sorcha_peer_core.node.settings import settings_shown

    click.echo("note: this is what a node started now would have, without flags; no running node was asked", err=True)
    return [setting._asdict() for setting in settings_shown(configuration(config_file, data_dir))]


def _rows(settings: list[Json], last: Callable[[Json], Any]) -> list[tuple[Any, ...]]:
    return [(setting["key"], _text(setting["value"]), last(setting)) for setting in settings]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
