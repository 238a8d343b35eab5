"""Events as sentences in the log, never so many that strangers can fill a disk with them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.model import events as e
from sorcha_peer_core.model.ban import OPERATOR
from sorcha_peer_core.model.ids import PeerId, short

if TYPE_CHECKING:
    from sorcha_peer_core.model.events import Event

log = logging.getLogger(__name__)

WINDOW_S = 10.0
MOST_IN_WINDOW = 20
"""Warnings about one kind of event; the rest of a window is counted and said in one sentence afterwards."""


class EventLog:
    """State changes at info, what an operator should look at as a warning, the rest at debug."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._window_began = clock()
        self._written: Counter[type] = Counter()

    def __call__(self, event: Event) -> None:
        """Write one event, or count it."""
        if self._clock() - self._window_began >= WINDOW_S:
            self._next_window()
        kind = type(event)
        level, sentence = told(event)
        # Only what strangers can bring about at will is a warning; the rest is bounded by what the node itself does.
        self._written[kind] += level >= logging.WARNING
        if self._written[kind] <= MOST_IN_WINDOW:
            log.log(level, "%s", sentence)

    def _next_window(self) -> None:
        for kind, number in self._written.items():
            if number > MOST_IN_WINDOW:
                log.warning("%d more events of the kind %s were not written down", number - MOST_IN_WINDOW, kind.__name__)
        self._written.clear()
        self._window_began = self._clock()


def told(event: Event) -> tuple[int, str]:
    """How grave an event is, as a level of ``logging``, and what there is to say of it."""
    return _SENTENCES[type(event)](event)


def _link_sentence(event: e.PeerLinked) -> str:
    way = "to" if event.outbound else "from"
    return f"linked {way} peer {short(event.peer_id)} at {event.address} by {event.transport}"


def _bootstrap_sentence(event: e.BootstrapFailed) -> str:
    if len(event.reasons) == 1:
        address, _, reason = event.reasons[0].partition(": ")
        return f"the bootstrap node {address} does not answer ({reason}); trying again until it does"
    return f"none of the {len(event.reasons)} bootstrap nodes answers ({'; '.join(event.reasons)}); trying again until one does"


def _ban_sentence(event: e.PeerBanned) -> str:
    until = "until that is lifted"
    if event.until_at is not None:
        until = f"until {datetime.fromtimestamp(event.until_at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    by = "" if event.by == OPERATOR else f", by the rule {event.by}"
    return f"{_by(event.peer_id)} is banned {until}{by}" + (f": {event.reason}" if event.reason else "")


def _verdict_sentence(event: e.PeerJudged) -> str:
    done = "is" if event.carried_out else "would be"
    return f"{_by(event.peer_id)} {done} {event.verdict} for {event.for_s} s, score {event.score:.0f}: {', '.join(event.terms)}"


def clock_sentence(skew_s: float, parked: bool) -> str:
    """What is wrong with the clock, and what to do."""
    differs = f"the clock of this machine is {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} those of the peers"
    return f"{differs}; set it right" + (", own submissions wait until then" if parked else "")


def _by(peer_id: PeerId | None) -> str:
    return f"peer {short(peer_id)}" if peer_id else "an unknown peer"


_SENTENCES: dict[type, Callable[[Any], tuple[int, str]]] = {
    e.PeerLinked: lambda event: (logging.INFO, _link_sentence(event)),
    e.PeerUnlinked: lambda event: (logging.INFO, f"lost the link to {_by(event.peer_id)}: {event.reason}"),
    e.AddressChanged: lambda event: (
        logging.INFO,
        f"the node tells others to find it at {', '.join(event.addresses) or 'no address: it can only dial'}; {event.cause}",
    ),
    e.ReachabilityChanged: lambda event: (
        logging.INFO,
        f"the reachability of the node is {event.reachability}: {event.cause}",
    ),
    e.BootstrapFailed: lambda event: (logging.WARNING, _bootstrap_sentence(event)),
    e.PeerLost: lambda event: (
        logging.INFO,
        f"{_by(event.peer_id)} did not answer {event.failures} dials in a row and is not counted on any more",
    ),
    e.PeerBanned: lambda event: (logging.INFO, _ban_sentence(event)),
    e.PeerUnbanned: lambda event: (logging.INFO, f"{_by(event.peer_id)} is not banned any more: {event.why}"),
    e.PeerJudged: lambda event: (logging.WARNING, _verdict_sentence(event)),
    e.StateChanged: lambda event: (logging.INFO, f"the node is {event.state}: {event.cause}"),
    e.HandshakeRefused: lambda event: (logging.WARNING, f"refused a link with {event.address}: {event.reason}"),
    e.TurnedAway: lambda event: (logging.DEBUG, f"had no room for {_by(event.peer_id)} at {event.address}"),
    e.TransactionRejected: lambda event: (
        logging.WARNING,
        f"rejected transaction {short(event.tx_hash)} from {_by(event.peer_id)}: {event.reason}",
    ),
    e.PartitionSuspected: lambda event: (logging.INFO, f"the network may have fallen apart: {event.cause}"),
    e.PartitionOver: lambda event: (logging.INFO, f"nothing speaks for a partition any more, after {event.lasted_s:.0f} s"),
    e.DeadLetter: lambda event: (
        logging.WARNING,
        f"gave up on submission {short(event.tx_hash)}: {event.reason}; sorcha-peer dead-letters shows what can be done",
    ),
    e.QueueFull: lambda event: (logging.WARNING, f"submissions are refused: {event.cause}"),
    e.StoreFailed: lambda event: (logging.WARNING, f"the store failed: {event.what}"),
    e.StoreRecovered: lambda event: (logging.INFO, f"the store can be written again, after {event.lasted_s:.0f} s"),
    e.StoreMended: lambda event: (logging.WARNING, f"the store was damaged and mended: {event.what}"),
    e.NotStored: lambda event: (
        logging.WARNING,
        f"the store does not take transaction {short(event.tx_hash)}{', which is a dead letter now' if event.own else ''}: "
        f"{event.reason}",
    ),
    e.ClockOff: lambda event: (logging.WARNING, clock_sentence(event.skew_s, event.parked)),
    e.ClockRight: lambda event: (logging.INFO, f"the clock agrees with those of the peers again, to {abs(event.skew_s):.0f} s"),
    e.SyncGap: lambda event: (
        logging.WARNING,
        f"{event.lines} transactions that this node missed are gone from the log of {_by(event.peer_id)}: "
        "their retention is over",
    ),
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
