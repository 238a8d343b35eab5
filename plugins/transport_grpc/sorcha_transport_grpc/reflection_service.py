"""The standard gRPC reflection service, so that generic tools can call the services without the .proto files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection, reflection_pb2

from sorcha_peer_core.wire.methods import SERVICES
from sorcha_transport_grpc.answering import Places, Refused

if TYPE_CHECKING:
    from sorcha_transport_grpc.endpoint import GrpcEndpoint

_NAMES = ("grpc.reflection.v1.ServerReflection", reflection.SERVICE_NAME)
"""The messages of both are the same on the wire."""
_METHOD = "ServerReflectionInfo"
_MOST_AT_ONCE = 8
"""A tool's stream holds a worker for as long as the tool likes."""


def serve_reflection(endpoint: GrpcEndpoint) -> None:
    """Put the service on the endpoint, under its old name and its new one."""
    answer = _Bounded(reflection.ReflectionServicer([*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME]))
    method = grpc.stream_stream_rpc_method_handler(
        answer,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    handlers = tuple(grpc.method_handlers_generic_handler(name, {_METHOD: method}) for name in _NAMES)
    endpoint.add(lambda server: server.add_generic_rpc_handlers(handlers))


class _Bounded:
    def __init__(self, servicer: Any) -> None:
        self._servicer = servicer
        self._places = Places(_MOST_AT_ONCE)

    def __call__(self, requests: Any, context: Any) -> Iterator[Any]:
        try:
            with self._places:
                yield from self._servicer.ServerReflectionInfo(requests, context)
                return
        except Refused as refused:
            code, sentence = refused.code, str(refused)
        context.abort(code, sentence)
