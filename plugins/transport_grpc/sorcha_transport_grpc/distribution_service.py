"""TransactionDistribution for clients of the published protocol: notify, get, stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import grpc

from sorcha_peer_core.interfaces.peer_api import PeerApi
from sorcha_peer_core.wire import transaction_distribution_pb2 as pb
from sorcha_peer_core.wire.methods import TRANSACTION_DISTRIBUTION
from sorcha_transport_grpc.answering import Places, Refused, answering, answering_caller, streaming

if TYPE_CHECKING:
    from sorcha_transport_grpc.endpoint import GrpcEndpoint

CHUNK_BYTES = 64 * 1024
_MOST_STREAMS = 16
_MOST_NOTIFICATIONS = 32
"""At a time; one can last for as long as a client is dialled back."""


def serve_distribution(endpoint: GrpcEndpoint, api: PeerApi) -> None:
    """Put the service on the endpoint."""
    service = _Distribution(api, endpoint.max_payload_bytes)
    endpoint.serve(TRANSACTION_DISTRIBUTION["NotifyTransaction"], answering_caller(service.notify_transaction))
    endpoint.serve(TRANSACTION_DISTRIBUTION["GetTransaction"], answering(service.get_transaction))
    endpoint.serve(TRANSACTION_DISTRIBUTION["StreamTransaction"], streaming(service.stream_transaction))


class _Distribution:
    def __init__(self, api: PeerApi, max_payload_bytes: int) -> None:
        self._api = api
        self._max_payload_bytes = max_payload_bytes
        self._streams = Places(_MOST_STREAMS)
        self._notifications = Places(_MOST_NOTIFICATIONS)

    def notify_transaction(self, request: pb.TransactionNotification, caller: str) -> pb.NotificationAck:
        if request.transaction_size < 0:
            raise ValueError(f"transaction_size is {request.transaction_size}; it cannot be negative")
        with self._notifications:
            answer = self._api.notify(
                request.transaction_hash,
                request.sender_peer_id,
                request.transaction_size,
                register_id=request.register_id,
                caller=caller,
            )
        return pb.NotificationAck(already_known=answer.already_known, will_request=answer.will_request)

    def get_transaction(self, request: pb.TransactionRequest) -> pb.TransactionResponse:
        payload = self._api.payload(request.transaction_hash)
        if payload is None:
            return pb.TransactionResponse(transaction_hash=request.transaction_hash)
        if len(payload) > self._max_payload_bytes:
            raise Refused(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"the transaction has {len(payload)} bytes, one message takes {self._max_payload_bytes}; use StreamTransaction",
            )
        return pb.TransactionResponse(transaction_hash=request.transaction_hash, transaction_data=payload, found=True)

    def stream_transaction(self, request: pb.TransactionRequest) -> Iterator[pb.TransactionChunk]:
        with self._streams:
            yield from self._chunks(request)

    def _chunks(self, request: pb.TransactionRequest) -> Iterator[pb.TransactionChunk]:
        payload = self._api.payload(request.transaction_hash)
        if payload is None:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"the transaction {request.transaction_hash} is not here")
        total = -(-len(payload) // CHUNK_BYTES)
        for index in range(total):
            yield pb.TransactionChunk(
                transaction_hash=request.transaction_hash,
                chunk_index=index,
                total_chunks=total,
                chunk_data=payload[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES],
            )
