"""What all parts of a node need of it: its pieces, while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sorcha_peer_core.errors import StoreError

if TYPE_CHECKING:
    from sorcha_peer_core.node.parts import Parts
    from sorcha_peer_core.node.report import Report


class Running:
    """A node from its start to its stop."""

    _report: Report
    """There is one from the start on."""

    def __init__(self) -> None:
        self._running = False
        self._parts: Parts | None = None

    @property
    def _assembled(self) -> Parts:
        if self._parts is None:
            raise StoreError("the node is stopping")
        return self._parts
