"""The one gRPC server and port of a node, shared by everything that speaks gRPC."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn

import grpc

from sorcha_peer_core.errors import StartError
from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES, TransportContext
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.wire.methods import Method, serialize
from sorcha_transport_grpc.addresses import bind_problem, listening_host
from sorcha_transport_grpc.encryption import Channel, Security, accepted_security, open_channel, server_credentials
from sorcha_transport_grpc.runtime import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from sorcha_transport_grpc.foreign import GrpcForeignClient

log = logging.getLogger(__name__)

_SHARED_KEY = "sorcha_transport_grpc.endpoint"
_SLACK_BYTES = 64 * 1024
"""Room for the fields around a batch or a payload."""
_SPARE_WORKERS = 64
_WORKERS_PER_LINK = 2

_BOTH_SIDES = [
    # Equal on both sides, or the one that pings is sent away with too_many_pings.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # A fixed window instead of one that grows: what a reader that is not reading can be sent ahead stays bounded.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", MAX_BATCH_BYTES),
    ("grpc.max_receive_message_length", MAX_BATCH_BYTES + _SLACK_BYTES),
]
_CHANNEL_OPTIONS = [
    *_BOTH_SIDES,
    ("grpc.max_send_message_length", MAX_BATCH_BYTES + _SLACK_BYTES),
    # Channels to one peer share nothing: neither the connection nor the pause after a failure.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.service_config_disable_resolution", 1),
]
_SERVER_OPTIONS = [
    *_BOTH_SIDES,
    # Without this a port in use goes unnoticed, and two nodes share its connections.
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 0),
    # Whoever connects and then says nothing, in the TLS handshake or after it, costs a descriptor for so long and no longer.
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 75_000),
    # A link needs two calls at a time over a connection of its own.
    ("grpc.max_concurrent_streams", 32),
]


class GrpcEndpoint:
    """One server: starts with the first user that listens, stops with the last that releases it."""

    def __init__(self, context: TransportContext) -> None:
        prepare(context.max_connections)
        self.max_payload_bytes = max(MAX_BATCH_BYTES, context.max_transaction_bytes)
        self._context = context
        self._handlers = _Handlers()
        self._add_ons: list[Callable[[Any], object]] = []
        self._server: Any = None
        self._listening: Endpoint | None = None
        self._users: set[object] = set()
        self._places = context.max_connections

    @property
    def listens(self) -> bool:
        """Whether it is to serve at all; a node that only dials needs its channels and nothing more."""
        return self._context.listen is not None

    def listen(self, user: object) -> Endpoint:
        """Serve from now on, for this user too; returns where. Only for one that ``listens``. Raises StartError."""
        if self._listening is None:
            self._server, self._listening = self._start()
            log.info("gRPC listens on %s", self._listening.authority)
        self._users.add(user)
        return self._listening

    def release(self, user: object, grace_s: float) -> None:
        """This user needs the server no longer; the last one stops it. Calls in progress get ``grace_s``. Idempotent."""
        self._users.discard(user)
        if self._users or self._server is None:
            return
        server, self._server, self._listening = self._server, None, None
        server.stop(grace_s).wait()

    def serve(self, method: Method, behaviour: Callable[..., Any]) -> None:
        """Answer a method with ``behaviour(request or requests, context)``, from the moment that the server runs.

        Said before anybody listens: a dialler takes UNIMPLEMENTED for a lasting answer.
        """
        self._handlers.add(method, behaviour)

    def add(self, add_to_server: Callable[[Any], object]) -> None:
        """Have ``add_to_server(server)`` called whenever a server is made, for services that come with their own code."""
        self._add_ons.append(add_to_server)

    def channel_to(self, remote: Endpoint, timeout_s: float) -> Channel:
        """A new channel of the caller's own, to be closed by it. Raises a TransportError when TLS does not come about."""
        return open_channel(remote, _CHANNEL_OPTIONS, self._context.credentials, timeout_s)

    def foreign_channel_to(self, remote: Endpoint, timeout_s: float, most_bytes: int, *, encrypted: bool) -> Channel:
        """The same to somebody who is no node, and who sends at most ``most_bytes`` in a message."""
        limit = ("grpc.max_receive_message_length", most_bytes)
        options = [limit if name == limit[0] else (name, value) for name, value in _CHANNEL_OPTIONS]
        return open_channel(remote, options, self._context.credentials if encrypted else None, timeout_s)

    @property
    def foreign_client(self) -> GrpcForeignClient:
        """Asks clients that are no nodes."""
        from sorcha_transport_grpc.foreign import GrpcForeignClient

        api = self._context.peer_api
        return GrpcForeignClient(self, lambda: api.own().peer_id, self._context.streaming_threshold_bytes)

    @property
    def encryption(self) -> str:
        """open | ca; empty where nothing is encrypted."""
        return self._context.credentials.mode if self._context.credentials else ""

    def security_of(self, context: Any) -> Security:
        """What is known of the encryption of a call that came in."""
        return accepted_security(context, self._context.credentials)

    def take_place(self) -> bool:
        """Count one more inbound link; False when there are ``max_connections`` of them."""
        if self._places <= 0:
            return False
        self._places -= 1
        return True

    def give_place(self) -> None:
        """An inbound link has ended."""
        self._places += 1

    def _start(self) -> tuple[Any, Endpoint]:
        assert self._context.listen is not None
        host, port = self._context.listen
        wanted = Endpoint("grpc", listening_host(host), port)
        if wanted.host != host:
            log.info("this machine has no IPv6: gRPC listens on its IPv4 addresses only")
        problem = bind_problem(wanted.host, wanted.port)
        if problem:
            raise StartError(f"cannot listen on {wanted.authority}: {problem}")
        # Under gevent the workers are greenlets. Every inbound link holds one or two of them for all its life.
        most_calls = _WORKERS_PER_LINK * self._context.max_connections + _SPARE_WORKERS
        workers = ThreadPoolExecutor(most_calls)
        options = [*_SERVER_OPTIONS, ("grpc.max_send_message_length", self.max_payload_bytes + _SLACK_BYTES)]
        # A call that found no worker would wait, with its message in memory.
        server = grpc.server(workers, handlers=[self._handlers], options=options, maximum_concurrent_rpcs=most_calls)
        for add_to_server in self._add_ons:
            add_to_server(server)
        try:
            bound = self._add_port(server, wanted)
        except RuntimeError as error:
            raise StartError(f"cannot listen on {wanted.authority}: {error}") from error
        server.start()
        return server, wanted._replace(port=bound)

    def _add_port(self, server: Any, wanted: Endpoint) -> int:
        credentials = self._context.credentials
        if credentials is None:
            port: int = server.add_insecure_port(wanted.authority)
        else:
            port = server.add_secure_port(wanted.authority, server_credentials(credentials))
        return port


def endpoint_of(context: TransportContext) -> GrpcEndpoint:
    """The endpoint of this node; made at the first call, with the classic services on it."""
    from sorcha_transport_grpc.discovery_service import serve_discovery
    from sorcha_transport_grpc.distribution_service import serve_distribution
    from sorcha_transport_grpc.health_service import serve_health
    from sorcha_transport_grpc.reflection_service import serve_reflection

    endpoint: GrpcEndpoint | None = context.shared.get(_SHARED_KEY)
    if endpoint is None:
        endpoint = context.shared[_SHARED_KEY] = GrpcEndpoint(context)
        serve_discovery(endpoint, context.peer_api)
        serve_distribution(endpoint, context.peer_api)
        serve_health(endpoint, context.peer_api)
        serve_reflection(endpoint)
    return endpoint


def refuse_unready(context: Any) -> NoReturn:
    """Answer a call that came before its transport listens, or after it stopped: the dialler may try again soon."""
    context.abort(grpc.StatusCode.UNAVAILABLE, "this node is starting or stopping")
    raise AssertionError("abort raises")


def method_of(channel: Any, method: Method) -> Any:
    """The callable that calls a method over a channel."""
    call = getattr(channel, _shape(method))
    return call(method.path, request_serializer=serialize, response_deserializer=method.parse_response)


def _shape(method: Method) -> str:
    return f"{'stream' if method.client_streams else 'unary'}_{'stream' if method.server_streams else 'unary'}"


class _Handlers(grpc.GenericRpcHandler):
    """Looked up per call, so that a method can be offered while the server runs."""

    def __init__(self) -> None:
        self._by_path: dict[str, Any] = {}

    def add(self, method: Method, behaviour: Callable[..., Any]) -> None:
        build = getattr(grpc, f"{_shape(method)}_rpc_method_handler")
        self._by_path[method.path] = build(behaviour, request_deserializer=method.parse_request, response_serializer=serialize)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._by_path.get(handler_call_details.method)
