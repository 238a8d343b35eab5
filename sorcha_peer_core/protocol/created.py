"""What the store knows by the time of creation: read once at the start, and minute by minute where peers differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sorcha_peer_core.model.messages import Announced, CreatedPage, LoadCreated, Mark, Slice
from sorcha_peer_core.protocol.marks import Entry, point_of
from sorcha_peer_core.protocol.slices import EPOCH_MS, HOUR_MS, MINUTE_MS, Epochs, Minutes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.model.transaction import Transaction
    from sorcha_peer_core.protocol.host import Host

_AHEAD_MS = 180_000
"""Clocks that are this far ahead are refused elsewhere."""
_PAGE_ITEMS = 4096
_MOST_READ = 2_000_000
"""Rows read at the start; hours beyond are not compared."""
_MOST_IN_MINUTE = 100_000
_MINUTES_KEPT = 4
_KEPT_S = 10.0
_MOST_WAITING = 256
"""Actions that wait for one minute."""


class _Waiting:
    """A minute that is being loaded."""

    __slots__ = ("actions", "came")

    def __init__(self, action: Callable[[], None]) -> None:
        self.actions = [action]
        self.came: dict[int, Announced] = {}
        """After the store was asked."""


class CreatedIndex:
    """Keeps epochs and minutes up to date, and lends out the contents of slices."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.epochs = Epochs()
        self.minutes = Minutes()
        self.known_since_ms: int | None = None
        """From this hour on everything in the log is counted; None before the first hour was read."""
        self.refused = 0
        """Questions of peers that were not answered because too much was asked, or too many asked the same."""
        self._reading: LoadCreated | None = None
        self._hour_ms = 0
        self._read = 0
        self._counted: set[TxHash] = set()
        """Came while the log was being read, and may be found there too."""
        self._minutes: dict[int, tuple[float, list[Entry]]] = {}
        self._waiting: dict[int, _Waiting] = {}

    def start(self) -> None:
        """Read the log from the newest hour back."""
        unix_ms = self._host.unix_ms()
        self._read_from(int(unix_ms // HOUR_MS) * HOUR_MS, unix_ms + _AHEAD_MS)

    def add(self, transaction: Transaction) -> None:
        """It is in the log now, or on its way there."""
        header = transaction.header
        if self._reading is not None:
            self._counted.add(header.payload_hash)
        self._count(Announced(header.payload_hash, header.payload_size), header.created_ms)

    def forget(self) -> None:
        """Let go what is too old; called every now and then."""
        unix_ms = self._host.unix_ms()
        self.epochs.forget(unix_ms)
        self.minutes.forget(unix_ms)

    def mark(self, where: Slice) -> Mark:
        """Of a slice of minutes, of which the last one may be a part."""
        part = where.span_ms % MINUTE_MS
        whole = self.minutes.mark(where)
        if not part:
            return whole
        rest = self.epochs.sum(Slice(where.start_ms + where.span_ms - part, part))
        return Mark(whole.members + rest.members, (whole.sum + rest.sum) % 2**64)

    def with_minute(self, start_ms: int, now: float, action: Callable[[], None], may_load: Callable[[], bool]) -> None:
        """Call ``action`` when the contents of a minute are at hand, at once if they are."""
        kept = self._minutes.get(start_ms)
        if kept is not None and now - kept[0] < _KEPT_S:
            action()
        elif start_ms in self._waiting:
            actions = self._waiting[start_ms].actions
            if len(actions) < _MOST_WAITING:
                actions.append(action)
            else:
                self.refused += 1
        elif may_load():
            self._waiting[start_ms] = _Waiting(action)
            self._host.load(LoadCreated(start_ms, start_ms + MINUTE_MS, _MOST_IN_MINUTE))

    def entries(self, where: Slice) -> Sequence[Entry]:
        """What was created in some epochs, or in a minute that was loaded."""
        if where.span_ms == MINUTE_MS:
            return self._minutes[where.start_ms][1] if where.start_ms in self._minutes else ()
        starts = range(where.start_ms, where.start_ms + where.span_ms, EPOCH_MS)
        return [entry for start_ms in starts for entry in self.epochs.entries(start_ms)]

    def loaded(self, page: CreatedPage, now: float) -> None:
        """The store's answer."""
        if page.question == self._reading:
            self._on_read(page)
            return
        start_ms = int(page.question.start_ms)
        waiting = self._waiting.pop(start_ms)
        if len(page.items) == page.question.most:
            self.refused += len(waiting.actions)
            return
        entries = {point_of(line.hash): Announced(line.hash, line.size) for line in page.items} | waiting.came
        self._keep(start_ms, list(entries.items()), now)
        for action in waiting.actions:
            action()

    def _keep(self, start_ms: int, entries: list[Entry], now: float) -> None:
        self.minutes.put_right(start_ms, entries)
        self._minutes.pop(start_ms, None)
        self._minutes[start_ms] = now, entries
        while len(self._minutes) > _MINUTES_KEPT:
            del self._minutes[next(iter(self._minutes))]

    def _count(self, item: Announced, created_ms: float) -> None:
        entry = point_of(item.hash), item
        self.epochs.add(entry, created_ms)
        start_ms = self.minutes.add(entry[0], created_ms)
        if start_ms in self._minutes:
            self._minutes[start_ms][1].append(entry)
        if start_ms in self._waiting:
            self._waiting[start_ms].came[entry[0]] = item

    def _read_from(self, start_ms: int, end_ms: float) -> None:
        self._hour_ms = start_ms
        self._reading = LoadCreated(start_ms, end_ms, _PAGE_ITEMS)
        self._host.load(self._reading)

    def _on_read(self, page: CreatedPage) -> None:
        question = page.question
        self._read += len(page.items)
        for line in page.items:
            if line.hash not in self._counted:
                self._count(Announced(line.hash, line.size), line.created_ms)
        if len(page.items) == question.most:
            last = page.items[-1]
            self._reading = LoadCreated(last.created_ms, question.end_ms, question.most, last.hash)
            self._host.load(self._reading)
            return
        self.known_since_ms = since_ms = self._hour_ms
        if since_ms <= self.minutes.first_hour(self._host.unix_ms()) or self._read > _MOST_READ:
            self._reading = None
            self._counted.clear()
        else:
            self._read_from(since_ms - HOUR_MS, since_ms)
