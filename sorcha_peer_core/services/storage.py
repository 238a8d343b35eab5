"""What the core wants stored and loaded, in order, many at a time, off the hub."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import gevent
from gevent.event import Event as Signal

from sorcha_peer_core.errors import RemoteProtocolError, RowRefused, StoreError
from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.events import NotStored
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.transaction import Arrival
from sorcha_peer_core.services.security import CLOCK_TOLERANCE_MS, MAX_TTL_S
from sorcha_peer_core.services.store_care import not_what_it_was

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.store import Store
    from sorcha_peer_core.model.ids import PeerId, TxHash
    from sorcha_peer_core.model.transaction import Transaction
    from sorcha_peer_core.services.events import EventBus
    from sorcha_peer_core.services.native import NativeThread

log = logging.getLogger(__name__)

_MOST_OPERATIONS = 1024
_ROUND_BYTES = 16 * 1024 * 1024
"""Of payloads loaded in one round; a peer that asks for many large ones must not fill the memory with them."""
_RETRY_S = 1.0
_MOST_QUESTIONS = 256
"""Of one peer at a time. Nobody honest asks for so much at once, and a frame of a few bytes can cost a millisecond here."""


class KeepCursor(NamedTuple):
    """Write down how far a peer's log was read."""

    peer_id: PeerId
    cursor: m.Cursor


class Delivered(NamedTuple):
    """Own transactions that have their receipts."""

    hashes: Sequence[TxHash]


class Postponed(NamedTuple):
    """Own transactions that got too few receipts, ``attempts`` times, and are to be offered again."""

    hashes: Sequence[TxHash]
    attempts: int
    not_before_ms: float
    reason: str


class GivenUp(NamedTuple):
    """An own transaction that nobody takes."""

    hash: TxHash
    reason: str


Operation = Arrival | KeepCursor | Delivered | Postponed | GivenUp | m.Load


_OF_PEERS = m.LoadWanted | m.LoadChunks | m.LoadLog


class Done(NamedTuple):
    """What a round of operations came to."""

    stored: Sequence[Arrival]
    answers: Sequence[m.Answer]
    last_seq: int
    operations: int
    """How many of the operations it was; the rest waits for the next round."""
    settled: int = 0
    """Submissions that do not wait any more: delivered, or dead letters."""
    postponed: int = 0
    """Submissions that are to be offered again."""
    dead: Sequence[GivenUp] = ()
    put_aside: Sequence[Arrival] = ()
    """What the store does not take, however often it is tried."""


class Storage:
    """A queue of operations and the greenlet that empties it, a round at a time.

    Order is kept: a page of the log that is read after an arrival was handed in contains it. A round that fails is
    tried again as a whole until it succeeds (an append knows what it already has), so a full disk delays, it does not lose.
    Where it fails because of one operation, smaller rounds find out which, and the others go on without it.
    """

    def __init__(self, store: Store, thread: NativeThread, events: EventBus, done: Callable[[Done], None]) -> None:
        self._store = store
        self._thread = thread
        self._events = events
        self._done = done
        self._operations: deque[Operation] = deque()
        self._questions: Counter[int] = Counter()
        self.refused_questions = 0
        self.put_aside = 0
        """Operations that could never be carried out."""
        self._at_once = _MOST_OPERATIONS
        self._signal = Signal()
        self._stopping = False
        self.failure = ""
        """Why the store cannot be written, empty when it can."""

    def add(self, operation: Operation) -> None:
        """Hand in an operation; does not block. A peer that asks for too much at once is not answered."""
        if isinstance(operation, _OF_PEERS):
            if self._questions[operation.peer] >= _MOST_QUESTIONS:
                self.refused_questions += 1
                return
            self._questions[operation.peer] += 1
        self._operations.append(operation)
        self._signal.set()

    @property
    def waiting(self) -> int:
        """Operations that have not been carried out."""
        return len(self._operations)

    def run(self) -> None:
        """Empty the queue until ``stop``; the body of a greenlet."""
        while not (self._stopping and not self._operations):
            self._signal.wait()
            self._signal.clear()
            while self._operations:
                carried_out = self._carry_out(list(islice(self._operations, self._at_once)))
                for _ in range(carried_out):
                    self._forget(self._operations.popleft())
                if carried_out or not self.failure:
                    continue
                if self._stopping:
                    return
                gevent.sleep(_RETRY_S)

    def stop(self) -> None:
        """Carry out what is there, then end."""
        self._stopping = True
        self._signal.set()

    def _forget(self, operation: Operation) -> None:
        if isinstance(operation, _OF_PEERS):
            self._questions[operation.peer] -= 1
            if not self._questions[operation.peer]:
                del self._questions[operation.peer]

    def _carry_out(self, round_: list[Operation]) -> int:
        """Returns how many operations are done with; none when the store failed, or a smaller round is to be tried."""
        try:
            done = self._thread.call(carry_out, self._store, round_)
        except RowRefused as error:
            return self._without_culprit(round_, str(error))
        except StoreError as error:
            self.failure = str(error)
            return 0
        except Exception as bug:
            # Whatever is wrong with one operation: it must not keep the others from being carried out.
            log.exception("operations of the store could not be carried out")
            return self._without_culprit(round_, f"{type(bug).__name__}: {bug}")
        self.failure = ""
        self._at_once = min(2 * self._at_once, _MOST_OPERATIONS)
        self._done(done)
        return done.operations

    def _without_culprit(self, round_: list[Operation], reason: str) -> int:
        self.failure = ""
        if len(round_) > 1:
            self._at_once = len(round_) // 2
            return 0
        self.put_aside += 1
        [operation] = round_
        last_seq = self._store.totals()[1]
        if isinstance(operation, Arrival):
            dead = self._give_up(operation, reason)
            self._done(Done((), (), last_seq, 1, settled=len(dead), dead=dead, put_aside=(operation,)))
        else:
            log.warning("the store cannot do what was asked and goes on without: %s", reason)
            answers = (
                ()
                if isinstance(operation, KeepCursor | Delivered | Postponed | GivenUp)
                else (_no_answer(self._store, operation, last_seq),)
            )
            self._done(Done((), answers, last_seq, 1))
        return 1

    def _give_up(self, arrival: Arrival, reason: str) -> tuple[GivenUp, ...]:
        """Returns the dead letter that it became, if it did."""
        tx_hash = arrival.transaction.hash
        self._events.emit(NotStored(tx_hash, arrival.own, reason))
        if not arrival.own:
            return ()
        try:
            self._thread.call(self._store.give_up, {tx_hash: reason}, time.time() * 1000)
        except StoreError as error:
            # Its row is released again after the next start.
            log.warning("transaction %s could not be made a dead letter: %s", tx_hash.hex(), error)
            return ()
        return (GivenUp(tx_hash, reason),)


def carry_out(store: Store, operations: Sequence[Operation]) -> Done:
    """Apply operations in order until enough was loaded, neighbouring arrivals in one commit. Runs on the store's thread."""
    round_ = _Round(store)
    carried_out = 0
    for operation in operations:
        round_.do(operation)
        carried_out += 1
        if round_.loaded_bytes > _ROUND_BYTES:
            break
    return round_.finish(carried_out)


class _Round:
    """What some operations come to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting = store.queue_totals().waiting
        self._arrivals: list[Arrival] = []
        self._stored: list[Arrival] = []
        self._answers: list[m.Answer] = []
        self._outcomes: list[Delivered | Postponed | GivenUp] = []
        self._cursors: dict[PeerId, m.Cursor] = {}
        self.loaded_bytes = 0

    def do(self, operation: Operation) -> None:
        """The next one."""
        if isinstance(operation, Arrival):
            self._arrivals.append(operation)
        elif isinstance(operation, KeepCursor):
            self._cursors[operation.peer_id] = operation.cursor
        elif isinstance(operation, Delivered | Postponed | GivenUp):
            self._outcomes.append(operation)
        else:
            self._append()
            self._answers.append(answer(self._store, operation))
            self.loaded_bytes += _loaded_bytes(self._answers[-1])

    def finish(self, operations: int) -> Done:
        """Write what is still to be written; so many operations it was."""
        self._append()
        # Behind the arrivals: a receipt must never be noted before what it is for.
        dead = self._note_outcomes()
        if self._cursors:
            # Last: a cursor must never be ahead of what is committed.
            self._store.save_cursors(self._cursors)
        return Done(
            self._stored,
            self._answers,
            self._store.totals()[1],
            operations,
            settled=self._waiting - self._store.queue_totals().waiting,
            postponed=sum(len(outcome.hashes) for outcome in self._outcomes if isinstance(outcome, Postponed)),
            dead=dead,
        )

    def _append(self) -> None:
        if self._arrivals:
            self._store.append(self._arrivals)
            self._stored += self._arrivals
            self._arrivals = []

    def _note_outcomes(self) -> list[GivenUp]:
        delivered = [tx_hash for outcome in self._outcomes if isinstance(outcome, Delivered) for tx_hash in outcome.hashes]
        if delivered:
            self._store.delivered(delivered)
        dead = [outcome for outcome in self._outcomes if isinstance(outcome, GivenUp)]
        if dead:
            self._store.give_up({outcome.hash: outcome.reason for outcome in dead}, time.time() * 1000)
        for outcome in self._outcomes:
            if isinstance(outcome, Postponed):
                self._store.postpone(dict.fromkeys(outcome.hashes, outcome.attempts), outcome.not_before_ms, outcome.reason)
        return dead


def answer(store: Store, question: m.Load) -> m.Answer:
    """Look up what the core asks for."""
    if isinstance(question, m.LoadWanted):
        return m.Loaded(question, _load(store, question.hashes))
    if isinstance(question, m.LoadChunks):
        return m.Loaded(question, _load(store, [question.want.hash]))
    if isinstance(question, m.LoadKnown):
        return m.KnownHashes(question, frozenset(store.known(question.hashes)))
    if isinstance(question, m.LoadCreated):
        return m.CreatedPage(question, tuple(store.created(question.start_ms, question.end_ms, question.most, question.after)))
    return _page(store, question)


def _load(store: Store, hashes: Sequence[TxHash]) -> tuple[Transaction, ...]:
    """What is passed on has to be what was verified: else the peers take this node for a forger."""
    try:
        found = store.load(hashes)
    except RemoteProtocolError:
        raise not_what_it_was(hashes[0]) from None
    for transaction in found:
        if tx_hash_of(transaction.payload) != transaction.hash:
            raise not_what_it_was(transaction.hash)
    return tuple(found)


def _no_answer(store: Store, question: m.Load, last_seq: int) -> m.Answer:
    """What is answered to a question that the store cannot answer."""
    if isinstance(question, m.LoadKnown):
        return m.KnownHashes(question, frozenset())
    if isinstance(question, m.LoadCreated):
        return m.CreatedPage(question, ())
    if isinstance(question, m.LoadLog):
        next_seq = min(question.after_seq + question.most, last_seq)
        return m.LogPage(question, store.log_epoch, (), next_seq, next_seq < last_seq)
    return m.Loaded(question, ())


def _page(store: Store, question: m.LoadLog) -> m.LogPage:
    last_seq = store.totals()[1]
    # Peers send any 64-bit number; a database takes only what its log can have.
    after = min(question.after_seq, last_seq) if question.log_epoch == store.log_epoch else 0
    entries = store.after(after, question.most)
    # Nobody takes what has outlived any time to live, and whoever reads this log would wait for it in vain.
    oldest_ms = time.time() * 1000 - MAX_TTL_S * 1000 - CLOCK_TOLERANCE_MS
    items = tuple(m.Announced(entry.hash, entry.size) for entry in entries if entry.created_ms > oldest_ms)
    # Whoever read this log before what it has was pruned goes on at its end.
    is_full = len(entries) == question.most
    return m.LogPage(question, store.log_epoch, items, entries[-1].seq if is_full else last_seq, is_full)


def _loaded_bytes(found: m.Answer) -> int:
    return sum(len(transaction.payload) for transaction in found.transactions) if isinstance(found, m.Loaded) else 0
