"""What this distribution offers; Flask and requests are imported only when a node builds the transport."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.hookspecs import Offer, hookimpl

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.transport import Transport, TransportContext


@hookimpl
def peer_transports() -> Sequence[Offer[Transport]]:
    """The pipe over requests."""
    return [Offer("rest", _build, "HTTP requests and a long poll, where only HTTP passes; also serves the REST endpoints")]


def _build(context: TransportContext) -> Transport:
    from sorcha_transport_rest.transport import RestTransport

    return RestTransport(context)
