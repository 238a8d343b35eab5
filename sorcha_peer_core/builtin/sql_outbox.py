"""The outbox on SQL."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from sorcha_peer_core.builtin.sql_database import SqlConnection, among
from sorcha_peer_core.builtin.sql_log import SqlLog, insert, reseal
from sorcha_peer_core.builtin.sql_queue import DEAD, INFLIGHT, PENDING, RETRY, Move, Row, moved, step_of
from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.model.transaction import Arrival, Due, Queued, QueueRow, QueueState, QueueTotals, Submission
from sorcha_peer_core.wire.codec import decode_header

_ROW = "SELECT id, tx_hash, state, size, length(tx_data) = 0 FROM transaction_queue WHERE "
_PUT = (
    "INSERT INTO transaction_queue (tx_hash, queued_at, content_type, register_id, queued_ms, size, state, tx_data) "
    "VALUES (?,?,?,?,?,?,'pending',?)"
)
_PENDING_SIZES = "SELECT id, size FROM transaction_queue WHERE state = 'pending' AND id > ? ORDER BY id LIMIT ?"
_PENDING = (
    "SELECT id, tx_hash, tx_data, content_type, register_id, queued_ms FROM transaction_queue "
    "WHERE state = 'pending' AND id > ? AND id <= ? ORDER BY id"
)
_RELEASE = (
    "UPDATE transaction_queue SET state = 'inflight', retry_count = 1, last_attempt = ?, last_attempt_ms = ?, reason = '', "
    "not_before_ms = NULL, dead_ms = NULL, tx_data = ? WHERE id = ?"
)
_DUE = "SELECT id, tx_hash, size, retry_count FROM transaction_queue WHERE not_before_ms <= ? ORDER BY not_before_ms, id LIMIT ?"
_OFFER = (
    "UPDATE transaction_queue SET state = 'inflight', last_attempt = ?, last_attempt_ms = ?, not_before_ms = NULL, reason = '' "
    "WHERE id = ?"
)
_LAPSE = "UPDATE transaction_queue SET state = 'retry', not_before_ms = 0 WHERE state = 'inflight'"
_POSTPONE = "UPDATE transaction_queue SET state = 'retry', retry_count = ?, not_before_ms = ?, reason = ? WHERE id = ?"
_GIVE_UP = "UPDATE transaction_queue SET state = 'dead', reason = ?, dead_ms = ?, not_before_ms = NULL WHERE id = ?"
_REVIVE = (
    "UPDATE transaction_queue SET state = 'retry', retry_count = 0, not_before_ms = 0, reason = '', dead_ms = NULL WHERE id = ?"
)
_PUT_AGAIN = (
    "INSERT INTO transaction_queue (tx_hash, queued_at, content_type, register_id, queued_ms, size, state, tx_data) "
    "SELECT ?, queued_at, content_type, register_id, queued_ms, size, 'pending', tx_data FROM transaction_queue WHERE id = ?"
)
_RENAME = "UPDATE transaction_queue SET tx_hash = ? WHERE id = ?"
_DELETE = "DELETE FROM transaction_queue WHERE id = ?"
_NEXT_DUE = "SELECT min(not_before_ms) FROM transaction_queue WHERE not_before_ms IS NOT NULL"
_ROW_COLUMNS = (
    "SELECT id, tx_hash, size, content_type, register_id, state, queued_ms, retry_count, last_attempt_ms, not_before_ms, reason "
    "FROM transaction_queue WHERE "
)
_COUNT = "SELECT state, count(*), coalesce(sum(size), 0) FROM transaction_queue GROUP BY state"
_PAYLOAD = "SELECT payload FROM transactions WHERE tx_hash = ?"
_QUEUED_PAYLOAD = "SELECT tx_data FROM transaction_queue WHERE tx_hash = ?"

_NOT_IN_LOG = "its payload is not in the arrival log any more"


class SqlOutbox(SqlLog):
    """The role Outbox, and what of the log touches it."""

    def __init__(self) -> None:
        super().__init__()
        self._queue = QueueTotals(0, 0, 0, 0, 0)
        self._next_due_ms: float | None = None

    def append(self, arrivals: Sequence[Arrival]) -> list[int]:
        """Put new arrivals at the end of the log and move the rows of the outbox along, in one commit."""
        hashes = [arrival.transaction.hash for arrival in arrivals]
        with self._database.commit(f"append {len(arrivals)} transactions") as connection:
            seqs = self._seqs_of(connection, hashes)
            rows = self._rows_of(connection, hashes)
            step = step_of(arrivals, seqs, rows, self._log.last_seq)
            insert(connection, step.new)
            reseal(connection, list(step.again.values()))
            _release(connection, step.released)
            connection.executemany(_DELETE, [(row.id,) for row in step.delivered])
            next_due_ms = self._find_next_due(connection)
        moves = [Move(row.state, INFLIGHT, row.size) for _, row in step.released]
        self._settle([*moves, *(Move(row.state, "", row.size) for row in step.delivered)], next_due_ms)
        if step.new:
            self._log = self._log._replace(
                full=self._log.full + len(step.new),
                payload_bytes=self._log.payload_bytes + sum(len(arrival.transaction.payload) for _, arrival in step.new),
                last_seq=step.new[-1][0],
            )
        return [seqs[tx_hash] for tx_hash in hashes]

    def payload(self, tx_hash: TxHash) -> bytes | None:
        """The payload, from the log or the outbox."""
        with self._database.reading(f"read the payload of {tx_hash.hex()}") as connection:
            row = connection.execute(_PAYLOAD, (tx_hash,)).fetchone()
            row = row or connection.execute(_QUEUED_PAYLOAD, (tx_hash.hex(),)).fetchone()
        return row[0] or None if row else None

    def put(self, submissions: Sequence[Submission], queued_ms: float) -> list[bool]:
        """Commit one row for each, durably; False where the payload is already queued or in the log."""
        hashes = [submission.tx_hash for submission in submissions]
        with self._database.commit(f"accept {len(submissions)} submissions", durable=True) as connection:
            there = set(self._seqs_of(connection, hashes)) | set(self._rows_of(connection, hashes))
            new, accepted = [], []
            for submission in submissions:
                accepted.append(submission.tx_hash not in there)
                if accepted[-1]:
                    there.add(submission.tx_hash)
                    new.append(submission)
            connection.executemany(_PUT, [_queue_values(submission, queued_ms) for submission in new])
        self._settle([Move("", PENDING, len(submission.payload)) for submission in new], self._next_due_ms)
        return accepted

    def queued(self, after_row_id: int, limit: int, most_bytes: int) -> list[Queued]:
        """Pending rows above ``after_row_id``, oldest first, of at most so many bytes together, but one at least."""
        with self._database.reading("read its queue") as connection:
            last_id = _last_within(connection.execute(_PENDING_SIZES, (after_row_id, limit)), most_bytes)
            rows = connection.execute(_PENDING, (after_row_id, last_id)).fetchall()
        return [
            Queued(row_id, Submission(TxHash(bytes.fromhex(name)), payload, content_type, register_id), queued_ms)
            for row_id, name, payload, content_type, register_id, queued_ms in rows
        ]

    def lapse(self) -> int:
        """Rows that were in flight are to be offered again at once."""
        with self._database.commit("take its queue up again") as connection:
            connection.execute(_LAPSE)
            next_due_ms = self._find_next_due(connection, maybe=True)
        lapsed = self._queue.inflight
        self._queue, self._next_due_ms = self._queue._replace(inflight=0, retry=self._queue.retry + lapsed), next_due_ms
        return lapsed

    def due(self, now_ms: float, limit: int) -> list[Due]:
        """Rows that are to be offered again by now, the longest overdue first; from here on they are in flight."""
        if self._next_due_ms is None or self._next_due_ms > now_ms:
            return []
        with self._database.commit("read what is to be offered again") as connection:
            rows = connection.execute(_DUE, (now_ms, limit)).fetchall()
            hashes = [bytes.fromhex(name) for _, name, _, _ in rows]
            headers = dict(among(connection, "SELECT tx_hash, header FROM transactions WHERE tx_hash", hashes))
            found, lost = [], []
            for (row_id, _, size, attempts), tx_hash in zip(rows, hashes, strict=True):
                if tx_hash in headers:
                    header = decode_header(headers[tx_hash])
                    expires_ms = header.created_ms + header.ttl_s * 1000
                    found.append((row_id, Due(TxHash(tx_hash), size, attempts, expires_ms)))
                else:
                    lost.append((row_id, size))
            connection.executemany(_OFFER, [(int(now_ms / 1000), now_ms, row_id) for row_id, _ in found])
            connection.executemany(_GIVE_UP, [(_NOT_IN_LOG, now_ms, row_id) for row_id, _ in lost])
            next_due_ms = self._find_next_due(connection)
        moves = [Move(RETRY, INFLIGHT, due.size) for _, due in found]
        self._settle([*moves, *(Move(RETRY, DEAD, size) for _, size in lost)], next_due_ms)
        return [due for _, due in found]

    def next_due_ms(self) -> float | None:
        """When the next row is to be offered again; None when there is none."""
        return self._next_due_ms

    def postpone(self, hashes: Mapping[TxHash, int], not_before_ms: float, reason: str) -> None:
        """These in flight are to be offered again at that time; the values are their attempts."""
        with self._database.commit(f"postpone {len(hashes)} submissions") as connection:
            found = self._rows_of(connection, list(hashes))
            rows = {tx_hash: row for tx_hash, row in found.items() if row.state == INFLIGHT}
            connection.executemany(_POSTPONE, [(hashes[tx_hash], not_before_ms, reason, row.id) for tx_hash, row in rows.items()])
            next_due_ms = self._find_next_due(connection, maybe=True)
        self._settle([Move(INFLIGHT, RETRY, row.size) for row in rows.values()], next_due_ms)

    def delivered(self, hashes: Sequence[TxHash]) -> int:
        """These have their receipts: their rows go."""
        names = [tx_hash.hex() for tx_hash in hashes]
        delete = "DELETE FROM transaction_queue WHERE tx_hash"
        with self._database.commit(f"note the delivery of {len(hashes)} submissions") as connection:
            gone = list(among(connection, delete, names, " RETURNING state, size"))
            next_due_ms = self._find_next_due(connection)
        self._settle([Move(state, "", size) for state, size in gone], next_due_ms)
        return len(gone)

    def give_up(self, hashes: Mapping[TxHash, str], now_ms: float) -> int:
        """These become dead letters, with the reason of each."""
        with self._database.commit(f"give {len(hashes)} submissions up") as connection:
            found = self._rows_of(connection, list(hashes))
            rows = {tx_hash: row for tx_hash, row in found.items() if row.state != DEAD}
            connection.executemany(_GIVE_UP, [(hashes[tx_hash], now_ms, row.id) for tx_hash, row in rows.items()])
            next_due_ms = self._find_next_due(connection)
        self._settle([Move(row.state, DEAD, row.size) for row in rows.values()], next_due_ms)
        return len(rows)

    def revive(self, hashes: Sequence[TxHash] | None) -> int:
        """These dead letters are to be offered again at once; those that were never released are put again."""
        with self._database.commit("revive dead letters") as connection:
            rows = self._dead(connection, hashes)
            connection.executemany(_REVIVE, [(row.id,) for row in rows if row.is_released])
            _put_again(connection, [row for row in rows if not row.is_released])
            next_due_ms = self._find_next_due(connection, maybe=True)
        self._settle([Move(DEAD, RETRY if row.is_released else PENDING, row.size) for row in rows], next_due_ms)
        return len(rows)

    def drop(self, hashes: Sequence[TxHash] | None) -> int:
        """These dead letters are forgotten by the outbox."""
        with self._database.commit("drop dead letters") as connection:
            rows = self._dead(connection, hashes)
            connection.executemany(_DELETE, [(row.id,) for row in rows])
        self._settle([Move(DEAD, "", row.size) for row in rows], self._next_due_ms)
        return len(rows)

    def queue_row(self, tx_hash: TxHash) -> QueueRow | None:
        """The row of this payload; None when there is none."""
        with self._database.reading(f"look {tx_hash.hex()} up in its queue") as connection:
            row = connection.execute(_ROW_COLUMNS + "tx_hash = ?", (tx_hash.hex(),)).fetchone()
        return _queue_row(row) if row else None

    def queue_rows(self, states: Sequence[QueueState], after_row_id: int, limit: int) -> list[QueueRow]:
        """Rows in any of these states above ``after_row_id``, oldest first."""
        query = _ROW_COLUMNS + "state = ? AND id > ? ORDER BY id LIMIT ?"
        with self._database.reading("list its queue") as connection:
            # A page of each, because no index is in the order of several.
            pages = [connection.execute(query, (state.value, after_row_id, limit)).fetchall() for state in set(states)]
        return [_queue_row(row) for row in islice(heapq.merge(*pages), limit)]

    def queue_totals(self) -> QueueTotals:
        """What the outbox holds."""
        return self._queue

    def _rows_of(self, connection: SqlConnection, hashes: Sequence[TxHash]) -> dict[TxHash, Row]:
        """The rows of these hashes. Costs nothing while the outbox is empty, as it is when others' transactions come."""
        if not self._queue.waiting and not self._queue.dead:
            return {}
        found = among(connection, _ROW + "tx_hash", [tx_hash.hex() for tx_hash in hashes])
        return {TxHash(bytes.fromhex(row[1])): Row._make(row) for row in found}

    def _dead(self, connection: SqlConnection, hashes: Sequence[TxHash] | None) -> list[Row]:
        if hashes is None:
            return [Row._make(row) for row in connection.execute(_ROW + "state = 'dead' ORDER BY id")]
        return sorted(row for row in self._rows_of(connection, hashes).values() if row.state == DEAD)

    def _find_next_due(self, connection: SqlConnection, maybe: bool = False) -> float | None:
        """``maybe``: there may be such rows even if there were none before."""
        if not maybe and not self._queue.retry:
            return None
        (next_due_ms,) = connection.execute(_NEXT_DUE).fetchone()
        return None if next_due_ms is None else float(next_due_ms)

    def _settle(self, moves: Iterable[Move], next_due_ms: float | None) -> None:
        """After the commit: what it came to."""
        self._queue, self._next_due_ms = moved(self._queue, moves), next_due_ms

    def _count_queue(self, connection: SqlConnection) -> None:
        found = {state: (rows, int(size)) for state, rows, size in connection.execute(_COUNT)}
        pending, inflight, retry, dead = (found.get(state.value, (0, 0))[0] for state in QueueState)
        waiting_bytes = sum(size for state, (_, size) in found.items() if state != DEAD)
        self._queue = QueueTotals(pending, inflight, retry, dead, waiting_bytes)
        self._next_due_ms = self._find_next_due(connection)


def _release(connection: SqlConnection, released: Sequence[tuple[float, Row]]) -> None:
    connection.executemany(_RELEASE, [(int(at_ms / 1000), at_ms, b"", row.id) for at_ms, row in released])


def _put_again(connection: SqlConnection, rows: Sequence[Row]) -> None:
    """Under a new number, so that whoever reads on in the queue comes upon them."""
    connection.executemany(_RENAME, [(f"{row.name} again", row.id) for row in rows])
    connection.executemany(_PUT_AGAIN, [(row.name, row.id) for row in rows])
    connection.executemany(_DELETE, [(row.id,) for row in rows])


def _last_within(rows: Iterable[tuple[int, int]], most_bytes: int) -> int:
    """The last id up to which the rows have at most so many bytes together; the first in any case, 0 without any."""
    last_id = gathered = 0
    for row_id, size in rows:
        gathered += size
        if last_id and gathered > most_bytes:
            break
        last_id = row_id
    return last_id


def _queue_values(submission: Submission, queued_ms: float) -> tuple[Any, ...]:
    tx_hash, payload, content_type, register_id = submission
    return tx_hash.hex(), int(queued_ms / 1000), content_type, register_id, queued_ms, len(payload), payload


def _queue_row(values: Sequence[Any]) -> QueueRow:
    row = QueueRow._make(values)
    return row._replace(hash=TxHash(bytes.fromhex(values[1])), state=QueueState(values[5]))
