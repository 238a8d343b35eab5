"""The node and whom it knows, as a picture: who is in it, and where."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, sin
from typing import TYPE_CHECKING, NamedTuple

from sorcha_peer_admin.pages.filters import short_text

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.views import PeerView

MOST_NODES = 200
"""Beside this one; more could neither be read nor drawn well."""
_LINKED_RADIUS = 190.0
_RING_GAP = 105.0
_ROOM = 84.0
"""Along a ring, for a circle and the name below it."""


class Placed(NamedTuple):
    """A peer in the picture."""

    peer: PeerView
    label: str
    x: int
    y: int


class Picture(NamedTuple):
    """Who is in the picture; this node is in its middle, at 0, 0."""

    placed: Sequence[Placed]
    """Linked ones first, as in the table below it."""
    left_out: int
    """How many known peers there was no room for."""


def picture_of(peers: Sequence[PeerView]) -> Picture:
    """Linked peers around the node, nearest by round trip first; those that are only known on rings further out."""
    linked = sorted((peer for peer in peers if peer.status == "linked"), key=_by_latency)
    others = sorted((peer for peer in peers if peer.status != "linked"), key=_by_liveliness)
    shown = [*linked, *others][:MOST_NODES]
    linked, others = shown[: len(linked)], shown[len(linked) :]
    inner, radius = _rings(linked, _LINKED_RADIUS)
    outer, _ = _rings(others, radius if linked else _LINKED_RADIUS)
    return Picture([*inner, *outer], len(peers) - len(shown))


def label_of(peer: PeerView, most: int = 16) -> str:
    """The name of a peer, shortened, or the beginning of its id."""
    name = peer.name.strip()
    if not name:
        return short_text(peer.peer_id)
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _rings(peers: Sequence[PeerView], radius: float) -> tuple[list[Placed], float]:
    placed: list[Placed] = []
    rest = list(peers)
    while rest:
        here = min(int(2 * pi * radius // _ROOM), len(rest))
        placed += [_at(peer, place, here, radius) for place, peer in enumerate(rest[:here])]
        rest, radius = rest[here:], radius + _RING_GAP
    return placed, radius


def _at(peer: PeerView, place: int, of: int, radius: float) -> Placed:
    # From the top on, clockwise; rings are turned a little against each other, so that names do not stand in line.
    turn = 2 * pi * place / of - pi / 2 + radius / 400
    return Placed(peer, label_of(peer), round(radius * cos(turn)), round(radius * sin(turn)))


def _by_latency(peer: PeerView) -> tuple[bool, float, str]:
    return peer.latency_ms is None, peer.latency_ms or 0.0, peer.peer_id


def _by_liveliness(peer: PeerView) -> tuple[bool, int, str]:
    return peer.status != "known", -peer.last_seen_at, peer.peer_id
