"""How far submissions have come, asked for one or for many, at once or when it is decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest

from sorcha_peer_admin.follow import disconnected
from sorcha_peer_admin.parameters import hash_of, number_parameter

if TYPE_CHECKING:
    from sorcha_peer_admin.follow import Followers
    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.interfaces.views import DeliveryView
    from sorcha_peer_core.model.ids import TxHash

MAX_WAIT_S = 60
MAX_HASHES = 1000
_MAX_QUESTION_BYTES = 1024 * 1024


class DeliveryRoutes:
    """``/transactions/{hash}/delivery`` and ``/transactions/delivery``."""

    def __init__(self, node: NodeApi, followers: Followers) -> None:
        self._node = node
        self._followers = followers

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("delivery", __name__)
        routes.add_url_rule("/transactions/<tx_hash>/delivery", view_func=self.delivery, methods=["GET"])
        routes.add_url_rule("/transactions/delivery", view_func=self.deliveries, methods=["POST"])
        return routes

    def delivery(self, tx_hash: str) -> Response:
        """One submission; with ``wait`` when it is settled or the time is over."""
        wanted = hash_of(tx_hash)
        self._wait([wanted], number_parameter("wait", default=0, least=0, most=MAX_WAIT_S))
        return jsonify(delivery_json(self._node.delivery(wanted)))

    def deliveries(self) -> Response:
        """Many of them, in the order asked; with ``wait_s`` when all are settled or the time is over."""
        request.max_content_length = _MAX_QUESTION_BYTES
        hashes, wait_s = _question(request.get_json(force=True, silent=True))
        self._wait(hashes, wait_s)
        return jsonify({"deliveries": [delivery_json(view) for view in self._node.deliveries(hashes)]})

    def _wait(self, hashes: Sequence[TxHash], wait_s: float) -> None:
        if not wait_s or self._node.wait_for_delivery(hashes, 0.0):
            return
        gone = disconnected()
        self._followers.enter()
        try:
            self._followers.wait(lambda timeout_s: self._node.wait_for_delivery(hashes, timeout_s), wait_s, gone)
        finally:
            self._followers.leave()


def delivery_json(view: DeliveryView) -> dict[str, Any]:
    """How far a submission has come, as programs read it; keys are added, never renamed."""
    return {
        "hash": view.tx_hash.hex(),
        "state": view.state,
        "receipts": view.receipts,
        "receipts_needed": view.receipts_needed,
        "attempts": view.attempts,
        "reason": view.reason,
        "next_attempt_ms": view.next_attempt_ms,
    }


def _question(body: Any) -> tuple[list[TxHash], float]:
    if not isinstance(body, dict) or not isinstance(body.get("hashes"), list):
        raise BadRequest('the body is not a JSON object like {"hashes": ["..."], "wait_s": 30}')
    hashes, wait_s = body["hashes"], body.get("wait_s", 0)
    if len(hashes) > MAX_HASHES:
        raise BadRequest(f"these are {len(hashes)} hashes; at most {MAX_HASHES} are answered at once")
    if isinstance(wait_s, bool) or not isinstance(wait_s, int | float) or not 0 <= wait_s <= MAX_WAIT_S:
        raise BadRequest(f"wait_s is {str(wait_s)[:40]}; it is a number of seconds from 0 to {MAX_WAIT_S}")
    return [hash_of(text) for text in hashes], float(wait_s)
