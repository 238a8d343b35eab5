"""Events on their way to whoever wants to hear of them."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.model import events as e
from sorcha_peer_core.model.ids import PeerId, short

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.events import EventSink
    from sorcha_peer_core.model.events import Event

log = logging.getLogger(__name__)

_KEPT = 500


class EventBus:
    """Passes each event to all sinks, keeps the last ones, and counts each kind."""

    def __init__(self) -> None:
        self._sinks: list[EventSink] = [log_event]
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


def log_event(event: Event) -> None:
    """State changes at info, what an operator should look at as a warning, the rest at debug."""
    level, sentence = _SENTENCES[type(event)](event)
    log.log(level, "%s", sentence)


def _link_sentence(event: e.PeerLinked) -> str:
    way = "to" if event.outbound else "from"
    return f"linked {way} peer {short(event.peer_id)} at {event.address} by {event.transport}"


def _by(peer_id: PeerId | None) -> str:
    return f"peer {short(peer_id)}" if peer_id else "an unknown peer"


_SENTENCES: dict[type, Callable[[Any], tuple[int, str]]] = {
    e.PeerLinked: lambda event: (logging.INFO, _link_sentence(event)),
    e.PeerUnlinked: lambda event: (logging.INFO, f"lost the link to {_by(event.peer_id)}: {event.reason}"),
    e.StateChanged: lambda event: (logging.INFO, f"the node is {event.state}: {event.cause}"),
    e.HandshakeRefused: lambda event: (logging.WARNING, f"refused a link with {event.address}: {event.reason}"),
    e.TransactionRejected: lambda event: (
        logging.WARNING,
        f"rejected transaction {short(event.tx_hash)} from {_by(event.peer_id)}: {event.reason}",
    ),
    e.StoreFailed: lambda event: (logging.WARNING, f"the store failed: {event.what}"),
    e.Dropped: lambda event: (logging.DEBUG, f"dropped {event.frames} frames for {_by(event.peer_id)}: {event.reason}"),
    e.DialFailed: lambda event: (logging.DEBUG, f"could not link to {event.address} by {event.transport}: {event.reason}"),
    e.ForeignFetchFailed: lambda event: (
        logging.INFO,
        f"transaction {short(event.tx_hash)} was not taken from client {event.client[:40]} at {event.address}: {event.reason}",
    ),
    e.FetchFailed: lambda event: (
        logging.DEBUG,
        f"transaction {short(event.tx_hash)} was delivered by none of {event.asked} announcers",
    ),
}
