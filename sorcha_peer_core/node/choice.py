"""What configuration names, picked among all that is installed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.config import DEFAULT_TRANSPORTS, Config
from sorcha_peer_core.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sorcha_peer_core.hookspecs import Offer
    from sorcha_peer_core.interfaces.address import AddressResolver
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


def choose(config: Config, plugins: PluginManager) -> Choice:
    """Pick and build. Raises PluginError or ConfigError: a setting names something that is not there or cannot be so."""
    distribution, address = config.transaction_distribution, config.network_address
    [strategy] = plugins.choose("peer_strategies", [distribution.strategy], "transaction_distribution.strategy")
    store_scheme = config.store.url.partition("://")[0].partition("+")[0]
    [store] = plugins.choose("peer_stores", [store_scheme], "store.url")
    resolvers = plugins.choose("peer_address_resolvers", address.resolvers, "network_address.resolvers")
    return Choice(
        strategy=strategy.build(distribution.model_dump()),
        store=store.build(config.store.url, config.data_dir),
        resolvers=[offer.build(address.model_dump()) for offer in resolvers],
        transports=_transports(config, plugins),
    )


def _transports(config: Config, plugins: PluginManager) -> Sequence[Offer[Any]]:
    names: Sequence[str] = config.communication.transports
    if tuple(names) == DEFAULT_TRANSPORTS:
        # Nobody asked for a particular one: people install only the transports they need.
        names = [name for name in names if name in plugins.offered("peer_transports")]
        if not names:
            raise PluginError("no transport is installed; for the usual one: pip install 'sorcha-peer[grpcstream]'")
    return plugins.choose("peer_transports", names, "communication.transports")
