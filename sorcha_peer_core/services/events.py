"""Events on their way to whoever wants to hear of them, and the latest of them for who asks later."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable
from itertools import islice
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from gevent.event import Event as Signal

from sorcha_peer_core.interfaces.views import EventEntry, EventSlice
from sorcha_peer_core.services.event_log import EventLog, told

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.events import EventSink
    from sorcha_peer_core.model.events import Event

log = logging.getLogger(__name__)

KEPT = 10_000
_LEVELS = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warning"}


class Happened:
    """An event with its place among those of this process."""

    __slots__ = ("_entry", "at_ms", "event", "event_id")

    def __init__(self, event_id: int, at_ms: float, event: Event) -> None:
        self.event_id = event_id
        self.at_ms = at_ms
        self.event = event
        self._entry: EventEntry | None = None

    @property
    def entry(self) -> EventEntry:
        """What people and programs see of it; made when somebody asks, and kept, since pages ask again and again."""
        if self._entry is None:
            self._entry = _entry_of(self)
        return self._entry


class EventBus:
    """Passes each event to all sinks, keeps the latest ones, and counts each kind.

    Ids count on from the Unix milliseconds of the start. Below a thousand events a second, which is far more than there are, a
    later process begins above all ids of the earlier ones, and whoever comes with one of those is seen to have missed something.
    """

    def __init__(self, unix_s: Callable[[], float] = time) -> None:
        self._unix_s = unix_s
        self._sinks: list[EventSink] = [EventLog(monotonic)]
        self.counts: Counter[str] = Counter()
        self.latest: deque[Happened] = deque(maxlen=KEPT)
        self.last_id = int(unix_s() * 1000) - 1
        """Of the last event; before the first one the number before it."""
        self._grew = Signal()
        self._ended = False

    def subscribe(self, sink: EventSink) -> None:
        """Call ``sink`` for every event from now on."""
        self._sinks.append(sink)

    def emit(self, event: Event) -> None:
        """Tell everybody; a sink that fails does not keep others from hearing."""
        self.counts[type(event).__name__] += 1
        self.last_id += 1
        self.latest.append(Happened(self.last_id, round(self._unix_s() * 1000, 3), event))
        for sink in self._sinks:
            try:
                sink(event)
            except Exception:
                log.exception("an event sink failed on %s", type(event).__name__)
        grew, self._grew = self._grew, Signal()
        grew.set()

    def after(self, event_id: int, limit: int) -> EventSlice:
        """Up to ``limit`` of those with a greater id, oldest first."""
        newer = max(0, self.last_id - event_id)
        # From the end: whoever follows wants the last few, and a deque is slow in its middle.
        found = [*islice(reversed(self.latest), newer)][::-1][:limit]
        return EventSlice([happened.entry for happened in found], self.last_id + 1 - len(self.latest), self.last_id)

    def wait(self, event_id: int, timeout_s: float) -> bool:
        """Block until there is one with a greater id (True), or the time is over or ``end`` was called (False)."""
        deadline = monotonic() + timeout_s
        while self.last_id <= event_id and not self._ended:
            if not self._grew.wait(max(0.0, deadline - monotonic())):
                break
        return self.last_id > event_id

    def end(self) -> None:
        """Nobody waits any more."""
        self._ended = True
        self._grew.set()


def _entry_of(happened: Happened) -> EventEntry:
    event = happened.event
    level, sentence = told(event)
    fields = {name: _json_value(getattr(event, name)) for name in type(event).__dataclass_fields__}
    return EventEntry(happened.event_id, happened.at_ms, type(event).__name__, _LEVELS[level], sentence, fields)


def _json_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return [_json_value(item) for item in value] if isinstance(value, tuple) else value
