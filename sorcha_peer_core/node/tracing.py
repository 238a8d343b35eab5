"""Traces as people see them: peers by their ids, times since the first copy."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic, time
from typing import TYPE_CHECKING

from sorcha_peer_core.interfaces.views import CopyView, PassedView, TraceView
from sorcha_peer_core.model.ids import peer_id_of
from sorcha_peer_core.protocol.traces import ANNOUNCE, CHUNKS, FETCH, OWN, Stored, Traces

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import PeerId, TxHash
    from sorcha_peer_core.protocol.traces import Copy, Gift, Trace
    from sorcha_peer_core.services.peer_link import PeerLink

TRACED = 10_000
"""Transactions, the latest ones."""
_PEERS_REMEMBERED = 4096
"""Of which it is known who they were when their links are over."""

PeerOf = Callable[[int], "PeerId | None"]
NameOf = Callable[["PeerId"], str]


class Tracing:
    """The traces of a node, and who its peers are and were."""

    def __init__(self) -> None:
        self.traces = Traces(TRACED)
        """What the core fills."""
        self._met: OrderedDict[int, PeerId] = OrderedDict()

    def linked(self, peer: PeerLink) -> None:
        """Remember who it is."""
        self._met[peer.index] = peer.peer_id
        if len(self._met) > _PEERS_REMEMBERED:
            self._met.popitem(last=False)

    def view(self, tx_hash: TxHash, name_of: NameOf) -> TraceView | None:
        """The trace of one transaction; None when there is none. ``name_of`` knows what peers call themselves."""
        trace = self.traces.get(tx_hash)
        if trace is None:
            return None
        return trace_view(trace, self.traces.commit_of(tx_hash), self._met.get, name_of, Stored(monotonic(), time() * 1000))


def trace_view(trace: Trace, stored: Stored | None, peer_of: PeerOf, name_of: NameOf, now: Stored) -> TraceView:
    """``stored`` is its commit, ``peer_of`` knows who the core's peers are, ``name_of`` their names, ``now`` both clocks."""
    # The clock on the wall as it was then: it may have been set since, or the machine may have slept.
    clock = stored or now

    def after_ms(at: float) -> float:
        return round((at - trace.since) * 1000, 3)

    def named(peer: int) -> tuple[PeerId | None, str]:
        peer_id = peer_of(peer)
        return peer_id, name_of(peer_id) if peer_id else ""

    copies = _copies(trace)
    return TraceView(
        tx_hash=trace.header.payload_hash,
        size=trace.header.payload_size,
        origin=peer_id_of(trace.header.origin_key),
        created_ms=trace.header.created_ms,
        hops=0 if trace.peer == OWN else trace.hop + 1,
        first_ms=round(clock.unix_ms - (clock.at - trace.since) * 1000, 3),
        verified_after_ms=after_ms(trace.verified_at),
        stored_after_ms=None if stored is None else after_ms(stored.at),
        copies_received=len(copies) + trace.further_copies,
        copies=[
            CopyView(*named(peer), hop, _way(trace, place, peer), after_ms(at), _others(trace, place, peer, peer_of))
            for place, (peer, hop, at) in enumerate(copies)
        ],
        passed_on=[PassedView(*named(peer), by, after_ms(at)) for peer, by, at in _passed_on(trace)],
        further_passed_on=trace.further_gifts,
    )


def _copies(trace: Trace) -> list[Copy]:
    first = [] if trace.peer == OWN else [(trace.peer, trace.hop, trace.since)]
    return [*first, *(trace.copies or ())]


def _way(trace: Trace, place: int, peer: int) -> str:
    if place == 0 and trace.senders:
        return CHUNKS
    if peer not in trace.asked:
        return "push"
    return "sync" if trace.missed else FETCH


def _others(trace: Trace, place: int, peer: int, peer_of: PeerOf) -> list[PeerId]:
    """Who else sent chunks of it; only the first copy can have come in chunks."""
    senders = trace.senders if place == 0 else ()
    return [peer_id for sender in senders if sender != peer and (peer_id := peer_of(sender)) is not None]


def _passed_on(trace: Trace) -> list[Gift]:
    """In the order of time; what was spread at once comes before what was asked for at that moment."""
    spared = trace.spared or ()
    spread = [(peer, "push", trace.verified_at) for peer in trace.spread.push]
    spread += [(peer, ANNOUNCE, trace.verified_at) for peer in trace.spread.announce if peer not in spared]
    return sorted([*spread, *(trace.gifts or ())], key=lambda gift: gift[2])
