"""One SQLite file and its one connection: opening, commits, and errors that say what to do."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import peewee

from sorcha_peer_core.builtin.sql_database import MetaValue, SqlConnection
from sorcha_peer_core.builtin.sqlite_place import Claim, Place, is_disk_full, is_empty, is_text
from sorcha_peer_core.builtin.sqlite_salvage import adopt, begin_anew, write_out
from sorcha_peer_core.builtin.sqlite_schema import meta, migrate, set_meta
from sorcha_peer_core.errors import ConfigError, RowRefused, StoreBroken, StoreDamaged, StoreError
from sorcha_peer_core.model.mending import Mended

log = logging.getLogger(__name__)

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
_OF_ROWS = (sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE)
_CHECKED_BYTES = 256 * 1024 * 1024
"""Of a larger file only what nobody else has is checked at every start: reading all of it would take more than a second."""
_VITAL = ("meta", "transaction_queue")


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
        self._claim = Claim(path) if path != IN_MEMORY else None
        self._place = Place(path) if path != IN_MEMORY else None

    @property
    def place(self) -> str:
        """How sentences for people call it."""
        return self.path

    def open(self) -> int:
        """Connect, check, create or migrate; returns the log epoch."""
        if self._claim:
            self._claim.take()
        try:
            adopt(self.path)
            if is_empty(self.path):
                raise StoreDamaged(f"the store {self.path} is an empty file: what was in it is gone")
            with self._explained("open"):
                self._database.connect()
                connection: sqlite3.Connection = self._database.connection()  # type: ignore[no-untyped-call]
                self._connection = connection
                self._durable = False
            self._check()
            with self.commit("create or migrate its tables") as connection:
                return migrate(connection, self.path)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Disconnect; what was committed moves from the journal into the file. Idempotent."""
        self._connection = None
        try:
            with self._explained("close"):
                self._database.close()
        finally:
            if self._place:
                self._place.forget()
            if self._claim:
                self._claim.release()

    @contextmanager
    def commit(self, what: str, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction around the block: all of it is kept, or nothing. ``durable`` outlives a power failure too."""
        with self.reading(what) as connection:
            self.check_place()
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

    def hexadecimal(self, column: str) -> str:
        """The expression for the bytes of a column as lowercase hexadecimal digits."""
        return f"lower(hex({column}))"

    def meta(self, connection: SqlConnection, key: str) -> MetaValue | None:
        """A value that is kept beside the tables; None when there is none."""
        return meta(connection, key)

    def set_meta(self, connection: SqlConnection, key: str, value: MetaValue) -> None:
        """Keep a value beside the tables."""
        set_meta(connection, key, value)

    def check_place(self) -> None:
        """Raises StoreDamaged when the open files are no longer those at their paths."""
        changed = self._place.changed() if self._place and self._connection is not None else ""
        if changed:
            raise StoreDamaged(f"{changed} was deleted or replaced while the node used it")

    def mend(self) -> Mended:
        """Go on in a new file; it is closed afterwards. What was deleted while it was open is still whole.

        Raises StoreError when that cannot be done now.
        """
        if self._connection is not None and self._place is not None and self._place.changed():
            try:
                return write_out(self._connection, self.path, self.close)
            except StoreError as error:
                if getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
                    raise
                log.warning("%s was displaced, and is damaged besides: %s", self.path, error)
        with suppress(StoreError):
            self.close()
        return begin_anew(self.path)

    def _check(self) -> None:
        with self.reading("be checked") as connection:
            size = os.stat(self.path).st_size if self._place else 0
            tables = ("",) if size <= _CHECKED_BYTES else [f"({name})" for name in _VITAL if _has_table(connection, name)]
            for table in tables:
                (found,) = connection.execute(f"PRAGMA quick_check{table}").fetchone()
                if found != "ok":
                    raise StoreDamaged(f"the store {self.path} is damaged: {' '.join(found.split())}")

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
            if is_text(self.path):
                return StoreBroken(
                    f"{said}. The file is damaged: restore it from a backup, or move it away to start an empty one"
                )
            return StoreDamaged(f"{said}. The file is damaged")
        if code in _OF_ROWS or isinstance(error, sqlite3.DataError | sqlite3.InterfaceError):
            return RowRefused(said)
        # Where there is no room for it, the file that is shared memory fails as if the disk were broken.
        advice = _ADVICE.get(sqlite3.SQLITE_FULL if code == sqlite3.SQLITE_IOERR and is_disk_full(self.path) else code)
        return StoreError(f"{said}; {advice}" if advice else said)


def _has_table(connection: sqlite3.Connection, name: str) -> bool:
    return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)).fetchone())
