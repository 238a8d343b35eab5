"""What plugins show on the pages: boxes on the overview, and pages of their own. One that fails is named and the rest stands."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from flask import Blueprint
from werkzeug.exceptions import NotFound

from sorcha_peer_admin.pages.frame import render_page
from sorcha_peer_core.interfaces.panels import Page, Panel

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.interfaces.views import PluginAnswer

log = logging.getLogger(__name__)

PANELS_HOOK = "peer_admin_panels"
PAGES_HOOK = "peer_admin_pages"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class Shown(NamedTuple):
    """A box, and whose it is; ``error`` stands there instead when it could not be made."""

    plugin: str
    panel: Panel
    error: str = ""


class Extensions:
    """What the plugins of one node bring to the pages."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node
        self.pages = self._pages()

    def panels(self) -> list[Shown]:
        """The boxes of the overview, now."""
        return [shown for answer in self._node.plugin_answers(PANELS_HOOK) for shown in _shown(answer)]

    def _pages(self) -> dict[str, tuple[str, Page]]:
        """By name: the plugin and its page."""
        found: dict[str, tuple[str, Page]] = {}
        for answer in self._node.plugin_answers(PAGES_HOOK):
            if answer.error:
                log.warning("the plugin %s brings no pages: %s", answer.plugin, answer.error)
            for page in answer.values:
                if not isinstance(page, Page) or not _NAME.fullmatch(page.name) or page.name in found:
                    log.warning("a page of the plugin %s is left out: its name is no name, or is taken: %r", answer.plugin, page)
                else:
                    found[page.name] = (answer.plugin, page)
        return found


class ExtensionPages:
    """``/plugin/NAME``."""

    def __init__(self, extensions: Extensions) -> None:
        self._extensions = extensions

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("extension_pages", __name__)
        routes.add_url_rule("/plugin/<name>", view_func=self.page)
        return routes

    def page(self, name: str) -> str:
        """A page of a plugin; what goes wrong in it is told there."""
        if name not in self._extensions.pages:
            raise NotFound(f"no plugin brings a page {name[:64]!r}")
        plugin, page = self._extensions.pages[name]
        try:
            panels = [Shown(plugin, _checked(panel)) for panel in page.build()]
        except Exception as error:
            # Whatever it is: it is the plugin's, and the page says so.
            log.warning("the page %s of the plugin %s failed: %s", name, plugin, error, exc_info=True)
            panels = [Shown(plugin, Panel(page.label), f"{type(error).__name__}: {error}")]
        return render_page("extension.html", section=f"plugin-{name}", title=page.label, panels=panels, plugin=plugin)


def _shown(answer: PluginAnswer) -> Sequence[Shown]:
    if answer.error:
        return [Shown(answer.plugin, Panel(f"Plugin {answer.plugin}"), answer.error)]
    try:
        return [Shown(answer.plugin, _checked(panel)) for panel in answer.values]
    except TypeError as error:
        return [Shown(answer.plugin, Panel(f"Plugin {answer.plugin}"), str(error))]


def _checked(panel: object) -> Panel:
    """As plain text, so that nothing of a plugin is called while the page is made."""
    if not isinstance(panel, Panel):
        raise TypeError(f"it gave a {type(panel).__name__} instead of a Panel")
    return Panel(
        str(panel.title),
        str(panel.text),
        [(str(name), str(value)) for name, value in panel.facts],
        [str(column) for column in panel.columns],
        [[str(value) for value in row] for row in panel.rows],
    )
