"""All pages together: which there are, in which order they are named, and how the application learns of them."""

from __future__ import annotations

import hashlib
import logging
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from flask import Blueprint, Flask, redirect, send_from_directory

from sorcha_peer_admin.pages.door import DoorPages
from sorcha_peer_admin.pages.events import EventsPage
from sorcha_peer_admin.pages.extensions import ExtensionPages, Extensions
from sorcha_peer_admin.pages.filters import register_filters
from sorcha_peer_admin.pages.frame import own_session
from sorcha_peer_admin.pages.live import LivePages
from sorcha_peer_admin.pages.overview import OverviewPage
from sorcha_peer_admin.pages.peer_actions import PeerActions
from sorcha_peer_admin.pages.peers import PeersPages
from sorcha_peer_admin.pages.queue import QueuePages
from sorcha_peer_admin.pages.security import SecurityPage
from sorcha_peer_admin.pages.settings import SettingsPages
from sorcha_peer_admin.pages.submitting import SubmitPage
from sorcha_peer_admin.pages.topology import TopologyPage
from sorcha_peer_admin.pages.transaction import TransactionPage
from sorcha_peer_admin.pages.transactions import TransactionsPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from werkzeug.wrappers import Response

    from sorcha_peer_admin.follow import Followers
    from sorcha_peer_admin.gate import Gate
    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.interfaces.views import NodeStatus

log = logging.getLogger(__name__)

PREFIX = "/admin"
STATIC = Path(__file__).parent.parent / "static"
_A_YEAR_S = 365 * 86_400


class Entry(NamedTuple):
    """One line of the navigation."""

    section: str
    label: str
    path: str


NAVIGATION = (
    Entry("overview", "Overview", f"{PREFIX}/"),
    Entry("peers", "Peers", f"{PREFIX}/peers"),
    Entry("topology", "Topology", f"{PREFIX}/topology"),
    Entry("transactions", "Transactions", f"{PREFIX}/transactions"),
    Entry("queue", "Queue", f"{PREFIX}/queue"),
    Entry("dead-letters", "Dead letters", f"{PREFIX}/dead-letters"),
    Entry("events", "Events", f"{PREFIX}/events"),
    Entry("security", "Security", f"{PREFIX}/security"),
    Entry("plugins", "Plugins", f"{PREFIX}/plugins"),
    Entry("configuration", "Configuration", f"{PREFIX}/configuration"),
)


class Routes(Protocol):
    """A class of pages."""

    def blueprint(self) -> Blueprint:
        """Its routes, below ``/admin``."""


def page_routes(node: NodeApi, followers: Followers, extensions: Extensions) -> Sequence[Routes]:
    """Every page but login and assets."""
    return (
        OverviewPage(node, extensions),
        LivePages(node, followers),
        TransactionsPage(node),
        TransactionPage(node),
        SubmitPage(node),
        QueuePages(node),
        EventsPage(node),
        PeersPages(node),
        PeerActions(node),
        TopologyPage(node),
        SecurityPage(node),
        SettingsPages(node),
        ExtensionPages(extensions),
    )


class Site:
    """What the frame of every page shows."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node
        self.navigation: list[Entry] = []

    def status(self) -> NodeStatus | None:
        """Of the node; None without a login, and when it cannot say: a page about an error must not fail itself."""
        try:
            return self._node.status() if own_session() else None
        except Exception:
            log.warning("the state of the node cannot be shown", exc_info=True)
            return None


def register_pages(app: Flask, node: NodeApi, followers: Followers, gate: Gate) -> None:
    """Give ``app`` all pages."""
    app.extensions["sorcha_pages"] = site = Site(node)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["asset"] = asset
    app.jinja_env.globals["csrf_token"] = _csrf_token
    register_filters(app)
    extensions = Extensions(node)
    for routes in (DoorPages(node, gate), *page_routes(node, followers, extensions)):
        app.register_blueprint(routes.blueprint(), url_prefix=PREFIX)
    app.register_blueprint(_assets(), url_prefix=PREFIX)
    app.add_url_rule("/", "root", _to_overview)
    app.add_url_rule(PREFIX, "pages", _to_overview)
    paths = {rule.rule for rule in app.url_map.iter_rules()}
    site.navigation.extend(entry for entry in NAVIGATION if entry.path in paths)
    for name, (_, page) in extensions.pages.items():
        site.navigation.append(Entry(f"plugin-{name}", str(page.label), f"{PREFIX}/plugin/{name}"))


def asset(name: str) -> str:
    """The address of a file of static/; it changes when any of them does, so browsers may keep it for ever."""
    return f"{PREFIX}/static/{_mark()}/{name}"


@lru_cache
def _mark() -> str:
    # One for all: a script that imports another by its relative address must get the same one as everybody else.
    contents = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            contents.update(path.read_bytes())
    return contents.hexdigest()[:12]


def _assets() -> Blueprint:
    assets = Blueprint("assets", __name__)

    @assets.get("/static/<mark>/<path:name>")
    def static(mark: str, name: str) -> Response:
        response: Any = send_from_directory(STATIC, name, max_age=_A_YEAR_S)
        response.headers["Cache-Control"] = f"public, max-age={_A_YEAR_S}, immutable"
        return response  # type: ignore[no-any-return]

    return assets


def _to_overview() -> Response:
    return redirect(f"{PREFIX}/")


def _csrf_token() -> str:
    session = own_session()
    return session.csrf_token if session else ""
