"""Anti-entropy: linked peers compare what they have by the time it was created, and find what one of them lacks.

Each comparison begins with marks of slices of time. Where they differ, a slice is parted by short ids, sixteen ways at a time,
until a part is small enough to be listed. So its cost follows the difference. What the other lacks is announced to it as old.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.protocol.allowance import Allowance
from sorcha_peer_core.protocol.created import CreatedIndex
from sorcha_peer_core.protocol.host import Host, Priority
from sorcha_peer_core.protocol.marks import DEEPEST, PARTS, View
from sorcha_peer_core.protocol.slices import EPOCH_MS, EPOCHS, HOUR_MS, HOURS, MINUTE_MS, slice_of, slices_of, starts_of

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.transaction import Transaction

T = TypeVar("T")

_LISTED = 200
"""A slice up to so large is listed: 1.6 KB, and no more questions."""
_LISTED_PART = 16
_MOST_IDS = 1024
"""In one frame."""
_VIEWS_KEPT = 16
_HOURS_AT_ONCE = 2
_MINUTES_AT_ONCE = 8
_FRAME_ITEMS = 1024
_END_OF_LOG = 2**62


class Digests:
    """Both sides of every comparison."""

    def __init__(self, host: Host, rng: Random) -> None:
        self._host = host
        self._rng = rng
        self._index = CreatedIndex(host)
        self._allowance = Allowance()
        self._views: dict[tuple[int, m.Slice], View] = {}
        self._now = 0.0
        self._compared: dict[int, int] = {}
        self._lacking: dict[int, int] = {}
        self.handlers: dict[type, Callable[..., None]] = {
            m.Digest: self._on_digest,
            m.DigestRange: self._on_range,
            m.DigestIds: self._on_ids,
            m.DigestWant: self._on_want,
        }

    @property
    def refused(self) -> int:
        """Frames and questions of peers beyond what they may ask."""
        return self._allowance.refused + self._index.refused

    def start(self) -> None:
        """Read what is in the log."""
        self._index.start()

    def add(self, transaction: Transaction) -> None:
        """It is valid and on its way into the log."""
        self._index.add(transaction)
        if not self._views:
            return
        created_ms = transaction.header.created_ms
        touched = slice_of(created_ms, EPOCH_MS), slice_of(created_ms, MINUTE_MS)
        for key in [key for key in self._views if key[1] in touched]:
            del self._views[key]

    def loaded(self, page: m.CreatedPage, now: float) -> None:
        """The store's answer."""
        self._now = now
        self._index.loaded(page, now)

    def receive(self, peer: int, message: m.Message, now: float) -> None:
        """One of the frames that ``handlers`` names."""
        self._now = now
        if self._index.known_since_ms is not None and self._allowance.frame(peer, now):
            self.handlers[type(message)](peer, message)

    def compare_epochs(self, peer: int) -> None:
        """Compare the last minute with a linked peer."""
        self._index.forget()
        if self._index.known_since_ms is None:
            return
        epochs = self._index.epochs
        first = epochs.first(self._host.unix_ms())
        salt = self._rng.getrandbits(64)
        marks = tuple(epochs.mark(first + number * EPOCH_MS, salt) for number in range(EPOCHS))
        self._compared[peer] = sum(mark.members for mark in marks)
        self._send(peer, m.Digest(salt, m.Slice(first, EPOCH_MS), first + EPOCHS * EPOCH_MS, marks))

    def compare_hours(self, peer: int, log_epoch: int) -> bool:
        """Compare a day with a linked peer and, if there is no difference, have it say where its log ends.

        False: too little of the own log is counted for that; nothing was sent, or only a part is compared.
        """
        since_ms = self._index.known_since_ms
        if since_ms is None:
            return False
        unix_ms = self._host.unix_ms()
        first, end = self._index.minutes.first_hour(unix_ms), self._index.epochs.first(unix_ms)
        complete = since_ms <= first
        first = max(first, since_ms)
        marks = tuple(self._index.mark(where) for where in slices_of(m.Slice(first, HOUR_MS), end))
        self._send(peer, m.Digest(0, m.Slice(first, HOUR_MS), end, marks, log_epoch if complete else 0))
        return complete and log_epoch != 0

    def differences(self) -> Sequence[tuple[int, int, int]]:
        """Peers that were compared since the last call, how many transactions of a minute, and how many one side lacked."""
        found = [(peer, compared, self._lacking.get(peer, 0)) for peer, compared in self._compared.items()]
        self._compared.clear()
        self._lacking.clear()
        return found

    # Marks of slices.

    def _on_digest(self, peer: int, digest: m.Digest) -> None:
        if digest.first.span_ms == EPOCH_MS and len(digest.marks) <= EPOCHS:
            self._on_epochs(peer, digest)
        elif digest.first.span_ms == MINUTE_MS and self._is_over(digest):
            self._on_minutes(peer, digest)
        elif digest.first.span_ms == HOUR_MS and len(digest.marks) <= HOURS + 1:
            self._on_hours(peer, digest)

    def _on_epochs(self, peer: int, digest: m.Digest) -> None:
        epochs, unix_ms = self._index.epochs, self._host.unix_ms()
        for start, theirs in starts_of(digest.first, digest.marks):
            if not epochs.is_comparable(start, unix_ms):
                continue
            if not self._allowance.work(peer, self._now, len(epochs.entries(start))):
                return
            mine = epochs.mark(start, digest.salt)
            self._compared[peer] = self._compared.get(peer, 0) + max(mine.members, theirs.members)
            if mine != theirs:
                self._differs(peer, m.Region(digest.salt, m.Slice(start, EPOCH_MS)), theirs, _LISTED)

    def _on_hours(self, peer: int, digest: m.Digest) -> None:
        since_ms = self._index.known_since_ms
        if digest.first.start_ms % HOUR_MS or since_ms is None or digest.first.start_ms < since_ms or not self._is_over(digest):
            return
        if not self._allowance.work(peer, self._now, len(digest.marks) * HOUR_MS // MINUTE_MS):
            return
        hours = zip(slices_of(digest.first, digest.end_ms), digest.marks, strict=False)
        different = [hour for hour, theirs in hours if self._index.mark(hour) != theirs]
        for hour in self._some(different, _HOURS_AT_ONCE):
            end = hour.start_ms + hour.span_ms
            minutes = m.Slice(hour.start_ms, MINUTE_MS)
            marks = tuple(self._index.mark(minute) for minute in slices_of(minutes, end))
            self._send(peer, m.Digest(0, minutes, end, marks))
        if not different and digest.log_epoch:
            # The page after the end of the log is empty, and says where that is.
            self._host.load(m.LoadLog(peer, digest.log_epoch, _END_OF_LOG, 1))

    def _on_minutes(self, peer: int, digest: m.Digest) -> None:
        minutes = zip(slices_of(digest.first, digest.end_ms), digest.marks, strict=False)
        different = [
            (minute, theirs) for minute, theirs in minutes if self._may_open(minute) and self._index.mark(minute) != theirs
        ]
        for minute, theirs in self._some(different, _MINUTES_AT_ONCE):
            self._differs(peer, m.Region(self._rng.getrandbits(64), minute), theirs, _LISTED)

    def _some(self, different: Sequence[T], most: int) -> Sequence[T]:
        # At random: a few that never become equal (what one has may have expired for the other) must not hide the others.
        return different if len(different) <= most else self._rng.sample(different, most)

    # Parts of slices.

    def _on_range(self, peer: int, message: m.DigestRange) -> None:
        if len(message.marks) == PARTS and message.region.depth < DEEPEST:
            self._open(peer, message.region, lambda view: self._compare_parts(peer, message, view))

    def _compare_parts(self, peer: int, message: m.DigestRange, view: View) -> None:
        salt, where, prefix, depth = message.region
        first, end = view.bounds(prefix, depth)
        if not self._allowance.work(peer, self._now, end - first):
            return
        for number, theirs in enumerate(message.marks):
            part = m.Region(salt, where, prefix * PARTS + number, depth + 1)
            if view.mark(part.prefix, part.depth) != theirs:
                self._part(peer, part, view, theirs, _LISTED_PART)

    def _on_ids(self, peer: int, message: m.DigestIds) -> None:
        self._open(peer, message.region, lambda view: self._compare_ids(peer, message, view))

    def _compare_ids(self, peer: int, message: m.DigestIds, view: View) -> None:
        first, end = view.bounds(message.region.prefix, message.region.depth)
        if not self._allowance.work(peer, self._now, end - first + len(message.ids)):
            return
        mine, theirs = view.ids[first:end], set(message.ids)
        items = view.items(first, end)
        self._tell(peer, [item for short, item in zip(mine, items, strict=True) if short not in theirs])
        lacking = theirs.difference(mine)
        if lacking:
            self._lacking[peer] = self._lacking.get(peer, 0) + len(lacking)
            self._send(peer, m.DigestWant(message.region, tuple(sorted(lacking))))

    def _on_want(self, peer: int, message: m.DigestWant) -> None:
        self._open(peer, message.region, lambda view: self._tell(peer, view.with_ids(message.ids)))

    def _differs(self, peer: int, region: m.Region, theirs: m.Mark, listed: int) -> None:
        self._open(peer, region, lambda view: self._part(peer, region, view, theirs, listed))

    def _part(self, peer: int, region: m.Region, view: View, theirs: m.Mark, listed: int) -> None:
        """Say more about a region that differs."""
        first, end = view.bounds(region.prefix, region.depth)
        if end - first <= listed or region.depth == DEEPEST:
            self._send(peer, m.DigestIds(region, tuple(view.ids[first:end][:_MOST_IDS])))
        elif theirs.members:
            self._send(peer, m.DigestRange(region, view.parts(region.prefix, region.depth)))
        else:
            self._tell(peer, view.items(first, end))

    def _open(self, peer: int, region: m.Region, action: Callable[[View], None]) -> None:
        """Call ``action`` with the view of a slice, as soon as its contents are at hand."""
        where = region.slice
        if not self._may_open(where):
            return

        def look() -> None:
            view = self._view(peer, region.salt, where)
            if view is not None:
                action(view)

        if where.span_ms == MINUTE_MS:
            self._index.with_minute(where.start_ms, self._now, look, lambda: self._allowance.load(peer, self._now))
        else:
            look()

    def _may_open(self, where: m.Slice) -> bool:
        """Whether it is a slice that can be compared: some epochs of one minute, or a minute of a day."""
        start_ms, span_ms = where
        unix_ms, epochs = self._host.unix_ms(), self._index.epochs
        if span_ms == MINUTE_MS:
            is_over = start_ms + span_ms <= unix_ms
            return is_over and start_ms % MINUTE_MS == 0 and start_ms >= self._index.minutes.first_hour(unix_ms)
        if not 0 < span_ms < MINUTE_MS or span_ms % EPOCH_MS:
            return False
        return epochs.is_comparable(start_ms, unix_ms) and epochs.is_comparable(start_ms + span_ms - EPOCH_MS, unix_ms)

    def _is_over(self, digest: m.Digest) -> bool:
        return digest.end_ms % EPOCH_MS == 0 and digest.end_ms <= self._host.unix_ms()

    def _view(self, peer: int, salt: int, where: m.Slice) -> View | None:
        view = self._views.get((salt, where))
        if view is None:
            entries = self._index.entries(where)
            if not self._allowance.work(peer, self._now, len(entries)):
                return None
            view = self._views[salt, where] = View(entries, salt)
            while len(self._views) > _VIEWS_KEPT:
                del self._views[next(iter(self._views))]
        return view

    def _tell(self, peer: int, items: Sequence[m.Announced]) -> None:
        """Announce what the other lacks, as much as it may be told at a time; the next comparison finds the rest."""
        items = items[: self._allowance.told(peer, self._now, len(items))]
        if items:
            self._lacking[peer] = self._lacking.get(peer, 0) + len(items)
        for at in range(0, len(items), _FRAME_ITEMS):
            self._host.send(peer, m.Announce(tuple(items[at : at + _FRAME_ITEMS]), old=True), Priority.ANSWER)

    def _send(self, peer: int, message: m.Message) -> None:
        self._host.send(peer, message, Priority.CONTROL)
