"""Bans, and what operators did, on SQL."""

from __future__ import annotations

from collections.abc import Sequence

from sorcha_peer_core.builtin.sql_database import Database
from sorcha_peer_core.interfaces.views import AuditEntry
from sorcha_peer_core.model.ban import Ban
from sorcha_peer_core.model.ids import PeerId

_BAN_COLUMNS = "peer_id, reason, banned_by, since_at, until_at"
_SAVE_BAN = (
    f"INSERT INTO bans ({_BAN_COLUMNS}) VALUES (?, ?, ?, ?, ?) ON CONFLICT (peer_id) DO UPDATE SET reason = excluded.reason, "
    "banned_by = excluded.banned_by, since_at = excluded.since_at, until_at = excluded.until_at"
)
_READ_BANS = f"SELECT {_BAN_COLUMNS} FROM bans ORDER BY since_at DESC, peer_id"
_ADD_AUDIT = "INSERT INTO audit (at, actor, action, target, outcome) VALUES (?, ?, ?, ?, ?)"
_SHORTEN_AUDIT = "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?"
_READ_AUDIT = "SELECT id, at, actor, action, target, outcome FROM audit"


class SqlAudit:
    """The roles BanStore and AuditLog."""

    _database: Database

    def save_ban(self, ban: Ban) -> None:
        """Insert or replace by peer id."""
        with self._database.commit("save a ban") as connection:
            connection.execute(_SAVE_BAN, ban)

    def lift_bans(self, peer_ids: Sequence[PeerId]) -> None:
        """Remove them; ids that are not banned are ignored."""
        with self._database.commit(f"lift {len(peer_ids)} bans") as connection:
            connection.executemany("DELETE FROM bans WHERE peer_id = ?", [(peer_id,) for peer_id in peer_ids])

    def bans(self) -> list[Ban]:
        """All of them, the latest first."""
        with self._database.reading("read its bans") as connection:
            return [Ban(PeerId(peer_id), *rest) for peer_id, *rest in connection.execute(_READ_BANS)]

    def add_audit(self, at: int, actor: str, action: str, target: str, outcome: str, keep: int) -> None:
        """Put an entry behind all others, and keep the latest ``keep``."""
        with self._database.commit("add to its audit") as connection:
            connection.execute(_ADD_AUDIT, (at, actor, action, target, outcome))
            connection.execute(_SHORTEN_AUDIT, (keep,))

    def audit(self, before_row_id: int | None, limit: int) -> list[AuditEntry]:
        """Up to ``limit`` entries below the given ``row_id``, newest first."""
        below, values = ("", (limit,)) if before_row_id is None else (" WHERE id < ?", (before_row_id, limit))
        with self._database.reading("read its audit") as connection:
            found = connection.execute(f"{_READ_AUDIT}{below} ORDER BY id DESC LIMIT ?", values)
            return [AuditEntry(*row) for row in found]
