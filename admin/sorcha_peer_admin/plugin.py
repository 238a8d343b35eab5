"""The door into the node: one service that serves the management API and the pages; and the hooks of the pages.

Other plugins mark what they implement of these ``@hookimpl(optionalhook=True)``, since a node may run without pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.hookspecs import hookimpl, hookspec

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.panels import Page, Panel
    from sorcha_peer_core.interfaces.service import NodeApi, Service


@hookspec
def peer_admin_pages(node: NodeApi) -> Sequence[Page]:  # type: ignore[empty-body]
    """Pages of the plugin's own, linked in the navigation. Called once, before the pages are served."""


@hookspec
def peer_admin_panels(node: NodeApi) -> Sequence[Panel]:  # type: ignore[empty-body]
    """Boxes on the overview. Called each time it is shown, by every browser every two seconds: quick, from what is known."""


@hookimpl
def peer_services(node: NodeApi) -> Sequence[Service]:
    """The management API and the pages; none when ``admin.listen`` is empty."""
    listen = str(node.settings("admin").get("listen", ""))
    if not listen:
        return []
    from sorcha_peer_admin.service import AdminService

    return [AdminService(node, listen)]
