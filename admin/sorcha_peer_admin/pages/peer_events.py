"""What happened lately to a peer, and whom this node turned away, out of the latest events."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sorcha_peer_core.interfaces.service import EventEntry, NodeApi, PeerView

MOST_SHOWN = 50
_ALL_KEPT = 10_000
_REFUSALS = frozenset({"HandshakeRefused", "TurnedAway"})


def events_of(node: NodeApi, peer_id: str, peer: PeerView | None) -> Sequence[EventEntry]:
    """The latest that name the peer, or an address of it; newest first."""
    addresses = _addresses(peer)

    def concerns(entry: EventEntry) -> bool:
        fields = entry.fields
        return fields.get("peer_id") == peer_id or str(fields.get("address", "")).partition("://")[2] in addresses

    return _latest(node, concerns)


def refusals(node: NodeApi) -> Sequence[EventEntry]:
    """The latest handshakes that were refused, newest first."""
    return _latest(node, lambda entry: entry.kind in _REFUSALS)


def _addresses(peer: PeerView | None) -> frozenset[str]:
    if peer is None:
        return frozenset()
    return frozenset(address.partition("://")[2] for address in peer.addresses) - {""}


def _latest(node: NodeApi, concerns: Callable[[EventEntry], bool]) -> Sequence[EventEntry]:
    found: list[EventEntry] = []
    for entry in reversed(node.events(0, _ALL_KEPT).entries):
        if concerns(entry):
            found.append(entry)
            if len(found) == MOST_SHOWN:
                break
    return found
