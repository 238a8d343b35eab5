"""A PostgreSQL database and the one connection to it: opening, commits, reconnecting, and errors that say what to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import psycopg2.errors
import psycopg2.extensions

from sorcha_peer_core.builtin.postgres_connection import PostgresConnection
from sorcha_peer_core.builtin.postgres_schema import meta, migrate, set_meta
from sorcha_peer_core.builtin.sql_database import MetaValue, SqlConnection
from sorcha_peer_core.errors import ConfigError, StoreBroken, StoreError

_DEFAULTS = {
    "application_name": "sorcha-peer",
    "connect_timeout": 5,
    # A server that vanished without a word is noticed within half a minute; so is this node by the server.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
_SESSION = (
    "SET client_encoding TO 'UTF8'",
    "SET bytea_output TO 'hex'",
    "SET extra_float_digits TO 3",
    "SET standard_conforming_strings TO on",
    # The node outlives its server: what it has counted as committed, and told others that it has, must outlive it too.
    "SET synchronous_commit TO on",
    "SET tcp_keepalives_idle TO 10",
    "SET tcp_keepalives_interval TO 5",
    "SET tcp_keepalives_count TO 4",
)
_LOCK = "SELECT pg_try_advisory_lock(1936683619, hashtext(current_schema()))"
_LOCK_PATIENCE_S = 2.0
"""A node that was killed a moment ago may still hold it."""
_PAUSE_S = 1.0
"""Between two attempts to reconnect."""

_ADVICE: dict[str, str] = {
    "53100": "free some space on the server's disk; nothing that was committed is lost",
    "53300": "the server takes no more connections; raise its max_connections or close others",
    "25006": "the server takes no writes now: name the primary in store.url, or end its read-only mode",
    "42501": "make this user the owner of the database",
}
_DAMAGED = ("XX001", "XX002")


def postgres_parameters(url: str) -> dict[str, Any]:
    """What ``postgresql://user:password@host:port/database`` says, in the words of libpq; raises ConfigError."""
    try:
        said: dict[str, Any] = psycopg2.extensions.parse_dsn(url)
    except psycopg2.ProgrammingError:
        # Its message may quote the password.
        said = {}
    if not said.get("dbname"):
        raise ConfigError(
            "store.url names no PostgreSQL database; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with every character "
            "of these that is none of A-Z a-z 0-9 - . _ ~ as %XX (its UTF-8 bytes in hexadecimal)"
        ) from None
    return {**_DEFAULTS, **said}


def _place(parameters: dict[str, Any]) -> str:
    user = f"{parameters['user']}@" if "user" in parameters else ""
    port = f":{parameters['port']}" if "port" in parameters else ""
    return f"postgresql://{user}{parameters.get('host', '')}{port}/{parameters['dbname']}"


class PostgresServer:
    """The role Database. Every method runs on the thread that owns the store.

    A connection that was lost is made anew by the next call; the call during which it was lost raises StoreError.
    """

    def __init__(self, url: str) -> None:
        self._parameters = postgres_parameters(url)
        self._connection: PostgresConnection | None = None
        self._log_epoch: int | None = None
        self._may_connect_s = 0.0
        self.reconnected: Callable[[SqlConnection], None] = lambda connection: None
        """Called with every connection but the first, before anything else uses it."""

    @property
    def place(self) -> str:
        """How sentences for people call it; without the password."""
        return _place(self._parameters)

    def open(self) -> int:
        """Connect, create or migrate; returns the log epoch."""
        self._log_epoch = None
        self._connection, self._log_epoch = self._connect()
        return self._log_epoch

    def close(self) -> None:
        """Disconnect. Idempotent."""
        self._log_epoch = None
        self._drop()

    @contextmanager
    def commit(self, what: str, durable: bool = False) -> Iterator[SqlConnection]:
        """One transaction around the block: all of it is kept, or nothing. Every commit outlives a failure of the server."""
        with self.reading(what) as connection, _transaction(connection):
            yield connection

    @contextmanager
    def reading(self, what: str) -> Iterator[PostgresConnection]:
        """The connection, for queries; database errors of the block become StoreErrors about ``what``."""
        connection = self._connection or self._reconnect(what)
        with self._explained(what):
            try:
                yield connection
            finally:
                if connection.is_lost:
                    self._drop()

    def meta(self, connection: SqlConnection, key: str) -> MetaValue | None:
        """A value that is kept beside the tables; None when there is none."""
        return meta(connection, key)

    def set_meta(self, connection: SqlConnection, key: str, value: MetaValue) -> None:
        """Keep a value beside the tables."""
        set_meta(connection, key, value)

    def _connect(self) -> tuple[PostgresConnection, int]:
        with self._explained("connect"):
            connection = PostgresConnection(self._parameters)
        try:
            with self._explained("prepare its session"):
                self._prepare(connection)
            with self._explained("create or migrate its tables"), _transaction(connection):
                return connection, migrate(connection, self.place)
        except BaseException:
            connection.close()
            raise

    def _prepare(self, connection: PostgresConnection) -> None:
        for statement in _SESSION:
            connection.execute(statement)
        encoding, schema = connection.execute("SELECT current_setting('server_encoding'), current_schema()").fetchone()
        if encoding != "UTF8":
            raise StoreError(f"{self.place} has the encoding {encoding}; create it with ENCODING 'UTF8' TEMPLATE template0")
        if schema is None:
            raise StoreError(f"{self.place} has no schema for new tables in its search_path; create it first")
        deadline_s = time.monotonic() + _LOCK_PATIENCE_S
        while not connection.execute(_LOCK).fetchone()[0]:
            if time.monotonic() > deadline_s:
                raise StoreError(f"another node uses {self.place}; a database belongs to one node at a time")
            time.sleep(0.1)

    def _reconnect(self, what: str) -> PostgresConnection:
        if self._log_epoch is None:
            raise StoreError(f"the store {self.place} could not {what}: it is not open")
        if time.monotonic() < self._may_connect_s:
            raise StoreError(f"the store {self.place} could not {what}: its server was lost a moment ago")
        self._may_connect_s = time.monotonic() + _PAUSE_S
        connection, log_epoch = self._connect()
        if log_epoch != self._log_epoch:
            connection.close()
            raise StoreBroken(f"{self.place} was replaced by another database while the node ran; start the node again")
        with self._explained("count its rows"):
            self.reconnected(connection)
        self._connection = connection
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except psycopg2.Error as error:
            raise self._explain(what, error) from error

    def _explain(self, what: str, error: psycopg2.Error) -> StoreError:
        said = f"the store {self.place} could not {what}: {_in_one_line(error)}"
        if error.pgcode in _DAMAGED:
            return StoreBroken(f"{said}. The database is damaged: restore it from a backup, or name an empty one in store.url")
        advice = _ADVICE.get(error.pgcode or "")
        return StoreError(f"{said}; {advice}" if advice else said)


@contextmanager
def _transaction(connection: PostgresConnection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.is_in_transaction:
            connection.execute("ROLLBACK")
        raise


def _in_one_line(error: psycopg2.Error) -> str:
    return " ".join(str(error).split())
