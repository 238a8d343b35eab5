"""Options that several commands share, and what they mean together."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from sorcha_peer_core.config import CONFIG_FILE, DEFAULT_DATA_DIR, Config, load_config
from sorcha_peer_core.errors import StartError

DATA_DIR_VARIABLE = "SORCHA_PEER__NODE__DATA_DIR"
URL_VARIABLE = "SORCHA_PEER_URL"
TOKEN_VARIABLE = "SORCHA_PEER_TOKEN"

FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    envvar=DATA_DIR_VARIABLE,
    help=f"Where the node keeps its files; {DEFAULT_DATA_DIR} when nothing is said.",
)
config_option = click.option(
    "-c", "--config", "config_file", type=FILE, help=f"Configuration; {CONFIG_FILE} of the data directory when it is there."
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object with stable keys, for programs.")


limit_option = click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, metavar="N", help="Show at most so many."
)


def asks_node(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a running node; the command gets ``client``, which asks it."""

    @wraps(command)
    def with_client(*, client: Callable[[], Any], **others: Any) -> Any:
        return command(client=client(), **others)

    return node_options(with_client)


def node_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same for a command that need not ask: it gets as ``client`` what makes one."""

    @wraps(command)
    def with_maker(*positional: Any, data_dir: Path | None, url: str | None, token: str | None, **others: Any) -> Any:
        def client() -> Any:
            from sorcha_peer_core.client import NodeClient, find_node

            return NodeClient(*find_node(data_dir or Path(DEFAULT_DATA_DIR), url, token))

        return command(*positional, client=client, **others)

    url_option = click.option(
        "--url", envvar=URL_VARIABLE, help=f"Its management API, also {URL_VARIABLE}; else from the data directory."
    )
    token_option = click.option(
        "--token", envvar=TOKEN_VARIABLE, help=f"Its token, also {TOKEN_VARIABLE}; else from the data directory."
    )
    return data_dir_option(url_option(token_option(with_maker)))


def refuse_before_subcommand(context: click.Context) -> None:
    """Options of a group mean the group: those of a subcommand stand behind its name."""
    for parameter in context.command.params:
        if parameter.name and context.get_parameter_source(parameter.name) == click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[-1]} belongs behind {context.invoked_subcommand}", context)


def configuration(config_file: Path | None, data_dir: Path | None, overrides: dict[str, dict[str, Any]] | None = None) -> Config:
    """The configuration of a node: file, environment, then ``overrides``. Raises ConfigError."""
    layers = {section: dict(keys) for section, keys in (overrides or {}).items()}
    # Given by the variable, it is what the environment says anyway.
    if data_dir is not None and str(data_dir) != os.environ.get(DATA_DIR_VARIABLE):
        layers.setdefault("node", {})["data_dir"] = str(data_dir)
    own_file = (data_dir or Path(DEFAULT_DATA_DIR)) / CONFIG_FILE
    if config_file is None and _is_there(own_file):
        config_file = own_file
    return load_config(config_file, os.environ, layers)


def _is_there(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError as error:
        raise StartError(f"the data directory {file.parent} cannot be read: {error.strerror}") from error
