"""The peer table and the sync cursors in SQLite."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from peewee import Table

from sorcha_peer_core.builtin.sqlite_file import SqliteFile
from sorcha_peer_core.model.ids import PeerId
from sorcha_peer_core.model.messages import Cursor
from sorcha_peer_core.model.peer import Endpoint, PeerRecord, PeerRow

_PEER_COLUMNS = (
    "peer_id", "address", "port", "supported_protocols", "first_seen", "last_seen", "failure_count", "capabilities",
    "is_bootstrap", "record", "record_signature", "record_seq", "name", "software", "network_id", "public_key",
)  # fmt: skip
_PEERS = Table("peers")
_CURSORS = Table("sync_cursors")

_SAVE_PEER = f"INSERT OR REPLACE INTO peers ({', '.join(_PEER_COLUMNS)}) VALUES ({', '.join('?' * len(_PEER_COLUMNS))})"
_SAVE_CURSOR = "INSERT OR REPLACE INTO sync_cursors (peer_id, log_epoch, seq) VALUES (?, ?, ?)"
_NO_ENDPOINT = Endpoint("grpc", "", 0)
_UNSIGNED = 1 << 64


class SqlitePeers:
    """The role PeerStore on a file."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def save_peers(self, rows: Sequence[PeerRow]) -> None:
        """Insert or replace by peer id."""
        with self._file.commit(f"save {len(rows)} peers") as connection:
            connection.executemany(_SAVE_PEER, [_peer_values(row) for row in rows])

    def peers(self) -> list[PeerRow]:
        """All rows, most recently seen first."""
        columns = [getattr(_PEERS.c, name) for name in _PEER_COLUMNS]
        query = _PEERS.select(*columns).order_by(_PEERS.c.last_seen.desc(), _PEERS.c.peer_id)
        return [_peer_row(values) for values in self._file.rows(query, "read its peers")]

    def forget_peers(self, peer_ids: Sequence[PeerId]) -> None:
        """Remove rows; unknown ids are ignored."""
        with self._file.commit(f"forget {len(peer_ids)} peers") as connection:
            connection.executemany("DELETE FROM peers WHERE peer_id = ?", [(peer_id,) for peer_id in peer_ids])

    def save_cursors(self, cursors: Mapping[PeerId, Cursor]) -> None:
        """Remember how far each of these peers' logs was read."""
        rows = [(peer_id, _to_signed(cursor.log_epoch), _to_signed(cursor.seq)) for peer_id, cursor in cursors.items()]
        with self._file.commit(f"save {len(rows)} sync cursors") as connection:
            connection.executemany(_SAVE_CURSOR, rows)

    def cursors(self) -> dict[PeerId, Cursor]:
        """All remembered cursors."""
        query = _CURSORS.select(_CURSORS.c.peer_id, _CURSORS.c.log_epoch, _CURSORS.c.seq)
        rows = self._file.rows(query, "read its sync cursors")
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
        _to_signed(record.seq),
        record.name,
        record.software,
        record.network_id,
        record.public_key,
    )


def _peer_row(values: tuple[Any, ...]) -> PeerRow:
    column = dict(zip(_PEER_COLUMNS, values, strict=True))
    record = PeerRecord(
        peer_id=PeerId(column["peer_id"]),
        public_key=column["public_key"],
        network_id=column["network_id"],
        seq=_to_unsigned(column["record_seq"]),
        endpoints=tuple(Endpoint(*parts) for parts in json.loads(column["capabilities"])["endpoints"]),
        name=column["name"],
        software=column["software"],
        signed=column["record"],
        signature=column["record_signature"],
    )
    return PeerRow(record, column["first_seen"], column["last_seen"], column["failure_count"], bool(column["is_bootstrap"]))


# Peers choose these numbers from the whole unsigned range of the wire; SQLite's integers are signed.
def _to_signed(number: int) -> int:
    return number - _UNSIGNED if number >= _UNSIGNED // 2 else number


def _to_unsigned(number: int) -> int:
    return number + _UNSIGNED if number < 0 else number
