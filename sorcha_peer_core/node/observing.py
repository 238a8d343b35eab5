"""What happens in a node, for those who watch it: events, settings and how counters grew."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import EventSlice
    from sorcha_peer_core.node.parts import Parts


class Observing:
    """The part of a node that is about being watched."""

    @property
    def _assembled(self) -> Parts:
        raise NotImplementedError

    def events(self, after_id: int, limit: int) -> EventSlice:
        """Events with a greater id, the oldest of them first."""
        return self._assembled.ground.events.after(after_id, limit)

    def wait_for_events(self, after_id: int, timeout_s: float) -> bool:
        """Block until there is one with a greater id, the time is over or the node stops."""
        return self._assembled.ground.events.wait(after_id, timeout_s)
