"""What this distribution offers; grpc itself is imported only when a node builds the transport."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.hookspecs import Offer, hookimpl

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.transport import Transport, TransportContext


@hookimpl
def peer_transports() -> Sequence[Offer[Transport]]:
    """The unary pipe."""
    return [Offer("grpc", _build, "unary gRPC calls, for networks that break long streams; also serves the classic services")]


def _build(context: TransportContext) -> Transport:
    from sorcha_transport_grpc.endpoint import endpoint_of
    from sorcha_transport_grpc.unary_transport import UnaryTransport

    return UnaryTransport(endpoint_of(context))
