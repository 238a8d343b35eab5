"""A connection to PostgreSQL that is used as one to SQLite is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import psycopg2
import psycopg2.extensions
import psycopg2.extras

_ROWS_AT_ONCE = 500
_BYTES_AT_ONCE = 4 * 1024 * 1024
"""Of values in one message to the server, about; one row may be larger."""


class _Statement(NamedTuple):
    one: str
    many: str
    """For many rows in one INSERT; empty where it is none."""
    row: str
    """What stands for one of these rows."""


@lru_cache(maxsize=512)
def _statement(sql: str) -> _Statement:
    one = sql.replace("?", "%s")
    head, values, rows = one.partition(" VALUES ")
    is_plain_insert = bool(values) and rows.endswith(")")
    return _Statement(one, f"{head} VALUES %s" if is_plain_insert else "", rows)


class PostgresConnection:
    """The role SqlConnection over psycopg2, which waits inside C and lets other threads run meanwhile."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self._connection = psycopg2.connect(**parameters)
        # Transactions are begun and ended by statements, so that reading leaves none open.
        self._connection.autocommit = True
        psycopg2.extensions.register_type(_BYTES, self._connection)
        self._cursor = self._connection.cursor()

    @property
    def is_lost(self) -> bool:
        """The server is gone, or nobody knows where the conversation with it stands."""
        return bool(self._connection.closed)

    @property
    def is_in_transaction(self) -> bool:
        """BEGIN was said, and neither COMMIT nor ROLLBACK."""
        idle = psycopg2.extensions.TRANSACTION_STATUS_IDLE
        return not self.is_lost and self._connection.info.transaction_status != idle

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Any:
        """Run one statement."""
        cursor = self._connection.cursor()
        cursor.execute(_statement(sql).one, _clean(values))
        return cursor

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]], /) -> None:
        """Run one statement for each row of values, many in one message."""
        statement = _statement(sql)
        for some in _portions(rows):
            if statement.many:
                psycopg2.extras.execute_values(self._cursor, statement.many, some, statement.row, len(some))
            else:
                psycopg2.extras.execute_batch(self._cursor, statement.one, some, len(some))

    def close(self) -> None:
        """Disconnect. Idempotent."""
        self._connection.close()


def _portions(rows: Sequence[Sequence[Any]]) -> list[list[list[Any]]]:
    portions: list[list[list[Any]]] = []
    room = -1
    for row in rows:
        size = sum(len(value) for value in row if isinstance(value, bytes))
        if room < size or len(portions[-1]) >= _ROWS_AT_ONCE:
            portions.append([])
            room = _BYTES_AT_ONCE
        room -= size
        portions[-1].append(_clean(row))
    return portions


def _clean(values: Sequence[Any]) -> list[Any]:
    # The one character that no text of PostgreSQL holds; a peer may have put it into its name.
    return [value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value for value in values]


def _bytes_of(value: str | None, cursor: object) -> bytes | None:
    return None if value is None else bytes.fromhex(value[2:])


_BYTES = psycopg2.extensions.new_type(psycopg2.BINARY.values, "BYTES", _bytes_of)
