"""The tables of the PostgreSQL store, as numbered steps from an empty schema to today."""

from __future__ import annotations

from sorcha_peer_core.builtin.sql_database import LATER, MetaValue, SqlConnection
from sorcha_peer_core.builtin.sql_migration import Kind, run_steps
from sorcha_peer_core.errors import StoreBroken

# A step never changes once it was released. Names and meanings are those of the SQLite store; ids sort as their bytes do.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, number BIGINT, words TEXT, bytes BYTEA)",
        """CREATE TABLE peers (
            peer_id TEXT COLLATE "C" PRIMARY KEY,
            address TEXT NOT NULL,
            port INTEGER NOT NULL,
            supported_protocols TEXT NOT NULL,
            first_seen BIGINT NOT NULL,
            last_seen BIGINT NOT NULL,
            failure_count INTEGER NOT NULL DEFAULT 0,
            capabilities TEXT NOT NULL,
            is_bootstrap BOOLEAN NOT NULL DEFAULT FALSE,
            record BYTEA NOT NULL,
            record_signature BYTEA NOT NULL,
            record_seq BIGINT NOT NULL,
            name TEXT NOT NULL,
            software TEXT NOT NULL,
            network_id TEXT NOT NULL,
            public_key BYTEA NOT NULL,
            proved_at BIGINT NOT NULL,
            last_attempt_at BIGINT NOT NULL,
            source TEXT NOT NULL,
            source_host TEXT NOT NULL,
            seen_host TEXT NOT NULL,
            rtt_ms DOUBLE PRECISION
        )""",
        "CREATE INDEX idx_peers_last_seen ON peers (last_seen)",
        "CREATE INDEX idx_peers_is_bootstrap ON peers (is_bootstrap)",
        """CREATE TABLE transaction_queue (
            id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            tx_hash TEXT COLLATE "C" NOT NULL,
            tx_data BYTEA NOT NULL,
            queued_at BIGINT NOT NULL,
            retry_count INTEGER NOT NULL DEFAULT 0,
            last_attempt BIGINT,
            content_type TEXT NOT NULL,
            register_id TEXT NOT NULL,
            queued_ms DOUBLE PRECISION NOT NULL,
            size INTEGER NOT NULL,
            state TEXT COLLATE "C" NOT NULL,
            last_attempt_ms DOUBLE PRECISION,
            not_before_ms DOUBLE PRECISION,
            dead_ms DOUBLE PRECISION,
            reason TEXT NOT NULL DEFAULT ''
        )""",
        "CREATE UNIQUE INDEX idx_queue_tx_hash ON transaction_queue (tx_hash)",
        "CREATE INDEX idx_queue_queued_at ON transaction_queue (queued_at)",
        "CREATE INDEX idx_queue_state ON transaction_queue (state, id)",
        "CREATE INDEX idx_queue_due ON transaction_queue (not_before_ms, id) WHERE not_before_ms IS NOT NULL",
        """CREATE TABLE transactions (
            seq BIGINT PRIMARY KEY,
            tx_hash BYTEA NOT NULL UNIQUE,
            size INTEGER NOT NULL,
            content_type TEXT NOT NULL,
            register_id TEXT COLLATE "C" NOT NULL,
            origin TEXT NOT NULL,
            created_ms DOUBLE PRECISION NOT NULL,
            received_ms DOUBLE PRECISION NOT NULL,
            hops INTEGER NOT NULL,
            header BYTEA NOT NULL,
            signature BYTEA NOT NULL,
            payload BYTEA NOT NULL
        )""",
        "CREATE INDEX idx_transactions_register ON transactions (register_id, seq) WHERE register_id <> ''",
        "CREATE INDEX idx_transactions_created ON transactions (created_ms, tx_hash)",
        f"CREATE INDEX idx_transactions_later ON transactions (({LATER}), seq)",
        """CREATE TABLE emptied (
            seq BIGINT PRIMARY KEY,
            tx_hash BYTEA NOT NULL UNIQUE,
            size INTEGER NOT NULL,
            created_ms DOUBLE PRECISION NOT NULL,
            received_ms DOUBLE PRECISION NOT NULL
        )""",
        "CREATE INDEX idx_emptied_created ON emptied (created_ms, tx_hash)",
        f"CREATE INDEX idx_emptied_later ON emptied (({LATER}), seq)",
        'CREATE TABLE sync_cursors (peer_id TEXT COLLATE "C" PRIMARY KEY, log_epoch BIGINT NOT NULL, seq BIGINT NOT NULL)',
        # Payloads are compressed or random already; trying again costs the server time.
        "ALTER TABLE transactions ALTER COLUMN payload SET STORAGE EXTERNAL",
        "ALTER TABLE transaction_queue ALTER COLUMN tx_data SET STORAGE EXTERNAL",
    ),
    (
        """CREATE TABLE bans (
            peer_id TEXT COLLATE "C" PRIMARY KEY,
            reason TEXT NOT NULL,
            banned_by TEXT NOT NULL,
            since_at BIGINT NOT NULL,
            until_at BIGINT
        )""",
        """CREATE TABLE audit (
            id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            at BIGINT NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            target TEXT NOT NULL,
            outcome TEXT NOT NULL
        )""",
    ),
)

SCHEMA_VERSION = len(MIGRATIONS)

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
_SET_META = (
    "INSERT INTO meta (key, number, words, bytes) VALUES (?, ?, ?, ?) ON CONFLICT (key) "
    "DO UPDATE SET number = excluded.number, words = excluded.words, bytes = excluded.bytes"
)


def migrate(connection: SqlConnection, place: str) -> int:
    """Bring the tables to ``SCHEMA_VERSION`` and return the log epoch; runs inside the caller's transaction.

    Raises:
        StoreBroken: written by a newer version, or not a database of ours.
    """
    return run_steps(connection, _KIND, place, _version_of(connection, place), MIGRATIONS)


def _version_of(connection: SqlConnection, place: str) -> int:
    tables = {name for (name,) in connection.execute(_TABLES)}
    if not tables:
        return 0
    ours = {"meta", "transactions", "transaction_queue"} <= tables
    version = meta(connection, "schema_version") if ours else None
    if not isinstance(version, int) or version < 1:
        raise StoreBroken(f"{place} is a database of something else; create one for this node and name it in store.url")
    return version


def meta(connection: SqlConnection, key: str) -> MetaValue | None:
    """A value that is kept beside the tables; None when there is none."""
    values = connection.execute("SELECT number, words, bytes FROM meta WHERE key = ?", (key,)).fetchone() or ()
    return next((value for value in values if value is not None), None)


def set_meta(connection: SqlConnection, key: str, value: MetaValue) -> None:
    """Keep a value beside the tables."""
    columns = [value if isinstance(value, kind) else None for kind in (int, str, bytes)]
    connection.execute(_SET_META, (key, *columns))


_KIND = Kind(meta, set_meta, name_another="name another database in store.url", begin_anew="name an empty database in store.url")
