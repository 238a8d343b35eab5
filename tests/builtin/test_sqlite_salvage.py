"""A damaged SQLite file: what of it goes on in a new one, and where the old one is kept."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from sorcha_peer_core.builtin import sqlite_file
from sorcha_peer_core.builtin.sqlite_store import SqliteStore
from sorcha_peer_core.errors import StoreBroken, StoreDamaged, StoreError
from sorcha_peer_core.model.ban import Ban
from sorcha_peer_core.model.ids import PeerId, tx_hash_of
from sorcha_peer_core.testing.store_samples import NOW_MS, arrivals_of, submissions_of

PAGE_BYTES = 8192
PAYLOADS = [b"%04d" % number * 300 for number in range(1000)]
QUEUED = [b"queued %04d" % number * 100 for number in range(200)]
ANCHORS = [PeerId("a" * 40), PeerId("b" * 40)]


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "peer.db"


@pytest.fixture
def store(file):
    with closing(SqliteStore(str(file))) as store:
        store.open()
        store.save_anchors(ANCHORS)
        store.put(submissions_of(*QUEUED), NOW_MS)
        for start in range(0, len(PAYLOADS), 100):
            store.append(arrivals_of(*PAYLOADS[start : start + 100]))
        yield store


def asides(file: Path) -> list[Path]:
    return sorted(path for path in file.parent.iterdir() if ".damaged-" in path.name)


def overwrite(file: Path, first_page: int, pages: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(first_page * PAGE_BYTES)
        opened.write(b"\xa5" * (pages * PAGE_BYTES))


def pages_of(file: Path, table: str) -> list[int]:
    """Numbers, from 0, of the leaf pages of a table."""
    with closing(sqlite3.connect(file)) as connection:
        try:
            rows = connection.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (table,)).fetchall()
        except sqlite3.OperationalError:
            pytest.skip("this SQLite does not tell which page is whose")
    return [page - 1 for (page,) in rows]


def queued(file: Path) -> set[bytes]:
    with closing(sqlite3.connect(file)) as connection:
        return {payload for (payload,) in connection.execute("SELECT tx_data FROM transaction_queue")}


def test_a_page_of_the_log_that_is_gone_costs_what_was_on_it_and_nothing_else(store, file):
    store.close()
    [page, *_] = pages_of(file, "transactions")[10:]
    overwrite(file, page, 1)
    with pytest.raises(StoreDamaged, match=r"peer\.db .*damaged"):
        store.open()

    mended = store.mend()

    assert len(PAYLOADS) - 10 < mended.transactions < len(PAYLOADS)
    assert store.totals()[0] == mended.transactions
    assert (mended.submissions, mended.lost_submissions, mended.is_new_log) == (len(QUEUED), (), True)
    assert "a part of the table transactions" in mended.unread
    assert queued(file) == set(QUEUED)
    assert store.anchors() == ANCHORS


def test_bans_and_the_audit_are_taken_over_with_their_numbers(store, file):
    ban = Ban(PeerId("c" * 40), "it floods us", "operator", 5, None)
    store.save_ban(ban)
    for number in range(12):
        store.add_audit(number, "anna", "peer.ban", "c" * 40, "ok", 10)
    before = store.audit(None, 100)
    store.close()
    overwrite(file, pages_of(file, "transactions")[10], 1)

    store.mend()

    assert (store.bans(), store.audit(None, 100)) == ([ban], before)
    store.add_audit(99, "anna", "peer.unban", "c" * 40, "ok", 10)
    assert store.audit(None, 1)[0].row_id == before[0].row_id + 1


def test_a_page_of_the_outbox_that_is_gone_costs_what_was_on_it_and_nothing_else(store, file):
    store.close()
    overwrite(file, pages_of(file, "transaction_queue")[3], 1)

    mended = store.mend()

    assert len(QUEUED) - 15 < mended.submissions < len(QUEUED)
    assert mended.transactions == len(PAYLOADS)
    assert queued(file) < set(QUEUED)
    assert set(mended.lost_submissions) == {tx_hash_of(payload).hex() for payload in set(QUEUED) - queued(file)}
    assert "a part of the table transaction_queue" in mended.unread


def test_the_damaged_file_is_kept_under_a_name_that_says_when(store, file):
    store.close()
    overwrite(file, pages_of(file, "transactions")[0], 1)
    before = file.read_bytes()

    mended = store.mend()

    [aside] = asides(file)
    assert str(aside) == mended.aside
    assert aside.read_bytes() == before
    assert aside.name.startswith("peer.db.damaged-2")


def test_a_second_damage_in_the_same_second_gets_another_name(store, file):
    for _ in range(2):
        store.close()
        store.mend()

    assert len(asides(file)) == 2


def test_the_log_of_a_mended_store_has_a_new_epoch_and_its_cursors_begin_anew(store, file):
    epoch = store.log_epoch
    store.close()
    overwrite(file, pages_of(file, "transactions")[0], 1)

    store.mend()

    assert store.log_epoch != epoch
    assert store.cursors() == {}


def test_a_mended_store_takes_what_was_lost_once_more(store, file):
    store.close()
    overwrite(file, pages_of(file, "transactions")[5], 2)
    store.mend()

    store.append(arrivals_of(*PAYLOADS))

    assert store.totals()[0] == len(PAYLOADS)


def test_a_payload_that_is_not_what_it_was_is_left_out(store, file):
    store.close()
    content = file.read_bytes()
    at = content.index(PAYLOADS[700])
    file.write_bytes(content[:at] + b"X" + content[at + 1 :])

    mended = store.mend()

    assert mended.transactions == len(PAYLOADS) - 1
    assert mended.unread == "1 rows of transactions that are not what they were"


def test_a_file_of_no_bytes_is_not_taken_for_a_new_store(store, file):
    store.close()
    file.write_bytes(b"")

    with pytest.raises(StoreDamaged, match=r"peer\.db is an empty file"):
        store.open()

    mended = store.mend()
    assert (mended.submissions, mended.transactions) == (0, 0)
    assert store.totals()[0] == 0
    assert len(asides(file)) == 1


def test_a_file_without_its_first_page_gives_what_is_on_the_others(store, file):
    store.close()
    overwrite(file, 0, 1)

    with pytest.raises(StoreDamaged, match="file is not a database"):
        store.open()

    mended = store.mend()
    assert mended.unread == "its beginning (file is not a database)"
    assert (mended.submissions, mended.transactions) == (len(QUEUED), len(PAYLOADS))
    assert queued(file) == set(QUEUED)
    assert store.append(arrivals_of(b"next")) == [len(PAYLOADS) + 1]


def test_a_file_of_another_schema_without_its_first_page_gives_nothing_wrong(store, file):
    store.close()
    with closing(sqlite3.connect(file)) as connection:
        # The tables are on other pages than in a new file.
        for table in ("transaction_queue", "transactions"):
            connection.execute(f"CREATE TABLE moved AS SELECT * FROM {table}")
            connection.execute(f"DROP TABLE {table}")
            connection.execute(f"ALTER TABLE moved RENAME TO {table}")
        connection.commit()
    overwrite(file, 0, 1)

    store.mend()

    assert queued(file) <= set(QUEUED)
    for entry in store.after(0, 10_000):
        assert tx_hash_of(store.payload(entry.hash)) == entry.hash


def test_a_file_of_something_else_is_not_moved(file):
    file.write_text("notes of somebody who mistook the setting\n" * 1000)
    with closing(SqliteStore(str(file))) as store, pytest.raises(StoreBroken) as refused:
        store.open()

    assert not isinstance(refused.value, StoreDamaged)


def test_what_the_journal_of_a_killed_process_holds_is_taken_over(store, file, tmp_path):
    # What a kill leaves: the file and its journal as they are now.
    copy = tmp_path / "killed" / "peer.db"
    copy.parent.mkdir()
    store.append(arrivals_of(b"last"))
    for suffix in ("", "-wal"):
        (copy.parent / f"peer.db{suffix}").write_bytes(Path(f"{file}{suffix}").read_bytes())

    with closing(SqliteStore(str(copy))) as killed:
        mended = killed.mend()

    assert mended.transactions == len(PAYLOADS) + 1


@pytest.mark.parametrize("bytes_left", [0, 10, 40, 5_000, 100_000])
def test_a_journal_that_was_cut_off_costs_the_last_commits_and_the_store_opens(store, file, tmp_path, bytes_left):
    copy = tmp_path / "cut" / "peer.db"
    copy.parent.mkdir()
    copy.write_bytes(file.read_bytes())
    (copy.parent / "peer.db-wal").write_bytes(Path(f"{file}-wal").read_bytes()[:bytes_left])

    with closing(SqliteStore(str(copy))) as cut:
        # If nothing had moved from the journal into the file yet, that is an empty one.
        with suppress(StoreDamaged):
            cut.open()
        if not cut.log_epoch:
            cut.mend()
        cut.append(arrivals_of(b"next"))

        assert cut.known([arrivals_of(b"next")[0].transaction.hash])


@pytest.mark.parametrize("gone", ["", "-wal"])
def test_a_file_that_is_deleted_while_it_is_open_is_written_anew_with_all_that_was_in_it(store, file, gone):
    epoch = store.log_epoch
    os.unlink(f"{file}{gone}")
    with pytest.raises(StoreDamaged, match="was deleted or replaced while the node used it"):
        store.append(arrivals_of(b"more"))

    mended = store.mend()

    assert (mended.transactions, mended.submissions, mended.is_new_log) == (len(PAYLOADS), len(QUEUED), False)
    assert store.log_epoch == epoch
    assert store.append(arrivals_of(b"more")) == [len(PAYLOADS) + 1]
    store.close()
    store.open()
    assert store.totals() == (len(PAYLOADS) + 1, len(PAYLOADS) + 1)


def test_a_file_that_takes_the_place_of_the_open_one_is_kept(store, file):
    file.unlink()
    file.write_bytes(b"something that somebody put there")
    with pytest.raises(StoreDamaged):
        store.put(submissions_of(b"more"), NOW_MS)

    store.mend()

    assert [path.read_bytes() for path in asides(file)] == [b"something that somebody put there"]
    assert store.totals()[0] == len(PAYLOADS)


def no_file(*_):
    raise OSError(28, "No space left on device")


def no_page(*_):
    raise sqlite3.OperationalError("database or disk is full")


@pytest.mark.parametrize("head", [False, True], ids=["with a hole", "without its beginning"])
@pytest.mark.parametrize("no_room", [no_file, no_page])
def test_a_store_that_cannot_be_mended_now_is_left_as_it_is(store, file, monkeypatch, no_room, head):
    store.close()
    overwrite(file, 0 if head else pages_of(file, "transactions")[0], 1)
    before = file.read_bytes()

    with monkeypatch.context() as changed:
        changed.setattr("sorcha_peer_core.builtin.sqlite_salvage._drop_hollow", no_room)
        with pytest.raises(StoreError, match=r"could not be mended: .*; free some space"):
            store.mend()

    assert file.read_bytes() == before
    assert {path.name for path in file.parent.iterdir()} <= {"peer.db", "peer.db.lock", "peer.db-wal", "peer.db-shm"}
    assert store.mend().submissions == len(QUEUED)


def test_a_process_that_ends_between_the_two_renames_loses_nothing(store, file):
    store.close()
    os.replace(file, f"{file}.mended")

    store.open()

    assert store.totals()[0] == len(PAYLOADS)


def test_of_a_large_file_only_what_nobody_else_has_is_checked_at_the_start(store, file, monkeypatch):
    store.close()
    monkeypatch.setattr(sqlite_file, "_CHECKED_BYTES", 1000)
    overwrite(file, pages_of(file, "transactions")[10], 1)
    store.open()
    store.close()

    overwrite(file, pages_of(file, "transaction_queue")[1], 1)

    with pytest.raises(StoreDamaged):
        store.open()


def test_two_processes_do_not_share_a_file(store, file):
    with (
        closing(SqliteStore(str(file))) as second,
        pytest.raises(StoreError, match=r"another node \(process \d+\) uses the store"),
    ):
        second.open()


def test_a_probe_says_whether_the_store_can_be_written(store):
    store.probe()
    with store._file.reading("forbid writing") as connection:
        connection.execute("PRAGMA query_only = ON")

    with pytest.raises(StoreError, match="could not be written: attempt to write a readonly database"):
        store.probe()
