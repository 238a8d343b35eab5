"""The store in a PostgreSQL database, for sites that keep state in a database cluster."""

from __future__ import annotations

from pathlib import Path

from sorcha_peer_core.builtin.postgres_server import PostgresServer
from sorcha_peer_core.builtin.sql_store import SqlStore


def build_postgres_store(url: str, data_dir: Path) -> PostgresStore:
    """The store that ``store.url`` names; nothing of it lies in the data directory."""
    return PostgresStore(url)


class PostgresStore(SqlStore):
    """The role Store in one schema of a database."""

    def __init__(self, url: str) -> None:
        server = PostgresServer(url)
        # What the last calls committed may not be what was counted: the answer was lost with the connection.
        server.reconnected = self._count
        super().__init__(server)
