"""What monitoring asks, at the root and without a token: metrics, and whether the node lives and is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify

from sorcha_peer_admin.errors import code_of, error_body

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.interfaces.views import Health

_PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class ProbeRoutes:
    """``/metrics``, ``/healthz``, ``/readyz``."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("probes", __name__)
        routes.add_url_rule("/metrics", view_func=self.metrics)
        routes.add_url_rule("/healthz", view_func=self.healthz)
        routes.add_url_rule("/readyz", view_func=self.readyz)
        return routes

    def metrics(self) -> Response:
        """All metrics, in Prometheus' text format."""
        return Response(self._node.metrics_text(), content_type=_PROMETHEUS_TEXT)

    def healthz(self) -> Response:
        """200 while the node can do its work at all; 503 means: restart it or look after it."""
        health = self._node.health()
        return _answer(health, health.live, "the node cannot do its work")

    def readyz(self) -> Response:
        """200 while the node takes submissions and is part of the network; 503 means: send requests elsewhere."""
        health = self._node.health()
        return _answer(health, health.live and health.ready, "the node is not ready")


def _answer(health: Health, good: bool, sentence: str) -> Response:
    body = {"live": health.live, "ready": health.ready, "reasons": list(health.reasons)}
    if good:
        return jsonify(body)
    response = jsonify(error_body(code_of(503), sentence) | body)
    response.status_code = 503
    return response
