"""The doors of the pages. Plugins mark what they implement ``@hookimpl(optionalhook=True)``: a node may run without pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.hookspecs import hookspec

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.panels import Page, Panel
    from sorcha_peer_core.interfaces.service import NodeApi


@hookspec
def peer_admin_pages(node: NodeApi) -> Sequence[Page]:  # type: ignore[empty-body]
    """Pages of the plugin's own, linked in the navigation. Called once, before the pages are served."""


@hookspec
def peer_admin_panels(node: NodeApi) -> Sequence[Panel]:  # type: ignore[empty-body]
    """Boxes on the overview. Called each time it is shown, by every browser every two seconds: quick, from what is known."""
