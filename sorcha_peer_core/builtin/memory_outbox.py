"""The outbox without a disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

from sorcha_peer_core.builtin.memory_log import MemoryLog
from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.model.transaction import (
    Arrival,
    Due,
    LogEntry,
    Pruned,
    Queued,
    QueueRow,
    QueueState,
    QueueTotals,
    Submission,
)


class MemoryOutbox(MemoryLog):
    """The role Outbox in dicts, and what of the log touches it."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[TxHash, QueueRow] = {}
        """Oldest first."""
        self._unreleased: dict[TxHash, Submission] = {}
        """What the log does not have."""
        self._last_row_id = 0
        self._count = Counter[QueueState]()
        self._waiting_bytes = 0

    def append(self, arrivals: Sequence[Arrival]) -> list[int]:
        """Put new arrivals at the end of the log and move the rows of the outbox along."""
        self._check_open()
        for arrival in arrivals:
            transaction = arrival.transaction
            is_new = transaction.hash not in self._lines
            if is_new:
                self._add(arrival)
            if transaction.hash in self._rows:
                self._follow(arrival, is_new)
        return [self._lines[arrival.transaction.hash].seq for arrival in arrivals]

    def _follow(self, arrival: Arrival, is_new: bool) -> None:
        transaction = arrival.transaction
        if is_new and arrival.own:
            del self._unreleased[transaction.hash]
            self._change(
                transaction.hash, state=QueueState.INFLIGHT, attempts=1, last_attempt_ms=transaction.header.created_ms,
                not_before_ms=None, reason="",
            )  # fmt: skip
        elif is_new or transaction.hash in self._unreleased:
            self._remove(transaction.hash)
        elif arrival.own and transaction.header_bytes != self._transactions[transaction.hash].header_bytes:
            self._reseal(transaction)

    def payload(self, tx_hash: TxHash) -> bytes | None:
        """The payload, from the log or the outbox."""
        self._check_open()
        if tx_hash in self._transactions:
            return self._transactions[tx_hash].payload
        return self._unreleased[tx_hash].payload if tx_hash in self._unreleased else None

    def prune(self, before_ms: float, keep_bytes: int, most: int) -> Pruned:
        """Forget what is over its time, then empty the oldest while the log is too large."""
        self._check_open()
        over = list(islice(self._unspared(self._over(before_ms)), most))
        freed_bytes = sum(self._forget(line) for line in over)
        emptied = 0
        for line in islice(self._unspared(list(self._log)), most - len(over)):
            if self._payload_bytes <= keep_bytes:
                break
            freed_bytes += self._empty(line)
            emptied += 1
        return Pruned(len(over), emptied, freed_bytes)

    def _unspared(self, lines: Sequence[LogEntry]) -> list[LogEntry]:
        return [line for line in lines if line.hash not in self._rows]

    def put(self, submissions: Sequence[Submission], queued_ms: float) -> list[bool]:
        """Queue each; False where the payload is already queued or in the log."""
        self._check_open()
        accepted = []
        for submission in submissions:
            accepted.append(submission.tx_hash not in self._rows and submission.tx_hash not in self._lines)
            if accepted[-1]:
                self._put(submission, queued_ms)
        return accepted

    def queued(self, after_row_id: int, limit: int, most_bytes: int) -> list[Queued]:
        """Pending rows above ``after_row_id``, oldest first, of at most so many bytes together, but one at least."""
        rows: list[Queued] = []
        for row in self.queue_rows([QueueState.PENDING], after_row_id, limit):
            most_bytes -= row.size
            if rows and most_bytes < 0:
                break
            rows.append(Queued(row.row_id, self._unreleased[row.hash], row.queued_ms))
        return rows

    def lapse(self) -> int:
        """Rows that were in flight are to be offered again at once."""
        self._check_open()
        inflight = self._in_state(QueueState.INFLIGHT)
        for row in inflight:
            self._change(row.hash, state=QueueState.RETRY, not_before_ms=0.0)
        return len(inflight)

    def due(self, now_ms: float, limit: int) -> list[Due]:
        """Rows that are to be offered again by now, the longest overdue first; from here on they are in flight."""
        self._check_open()
        waiting = [(row.not_before_ms or 0.0, row) for row in self._in_state(QueueState.RETRY)]
        due = sorted((at_ms, row) for at_ms, row in waiting if at_ms <= now_ms)[:limit]
        for _, row in due:
            self._change(row.hash, state=QueueState.INFLIGHT, last_attempt_ms=now_ms, not_before_ms=None, reason="")
        return [Due(row.hash, row.size, row.attempts, self._expires_ms(row.hash)) for _, row in due]

    def next_due_ms(self) -> float | None:
        """When the next row is to be offered again; None when there is none."""
        return min((row.not_before_ms or 0.0 for row in self._in_state(QueueState.RETRY)), default=None)

    def postpone(self, hashes: Mapping[TxHash, int], not_before_ms: float, reason: str) -> None:
        """These in flight are to be offered again at that time; the values are their attempts."""
        self._check_open()
        for tx_hash, attempts in hashes.items():
            if self._state_of(tx_hash) is QueueState.INFLIGHT:
                self._change(tx_hash, state=QueueState.RETRY, attempts=attempts, not_before_ms=not_before_ms, reason=reason)

    def delivered(self, hashes: Sequence[TxHash]) -> int:
        """These have their receipts: their rows go."""
        self._check_open()
        return sum(self._remove(tx_hash) for tx_hash in hashes)

    def give_up(self, hashes: Mapping[TxHash, str], now_ms: float) -> int:
        """These become dead letters, with the reason of each."""
        self._check_open()
        alive = [tx_hash for tx_hash in hashes if self._state_of(tx_hash) not in (None, QueueState.DEAD)]
        for tx_hash in alive:
            self._change(tx_hash, state=QueueState.DEAD, not_before_ms=None, reason=hashes[tx_hash])
        return len(alive)

    def revive(self, hashes: Sequence[TxHash] | None) -> int:
        """These dead letters are to be offered again at once; those that were never released are put again."""
        dead = self._dead(hashes)
        for row in dead:
            if row.hash in self._unreleased:
                submission = self._unreleased[row.hash]
                self._remove(row.hash)
                self._put(submission, row.queued_ms)
            else:
                self._change(row.hash, state=QueueState.RETRY, attempts=0, not_before_ms=0.0, reason="")
        return len(dead)

    def drop(self, hashes: Sequence[TxHash] | None) -> int:
        """These dead letters are forgotten by the outbox."""
        return sum(self._remove(row.hash) for row in self._dead(hashes))

    def queue_row(self, tx_hash: TxHash) -> QueueRow | None:
        """The row of this payload; None when there is none."""
        self._check_open()
        return self._rows.get(tx_hash)

    def queue_rows(self, states: Sequence[QueueState], after_row_id: int, limit: int) -> list[QueueRow]:
        """Rows in any of these states above ``after_row_id``, oldest first."""
        self._check_open()
        return list(islice((row for row in self._rows.values() if row.state in states and row.row_id > after_row_id), limit))

    def queue_totals(self) -> QueueTotals:
        """What the outbox holds."""
        pending, inflight, retry, dead = (self._count[state] for state in QueueState)
        return QueueTotals(pending, inflight, retry, dead, self._waiting_bytes)

    def _put(self, submission: Submission, queued_ms: float) -> None:
        self._last_row_id += 1
        self._unreleased[submission.tx_hash] = submission
        row = QueueRow(
            self._last_row_id, submission.tx_hash, len(submission.payload), submission.content_type, submission.register_id,
            QueueState.PENDING, queued_ms, attempts=0, last_attempt_ms=None, not_before_ms=None, reason="",
        )  # fmt: skip
        self._rows[row.hash] = row
        self._recount(row, 1)

    def _remove(self, tx_hash: TxHash) -> bool:
        self._unreleased.pop(tx_hash, None)
        row = self._rows.pop(tx_hash, None)
        if row is not None:
            self._recount(row, -1)
        return row is not None

    def _change(self, tx_hash: TxHash, **values: object) -> None:
        old = self._rows[tx_hash]
        new = old._replace(**values)  # type: ignore[arg-type]
        self._recount(old, -1)
        self._recount(new, 1)
        self._rows[tx_hash] = new

    def _recount(self, row: QueueRow, change: int) -> None:
        self._count[row.state] += change
        if row.state is not QueueState.DEAD:
            self._waiting_bytes += change * row.size

    def _state_of(self, tx_hash: TxHash) -> QueueState | None:
        row = self._rows.get(tx_hash)
        return row.state if row else None

    def _in_state(self, state: QueueState) -> list[QueueRow]:
        return [row for row in self._rows.values() if row.state is state]

    def _dead(self, hashes: Sequence[TxHash] | None) -> list[QueueRow]:
        self._check_open()
        dead = self._in_state(QueueState.DEAD)
        return dead if hashes is None else [row for row in dead if row.hash in set(hashes)]

    def _expires_ms(self, tx_hash: TxHash) -> float:
        header = self._transactions[tx_hash].header
        return header.created_ms + header.ttl_s * 1000
