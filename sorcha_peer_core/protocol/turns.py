"""Whose turn it is to be dialled."""

from __future__ import annotations

import heapq
from enum import IntEnum
from itertools import count
from typing import TYPE_CHECKING

from sorcha_peer_core.protocol.urn import Urn

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import PeerId


class Hope(IntEnum):
    """How likely somebody answers there."""

    GOOD = 0
    """Nothing failed there since it was heard of or seen."""
    SOME = 1
    """A dial or two failed."""
    LOST = 2
    """So many failed that nobody counts on it."""
    OLD = 3
    """No sign of life for a day: looked at now and then, not dialled."""


class Turns:
    """Peers that may be dialled, each from some moment on. No call looks at all of them.

    ``ready`` has those whose moment has come, as of the last ``ripen``.
    """

    def __init__(self) -> None:
        self.ready: dict[Hope, Urn[PeerId]] = {hope: Urn() for hope in Hope}
        self._moments: dict[PeerId, tuple[Hope, float]] = {}
        self._heap: list[tuple[float, int, PeerId]] = []
        self._order = count()

    def put(self, peer_id: PeerId, hope: Hope, at: float) -> None:
        """It may be dialled from ``at`` on; what was said of it before is void."""
        if self._moments.get(peer_id) == (hope, at):
            return
        self.take_out(peer_id)
        self._moments[peer_id] = hope, at
        heapq.heappush(self._heap, (at, next(self._order), peer_id))

    def take_out(self, peer_id: PeerId) -> None:
        """It is not to be dialled."""
        moment = self._moments.pop(peer_id, None)
        if moment is not None:
            self.ready[moment[0]].take_out(peer_id)

    def ripen(self, now: float) -> None:
        """Those whose moment has come are ready."""
        while self._heap and self._heap[0][0] <= now:
            at, _, peer_id = heapq.heappop(self._heap)
            hope, moment = self._moments.get(peer_id, (Hope.OLD, None))
            # Of several entries of one peer only the last that was put counts.
            if moment == at:
                self.ready[hope].put(peer_id)

    def is_ready(self, peer_id: PeerId, hope: Hope) -> bool:
        """Whether its moment has come, and it is one of these."""
        return peer_id in self.ready[hope]

    def next_at(self) -> float | None:
        """When the next one gets ready; None when nobody waits for that."""
        while self._heap and self._is_void(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _is_void(self, entry: tuple[float, int, PeerId]) -> bool:
        at, _, peer_id = entry
        moment = self._moments.get(peer_id)
        return moment is None or moment[1] != at
