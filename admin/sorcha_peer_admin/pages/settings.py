"""The pages about how a node is made: its configuration and its plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, request

from sorcha_peer_admin.pages.configuration_table import sections_of
from sorcha_peer_admin.pages.frame import render_page
from sorcha_peer_admin.pages.plugin_table import plugin_lines

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi

_MOST_SEARCH_CHARS = 100


class SettingsPages:
    """``/configuration`` and ``/plugins``."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("settings_pages", __name__)
        routes.add_url_rule("/configuration", view_func=self.configuration)
        routes.add_url_rule("/plugins", view_func=self.plugins)
        return routes

    def configuration(self) -> str:
        """Every setting in which the search occurs."""
        settings = self._node.settings_shown()
        search = request.args.get("q", "").strip()[:_MOST_SEARCH_CHARS]
        only_changed = request.args.get("changed") == "1"
        sections = sections_of(settings, search, only_changed)
        return render_page(
            "configuration.html",
            section="configuration",
            title="Configuration",
            sections=sections,
            search=search,
            only_changed=only_changed,
            total=len(settings),
            shown=sum(len(section.lines) for section in sections),
            changed=sum(section.changed for section in sections_of(settings)),
        )

    def plugins(self) -> str:
        """What is installed, what of it is in use, and what failed."""
        lines = plugin_lines(self._node.plugins())
        return render_page("plugins.html", section="plugins", title="Plugins", plugins=lines)
