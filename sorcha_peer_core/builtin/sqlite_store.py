"""The embedded store: arrival log, outbox and peers in one SQLite file, WAL journal."""

from __future__ import annotations

from pathlib import Path

from sorcha_peer_core.builtin.sql_store import SqlStore
from sorcha_peer_core.builtin.sqlite_file import SqliteFile, sqlite_path


def build_sqlite_store(url: str, data_dir: Path) -> SqliteStore:
    """The store that ``store.url`` names."""
    return SqliteStore(sqlite_path(url, data_dir))


class SqliteStore(SqlStore):
    """The role Store on a file."""

    def __init__(self, path: str, busy_timeout_s: float = 5.0) -> None:
        super().__init__(SqliteFile(path, busy_timeout_s))
