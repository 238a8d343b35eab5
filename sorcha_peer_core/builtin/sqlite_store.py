"""The embedded store: arrival log, outbox and peers in one SQLite file, WAL journal."""

from __future__ import annotations

from pathlib import Path

from sorcha_peer_core.builtin.sql_store import SqlStore
from sorcha_peer_core.builtin.sqlite_file import SqliteFile, sqlite_path
from sorcha_peer_core.model.mending import Mended

_PROBE = "probe"
_PROBE_BYTES = 256 * 1024


def build_sqlite_store(url: str, data_dir: Path) -> SqliteStore:
    """The store that ``store.url`` names."""
    return SqliteStore(sqlite_path(url, data_dir))


class SqliteStore(SqlStore):
    """The role Store on a file, and the role MendingStore."""

    def __init__(self, path: str, busy_timeout_s: float = 5.0) -> None:
        self._file = SqliteFile(path, busy_timeout_s)
        super().__init__(self._file)

    def check(self) -> None:
        """Whether the files were deleted or replaced."""
        self._file.check_place()

    def probe(self) -> None:
        """Commit some 256 KiB and take them back."""
        with self._file.commit("be written") as connection:
            self._file.set_meta(connection, _PROBE, bytes(_PROBE_BYTES))
        with self._file.commit("be written") as connection:
            connection.execute("DELETE FROM meta WHERE key = ?", (_PROBE,))

    def mend(self) -> Mended:
        """Put the damaged file aside and go on in a new one, with what can be read."""
        mended = self._file.mend()
        self.open()
        return mended
