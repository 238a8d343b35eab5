"""A reader of a node's arrival log that loses nothing: not over a broken connection, not over a restart, not when it is slow."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from sorcha_peer_core.client.connection import Json, Refused
from sorcha_peer_core.client.patience import Patience, passes
from sorcha_peer_core.errors import LogGap, NodeUnreachable, PeerError
from sorcha_peer_core.model.log_place import Gap, Place

if TYPE_CHECKING:
    from sorcha_peer_core.client.node_client import LogLines


class Subscription:
    """Iterates over the lines of one node's log in their order, each at least once, and waits for those that are to come.

    ``place`` moves with each line that is handed out. Who keeps it when a line is done with, and begins there the next time,
    misses nothing. The node waits for a slow reader and holds nothing for it but its log. What retention took away before it was
    read, or a new database, is told to ``on_gap`` before the line behind it; without ``on_gap`` it is raised as LogGap, and
    iterating again goes on behind the gap. With a register, a gap is one of the whole log and may hold nothing of that register.

    While the node does not answer, it is tried again after 0.2 to 5 s; ``on_trouble`` hears of it, once until lines come again.
    After ``patience_s`` (None: never) without a line or an answer, NodeUnreachable is raised.
    """

    def __init__(
        self,
        follow: Callable[[int], AbstractContextManager[LogLines]],
        place: Place,
        register_id: str | None = None,
        *,
        on_gap: Callable[[Gap], object] | None = None,
        on_trouble: Callable[[PeerError], object] | None = None,
        patience_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._follow = follow
        self._all_registers = not register_id
        self._on_gap = on_gap
        self._patience = Patience(on_trouble, patience_s, clock, sleep)
        self.place = place

    def __iter__(self) -> Iterator[Json]:
        self._patience.begin()
        while True:
            self._patience.dialling()
            try:
                if (yield from self._lines()):
                    continue
                problem: PeerError = NodeUnreachable("the node ended the list")
            except (NodeUnreachable, Refused) as error:
                if not passes(error):
                    raise
                problem = error
            self._patience.wait(problem)

    def _lines(self) -> Generator[Json, None, bool]:
        """What one connection brings; returns whether another one is needed because it was read from the wrong place."""
        with self._follow(self.place.seq) as part:
            self._patience.opened()
            gap = self.place.gap_before_log(part.log_epoch)
            if gap is not None:
                self._skip(gap, Place(part.log_epoch, 0))
                return True
            self.place = Place(part.log_epoch, self.place.seq)
            if not self._all_registers:
                self._look_for_gap_before(part.oldest_seq)
            for line in part.lines:
                if self._all_registers:
                    self._look_for_gap_before(line["seq"])
                self.place = Place(part.log_epoch, line["seq"])
                self._patience.came()
                yield line
                self._patience.handed_out()
        return False

    def _look_for_gap_before(self, seq: int) -> None:
        gap = self.place.gap_before(seq)
        if gap is not None:
            self._skip(gap, Place(self.place.log_epoch, gap.last_seq))

    def _skip(self, gap: Gap, place: Place) -> None:
        # Moved before it is told: whoever gets it as an error and iterates again begins behind it.
        self.place = place
        if self._on_gap is None:
            raise LogGap(str(gap))
        self._on_gap(gap)
