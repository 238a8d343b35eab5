"""What configuration names, picked among all that is installed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.config import DEFAULT_RESOLVERS, DEFAULT_TRANSPORTS, Config
from sorcha_peer_core.errors import ConfigError, PluginError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sorcha_peer_core.hookspecs import Offer
    from sorcha_peer_core.interfaces.address import AddressResolver
    from sorcha_peer_core.interfaces.bootstrap import BootstrapSource
    from sorcha_peer_core.interfaces.store import Store
    from sorcha_peer_core.interfaces.strategy import Strategy
    from sorcha_peer_core.plugin_manager import PluginManager

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """The parts that plugins bring. Nothing of it is opened yet; transports are built later, they need the node's keys."""

    strategy: Strategy
    store: Store
    resolvers: Sequence[AddressResolver]
    transports: Sequence[Offer[Any]]
    bootstrap_sources: Sequence[BootstrapSource]


def choose(config: Config, plugins: PluginManager) -> Choice:
    """Pick and build. Raises PluginError or ConfigError: a setting names something that is not there or cannot be so."""
    distribution, address, discovery = config.transaction_distribution, config.network_address, config.peer_discovery
    [strategy] = plugins.choose("peer_strategies", [distribution.strategy], "transaction_distribution.strategy")
    store_scheme = config.store.url.partition("://")[0].partition("+")[0]
    [store] = plugins.choose("peer_stores", [store_scheme], "store.url")
    sources = plugins.choose("peer_bootstrap_sources", discovery.bootstrap_sources, "peer_discovery.bootstrap_sources")
    if discovery.bootstrap_file and "file" not in discovery.bootstrap_sources:
        raise ConfigError(
            f"peer_discovery.bootstrap_file is {discovery.bootstrap_file!r}, but peer_discovery.bootstrap_sources does not "
            "name 'file', so that nobody would read it"
        )
    return Choice(
        strategy=strategy.build(distribution.model_dump()),
        store=store.build(config.store.url, config.data_dir),
        resolvers=[offer.build(address.model_dump()) for offer in _resolvers(config, plugins)],
        transports=_transports(config, plugins),
        bootstrap_sources=[offer.build(discovery.model_dump() | {"data_dir": config.data_dir}) for offer in sources],
    )


def _resolvers(config: Config, plugins: PluginManager) -> Sequence[Offer[Any]]:
    names: Sequence[str] = config.network_address.resolvers
    if tuple(names) == DEFAULT_RESOLVERS:
        names = _installed("peer_address_resolvers", names, plugins)
    return plugins.choose("peer_address_resolvers", names, "network_address.resolvers")


def _transports(config: Config, plugins: PluginManager) -> Sequence[Offer[Any]]:
    names: Sequence[str] = config.communication.transports
    if tuple(names) == DEFAULT_TRANSPORTS:
        names = _installed("peer_transports", names, plugins)
        if not names:
            raise PluginError("no transport is installed; for the usual one: pip install 'sorcha-peer[grpcstream]'")
    return plugins.choose("peer_transports", names, "communication.transports")


def _installed(hook: str, names: Sequence[str], plugins: PluginManager) -> Sequence[str]:
    # Nobody asked for a particular one: people install only what they need.
    offered = plugins.offered(hook)
    return [name for name in names if name in offered]
