"""Whether the node can do its work: online, degraded, offline."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sorcha_peer_core.model.events import StateChanged

if TYPE_CHECKING:
    from sorcha_peer_core.model.events import Event


class ServiceState:
    """Follows the number of links. A small network is healthy when everybody known is linked."""

    def __init__(self, min_healthy_peers: int, emit: Callable[[Event], None]) -> None:
        self._min_healthy_peers = min_healthy_peers
        self._emit = emit
        self.name = "offline"

    def update(self, linked: int, hopeful: int) -> None:
        """Somebody was linked, lost, found or given up."""
        needed = min(self._min_healthy_peers, max(1, hopeful))
        name = "offline" if linked == 0 else "online" if linked >= needed else "degraded"
        if name != self.name:
            self.name = name
            self._emit(StateChanged(name, f"{linked} of {needed} needed peers are linked"))
