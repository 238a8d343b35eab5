"""The tables of the SQLite store, as numbered steps from an empty file to today."""

from __future__ import annotations

import sqlite3

from sorcha_peer_core.builtin.sql_database import MetaValue, SqlConnection
from sorcha_peer_core.builtin.sql_migration import Kind, run_steps
from sorcha_peer_core.errors import StoreBroken

_LATER_4 = "CASE WHEN created_ms > received_ms THEN created_ms ELSE received_ms END"

# A step never changes once it was released: files out there have gone through it as it is.
# `payload` is the last column, so that listings of the log stop reading a row before it.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
        """CREATE TABLE peers (
            peer_id TEXT PRIMARY KEY,
            address TEXT NOT NULL,
            port INTEGER NOT NULL,
            supported_protocols TEXT NOT NULL,
            first_seen INTEGER NOT NULL,
            last_seen INTEGER NOT NULL,
            failure_count INTEGER NOT NULL DEFAULT 0,
            capabilities TEXT NOT NULL,
            is_bootstrap BOOLEAN NOT NULL DEFAULT 0,
            record BLOB NOT NULL,
            record_signature BLOB NOT NULL,
            record_seq INTEGER NOT NULL,
            name TEXT NOT NULL,
            software TEXT NOT NULL,
            network_id TEXT NOT NULL,
            public_key BLOB NOT NULL
        )""",
        "CREATE INDEX idx_peers_last_seen ON peers (last_seen)",
        "CREATE INDEX idx_peers_is_bootstrap ON peers (is_bootstrap)",
        """CREATE TABLE transaction_queue (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            tx_hash TEXT NOT NULL,
            tx_data BLOB NOT NULL,
            queued_at INTEGER NOT NULL,
            retry_count INTEGER NOT NULL DEFAULT 0,
            last_attempt INTEGER,
            content_type TEXT NOT NULL,
            register_id TEXT NOT NULL,
            queued_ms REAL NOT NULL,
            size INTEGER NOT NULL
        )""",
        "CREATE UNIQUE INDEX idx_queue_tx_hash ON transaction_queue (tx_hash)",
        # With the size in it, the totals of a long queue are found without reading the payloads.
        "CREATE INDEX idx_queue_queued_at ON transaction_queue (queued_at, size)",
        """CREATE TABLE transactions (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            tx_hash BLOB NOT NULL UNIQUE,
            size INTEGER NOT NULL,
            content_type TEXT NOT NULL,
            register_id TEXT NOT NULL,
            origin TEXT NOT NULL,
            created_ms REAL NOT NULL,
            received_ms REAL NOT NULL,
            hops INTEGER NOT NULL,
            header BLOB NOT NULL,
            signature BLOB NOT NULL,
            payload BLOB NOT NULL
        )""",
        "CREATE INDEX idx_transactions_register ON transactions (register_id) WHERE register_id <> ''",
        "CREATE TABLE sync_cursors (peer_id TEXT PRIMARY KEY, log_epoch INTEGER NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID",
    ),
    (
        # What was proved and what is hearsay, who told it, and how far away the peer is.
        "ALTER TABLE peers ADD COLUMN proved_at INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE peers ADD COLUMN last_attempt_at INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE peers ADD COLUMN source TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE peers ADD COLUMN source_host TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE peers ADD COLUMN seen_host TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE peers ADD COLUMN rtt_ms REAL",
        # Until now only a handshake made a peer seen.
        "UPDATE peers SET proved_at = last_seen",
    ),
    # With hash and size in it, what was created in some time is found without reading the payloads.
    ("CREATE INDEX idx_transactions_created ON transactions (created_ms, tx_hash, size)",),
    (
        # A row has a state and outlives its release; all rows until now wait for it. The payload is the last column here too,
        # which takes a new table.
        """CREATE TABLE new_queue (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            tx_hash TEXT NOT NULL,
            queued_at INTEGER NOT NULL,
            retry_count INTEGER NOT NULL DEFAULT 0,
            last_attempt INTEGER,
            content_type TEXT NOT NULL,
            register_id TEXT NOT NULL,
            queued_ms REAL NOT NULL,
            size INTEGER NOT NULL,
            state TEXT NOT NULL DEFAULT 'pending',
            last_attempt_ms REAL,
            not_before_ms REAL,
            dead_ms REAL,
            reason TEXT NOT NULL DEFAULT '',
            tx_data BLOB NOT NULL
        )""",
        # Row numbers that are gone are not given again.
        "INSERT INTO sqlite_sequence (name, seq) SELECT 'new_queue', seq FROM sqlite_sequence WHERE name = 'transaction_queue'",
        """INSERT INTO new_queue (id, tx_hash, queued_at, content_type, register_id, queued_ms, size, tx_data)
            SELECT id, tx_hash, queued_at, content_type, register_id, queued_ms, size, tx_data
            FROM transaction_queue ORDER BY id""",
        "DROP TABLE transaction_queue",
        "ALTER TABLE new_queue RENAME TO transaction_queue",
        "CREATE UNIQUE INDEX idx_queue_tx_hash ON transaction_queue (tx_hash)",
        "CREATE INDEX idx_queue_queued_at ON transaction_queue (queued_at)",
        # Pages of a state, and with the size in it the totals without reading the rows.
        "CREATE INDEX idx_queue_state ON transaction_queue (state, id, size)",
        "CREATE INDEX idx_queue_due ON transaction_queue (not_before_ms) WHERE not_before_ms IS NOT NULL",
        f"CREATE INDEX idx_transactions_later ON transactions ({_LATER_4})",
        # What lost its payload. Moved away, because a row that only shrinks gives no page back.
        """CREATE TABLE emptied (
            seq INTEGER PRIMARY KEY,
            tx_hash BLOB NOT NULL UNIQUE,
            size INTEGER NOT NULL,
            created_ms REAL NOT NULL,
            received_ms REAL NOT NULL
        )""",
        "CREATE INDEX idx_emptied_created ON emptied (created_ms, tx_hash, size)",
        f"CREATE INDEX idx_emptied_later ON emptied ({_LATER_4})",
    ),
    (
        """CREATE TABLE bans (
            peer_id TEXT PRIMARY KEY,
            reason TEXT NOT NULL,
            banned_by TEXT NOT NULL,
            since_at INTEGER NOT NULL,
            until_at INTEGER
        )""",
        """CREATE TABLE audit (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at INTEGER NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            target TEXT NOT NULL,
            outcome TEXT NOT NULL
        )""",
    ),
)

SCHEMA_VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, file: str) -> int:
    """Bring the file to ``SCHEMA_VERSION`` and return its log epoch; runs inside the caller's transaction.

    Raises:
        StoreBroken: written by a newer version, or not a database of ours.
    """
    return run_steps(connection, _KIND, file, _version_of(connection, file), MIGRATIONS)


def _version_of(connection: sqlite3.Connection, file: str) -> int:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return 0
    version = meta(connection, "schema_version") if "meta" in tables else None
    if not isinstance(version, int) or version < 1:
        raise StoreBroken(f"{file} is a database of something else; name another file in store.url")
    return version


def meta(connection: SqlConnection, key: str) -> MetaValue | None:
    """A value that is kept beside the tables; None when there is none."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None


def set_meta(connection: SqlConnection, key: str, value: MetaValue) -> None:
    """Keep a value beside the tables."""
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))


_KIND = Kind(meta, set_meta, name_another="name another file in store.url", begin_anew="move it away to start an empty one")
