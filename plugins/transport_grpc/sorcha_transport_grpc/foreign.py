"""Asking clients of the published protocol that serve TransactionDistribution themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

import grpc

from sorcha_peer_core.errors import NotOffered, TransportError
from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES
from sorcha_peer_core.model.ids import HASH_BYTES, TxHash
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.wire import peer_discovery_pb2, transaction_distribution_pb2
from sorcha_peer_core.wire.methods import PEER_DISCOVERY, TRANSACTION_DISTRIBUTION, Method
from sorcha_transport_grpc.endpoint import method_of
from sorcha_transport_grpc.statuses import dial_error

if TYPE_CHECKING:
    from sorcha_transport_grpc.endpoint import GrpcEndpoint

_ROOM_BYTES = 4 * 1024
"""For the fields around a payload."""
_NOTHING = bytes(HASH_BYTES).hex()
_LEAST_TIME_S = 0.1
_TLS_SHARE = 0.5
"""Of the time for a question that is spent on finding out whether the other side speaks TLS."""

Answer = TypeVar("Answer")


class GrpcForeignClient:
    """See ForeignClient; opens a channel for each question, because clients come and go."""

    protocols = ("Grpc", "GrpcStream")
    scheme = "grpc"

    def __init__(self, endpoint: GrpcEndpoint, own_peer_id: Callable[[], str], streaming_threshold_bytes: int) -> None:
        self._endpoint = endpoint
        self._own_peer_id = own_peer_id
        self._streaming_threshold_bytes = streaming_threshold_bytes

    def ping(self, endpoint: Endpoint, timeout_s: float) -> None:
        """See ForeignClient; a client without PeerDiscovery is asked for a transaction that cannot be."""
        self._ask(endpoint, timeout_s, _ROOM_BYTES, self._ping)

    def fetch(self, endpoint: Endpoint, tx_hash: TxHash, size_bytes: int, timeout_s: float) -> bytes:
        """See ForeignClient; a large one comes as a stream."""
        streamed = size_bytes > self._streaming_threshold_bytes
        request = transaction_distribution_pb2.TransactionRequest(
            transaction_hash=tx_hash.hex(), requesting_peer_id=self._own_peer_id()
        )

        def get(channel: Any, left_s: float) -> bytes:
            if streamed:
                call = method_of(channel, TRANSACTION_DISTRIBUTION["StreamTransaction"])(request, timeout=left_s)
                try:
                    return join_chunks(call, endpoint, size_bytes)
                finally:
                    call.cancel()
            return _whole(_call(channel, TRANSACTION_DISTRIBUTION["GetTransaction"], request, left_s), endpoint)

        most_bytes = min(size_bytes, MAX_BATCH_BYTES) if streamed else size_bytes
        return self._ask(endpoint, timeout_s, most_bytes + _ROOM_BYTES, get)

    def _ask(self, endpoint: Endpoint, timeout_s: float, most_bytes: int, question: Callable[[Any, float], Answer]) -> Answer:
        deadline_s = time.monotonic() + timeout_s
        with closing(self._channel(endpoint, timeout_s, most_bytes)) as channel:
            try:
                return question(channel, max(_LEAST_TIME_S, deadline_s - time.monotonic()))
            except grpc.RpcError as error:
                raise dial_error(endpoint, error) from None

    def _channel(self, endpoint: Endpoint, timeout_s: float, most_bytes: int) -> Any:
        mode = self._endpoint.encryption
        if mode:
            share_s = timeout_s if mode == "ca" else timeout_s * _TLS_SHARE
            try:
                return self._endpoint.foreign_channel_to(endpoint, share_s, most_bytes, encrypted=True).channel
            except TransportError:
                if mode == "ca":
                    raise
        return self._endpoint.foreign_channel_to(endpoint, timeout_s, most_bytes, encrypted=False).channel

    def _ping(self, channel: Any, left_s: float) -> None:
        own = self._own_peer_id()
        try:
            _call(channel, PEER_DISCOVERY["Ping"], peer_discovery_pb2.PingRequest(peer_id=own), left_s)
        except grpc.RpcError as error:
            if _code_of(error) is not grpc.StatusCode.UNIMPLEMENTED:
                raise
            request = transaction_distribution_pb2.TransactionRequest(transaction_hash=_NOTHING, requesting_peer_id=own)
            _ask_for_nothing(channel, request, left_s)


def join_chunks(chunks: Iterable[Any], endpoint: Endpoint, size_bytes: int) -> bytes:
    """The payload in the chunks of a stream. Raises NotOffered as soon as they are none, or are more than announced."""
    payload = bytearray()
    for index, chunk in enumerate(chunks):
        if chunk.chunk_index != index or not chunk.chunk_data:
            raise NotOffered(f"{endpoint} sent chunk {chunk.chunk_index} of {len(chunk.chunk_data)} bytes where {index} was due")
        if len(payload) + len(chunk.chunk_data) > size_bytes:
            raise NotOffered(f"{endpoint} sent more than the {size_bytes} bytes that were announced")
        payload += chunk.chunk_data
    return bytes(payload)


def _whole(answer: Any, endpoint: Endpoint) -> bytes:
    if not answer.found:
        raise NotOffered(f"{endpoint} does not have the transaction")
    payload: bytes = answer.transaction_data
    return payload


def _ask_for_nothing(channel: Any, request: Any, left_s: float) -> None:
    try:
        _call(channel, TRANSACTION_DISTRIBUTION["GetTransaction"], request, left_s)
    except grpc.RpcError as error:
        if _code_of(error) not in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
            raise


def _call(channel: Any, method: Method, request: Any, timeout_s: float) -> Any:
    # One native thread per channel, where a call that blocks by itself would take one more.
    return method_of(channel, method).future(request, timeout=timeout_s).result()


def _code_of(error: Any) -> Any:
    return error.code()
