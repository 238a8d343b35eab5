"""Reading a node's arrival log from within its process, for services."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sorcha_peer_core.errors import LogGap
from sorcha_peer_core.model.log_place import BEGINNING, Gap, Place

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.model.transaction import LogEntry

_PAGE_ENTRIES = 500
_WAIT_S = 1.0


class LogReader:
    """Every line of the log behind ``place``, in order and at least once; iterating waits for those that are still to come.

    ``place`` moves with each line that is handed out: keep it when the line is done with, and a reader that begins there
    misses nothing. Nothing is read ahead but a page, so a slow reader costs no memory. What retention took away before it was
    read is told to ``on_gap`` before the line behind it; without ``on_gap`` it is raised as LogGap.
    """

    def __init__(
        self,
        node: NodeApi,
        place: Place = BEGINNING,
        *,
        on_gap: Callable[[Gap], object] | None = None,
        going_on: Callable[[], bool] = lambda: True,
    ) -> None:
        self._node = node
        self._on_gap = on_gap
        self._going_on = going_on
        """Asked at least every second; iterating ends when it is not so any more."""
        self.place = place

    def __iter__(self) -> Iterator[LogEntry]:
        """Raises StoreError when the store cannot be read or the node stops; iterating again goes on where this ended."""
        while self._going_on():
            page = self._node.transactions(self.place.seq, _PAGE_ENTRIES)
            gap = self.place.gap_before_log(page.log_epoch)
            if gap is not None:
                self._skip(gap, Place(page.log_epoch, 0))
                continue
            for entry in page.entries:
                gap = self.place.gap_before(entry.seq)
                if gap is not None:
                    self._skip(gap, Place(page.log_epoch, gap.last_seq))
                self.place = Place(page.log_epoch, entry.seq)
                yield entry
            if not page.entries:
                self._node.wait_for_transactions(self.place.seq, _WAIT_S)

    def _skip(self, gap: Gap, place: Place) -> None:
        # Moved before it is told: whoever gets it as an error and iterates again begins behind it.
        self.place = place
        if self._on_gap is None:
            raise LogGap(str(gap))
        self._on_gap(gap)
