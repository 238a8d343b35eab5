"""The page with the picture of this node and its peers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template

from sorcha_peer_admin.pages.frame import render_page
from sorcha_peer_admin.pages.topology_picture import MOST_NODES, picture_of

if TYPE_CHECKING:
    from sorcha_peer_admin.pages.topology_picture import Picture
    from sorcha_peer_core.interfaces.service import NodeApi


class TopologyPage:
    """``/topology``, and what is drawn alone."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("topology_page", __name__)
        routes.add_url_rule("/topology", view_func=self.page)
        routes.add_url_rule("/topology/table", view_func=self.table)
        return routes

    def page(self) -> str:
        """The picture is drawn from the table below it, so both say the same."""
        return render_page("topology.html", section="topology", title="Topology", picture=self._picture(), most=MOST_NODES)

    def table(self) -> str:
        """The table as it is now."""
        return render_template("topology_table.html", picture=self._picture(), most=MOST_NODES, node_status=self._node.status())

    def _picture(self) -> Picture:
        return picture_of(self._node.peers())
