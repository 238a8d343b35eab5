"""What this distribution offers; grpc itself is imported only when a node builds the transport."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.hookspecs import Offer, hookimpl

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.transport import Transport, TransportContext


@hookimpl
def peer_transports() -> Sequence[Offer[Transport]]:
    """The stream pipe."""
    return [Offer("grpcstream", _build, "one long-lived gRPC stream per link: the fastest way between nodes")]


def _build(context: TransportContext) -> Transport:
    from sorcha_transport_grpc.endpoint import endpoint_of
    from sorcha_transport_grpcstream.transport import StreamTransport

    return StreamTransport(endpoint_of(context))
