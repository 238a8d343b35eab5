"""The SQLite file: where it lies, which versions it goes through, and what is said when it fails."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sorcha_peer_core.builtin import sqlite_schema
from sorcha_peer_core.builtin.sqlite_file import sqlite_path
from sorcha_peer_core.builtin.sqlite_store import SqliteStore, build_sqlite_store
from sorcha_peer_core.errors import ConfigError, StoreBroken, StoreError
from sorcha_peer_core.testing.store_samples import NOW_MS, arrivals_of, submissions_of

NEXT_VERSION = sqlite_schema.SCHEMA_VERSION + 1


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "peer.db"


def opened(file: Path | str, busy_timeout_s: float = 5.0) -> SqliteStore:
    store = SqliteStore(str(file), busy_timeout_s)
    store.open()
    return store


def change(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///peer.db", "/data/peer.db"),
        ("sqlite:///state/peer 1.db", "/data/state/peer 1.db"),
        ("sqlite:////var/lib/peer.db", "/var/lib/peer.db"),
        ("sqlite:///:memory:", ":memory:"),
    ],
)
def test_a_url_names_a_file(url, path):
    assert sqlite_path(url, Path("/data")) == path


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite://host/peer.db", "sqlite:///peer.db?mode=ro"])
def test_a_url_that_names_no_file_is_a_configuration_error(url):
    with pytest.raises(ConfigError, match=r"store\.url is 'sqlite:"):
        sqlite_path(url, Path("/data"))


def test_the_built_store_lies_in_the_data_directory(tmp_path):
    with closing(build_sqlite_store("sqlite:///peer.db", tmp_path)) as store:
        store.open()

    assert (tmp_path / "peer.db").exists()


def test_two_databases_have_different_log_epochs(tmp_path):
    with closing(opened(tmp_path / "a.db")) as a, closing(opened(tmp_path / "b.db")) as b:
        assert a.log_epoch != b.log_epoch


def test_a_file_of_a_newer_version_is_refused_and_names_the_version(file):
    opened(file).close()
    change(
        file,
        "UPDATE meta SET value = 99 WHERE key = 'schema_version'",
        "UPDATE meta SET value = '7.5.0' WHERE key = 'software'",
    )

    with pytest.raises(StoreBroken, match=r"peer\.db was written by Sorcha Peer 7\.5\.0 with schema 99.*Run 7\.5\.0 or newer"):
        opened(file)


def test_a_database_of_something_else_is_refused_and_left_as_it_is(file):
    change(file, "CREATE TABLE cookies (name TEXT)")

    with pytest.raises(StoreBroken, match="something else"):
        opened(file)

    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("cookies",)]


def test_a_migration_runs_once_and_keeps_the_data(file, monkeypatch):
    store = opened(file)
    store.append(arrivals_of(b"a"))
    store.close()
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", (*sqlite_schema.MIGRATIONS, ("CREATE TABLE later (n INTEGER)",)))
    monkeypatch.setattr(sqlite_schema, "SCHEMA_VERSION", NEXT_VERSION)

    for _ in range(2):
        with closing(opened(file)) as store:
            assert store.totals() == (1, 1)

    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone() == (NEXT_VERSION,)


def test_a_migration_that_fails_leaves_the_file_at_its_old_version(file, monkeypatch):
    opened(file).close()
    with monkeypatch.context() as changed:
        changed.setattr(sqlite_schema, "MIGRATIONS", (*sqlite_schema.MIGRATIONS, ("CREATE TABLE later (n INTEGER)", "nonsense")))
        changed.setattr(sqlite_schema, "SCHEMA_VERSION", NEXT_VERSION)
        with pytest.raises(StoreError, match="could not create or migrate its tables"):
            opened(file)

    with closing(opened(file)) as store:
        assert store.totals() == (0, 0)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'later'").fetchone() == (0,)


def test_a_file_that_is_no_database_is_named_as_damaged(file):
    file.write_bytes(b"this is not a database, whatever its name says" * 100)

    with pytest.raises(StoreBroken, match=r"peer\.db .*The file is damaged: restore it"):
        opened(file)


def test_a_page_that_was_overwritten_is_reported_as_damage_and_not_as_data(file):
    store = opened(file)
    store.append(arrivals_of(*[b"%04d" % number * 200 for number in range(500)]))
    store.close()
    content = bytearray(file.read_bytes())
    content[16 * 8192 : -8192] = b"\xa5" * (len(content) - 17 * 8192)
    file.write_bytes(content)

    with pytest.raises(StoreBroken, match="The file is damaged"), closing(opened(file)) as store:
        store.after(0, 500)


def test_a_directory_that_does_not_exist_is_said_in_a_sentence(tmp_path):
    with pytest.raises(StoreError, match=r"nowhere/peer\.db could not open: .*the directory has to exist and be writable"):
        opened(tmp_path / "nowhere" / "peer.db")


def test_a_place_below_a_file_is_said_in_a_sentence(tmp_path):
    (tmp_path / "data").write_text("in the way")

    with pytest.raises(StoreError, match="the directory has to exist and be writable"):
        opened(tmp_path / "data" / "peer.db")


def test_a_full_disk_is_said_in_a_sentence(file):
    with closing(opened(file)) as store:
        with store._database.reading("limit the file") as connection:
            connection.execute("PRAGMA max_page_count = 1")

        with pytest.raises(StoreError, match="could not accept 1 submissions: database or disk is full; free some space"):
            store.put(submissions_of(b"x" * 100_000), NOW_MS)


def test_a_store_that_may_only_be_read_is_said_in_a_sentence(file):
    with closing(opened(file)) as store:
        with store._database.reading("forbid writing") as connection:
            connection.execute("PRAGMA query_only = ON")

        with pytest.raises(
            StoreError, match="could not append 1 transactions: attempt to write a readonly database; give the node"
        ):
            store.append(arrivals_of(b"a"))


def test_a_file_that_somebody_else_writes_is_said_in_a_sentence_and_works_afterwards(file):
    with closing(opened(file, busy_timeout_s=0.01)) as store, closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="database is locked; another process holds the file"):
            store.append(arrivals_of(b"a"))

        other.execute("ROLLBACK")

        assert store.append(arrivals_of(b"a")) == [1]


def test_an_error_in_the_middle_of_a_batch_undoes_the_whole_batch(file):
    [good, odd] = arrivals_of(b"a", b"b")
    broken = odd._replace(hops=2**70)

    with closing(opened(file)) as store:
        with pytest.raises(OverflowError):
            store.append([good, broken])

        assert store.totals() == (0, 0)
        assert store.append([good]) == [1]


def test_a_store_that_could_not_be_opened_can_be_closed(tmp_path):
    store = SqliteStore(str(tmp_path / "nowhere" / "peer.db"))
    with pytest.raises(StoreError):
        store.open()

    store.close()
