"""What operators do with peers: add, ping, remove, ban."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest

from sorcha_peer_admin.audit import audited
from sorcha_peer_admin.parameters import peer_id_of

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.interfaces.views import BanView, PingView

_MAX_BODY_BYTES = 16 * 1024


class PeerActionRoutes:
    """What changes something under ``/peers``, and ``/bans``. All of it but the list of bans is in the audit."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("peer_actions", __name__)
        routes.add_url_rule("/peers", view_func=self.add, methods=["POST"])
        routes.add_url_rule("/peers/<peer_id>", view_func=self.remove, methods=["DELETE"])
        routes.add_url_rule("/peers/<peer_id>/ping", view_func=self.ping, methods=["POST"])
        routes.add_url_rule("/peers/<peer_id>/ban", view_func=self.ban, methods=["POST"])
        routes.add_url_rule("/peers/<peer_id>/ban", view_func=self.unban, methods=["DELETE"])
        routes.add_url_rule("/bans", view_func=self.bans, methods=["GET"])
        return routes

    def add(self) -> Response:
        """Dial an address; answered when whoever answers there is linked, or says that it has links enough."""
        body = _body('{"address": "node.example:5001"}', "address")
        address = _text(body, "address")
        audited(self._node, "peer.add", address, lambda: self._node.add_peer(address))
        return jsonify({"added": address})

    def remove(self, peer_id: str) -> Response:
        """Unlink and forget one."""
        wanted = peer_id_of(peer_id)
        audited(self._node, "peer.remove", wanted, lambda: self._node.remove_peer(wanted))
        return jsonify({"removed": wanted})

    def ping(self, peer_id: str) -> Response:
        """See whether one answers, and how fast."""
        wanted = peer_id_of(peer_id)
        view = audited(self._node, "peer.ping", wanted, lambda: self._node.ping(wanted), _outcome_of_ping)
        return jsonify({"rtt_ms": view.rtt_ms, "transport": view.transport})

    def ban(self, peer_id: str) -> Response:
        """Ban one, known or not, for ever or for a time."""
        wanted = peer_id_of(peer_id)
        body = _body('{"reason": "it floods us", "duration_s": 3600}', "reason", "duration_s", may_be_empty=True)
        reason, duration_s = _text(body, "reason", ""), _seconds(body, "duration_s")
        view = audited(self._node, "peer.ban", wanted, lambda: self._node.ban(wanted, reason, duration_s), _outcome_of_ban)
        return jsonify(ban_json(view))

    def unban(self, peer_id: str) -> Response:
        """Lift one."""
        wanted = peer_id_of(peer_id)
        audited(self._node, "peer.unban", wanted, lambda: self._node.unban(wanted))
        return jsonify({"unbanned": wanted})

    def bans(self) -> Response:
        """All that are in force, the latest first."""
        return jsonify({"bans": [ban_json(ban) for ban in self._node.bans()]})


def ban_json(ban: BanView) -> dict[str, Any]:
    """A ban as programs read it; keys are added, never renamed."""
    return {
        "id": ban.peer_id,
        "name": ban.name,
        "reason": ban.reason,
        "by": ban.by,
        "since": ban.since_at,
        "until": ban.until_at,
    }


def _outcome_of_ping(view: PingView) -> str:
    return f"{view.rtt_ms:.1f} ms by {view.transport}"


def _outcome_of_ban(ban: BanView) -> str:
    lasts = "until it is lifted" if ban.until_at is None else f"for {ban.until_at - ban.since_at} s"
    return f"{lasts}: {ban.reason}" if ban.reason else lasts


def _body(example: str, *fields: str, may_be_empty: bool = False) -> dict[str, Any]:
    request.max_content_length = _MAX_BODY_BYTES
    if may_be_empty and not request.get_data():
        return {}
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise BadRequest(f"the body is not a JSON object like {example}")
    unknown = next((name for name in body if name not in fields), None)
    if unknown is not None:
        raise BadRequest(f"{unknown[:40]!r} is no field of the body; there is {', '.join(fields)}")
    return body


def _text(body: dict[str, Any], field: str, default: str | None = None) -> str:
    value = body.get(field, default)
    if not isinstance(value, str):
        raise BadRequest(f"{field} is {'missing' if value is None else 'not text'}")
    return value


def _seconds(body: dict[str, Any], field: str) -> float | None:
    value = body.get(field)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e12):
        raise BadRequest(f"{field} is {str(value)[:40]}; it is a number of seconds, or null")
    return None if value is None else float(value)
