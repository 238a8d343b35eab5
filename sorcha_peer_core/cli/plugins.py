"""``sorcha-peer plugins``: what is installed, what is chosen, and what failed to load."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sorcha_peer_core.cli.options import config_option, configuration, data_dir_option, json_option
from sorcha_peer_core.cli.tables import print_json, print_table

if TYPE_CHECKING:
    from sorcha_peer_core.config import Config
    from sorcha_peer_core.plugin_manager import PluginInfo

_KINDS = {
    "peer_transports": "transport",
    "peer_stores": "store",
    "peer_address_resolvers": "address resolver",
    "peer_strategies": "strategy",
    "peer_bootstrap_sources": "bootstrap source",
}


@click.command()
@config_option
@data_dir_option
@json_option
def plugins(config_file: Path | None, data_dir: Path | None, as_json: bool) -> None:
    """Show what is installed, from which distribution, whether it is chosen, and why one failed to load."""
    from sorcha_peer_core.builtin import plugin as builtin
    from sorcha_peer_core.plugin_manager import PluginManager

    chosen = chosen_names(configuration(config_file, data_dir))
    infos = PluginManager([("builtin", builtin)]).infos()
    if as_json:
        print_json({"plugins": [described(info, chosen) for info in infos]})
        return
    rows = [row for info in infos for row in rows_of(info, chosen)]
    print_table(("plugin", "distribution", "offers", "chosen", "what it is"), rows)


def chosen_names(config: Config) -> dict[str, tuple[str, ...]]:
    """By hook, the names that the configuration chooses."""
    return {
        "peer_transports": config.communication.transports,
        "peer_stores": (config.store.url.partition("://")[0],),
        "peer_address_resolvers": config.network_address.resolvers,
        "peer_strategies": (config.transaction_distribution.strategy,),
        "peer_bootstrap_sources": config.peer_discovery.bootstrap_sources,
    }


def described(info: PluginInfo, chosen: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """One plugin for programs. One without offers is a service, which runs whenever it is installed."""
    offers = [
        {"kind": _KINDS[hook], "name": name, "summary": summary, "chosen": name in chosen[hook]}
        for hook, name, summary in info.offers
    ]
    return {
        "name": info.name,
        "distribution": info.distribution,
        "version": info.version,
        "offers": offers,
        "chosen": not info.error and (not offers or any(offer["chosen"] for offer in offers)),
        "error": info.error,
    }


def rows_of(info: PluginInfo, chosen: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, str, str, str, str]]:
    """One plugin for people, a line for each thing it offers."""
    origin = f"{info.distribution} {info.version}"
    if info.error:
        yield info.name, origin, "", "no", f"failed to load: {info.error}"
    elif not info.offers:
        yield info.name, origin, "service", "yes", "runs beside every node"
    else:
        for hook, name, summary in info.offers:
            yield info.name, origin, f"{_KINDS[hook]} {name}", "yes" if name in chosen[hook] else "no", summary
