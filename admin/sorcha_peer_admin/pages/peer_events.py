"""What happened lately to a peer, and whom this node turned away, out of the latest events."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from sorcha_peer_core.model.ids import short

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.interfaces.views import EventEntry, PeerView

MOST_SHOWN = 50
_ALL_KEPT = 10_000
_REFUSALS = frozenset({"HandshakeRefused", "TurnedAway"})
_BY_BEGINNING = re.compile(r"\bpeer ([0-9a-f]{8})\b")


def events_of(node: NodeApi, peer_id: str, peer: PeerView | None) -> Sequence[EventEntry]:
    """The latest that name the peer, or an address of it; newest first."""
    addresses = _addresses(peer)

    def concerns(entry: EventEntry) -> bool:
        fields = entry.fields
        return fields.get("peer_id") == peer_id or str(fields.get("address", "")).partition("://")[2] in addresses

    return _latest(node, concerns)


class Refusal(NamedTuple):
    """How often somebody was turned away for one reason."""

    host: str
    reason: str
    times: int
    last_ms: float


def refusals(node: NodeApi, names: Mapping[str, str]) -> Sequence[Refusal]:
    """Whom the latest events say was turned away, the last one first; whoever tries again and again is one line.

    ``names`` are those of known peers, by id; reasons speak of peers by the beginning of theirs.
    """
    by_beginning = {short(peer_id): name for peer_id, name in names.items()}
    found: dict[tuple[str, str], Refusal] = {}
    for entry in reversed(node.events(0, _ALL_KEPT).entries):
        if entry.kind not in _REFUSALS:
            continue
        host, reason = _host_of(str(entry.fields.get("address", ""))), _reason_of(entry, by_beginning)
        seen = found.get((host, reason)) or Refusal(host, reason, 0, entry.at_ms)
        found[host, reason] = seen._replace(times=seen.times + 1)
    return list(found.values())[:MOST_SHOWN]


def _reason_of(entry: EventEntry, names: Mapping[str, str]) -> str:
    if entry.kind == "TurnedAway":
        beginning = short(str(entry.fields.get("peer_id", "")))
        return f"there was no room for peer {names.get(beginning, beginning)}"
    reason = str(entry.fields.get("reason", ""))
    return _BY_BEGINNING.sub(lambda found: f"peer {names.get(found[1], found[1])}", reason)


def _host_of(address: str) -> str:
    # Whoever dials has another port each time.
    return address.rpartition("://")[2].rpartition(":")[0] or address


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
