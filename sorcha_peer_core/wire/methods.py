"""The gRPC methods of the published services, from their descriptors: no generated ``_pb2_grpc`` modules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import ServiceDescriptor

from sorcha_peer_core.wire import peer_communication_pb2, peer_discovery_pb2, transaction_distribution_pb2


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC: what a gRPC client or server needs to know of it."""

    service: str
    name: str
    request: Any
    response: Any
    client_streams: bool
    server_streams: bool

    @property
    def path(self) -> str:
        """As it stands in the HTTP/2 request."""
        return f"/{self.service}/{self.name}"

    @property
    def parse_request(self) -> Callable[[bytes], Any]:
        """Bytes to request message."""
        parse: Callable[[bytes], Any] = self.request.FromString
        return parse

    @property
    def parse_response(self) -> Callable[[bytes], Any]:
        """Bytes to response message."""
        parse: Callable[[bytes], Any] = self.response.FromString
        return parse


def serialize(message: Any) -> bytes:
    """Message to bytes."""
    data: bytes = message.SerializeToString()
    return data


def _methods_of(service: ServiceDescriptor) -> dict[str, Method]:
    return {
        method.name: Method(
            service=service.full_name,
            name=method.name,
            request=message_factory.GetMessageClass(method.input_type),
            response=message_factory.GetMessageClass(method.output_type),
            client_streams=method.client_streaming,
            server_streams=method.server_streaming,
        )
        for method in service.methods
    }


def _service(module: Any, name: str) -> dict[str, Method]:
    return _methods_of(module.DESCRIPTOR.services_by_name[name])


PEER_DISCOVERY = _service(peer_discovery_pb2, "PeerDiscovery")
PEER_COMMUNICATION = _service(peer_communication_pb2, "PeerCommunication")
TRANSACTION_DISTRIBUTION = _service(transaction_distribution_pb2, "TransactionDistribution")

SERVICES = tuple(
    next(iter(methods.values())).service for methods in (PEER_DISCOVERY, PEER_COMMUNICATION, TRANSACTION_DISTRIBUTION)
)
"""Full names of the published services."""
