"""Getting what was only announced: a short wait for the push, then the announcers in turn."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.model.events import FetchFailed
from sorcha_peer_core.model.messages import Announced, Chunk, FetchDue, Want
from sorcha_peer_core.protocol.host import Host, Priority
from sorcha_peer_core.protocol.transfer import Transfer

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.protocol.config import CoreConfig

_WANT_FRAME_ITEMS = 64


class _Wanted:
    """One hash that is not here yet."""

    __slots__ = ("alone", "announcers", "asked", "attempt", "fruitless", "here", "lates", "offset_asked", "ready", "transfer")

    def __init__(self) -> None:
        self.announcers: dict[int, int] = {}
        """Who has it, with the size each claims: a liar's size must not spoil what an honest peer says."""
        self.asked: int | None = None
        self.attempt = 0
        """Grows with every question: tells a stale timer from the one that counts."""
        self.fruitless = 0
        """Questions in a row that nobody answered."""
        self.lates = 0
        """Questions that were not answered in time. What came later does not make the next answer faster."""
        self.ready = False
        """The wait for a push is over: whoever announces it may be asked."""
        self.here = False
        """Its bytes arrived and are being verified; the announcers are kept in case they were forged."""
        self.transfer: Transfer | None = None
        self.offset_asked = 0
        """Where the transfer stood when the answer's time began."""
        self.alone = False
        """Pieces of several senders did not make a whole that verifies: from now on each sends all of it or nothing."""

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

    def __init__(self, config: CoreConfig, host: Host, gave_up: Callable[[TxHash], None]) -> None:
        self._config = config
        self._host = host
        self._gave_up = gave_up
        self.pull_wait_s = config.pull_wait_s
        """How long the push of something just announced may take."""
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

    def announced(self, peer: int, items: Sequence[Announced], at_once: bool) -> None:
        """``peer`` has these, which are not here. ``at_once``: do not wait for a push."""
        queue = self._windows[peer].queue
        for item in items:
            wanted = self._wanted.get(item.hash)
            if wanted is None:
                if len(queue) >= self._config.queue_items:
                    continue
                wanted = self._wanted[item.hash] = _Wanted()
                wanted.announcers[peer] = item.size
                if at_once or item.size > self._config.eager_max_bytes:
                    self._make_ready(item.hash, wanted)
                else:
                    self._host.set_timer(self.pull_wait_s, FetchDue(item.hash, 0))
            elif at_once or len(wanted.announcers) < self._config.announcers_max:
                wanted.announcers.setdefault(peer, item.size)
                if wanted.ready:
                    queue[item.hash] = None
        self._pump(peer)

    def arrived(self, tx_hash: TxHash) -> None:
        """Its bytes are here and go to verification."""
        wanted = self._wanted.get(tx_hash)
        if wanted is not None:
            wanted.here = True
            wanted.transfer = None
            self._release(tx_hash, wanted)

    def announcers_of(self, tx_hash: TxHash) -> Sequence[int]:
        """Who said to have it."""
        wanted = self._wanted.get(tx_hash)
        return tuple(wanted.announcers) if wanted else ()

    def verified(self, tx_hash: TxHash) -> None:
        """It is valid: nothing more to do."""
        wanted = self._wanted.pop(tx_hash, None)
        if wanted is not None:
            self._release(tx_hash, wanted)

    def forged(self, tx_hash: TxHash, peer: int | None) -> None:
        """What ``peer`` sent under this hash did not verify; the others are asked, if there are any.

        None: it was put together from pieces of several, of whom any can be the forger. All are asked anew, for the whole.
        """
        wanted = self._wanted.get(tx_hash)
        if wanted is None:
            return
        wanted.here = False
        wanted.transfer = None
        if peer is None:
            wanted.alone = True
        else:
            wanted.announcers.pop(peer, None)
        if peer is None or wanted.asked == peer:
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
        if late is not None and self._delivers(wanted):
            self._await_answer(timer.hash, wanted)
            return
        if late is not None:
            self._release(timer.hash, wanted)
            # To the end of the line: the others first, this one again if it is the only one.
            wanted.announcers[late] = wanted.announcers.pop(late)
            wanted.fruitless += 1
            wanted.lates += 1
        if wanted.fruitless >= self._config.fetch_rounds * len(wanted.announcers):
            self._host.emit(FetchFailed(timer.hash, len(wanted.announcers)))
            self._drop(timer.hash)
            return
        self._make_ready(timer.hash, wanted, last=late)
        self._pump_all()

    def chunk(self, peer: int, chunk: Chunk) -> Transfer | None:
        """Take a piece of a large one; returns the transfer when it is the last."""
        wanted = self._wanted.get(chunk.hash)
        if wanted is None or wanted.asked != peer or wanted.transfer is None or not wanted.transfer.add(chunk):
            return None
        wanted.fruitless = 0
        wanted.transfer.senders[peer] = None
        if wanted.transfer.complete:
            return wanted.transfer
        if wanted.transfer.window_done:
            self._ask_chunks(peer, chunk.hash, wanted)
        return None

    def _delivers(self, wanted: _Wanted) -> bool:
        # Changing over wastes what is on its way, so slow is good enough; drop by drop is not.
        return wanted.transfer is not None and wanted.transfer.offset - wanted.offset_asked >= self._config.chunk_bytes

    def _again(self, tx_hash: TxHash, wanted: _Wanted) -> None:
        if not wanted.announcers:
            self._drop(tx_hash)
            return
        self._make_ready(tx_hash, wanted)
        self._pump_all()

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
            # Of a large one, a window of chunks is all that can be under way.
            cost = min(size, self._config.chunk_window * self._config.chunk_bytes)
            window.asked[tx_hash] = cost
            window.asked_bytes += cost
            if size >= self._config.swarm_min_bytes:
                self._ask_chunks(peer, tx_hash, wanted)
            else:
                self._await_answer(tx_hash, wanted)
                batch.append(tx_hash)
        for at in range(0, len(batch), _WANT_FRAME_ITEMS):
            self._host.send(peer, Want(tuple(batch[at : at + _WANT_FRAME_ITEMS])), Priority.CONTROL)

    def _ask_chunks(self, peer: int, tx_hash: TxHash, wanted: _Wanted) -> None:
        size, transfer = wanted.announcers[peer], wanted.transfer
        if transfer is None or transfer.size != size or (wanted.alone and peer not in transfer.senders):
            wanted.transfer = transfer = Transfer(tx_hash, size, self._config.chunk_bytes, self._config.chunk_window)
        self._await_answer(tx_hash, wanted)
        self._host.send(peer, transfer.next_window(), Priority.CONTROL)

    def _await_answer(self, tx_hash: TxHash, wanted: _Wanted) -> None:
        wanted.attempt += 1
        wanted.offset_asked = wanted.transfer.offset if wanted.transfer else 0
        rounds = wanted.lates // len(wanted.announcers)
        timeout_s = min(self._config.fetch_timeout_s * (1 + rounds), self._config.fetch_timeout_max_s)
        self._host.set_timer(timeout_s, FetchDue(tx_hash, wanted.attempt))
