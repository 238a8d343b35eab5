"""One transaction: what it is, how far it has come, what is in it, and its way through this node."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Blueprint, Response, render_template
from werkzeug.exceptions import NotFound

from sorcha_peer_admin.pages.frame import render_page
from sorcha_peer_admin.pages.journey import journey_of
from sorcha_peer_admin.pages.names import Names
from sorcha_peer_admin.pages.preview import preview_of
from sorcha_peer_admin.parameters import hash_of
from sorcha_peer_admin.transactions import attached
from sorcha_peer_core.errors import NotTraced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sorcha_peer_admin.pages.journey import Journey
    from sorcha_peer_admin.pages.names import Named
    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.interfaces.views import DeliveryView
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.model.transaction import Header, LogEntry


_YOUNG_S = 60.0
"""So long copies of a transaction may still come."""


class Facts(NamedTuple):
    """What the envelope and the log say of a transaction; what neither says is None."""

    hash: str
    size: int
    seq: int | None = None
    received_at: float | None = None
    hops: int | None = None
    origin: Named | None = None
    content_type: str = ""
    register_id: str = ""
    created_at: float | None = None
    expires_at: float | None = None
    network_id: str = ""
    chunks: int = 0
    chunk_bytes: int = 0


class TransactionPage:
    """``/transactions/{hash}``."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("transaction_page", __name__)
        routes.add_url_rule("/transactions/<tx_hash>", view_func=self.page)
        routes.add_url_rule("/transactions/<tx_hash>/way", view_func=self.way)
        routes.add_url_rule("/transactions/<tx_hash>/payload", view_func=self.payload)
        return routes

    def page(self, tx_hash: str) -> str:
        """Everything that is known of it here; 404 when that is nothing."""
        wanted = hash_of(tx_hash)
        delivery = self._node.delivery(wanted)
        found = self._node.transaction(wanted)
        payload = found.payload if found else self._node.payload(wanted)
        if delivery.state == "unknown" and payload is None:
            raise NotFound(f"the transaction {wanted.hex()} is not here: it never came, or its retention is over")
        names = Names(self._node)
        entries = self._node.find_transactions(wanted.hex(), 1) if found else []
        return render_page(
            "transaction.html",
            section="transactions",
            title=f"Transaction {wanted.hex()[:8]}",
            facts=facts_of(wanted, payload, found.header if found else None, entries, names),
            preview=preview_of(payload) if payload else None,
            **self._way(wanted, delivery, names),
        )

    def way(self, tx_hash: str) -> str:
        """Delivery and trace alone, for a page that is open."""
        wanted = hash_of(tx_hash)
        return render_template("transaction_way.html", **self._way(wanted, self._node.delivery(wanted), Names(self._node)))

    def payload(self, tx_hash: str) -> Response:
        """The bytes, as something to save and never to show."""
        wanted = hash_of(tx_hash)
        payload = self._node.payload(wanted)
        if payload is None:
            raise NotFound(f"the payload of transaction {wanted.hex()} is not here")
        return attached(wanted, payload)

    def _way(self, tx_hash: TxHash, delivery: DeliveryView, names: Names) -> dict[str, Any]:
        journey: Journey | None = None
        untraced, trace = "", None
        try:
            trace = self._node.trace(tx_hash)
            journey = journey_of(trace, names)
        except NotTraced as error:
            untraced = str(error)
        return {
            "hash": tx_hash.hex(),
            "delivery": delivery,
            "is_dead": delivery.state == "dead",
            "is_own": trace is not None and trace.hops == 0,
            "trace": trace,
            "journey": journey,
            "untraced": untraced,
            "is_young": not delivery.settled or (trace is not None and time.time() - trace.first_ms / 1000 < _YOUNG_S),
        }


def facts_of(tx_hash: TxHash, payload: bytes | None, header: Header | None, entries: Sequence[LogEntry], names: Names) -> Facts:
    """Join what the log, the envelope and the payload say; one that waits for its release has no envelope yet."""
    facts = Facts(tx_hash.hex(), len(payload or b""))
    if header is not None:
        facts = facts._replace(
            size=header.payload_size,
            content_type=header.content_type,
            register_id=header.register_id,
            created_at=header.created_ms / 1000,
            expires_at=header.created_ms / 1000 + header.ttl_s,
            network_id=header.network_id,
            chunks=-(-header.payload_size // header.chunk_bytes) if header.chunk_bytes else 0,
            chunk_bytes=header.chunk_bytes,
        )
    for entry in entries:
        facts = facts._replace(
            seq=entry.seq, received_at=entry.received_ms / 1000, hops=entry.hops, origin=names.of(entry.origin)
        )
    return facts
