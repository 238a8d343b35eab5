"""The application: every route of the management API and every page, over one node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask

from sorcha_peer_admin.audit import AuditRoutes
from sorcha_peer_admin.delivery import DeliveryRoutes
from sorcha_peer_admin.errors import register_error_handlers
from sorcha_peer_admin.events import EventRoutes
from sorcha_peer_admin.follow import Followers
from sorcha_peer_admin.gate import Gate
from sorcha_peer_admin.hardening import harden
from sorcha_peer_admin.hosts import hosts_of
from sorcha_peer_admin.keys import Keys
from sorcha_peer_admin.links import LinkRoutes
from sorcha_peer_admin.openapi import OpenApiRoutes
from sorcha_peer_admin.pages.site import register_pages
from sorcha_peer_admin.peer_actions import PeerActionRoutes
from sorcha_peer_admin.peers import PeerRoutes
from sorcha_peer_admin.probes import ProbeRoutes
from sorcha_peer_admin.queue import QueueRoutes
from sorcha_peer_admin.status import StatusRoutes
from sorcha_peer_admin.transactions import TransactionRoutes

if TYPE_CHECKING:
    from flask.json.provider import DefaultJSONProvider

    from sorcha_peer_core.interfaces.service import NodeApi

PREFIX = "/manage/v1"


def create_app(node: NodeApi, token: str, followers: Followers | None = None, gate: Gate | None = None) -> Flask:
    """The WSGI application for ``node``; ``followers`` is what whoever serves it uses to end the open streams."""
    app = _bare_app()
    settings = node.settings("admin")
    hosts = hosts_of(str(settings.get("listen", "")), settings.get("hosts", ()))
    gate = gate or Gate(Keys(node.data_dir, token), hosts=hosts)
    gate.guard(app)
    app.register_blueprint(ProbeRoutes(node).blueprint())
    followers = followers or Followers()
    for routes in (
        StatusRoutes(node),
        PeerRoutes(node),
        PeerActionRoutes(node),
        AuditRoutes(node),
        TransactionRoutes(node, followers),
        DeliveryRoutes(node, followers),
        QueueRoutes(node),
        EventRoutes(node, followers),
        LinkRoutes(gate.links),
        OpenApiRoutes(),
    ):
        app.register_blueprint(routes.blueprint(), url_prefix=PREFIX)
    register_pages(app, node, followers, gate)
    return app


def create_probes_app(node: NodeApi) -> Flask:
    """The application with nothing but metrics and probes, which ask nobody for a token."""
    app = _bare_app()
    app.register_blueprint(ProbeRoutes(node).blueprint())
    return app


def _bare_app() -> Flask:
    app = Flask("sorcha_peer_admin", static_folder=None)
    provider: DefaultJSONProvider = app.json  # type: ignore[assignment]
    provider.sort_keys = False
    app.url_map.strict_slashes = False
    app.url_map.redirect_defaults = False
    app.url_map.merge_slashes = False
    register_error_handlers(app)
    harden(app)
    return app
