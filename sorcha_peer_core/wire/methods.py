"""The gRPC methods of the published services, from their descriptors: no generated ``_pb2_grpc`` modules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import ServiceDescriptor

from sorcha_peer_core.errors import RemoteProtocolError
from sorcha_peer_core.wire import peer_communication_pb2, peer_discovery_pb2, transaction_distribution_pb2
from sorcha_peer_core.wire.bodies import from_bytes

MAX_QUESTION_BYTES = 256 * 1024
"""Of a client that is no node. What it says of other peers can take fifty times as much memory as bytes."""
_LINKS = "sorcha.peer.communication.PeerCommunication"
"""Carries batches, which have bounds of their own."""


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

    def parse_request(self, data: bytes) -> Any:
        """Bytes to request message; None for what is too large or cannot be read.

        gRPC refuses such a call. What is raised to it instead it writes to the log, for every stranger who sends garbage.
        """
        if self.service != _LINKS and len(data) > MAX_QUESTION_BYTES:
            return None
        try:
            return from_bytes(self.request, data)
        except RemoteProtocolError:
            return None

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
