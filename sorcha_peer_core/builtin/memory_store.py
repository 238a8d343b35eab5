"""A store without a disk: for tests and for nodes that need not remember."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import count, islice
from pathlib import Path

from sorcha_peer_core.builtin.memory_outbox import MemoryOutbox
from sorcha_peer_core.interfaces.views import AuditEntry
from sorcha_peer_core.model.ban import Ban
from sorcha_peer_core.model.ids import PeerId
from sorcha_peer_core.model.messages import Cursor
from sorcha_peer_core.model.peer import PeerRow

_SECRET_BYTES = 32


def build_memory_store(url: str, data_dir: Path) -> MemoryStore:
    """The store that ``memory://`` names; there is nothing to say about it."""
    return MemoryStore()


class MemoryStore(MemoryOutbox):
    """The role Store. Nothing outlives the object."""

    def __init__(self) -> None:
        super().__init__()
        self._peer_table_secret = secrets.token_bytes(_SECRET_BYTES)
        self._peers: dict[PeerId, PeerRow] = {}
        self._anchors: list[PeerId] = []
        self._cursors: dict[PeerId, Cursor] = {}
        self._bans: dict[PeerId, Ban] = {}
        self._audit: deque[AuditEntry] = deque()
        self._audit_ids = count(1)

    def open(self) -> None:
        """Ready for use."""
        self._is_open = True

    def close(self) -> None:
        """No further use. Idempotent."""
        self._is_open = False

    def peer_table_secret(self) -> bytes:
        """32 random bytes made with the object."""
        self._check_open()
        return self._peer_table_secret

    def save_peers(self, rows: Sequence[PeerRow]) -> None:
        """Insert or replace by peer id."""
        self._check_open()
        self._peers.update({row.record.peer_id: row for row in rows})

    def peers(self) -> list[PeerRow]:
        """All rows, most recently seen first."""
        self._check_open()
        return sorted(self._peers.values(), key=lambda row: (-row.last_seen_at, row.record.peer_id))

    def forget_peers(self, peer_ids: Sequence[PeerId]) -> None:
        """Remove rows; unknown ids are ignored."""
        self._check_open()
        for peer_id in peer_ids:
            self._peers.pop(peer_id, None)

    def save_anchors(self, peer_ids: Sequence[PeerId]) -> None:
        """Remember the peers that are dialled first after a restart."""
        self._check_open()
        self._anchors = list(peer_ids)

    def anchors(self) -> list[PeerId]:
        """They, in their order."""
        self._check_open()
        return list(self._anchors)

    def save_cursors(self, cursors: Mapping[PeerId, Cursor]) -> None:
        """Remember how far each of these peers' logs was read."""
        self._check_open()
        self._cursors.update(cursors)

    def cursors(self) -> dict[PeerId, Cursor]:
        """All remembered cursors."""
        self._check_open()
        return dict(self._cursors)

    def save_ban(self, ban: Ban) -> None:
        """Insert or replace by peer id."""
        self._check_open()
        self._bans[ban.peer_id] = ban

    def lift_bans(self, peer_ids: Sequence[PeerId]) -> None:
        """Remove them; ids that are not banned are ignored."""
        self._check_open()
        for peer_id in peer_ids:
            self._bans.pop(peer_id, None)

    def bans(self) -> list[Ban]:
        """All of them, the latest first."""
        self._check_open()
        return sorted(self._bans.values(), key=lambda ban: (-ban.since_at, ban.peer_id))

    def add_audit(self, at: int, actor: str, action: str, target: str, outcome: str, keep: int) -> None:
        """Put an entry behind all others, and keep the latest ``keep``."""
        self._check_open()
        self._audit.append(AuditEntry(next(self._audit_ids), at, actor, action, target, outcome))
        while len(self._audit) > keep:
            self._audit.popleft()

    def audit(self, before_row_id: int | None, limit: int) -> list[AuditEntry]:
        """Up to ``limit`` entries below the given ``row_id``, newest first."""
        self._check_open()
        found = (entry for entry in reversed(self._audit) if before_row_id is None or entry.row_id < before_row_id)
        return list(islice(found, limit))
