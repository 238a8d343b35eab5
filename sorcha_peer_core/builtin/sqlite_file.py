"""One SQLite file and its one connection: opening, commits, and errors that say what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee

from sorcha_peer_core.builtin.sql_database import MetaValue, SqlConnection
from sorcha_peer_core.builtin.sqlite_schema import meta, migrate, set_meta
from sorcha_peer_core.errors import ConfigError, StoreBroken, StoreError

IN_MEMORY = ":memory:"
_SCHEME = "sqlite:///"

_PRAGMAS = (
    # Larger pages waste less on rows of about 1 KiB: a third faster to write than the default of 4096.
    ("page_size", 8192),
    ("journal_mode", "wal"),
    ("synchronous", "normal"),
    ("foreign_keys", "off"),
    ("cache_size", -8192),
    # A 10 MB transaction makes the journal grow; it need not stay that large.
    ("journal_size_limit", 64 * 1024 * 1024),
)

_ADVICE = {
    sqlite3.SQLITE_FULL: "free some space on the disk; nothing that was committed is lost",
    sqlite3.SQLITE_READONLY: "give the node write permission on the file and its directory",
    sqlite3.SQLITE_CANTOPEN: "the directory has to exist and be writable by the node",
    sqlite3.SQLITE_BUSY: "another process holds the file; one node uses it at a time",
    sqlite3.SQLITE_IOERR: "the disk or the file system reports a failure",
}
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def sqlite_path(url: str, data_dir: Path) -> str:
    """Where ``sqlite:///FILE`` (relative to the data directory), ``sqlite:////FILE`` or ``sqlite:///:memory:`` points.

    >>> sqlite_path("sqlite:////var/lib/peer.db", Path("data"))
    '/var/lib/peer.db'
    """
    file = url.removeprefix(_SCHEME)
    if file == url or not file or "?" in file:
        raise ConfigError(f"store.url is {url!r}; write sqlite:///FILE, relative to the data directory, or sqlite:////FILE")
    return file if file == IN_MEMORY else str(data_dir / file)


class SqliteFile:
    """The one connection to a file. Every method runs on the thread that owns the store."""

    def __init__(self, path: str, busy_timeout_s: float = 5.0) -> None:
        self.path = path
        # Without thread_safe=False the state of the connection would belong to a greenlet, and a native worker thread of
        # a patched process runs each task in another one.
        self._database = peewee.SqliteDatabase(
            path, pragmas=_PRAGMAS, timeout=busy_timeout_s, thread_safe=False, autoconnect=False, check_same_thread=False
        )
        self._connection: sqlite3.Connection | None = None
        self._durable = False

    @property
    def place(self) -> str:
        """How sentences for people call it."""
        return self.path

    def open(self) -> int:
        """Connect, create or migrate; returns the log epoch."""
        try:
            with self._explained("open"):
                self._database.connect()
                connection: sqlite3.Connection = self._database.connection()  # type: ignore[no-untyped-call]
                self._connection = connection
                self._durable = False
            with self.commit("create or migrate its tables") as connection:
                return migrate(connection, self.path)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Disconnect; what was committed moves from the journal into the file. Idempotent."""
        self._connection = None
        with self._explained("close"):
            self._database.close()

    @contextmanager
    def commit(self, what: str, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction around the block: all of it is kept, or nothing. ``durable`` outlives a power failure too."""
        with self.reading(what) as connection:
            self._set_durable(connection, durable)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # After some errors, a full disk among them, SQLite has rolled back by itself.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self, what: str) -> Iterator[sqlite3.Connection]:
        """The connection, for queries; database errors of the block become StoreErrors about ``what``."""
        if self._connection is None:
            raise StoreError(f"the store {self.path} could not {what}: it is not open")
        with self._explained(what):
            yield self._connection

    def meta(self, connection: SqlConnection, key: str) -> MetaValue | None:
        """A value that is kept beside the tables; None when there is none."""
        return meta(connection, key)

    def set_meta(self, connection: SqlConnection, key: str, value: MetaValue) -> None:
        """Keep a value beside the tables."""
        set_meta(connection, key, value)

    def _set_durable(self, connection: sqlite3.Connection, durable: bool) -> None:
        if durable != self._durable:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable = durable

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._explain(what, error) from error
        except peewee.PeeweeException as error:
            raise self._explain(what, getattr(error, "orig", error)) from error

    def _explain(self, what: str, error: Exception) -> StoreError:
        # The low byte is the kind; the rest of an extended code only refines it.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        said = f"the store {self.path} could not {what}: {error}"
        if code in _DAMAGED:
            return StoreBroken(f"{said}. The file is damaged: restore it from a backup, or move it away to start an empty one")
        advice = _ADVICE.get(code)
        return StoreError(f"{said}; {advice}" if advice else said)
