"""The peer table in SQLite: rows of earlier versions, and rows that cannot be read."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from sorcha_peer_core.builtin import sqlite_schema
from sorcha_peer_core.builtin.sqlite_file import SqliteFile
from sorcha_peer_core.builtin.sqlite_store import SqliteStore
from sorcha_peer_core.errors import StoreBroken
from sorcha_peer_core.model.ids import PeerId
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.testing.store_samples import peer_row_of

FIRST_COLUMNS = (
    "peer_id, address, port, supported_protocols, first_seen, last_seen, failure_count, capabilities, is_bootstrap, record, "
    "record_signature, record_seq, name, software, network_id, public_key"
)


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "peer.db"


def opened(file: Path) -> SqliteStore:
    store = SqliteStore(str(file))
    store.open()
    return store


def change(file: Path, statement: str, values: tuple = ()) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement, values)


def write_with_the_first_schema(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with two peers, as the first version of the tables had it."""
    with monkeypatch.context() as changed:
        changed.setattr(sqlite_schema, "MIGRATIONS", sqlite_schema.MIGRATIONS[:1])
        changed.setattr(sqlite_schema, "SCHEMA_VERSION", 1)
        database = SqliteFile(str(file))
        database.open()
        database.close()
    change(file, "DELETE FROM meta WHERE key = 'peer_table_secret'")
    endpoints = (Endpoint("grpc", "10.0.0.1", 5001), Endpoint("rest", "10.0.0.1", 5002))
    for number, last_seen_at in ((1, 1_767_225_600), (2, 0)):
        record = peer_row_of(number, endpoints=endpoints).record
        values = (record.peer_id, "10.0.0.1", 5001, '["grpc", "rest"]', 1_767_000_000, last_seen_at, 3, '{"endpoints": []}',
                  number == 1, record.signed, record.signature, 1, record.name, "", "sorcha", record.public_key)  # fmt: skip
        change(file, f"INSERT INTO peers ({FIRST_COLUMNS}) VALUES ({', '.join('?' * len(values))})", values)


def test_peers_of_the_first_schema_are_kept_and_those_that_were_met_count_as_proved(file, monkeypatch):
    write_with_the_first_schema(file, monkeypatch)

    with closing(opened(file)) as store:
        met, heard_of = store.peers()

    endpoints = (Endpoint("grpc", "10.0.0.1", 5001), Endpoint("rest", "10.0.0.1", 5002))
    expected = replace(peer_row_of(1, last_seen_at=1_767_225_600, endpoints=endpoints), failures=3)
    assert met == replace(expected, is_bootstrap=True, proved_at=1_767_225_600)
    assert heard_of == replace(peer_row_of(2, endpoints=endpoints), failures=3)
    assert met.record.tls_keys


def test_a_file_of_the_first_schema_gets_a_secret_that_stays(file, monkeypatch):
    write_with_the_first_schema(file, monkeypatch)

    secrets = []
    for _ in range(2):
        with closing(opened(file)) as store:
            secrets.append(store.peer_table_secret())

    assert len(secrets[0]) == 32
    assert secrets[0] == secrets[1]


def test_two_files_have_different_secrets(tmp_path):
    with closing(opened(tmp_path / "a.db")) as a, closing(opened(tmp_path / "b.db")) as b:
        assert a.peer_table_secret() != b.peer_table_secret()


def test_a_secret_that_is_no_secret_is_said_in_a_sentence(file):
    with closing(opened(file)) as store:
        change(file, "UPDATE meta SET value = 'none' WHERE key = 'peer_table_secret'")

        with pytest.raises(StoreBroken, match=r"peer\.db has lost the secret of its peer table"):
            store.peer_table_secret()


def test_a_row_that_cannot_be_read_is_left_out_and_the_log_says_so(file, caplog):
    with closing(opened(file)) as store:
        store.save_peers([peer_row_of(number) for number in range(3)])
        change(file, "UPDATE peers SET record = x'ff' WHERE name = 'node 1'")

        with caplog.at_level(logging.WARNING):
            rows = store.peers()

    assert {row.record.name for row in rows} == {"node 0", "node 2"}
    assert [line.getMessage() for line in caplog.records] == [f"1 of 3 peers in {file} cannot be read and are left out"]


def test_what_other_tools_wrote_into_the_columns_does_not_change_what_the_peer_signed(file):
    with closing(opened(file)) as store:
        store.save_peers([peer_row_of(1)])
        change(file, "UPDATE peers SET name = 'somebody else', network_id = 'elsewhere', peer_id = 'x'")

        assert store.peers() == [peer_row_of(1)]


def test_the_columns_beside_those_of_the_first_schema_can_be_read_by_other_tools(file):
    row = replace(
        peer_row_of(1), proved_at=5, last_attempt_at=6, source=PeerId("a" * 40), source_host="h", seen_host="s", rtt_ms=1.5
    )
    with closing(opened(file)) as store:
        store.save_peers([row, peer_row_of(2)])

    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT proved_at, last_attempt_at, source, source_host, seen_host, rtt_ms FROM peers ORDER BY name"
        assert connection.execute(query).fetchall() == [(5, 6, "a" * 40, "h", "s", 1.5), (0, 0, "", "", "", None)]
