"""The doors: every hook a plugin can implement.

Hooks are called at start-up or at human speed, never per message. Those that bring something to choose from return
named factories; configuration chooses by name and order, installation order means nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import pluggy

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.address import AddressResolver
    from sorcha_peer_core.interfaces.bootstrap import BootstrapSource
    from sorcha_peer_core.interfaces.monitoring import HealthCheck, MetricSource
    from sorcha_peer_core.interfaces.service import NodeApi, Service
    from sorcha_peer_core.interfaces.store import Store
    from sorcha_peer_core.interfaces.strategy import Strategy
    from sorcha_peer_core.interfaces.transport import Transport

PROJECT = "sorcha_peer"
"""Name of the hook namespace and of the entry point group."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Offer(Generic[T_co]):
    """Something a plugin can build, under the name that configuration uses for it."""

    name: str
    build: Callable[..., T_co]
    """Called at most once per node, with what the hook's docstring says."""
    summary: str
    """One line for ``sorcha-peer plugins``."""


@hookspec
def peer_transports() -> Sequence[Offer[Transport]]:  # type: ignore[empty-body]
    """Ways to open pipes to peers; ``build(context: TransportContext)``. Chosen by ``communication.transports``."""


@hookspec
def peer_stores() -> Sequence[Offer[Store]]:  # type: ignore[empty-body]
    """Where a node keeps its data, named by URL scheme; ``build(url: str, data_dir: Path)``. Chosen by ``store.url``."""


@hookspec
def peer_address_resolvers() -> Sequence[Offer[AddressResolver]]:  # type: ignore[empty-body]
    """Sources of a node's own address; ``build(settings: Mapping[str, Any])`` gets the section ``[network_address]``.

    Chosen by ``network_address.resolvers``.
    """


@hookspec
def peer_strategies() -> Sequence[Offer[Strategy]]:  # type: ignore[empty-body]
    """Ways to spread transactions; ``build(settings: Mapping[str, Any])`` gets ``[transaction_distribution]``.

    Chosen by ``transaction_distribution.strategy``.
    """


@hookspec
def peer_bootstrap_sources() -> Sequence[Offer[BootstrapSource]]:  # type: ignore[empty-body]
    """Sources of first contacts; ``build(settings: Mapping[str, Any])`` gets ``[peer_discovery]``, and ``data_dir`` (a path).

    Chosen by ``peer_discovery.bootstrap_sources``.
    """


@hookspec
def peer_services(node: NodeApi) -> Sequence[Service]:  # type: ignore[empty-body]
    """What runs beside the node, started after it and stopped before it. Called once, before the node starts."""


@hookspec
def peer_metrics(node: NodeApi) -> Sequence[MetricSource]:  # type: ignore[empty-body]
    """What a plugin adds to ``/metrics``. Called once, when the node has its parts; what it returns, for each scrape."""


@hookspec
def peer_health(node: NodeApi) -> Sequence[HealthCheck]:  # type: ignore[empty-body]
    """Why a plugin sees the node as not ready. Called once, when the node has its parts; what it returns, for each probe."""


HOOKS_WITH_OFFERS = ("peer_transports", "peer_stores", "peer_address_resolvers", "peer_strategies", "peer_bootstrap_sources")


def hook_names() -> list[str]:
    """Every hook of this module, in the order of definition."""
    return [name for name, value in globals().items() if hasattr(value, f"{PROJECT}_spec")]
