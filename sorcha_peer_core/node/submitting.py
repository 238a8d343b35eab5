"""Submissions as services see them: handed in, waiting, delivered, given up."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING

import gevent

from sorcha_peer_core.errors import QueueFull, StoreError
from sorcha_peer_core.interfaces.views import DeliveryView, SubmitResult
from sorcha_peer_core.model import events
from sorcha_peer_core.model.transaction import QueueState
from sorcha_peer_core.node.running import Running

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.store import Store
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.model.transaction import QueueRow, Submission
    from sorcha_peer_core.node.parts import Parts

WAITING = (QueueState.PENDING, QueueState.INFLIGHT, QueueState.RETRY)
_HASHES_AT_ONCE = 256
_LOOK_S = 1.0
"""How long a wait for deliveries relies on being told of them."""
_EMPTIED_RATIO = 0.9
"""A queue that was full stays so, for what is told, until it has emptied to this."""
_PAUSE_S = 0.01
"""Under load something is settled every few milliseconds; nobody who waits has to look that often."""


class Submitting(Running):
    """The part of a node that is about submissions."""

    def __init__(self) -> None:
        super().__init__()
        self._queue_is_full = False
        self.refused: Counter[str] = Counter()
        """Submissions that were not accepted, by reason."""

    def submit(self, submissions: Sequence[Submission]) -> list[SubmitResult]:
        """Accept payloads; returns after the commit. Raises QueueFull or StoreError, and then accepted none."""
        parts = self._assembled
        try:
            fresh = parts.outbox.put(submissions)
        except QueueFull as error:
            self.refused[error.code] += len(submissions)
            if not self._queue_is_full:
                parts.ground.events.emit(events.QueueFull(str(error)))
            self._queue_is_full = True
            raise
        except StoreError:
            self.refused["store_failed"] += len(submissions)
            raise
        self._queue_is_full = self._queue_is_full and _is_nearly_full(parts)
        return [
            SubmitResult(submission.tx_hash, "queued" if new else "known")
            for submission, new in zip(submissions, fresh, strict=True)
        ]

    def queue(self, after_row_id: int, limit: int) -> list[QueueRow]:
        """Submissions that wait for their receipts, oldest first."""
        return self._rows(WAITING, after_row_id, limit)

    def dead_letters(self, after_row_id: int, limit: int) -> list[QueueRow]:
        """Submissions that were given up, oldest first."""
        return self._rows((QueueState.DEAD,), after_row_id, limit)

    def dead_letter(self, tx_hash: TxHash) -> QueueRow | None:
        """One of them; None when there is none of that hash."""
        ground = self._assembled.ground
        row = ground.store_thread.call(ground.store.queue_row, tx_hash)
        return row if row is not None and row.state == QueueState.DEAD else None

    def retry_dead_letters(self, hashes: Sequence[TxHash] | None) -> int:
        """Offer these (None: all) again at once; returns how many."""
        parts = self._assembled
        revived = parts.ground.store_thread.call(parts.ground.store.revive, hashes)
        if revived:
            parts.outbox.wake()
        return revived

    def drop_dead_letters(self, hashes: Sequence[TxHash] | None) -> int:
        """Forget these (None: all); returns how many."""
        ground = self._assembled.ground
        return ground.store_thread.call(ground.store.drop, hashes)

    def delivery(self, tx_hash: TxHash) -> DeliveryView:
        """How far a submission has come."""
        return self.deliveries([tx_hash])[0]

    def deliveries(self, hashes: Sequence[TxHash]) -> list[DeliveryView]:
        """How far each of these has come."""
        parts = self._assembled
        found = parts.ground.store_thread.call(_look_up, parts.ground.store, hashes)
        return [_view(parts, tx_hash, row, is_known) for tx_hash, (row, is_known) in zip(hashes, found, strict=True)]

    def wait_for_delivery(self, hashes: Sequence[TxHash], timeout_s: float) -> bool:
        """Block until all of these are settled, the time is over or the node stops."""
        parts, waiting = self._assembled, deque(hashes)
        deadline = monotonic() + timeout_s
        while self._running:
            # Taken before looking, so that what is settled in between is not slept through.
            settled = parts.outbox.settled
            _take_settled(parts, waiting)
            left_s = deadline - monotonic()
            if not waiting or left_s <= 0:
                break
            settled.wait(min(left_s, _LOOK_S))
            gevent.sleep(_PAUSE_S)
        return not waiting

    def _rows(self, states: Sequence[QueueState], after_row_id: int, limit: int) -> list[QueueRow]:
        ground = self._assembled.ground
        return ground.store_thread.call(ground.store.queue_rows, states, after_row_id, limit)


_STATES = {
    QueueState.PENDING: "queued",
    QueueState.INFLIGHT: "sending",
    QueueState.RETRY: "sending",
    QueueState.DEAD: "dead",
}


def _view(parts: Parts, tx_hash: TxHash, row: QueueRow | None, is_known: bool) -> DeliveryView:
    needed = receipts_needed(parts)
    if row is None:
        return DeliveryView(tx_hash, "delivered" if is_known else "unknown", None, needed)
    return DeliveryView(
        tx_hash,
        _STATES[row.state],
        receipts=receipts_given(parts, tx_hash),
        receipts_needed=needed,
        attempts=row.attempts,
        reason=row.reason,
        next_attempt_ms=row.not_before_ms if row.state == QueueState.RETRY else None,
    )


def _is_nearly_full(parts: Parts) -> bool:
    """Whether the next submissions may well be refused again: it is one and the same time of a full queue."""
    totals, offline = parts.ground.store.queue_totals(), parts.ground.config.offline_mode
    full = max(totals.waiting / offline.max_queue_size, totals.waiting_bytes / offline.max_queue_bytes)
    return full > _EMPTIED_RATIO


def receipts_given(parts: Parts, tx_hash: TxHash) -> int:
    """How many peers have said that they have an own transaction, as far as the core counts them."""
    return parts.driver.core.receipts.given(tx_hash)


def receipts_needed(parts: Parts) -> int:
    """Of how many peers a submission needs receipts now."""
    return parts.driver.core.receipts.needed


def _look_up(store: Store, hashes: Sequence[TxHash]) -> list[tuple[QueueRow | None, bool]]:
    """The row of each, and whether the log has it; on the store's thread, so that both are of one moment."""
    known = store.known(hashes)
    return [(store.queue_row(tx_hash), tx_hash in known) for tx_hash in hashes]


def _take_settled(parts: Parts, waiting: deque[TxHash]) -> None:
    """Take those in front that are settled, up to the first that is not: so each is looked up little more than once."""
    ground = parts.ground
    while waiting:
        some = [waiting[number] for number in range(min(len(waiting), _HASHES_AT_ONCE))]
        for row, _ in ground.store_thread.call(_look_up, ground.store, some):
            if row is not None and row.state != QueueState.DEAD:
                return
            waiting.popleft()
