"""The peer table and the sync cursors on SQL."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from sorcha_peer_core.builtin.sql_database import ANCHORS, PEER_TABLE_SECRET, Database
from sorcha_peer_core.errors import RemoteProtocolError, StoreBroken
from sorcha_peer_core.model.ids import PeerId
from sorcha_peer_core.model.messages import Cursor
from sorcha_peer_core.model.peer import Endpoint, PeerRow
from sorcha_peer_core.wire.records import decode_record

log = logging.getLogger(__name__)

_PEER_COLUMNS = (
    "peer_id", "address", "port", "supported_protocols", "first_seen", "last_seen", "failure_count", "capabilities",
    "is_bootstrap", "record", "record_signature", "record_seq", "name", "software", "network_id", "public_key",
    "proved_at", "last_attempt_at", "source", "source_host", "seen_host", "rtt_ms",
)  # fmt: skip
_READ_COLUMNS = (
    "record", "record_signature", "first_seen", "last_seen", "failure_count", "is_bootstrap", "proved_at", "last_attempt_at",
    "source", "source_host", "seen_host", "rtt_ms",
)  # fmt: skip
_SAVE_PEER = (
    f"INSERT INTO peers ({', '.join(_PEER_COLUMNS)}) VALUES ({', '.join('?' * len(_PEER_COLUMNS))}) "
    f"ON CONFLICT (peer_id) DO UPDATE SET {', '.join(f'{column} = excluded.{column}' for column in _PEER_COLUMNS[1:])}"
)
_READ_PEERS = f"SELECT {', '.join(_READ_COLUMNS)} FROM peers ORDER BY last_seen DESC, peer_id"
_SAVE_CURSOR = (
    "INSERT INTO sync_cursors (peer_id, log_epoch, seq) VALUES (?, ?, ?) "
    "ON CONFLICT (peer_id) DO UPDATE SET log_epoch = excluded.log_epoch, seq = excluded.seq"
)
_READ_CURSORS = "SELECT peer_id, log_epoch, seq FROM sync_cursors"
_NO_ENDPOINT = Endpoint("grpc", "", 0)
_UNSIGNED = 1 << 64


class SqlPeers:
    """The role PeerStore."""

    _database: Database

    def peer_table_secret(self) -> bytes:
        """32 random bytes made with the database."""
        with self._database.reading("read the secret of its peer table") as connection:
            secret = self._database.meta(connection, PEER_TABLE_SECRET)
        if not isinstance(secret, bytes):
            raise StoreBroken(f"{self._database.place} has lost the secret of its peer table; restore it from a backup")
        return secret

    def save_peers(self, rows: Sequence[PeerRow]) -> None:
        """Insert or replace by peer id."""
        with self._database.commit(f"save {len(rows)} peers") as connection:
            connection.executemany(_SAVE_PEER, [_peer_values(row) for row in rows])

    def peers(self) -> list[PeerRow]:
        """All rows, most recently seen first. Those whose record cannot be read are left out, and the log says so."""
        with self._database.reading("read its peers") as connection:
            found = [_peer_row(values) for values in connection.execute(_READ_PEERS)]
        rows = [row for row in found if row is not None]
        if len(rows) < len(found):
            unread = len(found) - len(rows)
            log.warning("%d of %d peers in %s cannot be read and are left out", unread, len(found), self._database.place)
        return rows

    def forget_peers(self, peer_ids: Sequence[PeerId]) -> None:
        """Remove rows; unknown ids are ignored."""
        with self._database.commit(f"forget {len(peer_ids)} peers") as connection:
            connection.executemany("DELETE FROM peers WHERE peer_id = ?", [(peer_id,) for peer_id in peer_ids])

    def save_anchors(self, peer_ids: Sequence[PeerId]) -> None:
        """Remember the peers that are dialled first after a restart."""
        with self._database.commit(f"save {len(peer_ids)} anchors") as connection:
            self._database.set_meta(connection, ANCHORS, json.dumps(list(peer_ids)))

    def anchors(self) -> list[PeerId]:
        """They, in their order."""
        with self._database.reading("read its anchors") as connection:
            saved = self._database.meta(connection, ANCHORS)
        return [PeerId(peer_id) for peer_id in json.loads(saved)] if isinstance(saved, str) else []

    def save_cursors(self, cursors: Mapping[PeerId, Cursor]) -> None:
        """Remember how far each of these peers' logs was read."""
        rows = [(peer_id, _to_signed(cursor.log_epoch), _to_signed(cursor.seq)) for peer_id, cursor in cursors.items()]
        with self._database.commit(f"save {len(rows)} sync cursors") as connection:
            connection.executemany(_SAVE_CURSOR, rows)

    def cursors(self) -> dict[PeerId, Cursor]:
        """All remembered cursors."""
        with self._database.reading("read its sync cursors") as connection:
            rows = connection.execute(_READ_CURSORS).fetchall()
        return {PeerId(peer_id): Cursor(_to_unsigned(epoch), _to_unsigned(seq)) for peer_id, epoch, seq in rows}


def _peer_values(row: PeerRow) -> tuple[Any, ...]:
    record = row.record
    # The table's address and port are those of the gRPC endpoint; the whole list is among the capabilities.
    grpc = next((endpoint for endpoint in record.endpoints if endpoint.scheme == "grpc"), _NO_ENDPOINT)
    return (
        record.peer_id,
        grpc.host,
        grpc.port,
        json.dumps(list(dict.fromkeys(endpoint.scheme for endpoint in record.endpoints))),
        row.first_seen_at,
        row.last_seen_at,
        row.failures,
        json.dumps({"endpoints": record.endpoints}),
        row.is_bootstrap,
        record.signed,
        record.signature,
        record.seq,
        record.name,
        record.software,
        record.network_id,
        record.public_key,
        row.proved_at,
        row.last_attempt_at,
        row.source or "",
        row.source_host,
        row.seen_host,
        row.rtt_ms,
    )


def _peer_row(values: tuple[Any, ...]) -> PeerRow | None:
    column = dict(zip(_READ_COLUMNS, values, strict=True))
    try:
        # The other columns are for people and other tools: what counts is what the peer signed.
        record = decode_record(column["record"], column["record_signature"])
    except RemoteProtocolError:
        return None
    return PeerRow(
        record=record,
        first_seen_at=column["first_seen"],
        last_seen_at=column["last_seen"],
        failures=column["failure_count"],
        is_bootstrap=bool(column["is_bootstrap"]),
        proved_at=column["proved_at"],
        last_attempt_at=column["last_attempt_at"],
        source=PeerId(column["source"]) if column["source"] else None,
        source_host=column["source_host"],
        seen_host=column["seen_host"],
        rtt_ms=column["rtt_ms"],
    )


# Peers choose these numbers from the whole unsigned range of the wire; a database's integers are signed.
def _to_signed(number: int) -> int:
    return number - _UNSIGNED if number >= _UNSIGNED // 2 else number


def _to_unsigned(number: int) -> int:
    return number + _UNSIGNED if number < 0 else number
