"""The queue: what waits for its receipts, what was given up, and what to do about that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify
from werkzeug.exceptions import NotFound

from sorcha_peer_admin.audit import audited
from sorcha_peer_admin.parameters import MAX_ROW_ID, hash_of, number_parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.model.transaction import QueueRow

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
_WHERE = {
    "queued": "it waits in the queue for its release",
    "sending": "it waits in the queue for its receipts",
    "delivered": "it is delivered",
    "dead": "it is one since a moment ago",
    "unknown": "it is not here",
}


class QueueRoutes:
    """``/queue`` and ``/dead-letters``."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("queue", __name__)
        routes.add_url_rule("/queue", view_func=self.queue, methods=["GET"])
        routes.add_url_rule("/dead-letters", view_func=self.dead_letters, methods=["GET"])
        routes.add_url_rule("/dead-letters", view_func=self.drop_all, methods=["DELETE"])
        routes.add_url_rule("/dead-letters/retry", view_func=self.retry_all, methods=["POST"])
        routes.add_url_rule("/dead-letters/<tx_hash>", view_func=self.dead_letter, methods=["GET"])
        routes.add_url_rule("/dead-letters/<tx_hash>", view_func=self.drop, methods=["DELETE"])
        routes.add_url_rule("/dead-letters/<tx_hash>/retry", view_func=self.retry, methods=["POST"])
        return routes

    def queue(self) -> Response:
        """A page of what waits, oldest first."""
        after, limit = _page()
        return jsonify(self._answer("queue", self._node.queue(after, limit), limit))

    def dead_letters(self) -> Response:
        """A page of what was given up, oldest first."""
        after, limit = _page()
        return jsonify(self._answer("dead_letters", self._node.dead_letters(after, limit), limit))

    def dead_letter(self, tx_hash: str) -> Response:
        """One dead letter; its payload is under ``/transactions``."""
        row = self._node.dead_letter(hash_of(tx_hash))
        if row is None:
            raise self._no_dead_letter(tx_hash)
        return jsonify(row_json(row))

    def retry(self, tx_hash: str) -> Response:
        """Offer one again at once."""
        if not self._act("retry", [hash_of(tx_hash)]):
            raise self._no_dead_letter(tx_hash)
        return jsonify({"retried": 1})

    def retry_all(self) -> Response:
        """Offer all of them again at once."""
        return jsonify({"retried": self._act("retry", None)})

    def drop(self, tx_hash: str) -> Response:
        """Forget one."""
        if not self._act("drop", [hash_of(tx_hash)]):
            raise self._no_dead_letter(tx_hash)
        return jsonify({"dropped": 1})

    def drop_all(self) -> Response:
        """Forget all of them."""
        return jsonify({"dropped": self._act("drop", None)})

    def _act(self, what: str, hashes: Sequence[TxHash] | None) -> int:
        act = {"retry": self._node.retry_dead_letters, "drop": self._node.drop_dead_letters}[what]
        target = "all" if hashes is None else hashes[0].hex()
        return audited(self._node, f"dead-letter.{what}", target, lambda: act(hashes), lambda count: f"{count} dead letters")

    def _answer(self, name: str, rows: Sequence[QueueRow], limit: int) -> dict[str, Any]:
        status = self._node.status()
        return {
            name: [row_json(row) for row in rows],
            "next_after": rows[-1].row_id if len(rows) == limit else None,
            "totals": {
                "pending": status.queue_pending,
                "inflight": status.queue_inflight,
                "retry": status.queue_retry,
                "dead": status.queue_dead,
                "waiting_bytes": status.queue_waiting_bytes,
            },
            "min_receipts": status.min_receipts,
            "receipts_needed": status.receipts_needed,
            "peers_linked": status.peers_connected,
        }

    def _no_dead_letter(self, tx_hash: str) -> NotFound:
        asked = hash_of(tx_hash)
        return NotFound(f"the transaction {asked.hex()} is no dead letter: {_WHERE[self._node.delivery(asked).state]}")


def row_json(row: QueueRow) -> dict[str, Any]:
    """A row of the queue as programs read it; keys are added, never renamed."""
    return {
        "id": row.row_id,
        "hash": row.hash.hex(),
        "state": str(row.state),
        "size": row.size,
        "content_type": row.content_type,
        "register_id": row.register_id,
        "queued_ms": row.queued_ms,
        "attempts": row.attempts,
        "last_attempt_ms": row.last_attempt_ms,
        "not_before_ms": row.not_before_ms,
        "reason": row.reason,
    }


def _page() -> tuple[int, int]:
    after = number_parameter("after", default=0, least=0, most=MAX_ROW_ID)
    return after, number_parameter("limit", default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
