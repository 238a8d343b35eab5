"""Own submissions: committed first, released to the network in order, offered again until enough peers have them."""

from __future__ import annotations

import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

import gevent
from gevent.event import AsyncResult
from gevent.event import Event as Signal

from sorcha_peer_core.errors import QueueFull, StoreError
from sorcha_peer_core.model.chunks import chunk_bytes_for, chunk_list, chunk_root
from sorcha_peer_core.model.transaction import Header, Queued, Submission, Transaction
from sorcha_peer_core.protocol.receipts import MOST_DELAY_S
from sorcha_peer_core.services.security import MAX_TTL_S, TRANSACTION_DOMAIN
from sorcha_peer_core.wire.codec import encode_header

if TYPE_CHECKING:
    from sorcha_peer_core.config import OfflineModeSection
    from sorcha_peer_core.interfaces.store import Store
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.model.transaction import Due
    from sorcha_peer_core.services.driver import Driver
    from sorcha_peer_core.services.identity import Identity
    from sorcha_peer_core.services.native import NativeThread
    from sorcha_peer_core.services.storage import Done

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

_ROWS_AT_ONCE = 128
_READ_BYTES = 4 * 1024 * 1024
_SIGN_ON_HUB = 4
_MOST_IN_FLIGHT = 512
"""Released and not yet in the log: bounds, with their bytes, what memory holds beside the queue on disk."""
_MOST_IN_FLIGHT_BYTES = 16 * 1024 * 1024
_MOST_AWAITING = 4096
"""Of which receipts are awaited; the rest stays on disk."""
_FULL_QUEUE_BYTES = 1024 * 1024
"""Of the fullest send queue; above it the release pauses, but not for long: one slow peer must not hold up all."""
_PATIENCE_S = 0.5
_MOST_POSTPONED_S = MOST_DELAY_S + 30.0
"""And some seconds by which a clock is corrected now and then."""
_RETRY_S = 1.0
_LOOK_S = 0.02
"""How often it is looked whether there is room, or whether peers' logs have been read."""
_MANY = 512
"""Pending when peers are linked again: from here on they are asked how much they can take."""
_LOGS_READ = 3
"""Peers whose logs are read before anything is released: what the network has need not be sent."""
_LONGEST_READING_S = 10.0
_COMPANY_S = 1.0
_RENEWED_BEFORE_S = 600.0
"""An envelope that lives no longer than this is not offered any more; of short lives, a tenth."""


class _Put(NamedTuple):
    """Submissions that somebody waits for, and where the outcome goes."""

    submissions: Sequence[Submission]
    outcome: AsyncResult[list[bool]]


class Outbox:
    """Takes submissions in and feeds them to the core. A row leaves the outbox when enough peers said that they have it."""

    def __init__(
        self,
        config: OfflineModeSection,
        identity: Identity,
        network_id: str,
        ttl_s: int,
        *,
        store: Store,
        store_thread: NativeThread,
        signer: NativeThread,
        driver: Driver,
    ) -> None:
        self._config = config
        self._identity = identity
        self._network_id = network_id
        self._ttl_s = min(ttl_s, MAX_TTL_S)
        self._store = store
        self._store_thread = store_thread
        self._signer = signer
        self._driver = driver
        self._puts: list[_Put] = []
        self._is_committing = False
        self._read_row_id = 0
        """Rows up to here were read for release; belongs to the store's thread."""
        self._ready: deque[Queued] = deque()
        self._caught_up_of: float | None = None
        """The beginning of the time with links in which the logs of peers have been read."""
        self._is_flushing = False
        """Much gathered before a link came up."""
        self._signal = Signal()
        self._stopping = False
        self.settled = Signal()
        """Set whenever submissions were delivered or became dead letters; whoever waits on it clears nothing, a new one takes
        its place."""
        self.clock_is_off: Callable[[], bool] = lambda: False
        """Nothing is released while it is: nobody would take what seems to come from the future."""
        self.on_dead: Callable[[TxHash, str], None] = lambda tx_hash, reason: None
        """Called with each dead letter, and why it is one."""

    def put(self, submissions: Sequence[Submission]) -> list[bool]:
        """Commit submissions; False where the payload was known already. Blocks until they are durable.

        Those that are put at the same time share a commit.

        Raises:
            QueueFull: none was accepted.
            StoreError: none was accepted.
        """
        put = _Put(submissions, AsyncResult())
        self._puts.append(put)
        if not self._is_committing:
            self._is_committing = True
            # Not by the caller: it may give up waiting, and must not take others with it.
            gevent.spawn(self._commit_puts)
        return put.outcome.get() or []

    def wake(self) -> None:
        """Something changed that may let rows go: a peer was linked, a queue emptied, a dead letter was revived."""
        self._signal.set()

    def carried_out(self, done: Done) -> None:
        """The storage's answer: some may be delivered, dead, or to be offered again."""
        self._settle(done.settled)
        for letter in done.dead:
            self.on_dead(letter.hash, letter.reason)
        if done.postponed:
            self._signal.set()

    def drain(self, timeout_s: float) -> None:
        """Block until what can be handed out was, and peers said that they have it, or the time is over.

        What they would not take before, and is to be offered again later, is not waited for.
        """
        deadline = time.monotonic() + timeout_s
        while self._driver.linked > 0 and self._is_handing_out and time.monotonic() < deadline:
            gevent.sleep(_LOOK_S)

    def stop(self) -> None:
        """Release no more; what waits stays committed."""
        self._stopping = True
        self._signal.set()
        self.settled.set()

    def run(self) -> None:
        """Release rows while there is somebody to release them to; the body of a greenlet."""
        self._ask_store(self._store.lapse)
        while not self._stopping:
            if not (self._may_release() and (self._offer_due() | self._release_some())):
                self._signal.wait(self._pause_s())
                self._signal.clear()

    # Taking in.

    def _commit_puts(self) -> None:
        try:
            while self._puts:
                puts, self._puts = self._puts, []
                self._commit_together(puts)
        finally:
            self._is_committing = False

    def _commit_together(self, puts: Sequence[_Put]) -> None:
        try:
            outcomes = self._store_thread.call(self._commit, [put.submissions for put in puts])
        except Exception as error:
            outcomes = [error] * len(puts)
        self._signal.set()
        for put, outcome in zip(puts, outcomes, strict=True):
            if isinstance(outcome, Exception):
                put.outcome.set_exception(outcome)
            else:
                put.outcome.set(outcome)

    def _commit(self, puts: Sequence[Sequence[Submission]]) -> list[list[bool] | Exception]:
        """On the store's thread: commit all that fit, and when nothing else waits bring them back at once for release."""
        refusals = self._refusals(puts)
        taken = [submissions for submissions, refusal in zip(puts, refusals, strict=True) if refusal is None]
        now_ms = time.time() * 1000
        fresh = iter(
            self._store.put([submission for submissions in taken for submission in submissions], now_ms) if taken else ()
        )
        if taken and self._is_open and not self._ready:
            self._read_back(now_ms)
        return [
            [next(fresh) for _ in submissions] if refusal is None else refusal
            for submissions, refusal in zip(puts, refusals, strict=True)
        ]

    def _refusals(self, puts: Sequence[Sequence[Submission]]) -> list[QueueFull | None]:
        totals = self._store.queue_totals()
        waiting, size = totals.waiting, totals.waiting_bytes
        refusals: list[QueueFull | None] = []
        for submissions in puts:
            more = sum(len(submission.payload) for submission in submissions)
            if waiting + len(submissions) > self._config.max_queue_size or size + more > self._config.max_queue_bytes:
                refusals.append(
                    QueueFull(
                        f"{waiting} submissions ({size} bytes) wait already; at most {self._config.max_queue_size} "
                        f"and {self._config.max_queue_bytes} bytes may; try again when peers have taken some"
                    )
                )
            else:
                waiting, size = waiting + len(submissions), size + more
                refusals.append(None)
        return refusals

    def _read_back(self, put_ms: float) -> None:
        try:
            # Rows that waited from before keep their time; these ones count from their commit.
            self._read(put_ms, committed_ms=time.time() * 1000)
        except StoreError as error:
            # They are accepted all the same; the greenlet reads them when the store lets it.
            log.warning("submissions were committed and could not be read back yet: %s", error)

    def _read(self, put_ms: float = 0.0, committed_ms: float = 0.0) -> None:
        """On the store's thread, so that rows stay in order and whoever gives up waiting takes none with him."""
        rows = self._store.queued(self._read_row_id, _ROWS_AT_ONCE, _READ_BYTES)
        if rows:
            self._read_row_id = rows[-1].row_id
        self._ready.extend(row._replace(queued_ms=committed_ms) if row.queued_ms == put_ms else row for row in rows)

    # When.

    @property
    def _is_handing_out(self) -> bool:
        totals = self._store.queue_totals()
        return totals.pending + totals.inflight > 0

    @property
    def _is_open(self) -> bool:
        """Whether somebody is linked, and what the network has was looked at since."""
        return self._driver.linked > 0 and self._caught_up_of == self._driver.online_since

    def _may_release(self) -> bool:
        if self._driver.linked == 0 or self.clock_is_off():
            return False
        if not self._is_open:
            self._look_around()
        return self._is_open and self._has_room and self._may_flush()

    def _look_around(self) -> None:
        """Whether the logs of enough peers were read. With much to hand out it is worth a moment that more peers are linked."""
        online_s = time.monotonic() - self._driver.online_since
        logs_read, linked = self._driver.logs_read, self._driver.linked
        self._is_flushing = self._store.queue_totals().pending >= _MANY
        is_read = logs_read >= min(_LOGS_READ, linked)
        has_company = logs_read >= _LOGS_READ or not self._is_flushing or online_s > _COMPANY_S
        if (is_read and has_company) or online_s > _LONGEST_READING_S:
            self._caught_up_of = self._driver.online_since

    def _may_flush(self) -> bool:
        """Of much that waited for a link a few peers take their share: then no more goes out than they can take."""
        totals = self._store.queue_totals()
        self._is_flushing &= totals.pending >= _MANY
        if not self._is_flushing or self._driver.linked <= 1:
            return True
        return self._driver.want_to_flush(totals.pending, totals.waiting_bytes)

    @property
    def _has_room(self) -> bool:
        return (
            self._driver.own_in_flight <= _MOST_IN_FLIGHT
            and self._driver.own_in_flight_bytes <= _MOST_IN_FLIGHT_BYTES
            and self._driver.awaiting_receipts < _MOST_AWAITING
        )

    def _pause_s(self) -> float | None:
        """Until something may have changed that nobody tells of; None: never."""
        # Without links not for ever: the news of one may come here before the core, and ``linked``, have heard of it.
        if self._driver.linked == 0 or self.clock_is_off():
            return _RETRY_S
        if not self._is_open or not self._has_room or self._is_flushing:
            return _LOOK_S
        due_ms = self._next_due_ms(time.time() * 1000)
        return None if due_ms is None else max(_LOOK_S, due_ms / 1000 - time.time())

    def _next_due_ms(self, now_ms: float) -> float | None:
        """When a row is to be offered again. Nothing is postponed for so long: then the clock was set back, and it is due now."""
        due_ms = self._store.next_due_ms()
        return now_ms if due_ms is not None and due_ms > now_ms + _MOST_POSTPONED_S * 1000 else due_ms

    def _wait_for_room(self) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while self._driver.send_backlog_bytes > _FULL_QUEUE_BYTES and time.monotonic() < deadline and not self._stopping:
            gevent.sleep(0.002)

    # Release.

    def _release_some(self) -> bool:
        if not self._ready:
            self._ask_store(self._read)
        rows = [self._ready.popleft() for _ in range(min(len(self._ready), _ROWS_AT_ONCE))]
        if not rows:
            return False
        self._wait_for_room()
        # A trip to another thread costs more than a few signatures.
        few = len(rows) <= _SIGN_ON_HUB
        transactions = self._seal(rows) if few else self._signer.call(self._seal, rows)
        if not self._stopping:
            self._driver.submit(transactions, [row.queued_ms for row in rows])
        return True

    def _offer_due(self) -> bool:
        """Offer again what got too few receipts; what has outlived its envelope gets a new one."""
        now_ms = time.time() * 1000
        due_ms = self._next_due_ms(now_ms)
        if due_ms is None or due_ms > now_ms:
            return False
        room = max(1, min(_ROWS_AT_ONCE, _MOST_AWAITING - self._driver.awaiting_receipts))
        waiting = self._store.queue_totals().waiting
        offers = self._ask_store(self._store.due, max(now_ms, self._store.next_due_ms() or 0.0), room) or []
        self._settle(waiting - self._store.queue_totals().waiting)
        fresh_ms = now_ms + min(_RENEWED_BEFORE_S, self._ttl_s / 10) * 1000
        self._driver.offer_again([offer for offer in offers if offer.expires_ms > fresh_ms])
        for offer in offers:
            if offer.expires_ms <= fresh_ms:
                self._renew(offer)
        return bool(offers)

    def _renew(self, offer: Due) -> None:
        for old in self._ask_store(self._store.load, [offer.hash]) or []:
            submission = Submission(old.hash, old.payload, old.header.content_type, old.header.register_id)
            self._driver.renew(self._seal_one(submission, time.time_ns() / 1e6), offer.attempts)

    def _ask_store(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
        """On the store's thread, until it can; None when the outbox stops meanwhile."""
        while not self._stopping:
            try:
                return self._store_thread.call(function, *args, **kwargs)
            except StoreError:
                gevent.sleep(_RETRY_S)
        return None

    def _settle(self, submissions: int) -> None:
        if submissions > 0:
            settled, self.settled = self.settled, Signal()
            settled.set()
            self._signal.set()

    def _seal(self, rows: Sequence[Queued]) -> list[Transaction]:
        """Sign what is released now: the life of a transaction begins here, however long it waited."""
        now_ms = time.time_ns() / 1e6
        return [self._seal_one(row.submission, now_ms) for row in rows]

    def _seal_one(self, submission: Submission, now_ms: float) -> Transaction:
        chunk_bytes = chunk_bytes_for(len(submission.payload))
        header = Header(
            network_id=self._network_id,
            payload_hash=submission.tx_hash,
            payload_size=len(submission.payload),
            content_type=submission.content_type,
            register_id=submission.register_id,
            origin_key=self._identity.public_key,
            created_ms=now_ms,
            ttl_s=self._ttl_s,
            nonce=secrets.randbits(64),
            chunk_bytes=chunk_bytes,
            chunk_root=chunk_root(chunk_list(submission.payload, chunk_bytes)) if chunk_bytes else b"",
        )
        header_bytes = encode_header(header)
        return Transaction(header, header_bytes, self._identity.sign(TRANSACTION_DOMAIN + header_bytes), submission.payload)
