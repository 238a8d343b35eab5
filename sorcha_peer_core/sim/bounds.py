"""What no protocol can beat: the fastest paths through the same network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorcha_peer_core.sim.places import Places

_JITTER = 1.02
"""What a message takes of its pair's latency when all goes well."""
_HOP_S = 0.0001
"""Receiving and sending on."""
_MOST_WITH_RELAYS = 1000
"""Above, the direct bound is the plain way to each: relays around slow pairs would take minutes to compute, and gain little."""


def direct_s(places: Places, nodes: Sequence[int], origin: int, serialisation_s: float) -> list[float]:
    """Earliest arrival at each of ``nodes``, ascending, when everybody may send to everybody.

    Nobody's uplink has a limit, and the payload's serialisation is paid once: an origin that sends to all others by itself
    takes longer.
    """
    first = {node: places.base_s(origin, node) * _JITTER + _HOP_S for node in nodes if node != origin}
    times = first if len(nodes) > _MOST_WITH_RELAYS else _with_relays(places, first)
    return [0.0, *sorted(at + serialisation_s for at in times.values())]


def overlay_s(links: Mapping[int, Iterable[tuple[int, float]]], origin: int, serialisation_s: float) -> list[float]:
    """Earliest arrival at each node, ascending, over ``links``: each node's neighbours and how far they are. No queues."""
    times = dict.fromkeys(links, inf)
    times[origin] = 0.0
    todo = [(0.0, origin)]
    while todo:
        at, node = heappop(todo)
        if at > times[node]:
            continue
        for other, base_s in links[node]:
            arrival = at + base_s * _JITTER + _HOP_S + serialisation_s
            if arrival < times[other]:
                times[other] = arrival
                heappush(todo, (arrival, other))
    return sorted(times.values())


def _with_relays(places: Places, first: Mapping[int, float]) -> dict[int, float]:
    """Dijkstra over all pairs: from the nearest node on, whoever is reached sooner by way of it."""
    times = dict(first)
    waiting = dict(first)
    while waiting:
        node = min(waiting, key=waiting.__getitem__)
        at = waiting.pop(node) + _HOP_S
        for other, known in waiting.items():
            if known > at:
                arrival = at + places.base_s(node, other) * _JITTER
                if arrival < known:
                    waiting[other] = times[other] = arrival
    return times
