"""Reading peers' arrival logs: what makes it certain that nothing is missed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.model.messages import Cursor, SyncPage, SyncSince
from sorcha_peer_core.protocol.host import Host, Priority

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash

_STALLED_S = 2.0
"""A long reading that got nothing for so long holds up no other."""
_PARKED_S = 120.0
"""After that a log is read beside the long one, which may have no end."""
_COMPARISONS = 2
"""In vain, one after the other; then the log is read."""


class _Reading:
    """One peer's log, being read."""

    __slots__ = ("is_long", "next", "since", "waiting")

    def __init__(self, now: float) -> None:
        self.is_long = False
        """One page was not all."""
        self.since = now
        self.waiting: set[TxHash] = set()
        """Hashes of the current page that are not here yet."""
        self.next: SyncPage | None = None
        """The current page; None while it is awaited."""


class Sync:
    """A cursor per peer, moved over a page only when everything on it is here (or provably gone).

    A few logs are read at a time, the others wait their turn: what the first ones bring, the later ones need not. Of those that
    go on for more than a page, one is read; then the others are compared, and where there is no difference the cursor moves to
    the end at once. ``compare`` asks a peer for that, given the epoch of its log; False when it cannot be asked.
    """

    def __init__(
        self, host: Host, at_once: int, patience_s: float, compare: Callable[[int, int], bool] = lambda peer, log_epoch: False
    ) -> None:
        self._host = host
        self._at_once = at_once
        self._patience_s = patience_s
        self._compare = compare
        self._compared: dict[int, int] = {}
        """Peers that were asked for a comparison, how often, and have not said that there is no difference."""
        self._parked: dict[int, float] = {}
        """They wait while a log that goes on for more than a page is being read, and since when."""
        self._cursors: dict[int, Cursor] = {}
        self._read: set[int] = set()
        """Linked peers whose log was read to its end since the link came up."""
        self._gaps: dict[int, int] = {}
        """Peers whose log was read before this link, and the lines that are gone since; until one is found that is there."""
        self._turns: deque[int] = deque()
        self._readings: dict[int, _Reading] = {}
        self._waiting: dict[TxHash, list[int]] = {}

    @property
    def logs_read(self) -> int:
        """Linked peers whose log was read to its end, or did not differ."""
        return len(self._read)

    def link_up(self, peer: int, cursor: Cursor, now: float) -> None:
        """``peer`` is linked; its log is read from ``cursor`` on."""
        self._cursors[peer] = cursor
        if cursor.seq:
            self._gaps[peer] = 0
        self._turns.append(peer)
        self._start(now)

    def link_down(self, peer: int, now: float) -> None:
        """Its log cannot be read now; the cursor stays where it was proved to be."""
        del self._cursors[peer]
        self._gaps.pop(peer, None)
        if peer in self._turns:
            self._turns.remove(peer)
        self._parked.pop(peer, None)
        self._compared.pop(peer, None)
        self._read.discard(peer)
        self._stop(peer)
        self._start(now)

    def again(self, now: float) -> None:
        """Time to compare with the peer whose turn it is, or to read its log; a reading without an answer loses its place."""
        for peer, reading in list(self._readings.items()):
            if now - reading.since > self._patience_s:
                self._stop(peer)
        for peer in self._cursors:
            if peer not in self._readings and peer not in self._turns and peer not in self._parked:
                # Last in, last out: linked peers come round in turn.
                self._cursors[peer] = self._cursors.pop(peer)
                self._turn_to(peer)
                break
        self._start(now)

    def end(self, peer: int, page: SyncPage) -> None:
        """``peer`` has the same as this node, and its log ends there; passed over if it was not asked."""
        before = self._cursors[peer]
        if peer in self._compared and not page.items and page.log_epoch == before.log_epoch:
            del self._compared[peer]
            self._read.add(peer)
            if page.next_seq > before.seq:
                self._move(peer, page)

    def page(self, peer: int, page: SyncPage, missing: Sequence[TxHash], now: float) -> None:
        """``peer`` answered; ``missing`` are the hashes on the page that are not here and will be fetched."""
        reading = self._readings.get(peer)
        if reading is None or reading.next is not None:
            return
        reading.since = now
        reading.next = page
        reading.waiting.update(missing)
        for tx_hash in dict.fromkeys(missing):
            self._waiting.setdefault(tx_hash, []).append(peer)
        if not reading.waiting:
            self._turn_page(peer, reading, now)

    def expects(self, peer: int) -> bool:
        """Whether a page of this peer was asked for."""
        reading = self._readings.get(peer)
        return reading is not None and reading.next is None

    def resolved(self, tx_hash: TxHash, now: float) -> bool:
        """It is here; returns whether a sync waited for it."""
        peers = self._waiting.pop(tx_hash, None)
        if peers is None:
            return False
        for peer in peers:
            reading = self._readings[peer]
            reading.since = now
            reading.waiting.discard(tx_hash)
            if not reading.waiting:
                self._turn_page(peer, reading, now)
        return True

    def refused(self, peer: int, tx_hash: TxHash, now: float) -> None:
        """What ``peer`` has under this hash is not valid here (it may have expired): its own log goes on without it."""
        reading = self._readings.get(peer)
        if reading is None or tx_hash not in reading.waiting:
            return
        self._waiting[tx_hash].remove(peer)
        if not self._waiting[tx_hash]:
            del self._waiting[tx_hash]
        reading.since = now
        reading.waiting.discard(tx_hash)
        if not reading.waiting:
            self._turn_page(peer, reading, now)

    def gave_up(self, tx_hash: TxHash, now: float) -> None:
        """It could not be got; the readings that need it end here and begin again from their cursors later."""
        for peer in self._waiting.get(tx_hash, [])[:]:
            self._stop(peer)
        self._start(now)

    def _turn_page(self, peer: int, reading: _Reading, now: float) -> None:
        page = reading.next
        assert page is not None
        before = self._cursors[peer]
        self._look_for_gap(peer, before, page)
        self._move(peer, page)
        # A log that always has more and never gets on would keep its place for ever.
        if not page.more:
            self._read.add(peer)
        if not page.more or (page.log_epoch == before.log_epoch and page.next_seq <= before.seq):
            self._stop(peer)
            if reading.is_long:
                self._compare_parked()
        elif not reading.is_long and self.catches_up(now):
            self._stop(peer)
            self._parked[peer] = now
        else:
            reading.is_long = True
            reading.next = None
            self._ask(peer, reading, now)
        self._start(now)

    def _look_for_gap(self, peer: int, before: Cursor, page: SyncPage) -> None:
        """Every line of a log has a number: what is between two pages and on neither is gone."""
        if peer not in self._gaps:
            return
        if page.log_epoch == before.log_epoch:
            self._gaps[peer] += max(0, page.next_seq - before.seq - len(page.items))
        if page.items or not page.more or page.log_epoch != before.log_epoch:
            lines = self._gaps.pop(peer)
            if lines:
                self._host.missed(peer, lines)

    def _move(self, peer: int, page: SyncPage) -> None:
        self._cursors[peer] = Cursor(page.log_epoch, page.next_seq)
        self._host.remember(peer, self._cursors[peer])

    def catches_up(self, now: float) -> bool:
        """Whether a log that goes on for more than a page is being read, and something comes of it."""
        return any(reading.is_long and now - reading.since < _STALLED_S for reading in self._readings.values())

    def _compare_parked(self) -> None:
        parked, self._parked = self._parked, {}
        for peer in parked:
            self._turn_to(peer)

    def _turn_to(self, peer: int) -> None:
        """Compare; who was compared in vain before is read."""
        times = self._compared.pop(peer, 0)
        if times < _COMPARISONS and self._compare(peer, self._cursors[peer].log_epoch):
            self._compared[peer] = times + 1
        else:
            self._turns.append(peer)

    def _start(self, now: float) -> None:
        while self._turns and self.catches_up(now):
            self._parked[self._turns.popleft()] = now
        self._resume(now)
        while self._turns and len(self._readings) < self._at_once:
            peer = self._turns.popleft()
            if peer not in self._readings:
                self._ask(peer, self._readings.setdefault(peer, _Reading(now)), now)

    def _resume(self, now: float) -> None:
        """Read a log that was put aside, if the one that it waits for does not get to its end."""
        for peer, since in self._parked.items():
            if len(self._readings) < self._at_once and (not self.catches_up(now) or now - since > _PARKED_S):
                del self._parked[peer]
                reading = self._readings[peer] = _Reading(now)
                reading.is_long = True
                self._ask(peer, reading, now)
            break

    def _ask(self, peer: int, reading: _Reading, now: float) -> None:
        reading.since = now
        cursor = self._cursors[peer]
        self._host.send(peer, SyncSince(cursor.log_epoch, cursor.seq), Priority.CONTROL)

    def _stop(self, peer: int) -> None:
        reading = self._readings.pop(peer, None)
        for tx_hash in reading.waiting if reading else ():
            peers = self._waiting[tx_hash]
            peers.remove(peer)
            if not peers:
                del self._waiting[tx_hash]
