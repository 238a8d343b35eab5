"""The state of the node at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint

from sorcha_peer_admin.pages.frame import render_page

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi


class OverviewPage:
    """``/``."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("overview_page", __name__)
        routes.add_url_rule("/", view_func=self.page)
        return routes

    def page(self) -> str:
        """The whole page."""
        return render_page(
            "overview.html", section="overview", title="Overview", status=self._node.status(), jobs=self._node.jobs()
        )
