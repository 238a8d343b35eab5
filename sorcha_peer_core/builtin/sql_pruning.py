"""Taking the oldest transactions out of a log on SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sorcha_peer_core.builtin.sql_database import LAST_SEQ, LATER, SqlConnection
from sorcha_peer_core.builtin.sql_outbox import SqlOutbox
from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.model.transaction import Pruned

_COLUMNS = f"SELECT seq, tx_hash, size, {LATER} FROM"
_OVER = f"{_COLUMNS} {{}} WHERE {LATER} < ? ORDER BY {LATER}, seq LIMIT ? OFFSET ?"
_OLDEST = f"{_COLUMNS} transactions ORDER BY seq LIMIT ? OFFSET ?"
_EMPTY = (
    "INSERT INTO emptied (seq, tx_hash, size, created_ms, received_ms) "
    "SELECT seq, tx_hash, size, created_ms, received_ms FROM transactions WHERE seq = ?"
)
_DELETE = "DELETE FROM {} WHERE seq = ?"


class _Line(NamedTuple):
    seq: int
    hash: TxHash
    size: int
    later_ms: float


class SqlPruning(SqlOutbox):
    """The part of the role TransactionStore that makes room."""

    def prune(self, before_ms: float, keep_bytes: int, most: int) -> Pruned:
        """Forget what is over its time, then empty the oldest while the log is too large, in one commit."""
        with self._database.commit("prune its log") as connection:
            full, husks = self._forget(connection, before_ms, most)
            payload_bytes = self._log.payload_bytes - sum(line.size for line in full)
            emptied = self._empty(connection, payload_bytes - keep_bytes, most - len(full) - len(husks))
            if full or husks:
                # The newest of all may be among them, and a number is never given twice.
                self._database.set_meta(connection, LAST_SEQ, self._log.last_seq)
        freed_bytes = sum(line.size for line in (*full, *emptied))
        self._log = self._log._replace(
            full=self._log.full - len(full) - len(emptied),
            emptied=self._log.emptied + len(emptied) - len(husks),
            payload_bytes=self._log.payload_bytes - freed_bytes,
        )
        return Pruned(len(full) + len(husks), len(emptied), freed_bytes)

    def _forget(self, connection: SqlConnection, before_ms: float, most: int) -> tuple[list[_Line], list[_Line]]:
        """Delete what is over its time; returns those that had their payload, and those that had lost it before."""
        found = [(line, table) for table in self._tables() for line in self._over(connection, table, before_ms, most)]
        found.sort(key=lambda of: (of[0].later_ms, of[0].seq))
        full = [line for line, table in found[:most] if table == "transactions"]
        husks = [line for line, table in found[:most] if table == "emptied"]
        connection.executemany(_DELETE.format("transactions"), [(line.seq,) for line in full])
        connection.executemany(_DELETE.format("emptied"), [(line.seq,) for line in husks])
        return full, husks

    def _over(self, connection: SqlConnection, table: str, before_ms: float, most: int) -> list[_Line]:
        return self._unspared(connection, _OVER.format(table), (before_ms,), most)

    def _empty(self, connection: SqlConnection, excess_bytes: int, most: int) -> list[_Line]:
        if excess_bytes <= 0 or most <= 0:
            return []
        emptied = []
        for line in self._unspared(connection, _OLDEST, (), most):
            if excess_bytes <= 0:
                break
            excess_bytes -= line.size
            emptied.append(line)
        connection.executemany(_EMPTY, [(line.seq,) for line in emptied])
        connection.executemany(_DELETE.format("transactions"), [(line.seq,) for line in emptied])
        return emptied

    def _unspared(self, connection: SqlConnection, query: str, values: Sequence[float], most: int) -> list[_Line]:
        """The first ``most`` lines of a query that have no row in the outbox."""
        found: list[_Line] = []
        offset = 0
        while len(found) < most:
            page = [_Line._make(row) for row in connection.execute(query, (*values, most, offset))]
            spared = self._rows_of(connection, [line.hash for line in page])
            found += [line for line in page if line.hash not in spared]
            if len(page) < most:
                break
            offset += most
        return found[:most]
