"""What the stores on SQL ask of a database. Their statements are the same for each; ``?`` stands for a value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

MetaValue = int | str | bytes

LAST_SEQ = "last_seq"
PEER_TABLE_SECRET = "peer_table_secret"
ANCHORS = "anchors"

LATER = "CASE WHEN created_ms > received_ms THEN created_ms ELSE received_ms END"
"""When a transaction came, or when it was created if that is later; there is an index on it."""

_AT_ONCE = 500
"""Most values in one IN list."""


class SqlRows(Protocol):
    """What a statement found."""

    def __iter__(self) -> Iterator[Any]: ...

    def fetchone(self) -> Any:
        """The next row; None after the last."""

    def fetchall(self) -> list[Any]:
        """All rows that are left."""


class SqlConnection(Protocol):
    """One connection, as ``sqlite3`` has it."""

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> SqlRows:
        """Run one statement."""

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]], /) -> object:
        """Run one statement for each row of values."""


class Database(Protocol):
    """A database with the tables of this version. Its errors are StoreErrors that say what could not be done."""

    @property
    def place(self) -> str:
        """How sentences for people call it; holds no password."""

    def open(self) -> int:
        """Connect, create or migrate; returns the log epoch."""

    def close(self) -> None:
        """Disconnect. Idempotent."""

    def commit(self, what: str, durable: bool = False) -> AbstractContextManager[SqlConnection]:
        """One transaction around the block: all of it is kept, or nothing. ``durable`` outlives a power failure too."""

    def reading(self, what: str) -> AbstractContextManager[SqlConnection]:
        """The connection, for queries; database errors of the block become StoreErrors about ``what``."""

    def meta(self, connection: SqlConnection, key: str) -> MetaValue | None:
        """A value that is kept beside the tables; None when there is none."""

    def set_meta(self, connection: SqlConnection, key: str, value: MetaValue) -> None:
        """Keep a value beside the tables."""


def one(connection: SqlConnection, query: str) -> tuple[int, ...]:
    """The only row of a query."""
    row: tuple[int, ...] = connection.execute(query).fetchone()
    return row


def among(connection: SqlConnection, statement: str, values: Sequence[object], rest: str = "") -> Iterator[Any]:
    """The rows of a statement that ends in ``WHERE column``, for those whose column is one of ``values``, in slices."""
    for some in slices(values):
        yield from connection.execute(f"{statement} IN ({','.join('?' * len(some))}){rest}", some)


def slices(values: Sequence[T]) -> Iterator[list[T]]:
    """All values, so many at once as one statement takes."""
    rest = iter(values)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
