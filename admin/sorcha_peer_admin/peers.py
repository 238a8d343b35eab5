"""Whom the node knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.interfaces.views import PeerView


class PeerRoutes:
    """``/peers``."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("peers", __name__)
        routes.add_url_rule("/peers", view_func=self.peers)
        return routes

    def peers(self) -> Response:
        """All known peers, linked ones first."""
        return jsonify({"peers": [peer_json(peer) for peer in self._node.peers()]})


def peer_json(peer: PeerView) -> dict[str, Any]:
    """A peer as programs read it; keys are added, never renamed."""
    return {
        "id": peer.peer_id,
        "name": peer.name,
        "address": peer.address,
        "status": peer.status,
        "transport": peer.transport,
        "direction": peer.direction,
        "latency_ms": peer.latency_ms,
        "last_seen": peer.last_seen_at,
        "failures": peer.failures,
        "bootstrap": peer.is_bootstrap,
        "software": peer.software,
        "queued_bytes": peer.queued_bytes,
        "link_age_s": peer.link_age_s,
        "rungs": [rung._asdict() for rung in peer.rungs],
        "score": peer.score,
        "score_terms": [term._asdict() for term in peer.score_terms],
        "addresses": list(peer.addresses),
    }
