"""Where a reader is in the arrival log of one node, and what it can no longer read there."""

from __future__ import annotations

from typing import NamedTuple


class Gap(NamedTuple):
    """A part of an arrival log that was not read and is no longer there. As text it is a sentence."""

    first_seq: int
    last_seq: int
    new_log: bool = False
    """The node has another log than the one that was read: what else was in that one nobody knows."""

    def __str__(self) -> str:
        if self.new_log:
            return "the node has begun a new log since, which is read from its beginning"
        if self.first_seq == self.last_seq:
            return f"place {self.first_seq} of the log is gone: its retention is over"
        return f"the places {self.first_seq} to {self.last_seq} of the log are gone: their retention is over"


class Place(NamedTuple):
    """Behind the line ``seq`` of the log ``log_epoch``. A reader that keeps it goes on there."""

    log_epoch: int
    """0: whichever log the node has."""
    seq: int

    def gap_before(self, seq: int) -> Gap | None:
        """What is missing when ``seq`` is the next line.

        >>> Place(7, 3).gap_before(4), Place(7, 3).gap_before(6)
        (None, Gap(first_seq=4, last_seq=5, new_log=False))
        """
        return Gap(self.seq + 1, seq - 1) if seq > self.seq + 1 else None

    def gap_before_log(self, log_epoch: int) -> Gap | None:
        """What is missing when the node has this log now."""
        return None if self.log_epoch in (0, log_epoch) else Gap(self.seq + 1, self.seq + 1, new_log=True)


BEGINNING = Place(0, 0)
