"""What operators did: noted with each request that changes something, and read here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Blueprint, Response, g, jsonify, request

from sorcha_peer_admin.parameters import MAX_ROW_ID, number_parameter
from sorcha_peer_core.errors import PeerError
from sorcha_peer_core.interfaces.service import COMMANDS_AGENT

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.interfaces.views import AuditEntry

T = TypeVar("T")

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


class AuditRoutes:
    """``/audit``."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("audit", __name__)
        routes.add_url_rule("/audit", view_func=self.audit, methods=["GET"])
        return routes

    def audit(self) -> Response:
        """A page of what operators did, newest first."""
        before = number_parameter("before", default=MAX_ROW_ID, least=1, most=MAX_ROW_ID)
        limit = number_parameter("limit", default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
        entries = self._node.audit(None if before == MAX_ROW_ID else before, limit)
        next_before = entries[-1].row_id if len(entries) == limit else None
        return jsonify({"audit": [entry_json(entry) for entry in entries], "next_before": next_before})


def audited(node: NodeApi, action: str, target: str, act: Callable[[], T], outcome: Callable[[T], str] = lambda _: "ok") -> T:
    """Do it, and note what came of it; what the node refuses is noted too, and raised."""
    try:
        result = act()
    except PeerError as error:
        node.record(actor(), action, target, f"failed: {error}")
        raise
    node.record(actor(), action, target, outcome(result))
    return result


def note_submission(node: NodeApi, target: str, outcome: str) -> None:
    """Note what an operator submitted. What programs submit is not noted: it would be too much, and the arrival log has it."""
    if request.user_agent.string == COMMANDS_AGENT:
        node.record(actor(), "transaction.submit", target, outcome)


def actor() -> str:
    """Who asks the management API, for the audit."""
    right = "login" if g.get("session") is not None else "token"
    return f"{right} from {request.remote_addr or 'an unknown address'}"


def entry_json(entry: AuditEntry) -> dict[str, Any]:
    """An entry as programs read it; keys are added, never renamed."""
    return {
        "id": entry.row_id,
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "target": entry.target,
        "outcome": entry.outcome,
    }
