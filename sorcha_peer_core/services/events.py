"""Events on their way to whoever wants to hear of them."""

from __future__ import annotations

import logging
from collections import Counter, deque
from time import monotonic
from typing import TYPE_CHECKING

from sorcha_peer_core.services.event_log import EventLog

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.events import EventSink
    from sorcha_peer_core.model.events import Event

log = logging.getLogger(__name__)

_KEPT = 500


class EventBus:
    """Passes each event to all sinks, keeps the last ones, and counts each kind."""

    def __init__(self) -> None:
        self._sinks: list[EventSink] = [EventLog(monotonic)]
        self.counts: Counter[str] = Counter()
        self.recent: deque[Event] = deque(maxlen=_KEPT)

    def subscribe(self, sink: EventSink) -> None:
        """Call ``sink`` for every event from now on."""
        self._sinks.append(sink)

    def emit(self, event: Event) -> None:
        """Tell everybody; a sink that fails does not keep others from hearing."""
        self.counts[type(event).__name__] += 1
        self.recent.append(event)
        for sink in self._sinks:
            try:
                sink(event)
            except Exception:
                log.exception("an event sink failed on %s", type(event).__name__)
