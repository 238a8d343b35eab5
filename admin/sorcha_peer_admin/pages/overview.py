"""The state of the node at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, render_template

from sorcha_peer_admin.pages.frame import render_page
from sorcha_peer_admin.pages.rates import rates_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sorcha_peer_admin.pages.extensions import Extensions
    from sorcha_peer_core.interfaces.service import EventEntry, NodeApi

LATEST_EVENTS = 10
_EVENTS_READ = 100


class OverviewPage:
    """``/``."""

    def __init__(self, node: NodeApi, extensions: Extensions) -> None:
        self._node = node
        self._extensions = extensions

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("overview_page", __name__)
        routes.add_url_rule("/", view_func=self.page)
        routes.add_url_rule("/overview/now", view_func=self.now)
        return routes

    def page(self) -> str:
        """The whole page."""
        return render_page("overview.html", section="overview", title="Overview", **self._now())

    def now(self) -> str:
        """What of it changes, to be put in its place."""
        return render_template("overview_now.html", **self._now())

    def _now(self) -> dict[str, Any]:
        node, status = self._node, self._node.status()
        waiting = status.queue_pending + status.queue_inflight + status.queue_retry
        reasons = [reason for reason in node.health().reasons if reason not in status.warnings]
        return {
            "status": status,
            "reasons": reasons,
            "rates": rates_of(node.history()),
            "waiting": waiting,
            "limits": node.settings("offline_mode"),
            "jobs": node.jobs(),
            "events": self._latest_events(),
            "panels": self._extensions.panels(),
        }

    def _latest_events(self) -> Sequence[EventEntry]:
        # Debug events are many, and of interest to whoever looks for them.
        ring = self._node.events(0, 0)
        latest = self._node.events(max(0, ring.last_id - _EVENTS_READ), _EVENTS_READ).entries
        return [entry for entry in reversed(latest) if entry.level != "debug"][:LATEST_EVENTS]
