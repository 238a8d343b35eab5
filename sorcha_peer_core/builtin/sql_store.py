"""A whole store on SQL: arrival log, outbox, peers and audit in one database."""

from __future__ import annotations

from sorcha_peer_core.builtin.sql_audit import SqlAudit
from sorcha_peer_core.builtin.sql_database import Database, SqlConnection
from sorcha_peer_core.builtin.sql_peers import SqlPeers
from sorcha_peer_core.builtin.sql_pruning import SqlPruning


class SqlStore(SqlPruning, SqlPeers, SqlAudit):
    """The role Store. The totals are kept beside the tables, so that nobody has to count rows."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database

    def open(self) -> None:
        """Connect, create or migrate the schema, count what is there."""
        self._log_epoch = self._database.open()
        with self._database.reading("count its rows") as connection:
            self._count(connection)

    def close(self) -> None:
        """Disconnect. Idempotent."""
        self._database.close()

    def _count(self, connection: SqlConnection) -> None:
        self._count_log(connection)
        self._count_queue(connection)
