"""The door into the node: one service that serves the management API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.hookspecs import hookimpl

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi, Service


@hookimpl
def peer_services(node: NodeApi) -> Sequence[Service]:
    """The management API; none when ``admin.listen`` is empty."""
    listen = str(node.settings("admin").get("listen", ""))
    if not listen:
        return []
    from sorcha_peer_admin.service import AdminService

    return [AdminService(node, listen)]
