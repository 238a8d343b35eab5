"""The embedded store: arrival log, outbox and peers in one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from peewee import Table

from sorcha_peer_core.builtin.sqlite_file import SqliteFile, sqlite_path
from sorcha_peer_core.builtin.sqlite_peers import SqlitePeers
from sorcha_peer_core.builtin.sqlite_schema import set_meta
from sorcha_peer_core.model.ids import TxHash, peer_id_of
from sorcha_peer_core.model.mending import Mended
from sorcha_peer_core.model.messages import Created
from sorcha_peer_core.model.transaction import Arrival, LogEntry, Queued, Submission, Transaction
from sorcha_peer_core.wire.codec import decode_header

T = TypeVar("T")

_LOG_COLUMNS = "seq, tx_hash, size, content_type, register_id, origin, created_ms, received_ms, hops"
_APPEND = f"INSERT INTO transactions ({_LOG_COLUMNS}, header, signature, payload) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
_LAST_GIVEN = "SELECT seq FROM sqlite_sequence WHERE name = 'transactions'"
_AFTER = f"SELECT {_LOG_COLUMNS} FROM transactions WHERE seq > ? ORDER BY seq LIMIT ?"
# The second condition lets SQLite use the index, which holds only transactions that have a register.
_AFTER_IN_REGISTER = (
    f"SELECT {_LOG_COLUMNS} FROM transactions WHERE seq > ? AND register_id = ? AND register_id <> '' ORDER BY seq LIMIT ?"
)
_AFTER_WITHOUT_REGISTER = f"SELECT {_LOG_COLUMNS} FROM transactions WHERE seq > ? AND register_id = ? ORDER BY seq LIMIT ?"
_CREATED = (
    "SELECT tx_hash, size, created_ms FROM transactions WHERE (created_ms, tx_hash) > (?, ?) AND created_ms < ? "
    "ORDER BY created_ms, tx_hash LIMIT ?"
)
_PAYLOAD = "SELECT payload FROM transactions WHERE tx_hash = ?"
_QUEUED_PAYLOAD = "SELECT tx_data FROM transaction_queue WHERE tx_hash = ?"
_RECENT = "SELECT seq, tx_hash, max(received_ms, created_ms) FROM transactions WHERE seq < ? ORDER BY seq DESC LIMIT ?"
_PUT = (
    "INSERT INTO transaction_queue (tx_hash, tx_data, queued_at, content_type, register_id, queued_ms, size) "
    "VALUES (?,?,?,?,?,?,?)"
)
_COUNT_LOG = "SELECT count(*), coalesce(max(seq), 0) FROM transactions"
_COUNT_QUEUE = "SELECT count(*), coalesce(sum(size), 0) FROM transaction_queue"
_QUEUE = Table("transaction_queue")
_PROBE = "probe"
_PROBE_BYTES = 256 * 1024

_AT_ONCE = 500
"""Most values in one IN list."""
_RECENT_AT_ONCE = 2000

_origin_of = lru_cache(maxsize=4096)(peer_id_of)


def build_sqlite_store(url: str, data_dir: Path) -> SqliteStore:
    """The store that ``store.url`` names."""
    return SqliteStore(sqlite_path(url, data_dir))


class SqliteStore(SqlitePeers):
    """The role Store on a file, WAL journal. The totals are kept beside it, so that nobody has to count rows."""

    def __init__(self, path: str, busy_timeout_s: float = 5.0) -> None:
        super().__init__(SqliteFile(path, busy_timeout_s))
        self._log_epoch = 0
        self._stored = self._last_seq = 0
        self._waiting = self._waiting_bytes = 0

    @property
    def log_epoch(self) -> int:
        """Random 63-bit number made with the file."""
        return self._log_epoch

    def open(self) -> None:
        """Connect, create or migrate the schema, count what is there."""
        self._log_epoch = self._file.open()
        with self._file.reading("count its rows") as connection:
            self._stored, self._last_seq = _one(connection, _COUNT_LOG)
            self._waiting, self._waiting_bytes = _one(connection, _COUNT_QUEUE)

    def close(self) -> None:
        """Disconnect. Idempotent."""
        self._file.close()

    def check(self) -> None:
        """Whether the files were deleted or replaced."""
        self._file.check_place()

    def probe(self) -> None:
        """Commit some 256 KiB and take them back."""
        with self._file.commit("be written") as connection:
            set_meta(connection, _PROBE, bytes(_PROBE_BYTES))
        with self._file.commit("be written") as connection:
            connection.execute("DELETE FROM meta WHERE key = ?", (_PROBE,))

    def mend(self) -> Mended:
        """Put the damaged file aside and go on in a new one, with what can be read."""
        mended = self._file.mend()
        self.open()
        return mended

    def append(self, arrivals: Sequence[Arrival]) -> list[int]:
        """Put new arrivals at the end of the log and take own ones out of the outbox, in one commit."""
        hashes = [arrival.transaction.hash for arrival in arrivals]
        with self._file.commit(f"append {len(arrivals)} transactions") as connection:
            seqs = _seqs_of(connection, hashes)
            # Also what was given before a row was deleted counts: a number is never given twice.
            given = connection.execute(_LAST_GIVEN).fetchone()
            last_seq: int = given[0] if given else 0
            rows = []
            for tx_hash, arrival in zip(hashes, arrivals, strict=True):
                if tx_hash not in seqs:
                    last_seq += 1
                    seqs[tx_hash] = last_seq
                    rows.append(_log_values(last_seq, arrival))
            connection.executemany(_APPEND, rows)
            taken = _take_out(connection, [arrival.transaction.hash.hex() for arrival in arrivals if arrival.own])
        if rows:
            self._stored += len(rows)
            self._last_seq = last_seq
        self._waiting -= len(taken)
        self._waiting_bytes -= sum(taken)
        return [seqs[tx_hash] for tx_hash in hashes]

    def known(self, hashes: Sequence[TxHash]) -> set[TxHash]:
        """Those of ``hashes`` that are in the log."""
        with self._file.reading(f"look up {len(hashes)} hashes") as connection:
            return set(_seqs_of(connection, hashes))

    def load(self, hashes: Sequence[TxHash]) -> list[Transaction]:
        """The transactions among ``hashes`` that are in the log, in the order asked, each once."""
        wanted = list(dict.fromkeys(hashes))
        found = {}
        with self._file.reading(f"load {len(wanted)} transactions") as connection:
            for some in _slices(wanted):
                where = _in("SELECT tx_hash, header, signature, payload FROM transactions WHERE tx_hash", some)
                for tx_hash, header, signature, payload in connection.execute(where, some):
                    found[tx_hash] = Transaction(decode_header(header), header, signature, payload)
        return [found[tx_hash] for tx_hash in wanted if tx_hash in found]

    def payload(self, tx_hash: TxHash) -> bytes | None:
        """The payload, from the log or the outbox."""
        with self._file.reading(f"read the payload of {tx_hash.hex()}") as connection:
            row = connection.execute(_PAYLOAD, (tx_hash,)).fetchone()
            row = row or connection.execute(_QUEUED_PAYLOAD, (tx_hash.hex(),)).fetchone()
        return row[0] if row else None

    def after(self, seq: int, limit: int, register_id: str | None = None) -> list[LogEntry]:
        """Lines of the log above ``seq``, ascending; with a register id only those of that register."""
        with self._file.reading(f"list transactions after {seq}") as connection:
            if register_id is None:
                return [LogEntry._make(row) for row in connection.execute(_AFTER, (seq, limit))]
            query = _AFTER_IN_REGISTER if register_id else _AFTER_WITHOUT_REGISTER
            return [LogEntry._make(row) for row in connection.execute(query, (seq, register_id, limit))]

    def created(self, start_ms: float, end_ms: float, limit: int, after: bytes = b"") -> list[Created]:
        """Lines of the log by the time they were created, from the index alone."""
        with self._file.reading(f"list transactions created from {start_ms} to {end_ms}") as connection:
            rows = connection.execute(_CREATED, (start_ms, after, end_ms, limit))
            return [Created(TxHash(tx_hash), size, created_ms) for tx_hash, size, created_ms in rows]

    def totals(self) -> tuple[int, int]:
        """Number of transactions in the log, and the last ``seq``."""
        return self._stored, self._last_seq

    def oldest_seq(self) -> int:
        """The first ``seq`` in the log; 0 when it is empty."""
        with self._file.reading("find the oldest transaction") as connection:
            (oldest,) = _one(connection, "SELECT coalesce(min(seq), 0) FROM transactions")
        return oldest

    def recent_hashes(self, most: int) -> Iterator[tuple[TxHash, float]]:
        """The newest hashes with their times, newest first; read piece by piece, writes in between do no harm."""
        seq = self._last_seq + 1
        while most > 0:
            with self._file.reading("read recent hashes") as connection:
                rows = connection.execute(_RECENT, (seq, min(most, _RECENT_AT_ONCE))).fetchall()
            yield from ((tx_hash, at_ms) for _, tx_hash, at_ms in rows)
            if not rows:
                return
            most -= len(rows)
            seq = rows[-1][0]

    def put(self, submissions: Sequence[Submission], queued_ms: float) -> list[bool]:
        """Commit one row for each, durably; False where the payload is already queued or in the log."""
        hashes = [submission.tx_hash for submission in submissions]
        with self._file.commit(f"accept {len(submissions)} submissions", durable=True) as connection:
            there = {tx_hash.hex() for tx_hash in _seqs_of(connection, hashes)}
            there |= _queued_among(connection, [tx_hash.hex() for tx_hash in hashes])
            rows, accepted = [], []
            for submission in submissions:
                name = submission.tx_hash.hex()
                accepted.append(name not in there)
                if accepted[-1]:
                    there.add(name)
                    rows.append(_queue_values(name, submission, queued_ms))
            connection.executemany(_PUT, rows)
        self._waiting += len(rows)
        self._waiting_bytes += sum(row[-1] for row in rows)
        return accepted

    def queued(self, after_row_id: int, limit: int) -> list[Queued]:
        """Waiting rows above ``after_row_id``, oldest first."""
        q = _QUEUE.c
        columns = (q.id, q.tx_hash, q.tx_data, q.content_type, q.register_id, q.queued_ms)
        query = _QUEUE.select(*columns).where(q.id > after_row_id).order_by(q.id).limit(limit)
        return [
            Queued(row_id, Submission(TxHash(bytes.fromhex(name)), payload, content_type, register_id), queued_ms)
            for row_id, name, payload, content_type, register_id, queued_ms in self._file.rows(query, "read its queue")
        ]

    def queue_totals(self) -> tuple[int, int]:
        """Number of waiting rows and the bytes of their payloads."""
        return self._waiting, self._waiting_bytes


def _seqs_of(connection: sqlite3.Connection, hashes: Sequence[TxHash]) -> dict[TxHash, int]:
    seqs: dict[TxHash, int] = {}
    for some in _slices(hashes):
        seqs.update(connection.execute(_in("SELECT tx_hash, seq FROM transactions WHERE tx_hash", some), some))
    return seqs


def _queued_among(connection: sqlite3.Connection, names: Sequence[str]) -> set[str]:
    queued: set[str] = set()
    for some in _slices(names):
        rows = connection.execute(_in("SELECT tx_hash FROM transaction_queue WHERE tx_hash", some), some)
        queued.update(name for (name,) in rows)
    return queued


def _take_out(connection: sqlite3.Connection, names: Sequence[str]) -> list[int]:
    """Delete rows of the outbox; returns the payload sizes of those that were there."""
    sizes: list[int] = []
    for some in _slices(names):
        deleted = connection.execute(_in("DELETE FROM transaction_queue WHERE tx_hash", some) + " RETURNING size", some)
        sizes.extend(size for (size,) in deleted)
    return sizes


def _log_values(seq: int, arrival: Arrival) -> tuple[Any, ...]:
    header, header_bytes, signature, payload = arrival.transaction
    return (
        seq,
        header.payload_hash,
        len(payload),
        header.content_type,
        header.register_id,
        _origin_of(header.origin_key),
        header.created_ms,
        arrival.received_ms,
        arrival.hops,
        header_bytes,
        signature,
        payload,
    )


def _queue_values(name: str, submission: Submission, queued_ms: float) -> tuple[Any, ...]:
    _, payload, content_type, register_id = submission
    return name, payload, int(queued_ms / 1000), content_type, register_id, queued_ms, len(payload)


def _one(connection: sqlite3.Connection, query: str) -> tuple[int, ...]:
    row: tuple[int, ...] = connection.execute(query).fetchone()
    return row


def _in(query: str, values: Sequence[object]) -> str:
    return f"{query} IN ({','.join('?' * len(values))})"


def _slices(values: Sequence[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
