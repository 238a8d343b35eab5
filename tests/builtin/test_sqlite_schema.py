"""Files of earlier versions become files of this one, with all that is in them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sorcha_peer_core.builtin import sqlite_schema
from sorcha_peer_core.builtin.sqlite_file import SqliteFile
from sorcha_peer_core.builtin.sqlite_store import SqliteStore
from sorcha_peer_core.model.ban import Ban
from sorcha_peer_core.model.ids import PeerId, tx_hash_of
from sorcha_peer_core.model.transaction import QueueRow, QueueState, QueueTotals
from sorcha_peer_core.testing.store_samples import NOW_MS, TTL_S, arrival_of, submissions_of, transaction_of
from sorcha_peer_core.wire.codec import encode_header

BEFORE_STATES = (1, 2, 3)
"""Versions of the schema whose outbox held what was to be released, and nothing else."""

BEFORE_AUDIT = 4


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "peer.db"


def write_with_schema(version: int, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file as that version wrote it: payloads 1, 2 and 3 were queued, 2 was released; the log has 2 and another one."""
    with monkeypatch.context() as changed:
        changed.setattr(sqlite_schema, "MIGRATIONS", sqlite_schema.MIGRATIONS[:version])
        changed.setattr(sqlite_schema, "SCHEMA_VERSION", version)
        database = SqliteFile(str(file))
        database.open()
        database.close()
    with closing(sqlite3.connect(file)) as connection, connection:
        for number in (1, 2, 3):
            payload = b"payload %d" % number
            connection.execute(
                "INSERT INTO transaction_queue (tx_hash, tx_data, queued_at, content_type, register_id, queued_ms, size) "
                "VALUES (?,?,?,?,?,?,?)",
                (tx_hash_of(payload).hex(), payload, int(NOW_MS / 1000), "text/plain", "land", NOW_MS + number, len(payload)),
            )
        connection.execute("DELETE FROM transaction_queue WHERE id = 2")
        for payload in (b"payload 2", b"another"):
            header = transaction_of(payload).header
            connection.execute(
                "INSERT INTO transactions (tx_hash, size, content_type, register_id, origin, created_ms, received_ms, hops, "
                "header, signature, payload) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                (header.payload_hash, len(payload), "", "", "", NOW_MS, NOW_MS, 0, encode_header(header), bytes(64), payload),
            )


def opened(file: Path) -> SqliteStore:
    store = SqliteStore(str(file))
    store.open()
    return store


@pytest.mark.parametrize("version", BEFORE_STATES)
def test_rows_of_an_earlier_outbox_are_pending(version, file, monkeypatch):
    write_with_schema(version, file, monkeypatch)

    with closing(opened(file)) as store:
        assert store.queue_totals() == QueueTotals(2, 0, 0, 0, 18)
        first = store.queue_row(tx_hash_of(b"payload 1"))
        waiting = store.queued(0, 10, 1000)

    assert first == QueueRow(
        1, tx_hash_of(b"payload 1"), 9, "text/plain", "land", QueueState.PENDING, NOW_MS + 1, 0, None, None, ""
    )
    assert [row.submission.payload for row in waiting] == [b"payload 1", b"payload 3"]
    assert [row.row_id for row in waiting] == [1, 3]


@pytest.mark.parametrize("version", BEFORE_STATES)
def test_the_log_of_an_earlier_version_is_whole_and_goes_on(version, file, monkeypatch):
    write_with_schema(version, file, monkeypatch)

    with closing(opened(file)) as store:
        assert (store.totals(), store.log_bytes()) == ((2, 2), 16)
        assert store.load([tx_hash_of(b"payload 2")]) == [transaction_of(b"payload 2")]
        assert store.append([arrival_of(b"payload 1", own=True)]) == [3]
        store.lapse()
        assert [due.expires_ms for due in store.due(NOW_MS, 10)] == [NOW_MS + TTL_S * 1000]
        assert store.prune(NOW_MS + 1, 0, 10).forgotten == 2


@pytest.mark.parametrize("version", BEFORE_STATES)
def test_a_row_number_that_an_earlier_version_gave_is_not_given_again(version, file, monkeypatch):
    write_with_schema(version, file, monkeypatch)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM transaction_queue")

    with closing(opened(file)) as store:
        store.put(submissions_of(b"new"), NOW_MS)

        assert [row.row_id for row in store.queued(0, 10, 1000)] == [4]


@pytest.mark.parametrize("version", BEFORE_STATES)
def test_a_migrated_file_has_the_tables_and_indexes_of_a_new_one(version, file, tmp_path, monkeypatch):
    write_with_schema(version, file, monkeypatch)
    opened(file).close()
    opened(tmp_path / "new.db").close()

    assert schema_of(file) == schema_of(tmp_path / "new.db")


def test_a_file_from_before_the_audit_keeps_bans_and_an_audit_from_now_on(file, tmp_path, monkeypatch):
    write_with_schema(BEFORE_AUDIT, file, monkeypatch)

    with closing(opened(file)) as store:
        assert (store.bans(), store.audit(None, 10)) == ([], [])
        store.save_ban(Ban(PeerId("a" * 40), "", "operator", 5, None))
        store.add_audit(5, "anna", "peer.ban", "a" * 40, "ok", 10)
        assert (len(store.bans()), len(store.audit(None, 10))) == (1, 1)
        assert store.totals() == (2, 2)
    opened(tmp_path / "new.db").close()

    assert schema_of(file) == schema_of(tmp_path / "new.db")


def schema_of(file: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


@pytest.mark.parametrize("version", BEFORE_STATES)
def test_what_was_queued_and_came_from_a_peer_meanwhile_is_delivered_by_the_next_release(version, file, monkeypatch):
    """Earlier versions left such a row alone."""
    write_with_schema(version, file, monkeypatch)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE transaction_queue SET tx_hash = ? WHERE id = 1", (tx_hash_of(b"another").hex(),))

    with closing(opened(file)) as store:
        assert store.append([arrival_of(b"another", own=True)]) == [2]

        assert store.queue_row(tx_hash_of(b"another")) is None
        assert store.queue_totals().pending == 1
