"""Health and reflection, as generic gRPC tools use them."""

from __future__ import annotations

import threading
from dataclasses import replace

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from sorcha_peer_core.testing.transport_suite import PATIENCE_S, EmptyPeerApi, transport_context
from sorcha_peer_core.wire.methods import SERVICES
from sorcha_transport_grpc.endpoint import endpoint_of

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
REFLECTION = ("grpc.reflection.v1alpha.ServerReflection", "grpc.reflection.v1.ServerReflection")


class StoppingApi(EmptyPeerApi):
    """A node that the test tells to stop."""

    def __init__(self) -> None:
        self.begin_to_stop = None

    def when_stopping(self, told):
        self.begin_to_stop = told


@pytest.fixture
def api():
    return StoppingApi()


@pytest.fixture
def channel(api):
    endpoint = endpoint_of(replace(transport_context(), peer_api=api))
    with grpc.insecure_channel(endpoint.listen("test").authority) as channel:
        yield channel
    endpoint.release("test", 1.0)


@pytest.fixture
def health(channel):
    return health_pb2_grpc.HealthStub(channel)


def reflected(channel, service, *requests):
    """The answers of a reflection service to requests in one stream."""
    call = channel.stream_stream(
        f"/{service}/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    return list(call(iter(requests), timeout=PATIENCE_S))


@pytest.mark.parametrize("service", ["", *SERVICES])
def test_the_node_and_each_of_its_services_is_serving(health, service):
    answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE_S)

    assert answer.status == SERVING


def test_the_health_of_a_service_that_is_not_here_is_not_found(health):
    with pytest.raises(grpc.RpcError) as refused:
        health.Check(health_pb2.HealthCheckRequest(service="nothing"), timeout=PATIENCE_S)

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_whoever_watches_hears_that_the_node_begins_to_stop(health, api):
    watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S)
    assert next(watch).status == SERVING

    api.begin_to_stop()

    assert next(watch).status == NOT_SERVING
    assert health.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S).status == NOT_SERVING
    watch.cancel()


@pytest.mark.parametrize("name", REFLECTION)
def test_reflection_names_every_published_service(channel, name):
    [answer] = reflected(channel, name, reflection_pb2.ServerReflectionRequest(list_services=""))

    listed = {service.name for service in answer.list_services_response.service}
    assert listed >= {*SERVICES, "grpc.health.v1.Health"}


@pytest.mark.parametrize("name", REFLECTION)
@pytest.mark.parametrize("symbol", [*SERVICES, "grpc.health.v1.Health"])
def test_reflection_describes_every_service_it_names(channel, name, symbol):
    [answer] = reflected(channel, name, reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol))

    assert answer.file_descriptor_response.file_descriptor_proto


def test_reflection_streams_are_bounded(channel):
    def for_ever():
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        released.wait(PATIENCE_S)

    released = threading.Event()
    call = channel.stream_stream(
        f"/{REFLECTION[0]}/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    held = [call(for_ever(), timeout=PATIENCE_S) for _ in range(8)]
    for stream in held:
        next(stream)

    with pytest.raises(grpc.RpcError) as refused:
        reflected(channel, REFLECTION[0], reflection_pb2.ServerReflectionRequest(list_services=""))

    released.set()
    for stream in held:
        stream.cancel()
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
