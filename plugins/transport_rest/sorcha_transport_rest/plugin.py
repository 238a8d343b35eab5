"""What this distribution offers; Flask and requests are imported only when a node builds the transport."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from sorcha_peer_core.hookspecs import Offer, hookimpl

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.monitoring import HealthCheck
    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.interfaces.transport import Transport, TransportContext
    from sorcha_transport_rest.transport import RestTransport

_built: WeakValueDictionary[Path, RestTransport] = WeakValueDictionary()
"""By data directory, which no two nodes share: how the hooks of one node find its transport."""


@hookimpl
def peer_transports() -> Sequence[Offer[Transport]]:
    """The pipe over requests."""
    return [Offer("rest", _build, "HTTP requests and a long poll, where only HTTP passes; also serves the REST endpoints")]


@hookimpl
def peer_health(node: NodeApi) -> Sequence[HealthCheck]:
    """Whether the REST port still takes connections."""

    def flaws() -> Sequence[str]:
        transport = _built.get(node.data_dir)
        return transport.flaws() if transport else ()

    return [flaws]


def _build(context: TransportContext) -> Transport:
    from sorcha_transport_rest.transport import RestTransport

    _built[context.data_dir] = transport = RestTransport(context)
    return transport
