"""The door into the node: one service that serves the management API and the pages, and the hooks of the pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sorcha_peer_admin.hookspecs import peer_admin_pages, peer_admin_panels
from sorcha_peer_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi, Service

__all__ = ["peer_admin_pages", "peer_admin_panels", "peer_services"]


@hookimpl
def peer_services(node: NodeApi) -> Sequence[Service]:
    """The management API; none when ``admin.listen`` is empty."""
    listen = str(node.settings("admin").get("listen", ""))
    if not listen:
        return []
    from sorcha_peer_admin.service import AdminService

    return [AdminService(node, listen)]
