"""The standard gRPC health service: SERVING until the node begins to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from sorcha_peer_core.interfaces.peer_api import PeerApi
from sorcha_peer_core.wire.methods import SERVICES

if TYPE_CHECKING:
    from sorcha_transport_grpc.endpoint import GrpcEndpoint


def serve_health(endpoint: GrpcEndpoint, api: PeerApi) -> None:
    """Put the service on the endpoint. It answers for the node (no name) and for each of its services."""
    servicer = health.HealthServicer()
    for service in SERVICES:
        servicer.set(service, health_pb2.HealthCheckResponse.SERVING)
    endpoint.add(lambda server: health_pb2_grpc.add_HealthServicer_to_server(servicer, server))
    # In a greenlet of its own: it writes to everybody who watches.
    api.when_stopping(lambda: gevent.spawn(servicer.enter_graceful_shutdown))
