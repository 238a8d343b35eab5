"""Who hears of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sorcha_peer_core.model.events import Event


class EventSink(Protocol):
    """Called for each event, in order, by the greenlet that saw it; must not block. What it raises is logged."""

    def __call__(self, event: Event) -> None: ...
