"""Transactions for clients of the published protocol: notify, get."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flask import Blueprint, Response, request

from sorcha_peer_core.interfaces.peer_api import PeerApi
from sorcha_peer_core.wire import transaction_distribution_pb2 as pb
from sorcha_transport_rest.answers import Refused, client_errors, message_answer, read_message
from sorcha_transport_rest.calls import JSON

_MAX_BODY_BYTES = 64 * 1024
_PIECE_BYTES = 64 * 1024
_YEAR_S = 365 * 24 * 3600


class TransactionRoutes:
    """``/api/v1/transactions``."""

    def __init__(self, api: PeerApi, caller_of: Callable[[], str]) -> None:
        self._api = api
        self._caller_of = caller_of

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("transactions", __name__, url_prefix="/api/v1/transactions")
        routes.add_url_rule("/notify", "notify", self.notify, methods=["POST"])
        routes.add_url_rule("/<tx_hash>", "get", self.get, methods=["GET"])
        return routes

    def notify(self) -> Response:
        """A client has a transaction."""
        told = read_message(pb.TransactionNotification, most_bytes=_MAX_BODY_BYTES, media_types=(JSON,))
        if told.transaction_size < 0:
            raise Refused(400, f"transactionSize is {told.transaction_size}; it cannot be negative")
        with client_errors():
            answer = self._api.notify(
                told.transaction_hash,
                told.sender_peer_id,
                told.transaction_size,
                register_id=told.register_id,
                caller=self._caller_of(),
            )
        return message_answer(pb.NotificationAck(already_known=answer.already_known, will_request=answer.will_request))

    def get(self, tx_hash: str) -> Response:
        """The payload, or the range of it that was asked for."""
        with client_errors():
            payload = self._api.payload(tx_hash)
        if payload is None:
            raise Refused(404, f"the transaction {tx_hash} is not here")
        response = Response(_pieces(payload), mimetype="application/octet-stream")
        response.content_length = len(payload)
        # What a hash names never changes.
        response.set_etag(tx_hash.strip().lower())
        response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable"
        response.make_conditional(request.environ, accept_ranges=True, complete_length=len(payload))
        return response


def _pieces(payload: bytes) -> Iterator[bytes]:
    # In pieces, so that a slow reader is given up when one of them is not taken in time, and not the whole.
    for start in range(0, len(payload), _PIECE_BYTES):
        yield payload[start : start + _PIECE_BYTES]
