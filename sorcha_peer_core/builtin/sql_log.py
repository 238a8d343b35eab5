"""The arrival log on SQL."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from typing import Any, NamedTuple

from sorcha_peer_core.builtin.sql_database import LAST_SEQ, LATER, Database, SqlConnection, among, one
from sorcha_peer_core.model.ids import TxHash, peer_id_of
from sorcha_peer_core.model.messages import Created
from sorcha_peer_core.model.transaction import Arrival, LogEntry, Transaction
from sorcha_peer_core.wire.codec import decode_header

_LOG_COLUMNS = "seq, tx_hash, size, content_type, register_id, origin, created_ms, received_ms, hops"
_APPEND = f"INSERT INTO transactions ({_LOG_COLUMNS}, header, signature, payload) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
_RESEAL = (
    "UPDATE transactions SET header = ?, signature = ?, created_ms = ?, content_type = ?, register_id = ? "
    "WHERE tx_hash = ? AND header <> ?"
)
_LINES = f"SELECT {_LOG_COLUMNS} FROM transactions WHERE"
_AFTER, _BEFORE = "seq > ?", "seq < ?"
_ASCENDING, _DESCENDING = "ORDER BY seq LIMIT ?", "ORDER BY seq DESC LIMIT ?"
# The second condition lets the database use the index, which holds only transactions that have a register.
_IN_REGISTER, _WITHOUT_REGISTER = "AND register_id = ? AND register_id <> ''", "AND register_id = ?"
_BETWEEN = f"{_LINES} tx_hash BETWEEN ? AND ? ORDER BY tx_hash LIMIT ?"
_CREATED = (
    "SELECT tx_hash, size, created_ms FROM {} WHERE (created_ms, tx_hash) > (?, ?) AND created_ms < ? "
    "ORDER BY created_ms, tx_hash LIMIT ?"
)
_RECENT = f"SELECT seq, tx_hash, {LATER} FROM {{}} WHERE seq < ? ORDER BY seq DESC LIMIT ?"
_RECENT_AT_ONCE = 2000

TABLES = ("transactions", "emptied")
"""Those with their payload, and those whose payload had to go."""

_origin_of = lru_cache(maxsize=4096)(peer_id_of)


class LogTotals(NamedTuple):
    """How much there is; kept beside the tables, so that nobody has to count."""

    full: int
    emptied: int
    payload_bytes: int
    last_seq: int


class SqlLog:
    """The role TransactionStore, but for what has to do with the outbox."""

    _database: Database

    def __init__(self) -> None:
        self._log_epoch = 0
        self._log = LogTotals(0, 0, 0, 0)

    @property
    def log_epoch(self) -> int:
        """Random 63-bit number made with the database."""
        return self._log_epoch

    def known(self, hashes: Sequence[TxHash]) -> set[TxHash]:
        """Those of ``hashes`` that are in the log."""
        with self._database.reading(f"look up {len(hashes)} hashes") as connection:
            return set(self._seqs_of(connection, hashes))

    def load(self, hashes: Sequence[TxHash]) -> list[Transaction]:
        """The transactions among ``hashes`` that are in the log, in the order asked, each once."""
        wanted = list(dict.fromkeys(hashes))
        query = "SELECT tx_hash, header, signature, payload FROM transactions WHERE tx_hash"
        with self._database.reading(f"load {len(wanted)} transactions") as connection:
            found = {
                tx_hash: Transaction(decode_header(header), header, signature, payload)
                for tx_hash, header, signature, payload in among(connection, query, wanted)
            }
        return [found[tx_hash] for tx_hash in wanted if tx_hash in found]

    def after(self, seq: int, limit: int, register_id: str | None = None) -> list[LogEntry]:
        """Lines of the log above ``seq``, ascending; with a register id only those of that register."""
        with self._database.reading(f"list transactions after {seq}") as connection:
            return _lines(connection, _AFTER, _ASCENDING, seq, limit, register_id)

    def before(self, seq: int, limit: int, register_id: str | None = None) -> list[LogEntry]:
        """Lines of the log below ``seq``, descending; with a register id only those of that register."""
        with self._database.reading(f"list transactions before {seq}") as connection:
            return _lines(connection, _BEFORE, _DESCENDING, seq, limit, register_id)

    def between(self, first: TxHash, last: TxHash, limit: int) -> list[LogEntry]:
        """Lines of the log whose hash is one of these or between them, by hash."""
        with self._database.reading("list transactions by their hashes") as connection:
            return [LogEntry._make(row) for row in connection.execute(_BETWEEN, (first, last, limit))]

    def created(self, start_ms: float, end_ms: float, limit: int, after: bytes = b"") -> list[Created]:
        """Lines of the log by the time they were created, from the indexes alone."""
        with self._database.reading(f"list transactions created from {start_ms} to {end_ms}") as connection:
            values = (start_ms, after, end_ms, limit)
            found = [connection.execute(_CREATED.format(table), values).fetchall() for table in self._tables()]
        rows = found[0] if len(found) == 1 else islice(heapq.merge(*found, key=itemgetter(2, 0)), limit)
        return [Created(TxHash(tx_hash), size, created_ms) for tx_hash, size, created_ms in rows]

    def totals(self) -> tuple[int, int]:
        """Number of transactions in the log, and the last ``seq`` that was given."""
        return self._log.full + self._log.emptied, self._log.last_seq

    def log_bytes(self) -> int:
        """Bytes of all payloads in the log."""
        return self._log.payload_bytes

    def oldest_seq(self) -> int:
        """The first ``seq`` that is in the log with its payload; 0 when there is none."""
        with self._database.reading("find the oldest transaction") as connection:
            (oldest,) = one(connection, "SELECT coalesce(min(seq), 0) FROM transactions")
        return oldest

    def recent_hashes(self, most: int) -> Iterator[tuple[TxHash, float]]:
        """The newest hashes with their times, newest first; read piece by piece, writes in between do no harm."""
        seq = self._log.last_seq + 1
        while most > 0:
            at_once = min(most, _RECENT_AT_ONCE)
            with self._database.reading("read recent hashes") as connection:
                found = [connection.execute(_RECENT.format(table), (seq, at_once)).fetchall() for table in self._tables()]
            merged = heapq.merge(*found, key=itemgetter(0), reverse=True)
            rows = found[0] if len(found) == 1 else list(islice(merged, at_once))
            yield from ((tx_hash, at_ms) for _, tx_hash, at_ms in rows)
            if not rows:
                return
            most -= len(rows)
            seq = rows[-1][0]

    def _tables(self) -> Sequence[str]:
        return TABLES if self._log.emptied else TABLES[:1]

    def _seqs_of(self, connection: SqlConnection, hashes: Sequence[TxHash]) -> dict[TxHash, int]:
        seqs: dict[TxHash, int] = {}
        for table in self._tables():
            seqs.update(among(connection, f"SELECT tx_hash, seq FROM {table} WHERE tx_hash", hashes))
        return seqs

    def _count_log(self, connection: SqlConnection) -> None:
        full, payload_bytes = one(connection, "SELECT count(*), coalesce(sum(size), 0) FROM transactions")
        (emptied,) = one(connection, "SELECT count(*) FROM emptied")
        last = [one(connection, f"SELECT coalesce(max(seq), 0) FROM {table}")[0] for table in TABLES]
        # The newest may have been forgotten; what was given in this process counts in any case.
        given = self._database.meta(connection, LAST_SEQ)
        last_seq = max(*last, self._log.last_seq, given if isinstance(given, int) else 0)
        self._log = LogTotals(full, emptied, int(payload_bytes), last_seq)


def insert(connection: SqlConnection, new: Sequence[tuple[int, Arrival]]) -> None:
    """Write arrivals into the log, each under its seq."""
    connection.executemany(_APPEND, [_log_values(seq, arrival) for seq, arrival in new])


def reseal(connection: SqlConnection, arrivals: Sequence[Arrival]) -> None:
    """Give those in the log their new envelope; nothing happens where it is the old one."""
    connection.executemany(_RESEAL, [_envelope_values(arrival.transaction) for arrival in arrivals])


def _lines(connection: SqlConnection, place: str, order: str, seq: int, limit: int, register_id: str | None) -> list[LogEntry]:
    values = (seq, limit) if register_id is None else (seq, register_id, limit)
    return [LogEntry._make(row) for row in connection.execute(_listing(place, order, register_id), values)]


def _listing(place: str, order: str, register_id: str | None) -> str:
    if register_id is None:
        return f"{_LINES} {place} {order}"
    return f"{_LINES} {place} {_IN_REGISTER if register_id else _WITHOUT_REGISTER} {order}"


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


def _envelope_values(transaction: Transaction) -> tuple[Any, ...]:
    header, header_bytes, signature, _ = transaction
    return (
        header_bytes,
        signature,
        header.created_ms,
        header.content_type,
        header.register_id,
        header.payload_hash,
        header_bytes,
    )
