"""Getting what was only announced: a short wait for the push, then the announcers in turn."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.model.events import FetchFailed
from sorcha_peer_core.model.messages import Announced, FetchDue, Want
from sorcha_peer_core.protocol.host import Host, Priority
from sorcha_peer_core.protocol.patience import Patience

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.protocol.config import CoreConfig

_WANT_FRAME_ITEMS = 64
_DOUBT_S = 0.5
"""Others have so much time to announce what only a doubtful peer announced yet."""


class _Wanted:
    """One hash that is not here yet."""

    __slots__ = (
        "announced_at", "announcers", "answered", "asked", "asked_before", "attempt", "fruitless", "here", "lates", "ready",
    )  # fmt: skip

    def __init__(self) -> None:
        self.announcers: dict[int, int] = {}
        """Who has it, with the size each claims: a liar's size must not spoil what an honest peer says."""
        self.announced_at: dict[int, float] = {}
        """When each of them said so, of those that said so when it was new."""
        self.asked: int | None = None
        self.asked_before: tuple[int, ...] = ()
        """All who were asked, ``asked`` included."""
        self.attempt = 0
        """Grows with every question: tells a stale timer from the one that counts."""
        self.fruitless = 0
        """Questions in a row that nobody answered."""
        self.lates = 0
        """Questions that were not answered in time. What came later does not make the next answer faster."""
        self.ready = False
        """The wait for a push is over: whoever announces it may be asked."""
        self.answered = False
        """Somebody who was asked brought it."""
        self.here = False
        """Its bytes arrived and are being verified; the announcers are kept in case they were forged."""

    @property
    def idle(self) -> bool:
        """Whether somebody could be asked right now."""
        return self.ready and not self.here and self.asked is None


class _Window:
    """What is asked of one peer, and what will be."""

    __slots__ = ("asked", "asked_bytes", "queue")

    def __init__(self) -> None:
        self.asked: dict[TxHash, int] = {}
        self.asked_bytes = 0
        self.queue: OrderedDict[TxHash, None] = OrderedDict()

    def has_room(self, config: CoreConfig) -> bool:
        return len(self.asked) < config.want_items and self.asked_bytes < config.want_bytes

    def release(self, tx_hash: TxHash) -> None:
        self.asked_bytes -= self.asked.pop(tx_hash, 0)


class Fetcher:
    """Tracks every hash that was announced and has not been verified.

    A hash lies in the queue of each of its announcers; whichever has room first is asked, so a slow peer does not hold
    up what others can deliver. ``gave_up`` is called for a hash that nobody delivered.
    """

    def __init__(
        self,
        config: CoreConfig,
        host: Host,
        rng: Random,
        *,
        pull_wait_s: Callable[[int], float],
        rtt_s: Callable[[int], float | None],
        gave_up: Callable[[TxHash], None],
        sparing: Callable[[], bool],
        asked: Callable[[int, Sequence[TxHash]], None] = lambda peer, hashes: None,
    ) -> None:
        self._config = config
        self._host = host
        self._rng = rng
        self._pull_wait_s = pull_wait_s
        """How long the push of something of that size may take."""
        self._rtt_s = rtt_s
        self._gave_up = gave_up
        self._sparing = sparing
        """Whether messages are dearer than trips here and now."""
        self._asked = asked
        """Called with each question."""
        self.doubtful: set[int] = set()
        """Peers that are asked when nobody else has it."""
        self.pulled = 0.0
        self._patience = Patience()
        self._wanted: dict[TxHash, _Wanted] = {}
        self._windows: dict[int, _Window] = {}

    def __contains__(self, tx_hash: TxHash) -> bool:
        return tx_hash in self._wanted

    def __len__(self) -> int:
        return len(self._wanted)

    def link_up(self, peer: int) -> None:
        """``peer`` can be asked."""
        self._windows[peer] = _Window()

    def link_down(self, peer: int) -> None:
        """``peer`` can no longer be asked; what it owed is asked of others at once."""
        del self._windows[peer]
        self.doubtful.discard(peer)
        for tx_hash, wanted in list(self._wanted.items()):
            if wanted.announcers.pop(peer, None) is None:
                continue
            if wanted.asked == peer:
                wanted.asked = None
            if not wanted.announcers and not wanted.here:
                self._drop(tx_hash)
            elif wanted.idle:
                self._make_ready(tx_hash, wanted)
        self._pump_all()

    def announced(self, peer: int, items: Sequence[Announced], now: float, *, at_once: bool) -> None:
        """``peer`` has these, which are not here. ``at_once``: they are old, do not wait for a push."""
        queue = self._windows[peer].queue
        for item in items:
            wanted = self._wanted.get(item.hash)
            if wanted is None:
                if len(queue) >= self._config.queue_items:
                    continue
                wanted = self._wanted[item.hash] = _Wanted()
                wanted.announcers[peer] = item.size
                self._wait_for_push(peer, item, wanted, at_once=at_once)
            elif self.doubtful and not wanted.ready and self.doubtful.issuperset(wanted.announcers):
                wanted.announcers[peer] = item.size
                self._wait_for_push(peer, item, wanted, at_once=at_once)
            elif at_once or len(wanted.announcers) < self._config.announcers_max:
                wanted.announcers.setdefault(peer, item.size)
                if wanted.ready:
                    queue[item.hash] = None
            if not at_once:
                wanted.announced_at.setdefault(peer, now)
        self._pump(peer)

    def arrived(self, tx_hash: TxHash, peer: int) -> None:
        """Its bytes are here, from ``peer``, and go to verification."""
        wanted = self._wanted.get(tx_hash)
        if wanted is None:
            return
        wanted.here = True
        if wanted.asked_before:
            wanted.answered = self._patience.came(peer, wanted.asked_before, dear=self._sparing())
        self._release(tx_hash, wanted)

    def announcers_of(self, tx_hash: TxHash) -> Sequence[int]:
        """Who said to have it."""
        wanted = self._wanted.get(tx_hash)
        return tuple(wanted.announcers) if wanted else ()

    def announced_at(self, tx_hash: TxHash) -> Mapping[int, float]:
        """Who announced it when it was new, and when."""
        wanted = self._wanted.get(tx_hash)
        return wanted.announced_at if wanted else {}

    def verified(self, tx_hash: TxHash) -> Sequence[int]:
        """It is valid: nothing more to do. Returns who was asked for it."""
        wanted = self._wanted.pop(tx_hash, None)
        self.pulled *= 0.98
        if wanted is None:
            return ()
        if wanted.answered:
            self.pulled += 0.02
        self._release(tx_hash, wanted)
        return wanted.asked_before

    def forged(self, tx_hash: TxHash, peer: int | None) -> None:
        """What ``peer`` sent did not verify; the others are asked, if there are any. None: nobody can be blamed."""
        wanted = self._wanted.get(tx_hash)
        if wanted is None:
            return
        wanted.here = False
        if peer is not None:
            wanted.announcers.pop(peer, None)
        if wanted.asked == peer:
            self._release(tx_hash, wanted)
        if wanted.asked is None:
            self._again(tx_hash, wanted)

    def absent(self, peer: int, hashes: Sequence[TxHash]) -> None:
        """``peer`` says it does not have these."""
        for tx_hash in hashes:
            wanted = self._wanted.get(tx_hash)
            if wanted is None or wanted.announcers.pop(peer, None) is None:
                continue
            if wanted.asked == peer:
                self._release(tx_hash, wanted)
            if wanted.idle:
                self._again(tx_hash, wanted)
        self._pump(peer)

    def due(self, timer: FetchDue) -> None:
        """The wait for a push, or for an answer, is over."""
        wanted = self._wanted.get(timer.hash)
        if wanted is None or wanted.here or wanted.attempt != timer.attempt:
            return
        late = wanted.asked
        if late is not None:
            self._release(timer.hash, wanted)
            # To the end of the line: the others first, this one again if it is the only one.
            wanted.announcers[late] = wanted.announcers.pop(late)
            wanted.fruitless += 1
            wanted.lates += 1
            self._patience.answer.unanswered()
        if wanted.fruitless >= self._config.fetch_rounds * len(wanted.announcers):
            self._host.emit(FetchFailed(timer.hash, len(wanted.announcers)))
            self._drop(timer.hash)
            return
        self._make_ready(timer.hash, wanted, last=late)
        self._pump_line(wanted)

    def _wait_for_push(self, peer: int, item: Announced, wanted: _Wanted, *, at_once: bool) -> None:
        """The first announcer decides, the first one that is not doubtful if there is any."""
        wait_s = 0.0 if at_once else self._pull_wait_s(item.size) * self._patience.push.value * (1.0 - self.pulled)
        if peer in self.doubtful:
            wait_s += _DOUBT_S
        if wait_s == 0.0:
            self._make_ready(item.hash, wanted)
        else:
            self._host.set_timer(wait_s, FetchDue(item.hash, 0))

    def _again(self, tx_hash: TxHash, wanted: _Wanted) -> None:
        if not wanted.announcers:
            self._drop(tx_hash)
            return
        self._make_ready(tx_hash, wanted)
        self._pump_line(wanted)

    def _drop(self, tx_hash: TxHash) -> None:
        wanted = self._wanted.pop(tx_hash)
        self._release(tx_hash, wanted)
        self._gave_up(tx_hash)

    def _make_ready(self, tx_hash: TxHash, wanted: _Wanted, last: int | None = None) -> None:
        wanted.ready = True
        for peer in wanted.announcers:
            if peer != last or len(wanted.announcers) == 1:
                self._windows[peer].queue[tx_hash] = None

    def _release(self, tx_hash: TxHash, wanted: _Wanted) -> None:
        if wanted.asked is not None:
            peer, wanted.asked = wanted.asked, None
            self._windows[peer].release(tx_hash)
            self._pump(peer)

    def _pump_line(self, wanted: _Wanted) -> None:
        """Ask the announcers in the order of their line, or two that never answer would be asked in turn for ever."""
        for peer in sorted(wanted.announcers, key=self.doubtful.__contains__):
            self._pump(peer)

    def _pump_all(self) -> None:
        for peer in self._windows:
            self._pump(peer)

    def _pump(self, peer: int) -> None:
        """Ask ``peer`` for as much as its window allows."""
        window = self._windows[peer]
        batch: list[TxHash] = []
        while window.queue and window.has_room(self._config):
            tx_hash, _ = window.queue.popitem(last=False)
            wanted = self._wanted.get(tx_hash)
            if wanted is None or wanted.here or wanted.asked is not None or peer not in wanted.announcers:
                continue
            size = wanted.announcers[peer]
            wanted.asked = peer
            if peer not in wanted.asked_before:
                wanted.asked_before += (peer,)
            window.asked[tx_hash] = size
            window.asked_bytes += size
            self._await_answer(tx_hash, wanted)
            batch.append(tx_hash)
        for at in range(0, len(batch), _WANT_FRAME_ITEMS):
            want = Want(tuple(batch[at : at + _WANT_FRAME_ITEMS]))
            self._asked(peer, want.hashes)
            self._host.send(peer, want, Priority.CONTROL)

    def _await_answer(self, tx_hash: TxHash, wanted: _Wanted) -> None:
        wanted.attempt += 1
        rounds = wanted.lates // len(wanted.announcers)
        timeout_s = min(self._timeout_s(wanted) * self._patience.answer.value * (1 + rounds), self._config.fetch_timeout_max_s)
        self._host.set_timer(timeout_s * (1.0 + 0.25 * self._rng.random()), FetchDue(tx_hash, wanted.attempt))

    def _timeout_s(self, wanted: _Wanted) -> float:
        """Two round trips, some time to think, and what all that was asked of this peer takes over a slow line."""
        assert wanted.asked is not None
        rtt_s = self._rtt_s(wanted.asked)
        patience_s = self._config.fetch_timeout_s if rtt_s is None else 2.0 * rtt_s + self._config.fetch_margin_s
        return patience_s + self._windows[wanted.asked].asked_bytes / self._config.fetch_bytes_per_s
