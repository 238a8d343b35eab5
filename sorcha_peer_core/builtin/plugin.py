"""What the core itself offers, through the same hooks as any plugin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.hookspecs import Offer, hookimpl

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.address import AddressResolver
    from sorcha_peer_core.interfaces.bootstrap import BootstrapSource
    from sorcha_peer_core.interfaces.store import Store
    from sorcha_peer_core.interfaces.strategy import Strategy


@hookimpl
def peer_stores() -> Sequence[Offer[Store]]:
    """SQLite, PostgreSQL, and a store in memory."""
    return [
        Offer("sqlite", _build_sqlite_store, "one SQLite file in the data directory"),
        Offer("postgresql", _build_postgres_store, "a PostgreSQL database; needs the extra [postgres]"),
        Offer("memory", _build_memory_store, "nothing outlives the process; for tests"),
    ]


@hookimpl
def peer_address_resolvers() -> Sequence[Offer[AddressResolver]]:
    """What the operator says, and what the interfaces have."""
    return [
        Offer("manual", _build_manual_resolver, "network_address.external_address"),
        Offer("interface", _build_interface_resolver, "the addresses of this machine's network interfaces"),
    ]


@hookimpl
def peer_strategies() -> Sequence[Offer[Strategy]]:
    """The shipped ways to spread transactions."""
    return [
        Offer("mesh", _build_mesh, "push to everybody in small networks, over the fastest links in large ones"),
        Offer("sqrt", _build_sqrt, "tell the hash to the square root of the network, as the original design has it"),
        Offer("flood", _build_flood, "push over every link; fast, at a copy for each"),
    ]


@hookimpl
def peer_bootstrap_sources() -> Sequence[Offer[BootstrapSource]]:
    """First contacts beside those in the configuration."""
    return [Offer("file", _build_bootstrap_file, "peer_discovery.bootstrap_file, one first contact a line")]


def _build_sqlite_store(url: str, data_dir: Path) -> Store:
    from sorcha_peer_core.builtin.sqlite_store import build_sqlite_store

    return build_sqlite_store(url, data_dir)


def _build_postgres_store(url: str, data_dir: Path) -> Store:
    try:
        from sorcha_peer_core.builtin.postgres_store import build_postgres_store
    except ModuleNotFoundError as error:
        if error.name != "psycopg2":
            raise
        raise ConfigError(
            "store.url names a PostgreSQL database, and its driver is not installed; pip install 'sorcha-peer[postgres]'"
        ) from None
    return build_postgres_store(url, data_dir)


def _build_memory_store(url: str, data_dir: Path) -> Store:
    from sorcha_peer_core.builtin.memory_store import build_memory_store

    return build_memory_store(url, data_dir)


def _build_manual_resolver(settings: Mapping[str, Any]) -> AddressResolver:
    from sorcha_peer_core.builtin.addresses import build_manual_resolver

    return build_manual_resolver(settings)


def _build_interface_resolver(settings: Mapping[str, Any]) -> AddressResolver:
    from sorcha_peer_core.builtin.addresses import build_interface_resolver

    return build_interface_resolver(settings)


def _build_bootstrap_file(settings: Mapping[str, Any]) -> BootstrapSource:
    from sorcha_peer_core.builtin.bootstrap_file import build_bootstrap_file

    return build_bootstrap_file(settings)


def _build_mesh(settings: Mapping[str, Any]) -> Strategy:
    from sorcha_peer_core.protocol.strategies import MESH_FANOUT, Mesh

    return Mesh(settings["full_mesh_max_peers"], settings["eager_max_bytes"], _fanout(settings) or MESH_FANOUT)


def _build_sqrt(settings: Mapping[str, Any]) -> Strategy:
    from sorcha_peer_core.protocol.strategies import Sqrt

    return Sqrt(_fanout(settings))


def _build_flood(settings: Mapping[str, Any]) -> Strategy:
    from sorcha_peer_core.protocol.strategies import Flood

    if _fanout(settings) is not None:
        raise ConfigError(f"transaction_distribution.fanout is {settings['fanout']}; flood has none, it pushes over every link")
    return Flood(settings["swarm_min_bytes"])


def _fanout(settings: Mapping[str, Any]) -> int | None:
    """None: as the strategy finds right."""
    return None if settings["fanout"] == "auto" else int(settings["fanout"])
