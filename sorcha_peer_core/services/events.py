"""Events on their way to whoever wants to hear of them."""

from __future__ import annotations

import logging
from collections import Counter, deque
from typing import TYPE_CHECKING

from sorcha_peer_core.model import events as e
from sorcha_peer_core.model.ids import short

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
    match event:
        case e.PeerLinked():
            way = "to" if event.outbound else "from"
            log.info("linked %s peer %s at %s by %s", way, short(event.peer_id), event.address, event.transport)
        case e.PeerUnlinked():
            log.info("lost the link to peer %s: %s", short(event.peer_id), event.reason)
        case e.StateChanged():
            log.info("the node is %s: %s", event.state, event.cause)
        case e.HandshakeRefused():
            log.warning("refused a link with %s: %s", event.address, event.reason)
        case e.TransactionRejected():
            sender = short(event.peer_id) if event.peer_id else "unknown"
            log.warning("rejected transaction %s from peer %s: %s", short(event.tx_hash), sender, event.reason)
        case e.Dropped():
            peer = short(event.peer_id) if event.peer_id else "unknown"
            log.debug("dropped %d frames for peer %s: %s", event.frames, peer, event.reason)
        case e.StoreFailed():
            log.warning("the store failed: %s", event.what)
        case e.DialFailed():
            log.debug("could not link to %s by %s: %s", event.address, event.transport, event.reason)
        case e.FetchFailed():
            log.debug("transaction %s was delivered by none of %d announcers", short(event.tx_hash), event.asked)
