"""``sorcha-peer plugins``: what is installed, what is chosen, and what failed to load."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sorcha_peer_core.cli.options import config_option, configuration, data_dir_option, json_option
from sorcha_peer_core.cli.tables import print_json, print_table

if TYPE_CHECKING:
    from sorcha_peer_core.plugin_manager import PluginInfo


@click.command()
@config_option
@data_dir_option
@json_option
def plugins(config_file: Path | None, data_dir: Path | None, as_json: bool) -> None:
    """Show what is installed, from which distribution, whether it is chosen, and why one failed to load."""
    from sorcha_peer_core.builtin import plugin as builtin
    from sorcha_peer_core.plugin_manager import PluginManager, chosen_names, described

    chosen = chosen_names(configuration(config_file, data_dir))
    infos = PluginManager([("builtin", builtin)]).infos()
    if as_json:
        print_json({"plugins": [described(info, chosen) for info in infos]})
        return
    rows = [row for info in infos for row in rows_of(info, chosen)]
    print_table(("plugin", "distribution", "offers", "chosen", "what it is"), rows)


def rows_of(info: PluginInfo, chosen: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, str, str, str, str]]:
    """One plugin for people, a line for each thing it offers."""
    from sorcha_peer_core.plugin_manager import HOOK_WORDS

    origin = f"{info.distribution} {info.version}"
    if info.error:
        yield info.name, origin, "", "no", f"failed to load: {info.error}"
    elif not info.offers:
        yield info.name, origin, "service", "yes", "runs beside every node"
    else:
        for hook, name, summary in info.offers:
            yield info.name, origin, f"{HOOK_WORDS[hook]} {name}", "yes" if name in chosen[hook] else "no", summary
