"""The SQLite store does all that stores do, and keeps the promises of its file."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sorcha_peer_core.builtin import sql_log, sql_outbox, sql_pruning
from sorcha_peer_core.builtin.memory_store import MemoryStore
from sorcha_peer_core.builtin.sqlite_store import SqliteStore
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.model.transaction import QueueState, QueueTotals
from sorcha_peer_core.testing.store_model_suite import ModelSuite
from sorcha_peer_core.testing.store_samples import NOW_MS, arrival_of, arrivals_of, peer_row_of, submissions_of
from sorcha_peer_core.testing.store_suite import FailureSuite, PersistenceSuite, StoreSuite


class TestSqliteStore(StoreSuite, PersistenceSuite, FailureSuite):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path):
        self.path = str(tmp_path / "peer.db")

    def open_store(self) -> SqliteStore:
        store = SqliteStore(self.path)
        store.open()
        return store

    @contextmanager
    def failing_writes(self):
        # As good as a full disk: the file may not grow beyond the pages it has.
        with self.store._database.reading("limit the file") as connection:
            connection.execute("PRAGMA max_page_count = 1")
            yield
            connection.execute("PRAGMA max_page_count = 1073741823")


class TestSqliteStoreAgainstTheModel(ModelSuite):
    outlives_the_process = True

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path):
        self.path, self.number = tmp_path, 0

    def new_place(self) -> None:
        self.number += 1

    def open_store(self) -> SqliteStore:
        store = SqliteStore(str(self.path / f"{self.number}.db"))
        store.open()
        return store

    def open_model(self) -> MemoryStore:
        model = MemoryStore()
        model.open()
        return model


class TestSqliteStoreInMemory(StoreSuite):
    def open_store(self) -> SqliteStore:
        store = SqliteStore(":memory:")
        store.open()
        return store


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "peer.db"


@pytest.fixture
def store(file):
    store = SqliteStore(str(file))
    store.open()
    with closing(store):
        yield store


def rows_of(file: Path, query: str) -> list[tuple]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


def test_the_peer_table_has_the_columns_that_other_tools_read(store, file):
    endpoints = (Endpoint("rest", "node.example", 5002), Endpoint("grpc", "10.0.0.1", 5001))
    store.save_peers([peer_row_of(1, last_seen_at=1_767_225_600, endpoints=endpoints)])

    [row] = rows_of(
        file, "SELECT address, port, supported_protocols, first_seen, last_seen, failure_count, is_bootstrap FROM peers"
    )

    assert row == ("10.0.0.1", 5001, '["rest", "grpc"]', 1_767_000_000, 1_767_225_600, 0, 0)
    [(capabilities,)] = rows_of(file, "SELECT capabilities FROM peers")
    assert isinstance(json.loads(capabilities), dict)


def test_the_queue_table_has_the_columns_that_other_tools_read(store, file):
    store.put(submissions_of(b"a"), NOW_MS)

    rows = rows_of(file, "SELECT id, tx_hash, tx_data, queued_at, retry_count, last_attempt FROM transaction_queue")

    assert rows == [(1, tx_hash_of(b"a").hex(), b"a", int(NOW_MS / 1000), 0, None)]


def test_submissions_are_committed_with_a_sync_of_the_disk_and_arrivals_without(store):
    def synchronous() -> int:
        with store._database.reading("ask") as connection:
            return connection.execute("PRAGMA synchronous").fetchone()[0]

    full, normal = 2, 1

    store.put(submissions_of(b"a"), NOW_MS)
    assert synchronous() == full
    store.append(arrivals_of(b"b"))
    assert synchronous() == normal


def test_a_place_in_the_log_is_not_given_again_after_its_row_was_deleted(store, file):
    store.append(arrivals_of(b"a", b"b"))
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM transactions WHERE seq = 2")

    assert store.append(arrivals_of(b"c")) == [3]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            sql_log._listing(sql_log._AFTER, sql_log._ASCENDING, "land"),
            "SEARCH transactions USING INDEX idx_transactions_register",
        ),
        (
            sql_log._listing(sql_log._BEFORE, sql_log._DESCENDING, "land"),
            "SEARCH transactions USING INDEX idx_transactions_register",
        ),
        (sql_log._listing(sql_log._BEFORE, sql_log._DESCENDING, None), "SEARCH transactions USING INTEGER PRIMARY KEY"),
        (sql_log._BETWEEN, "SEARCH transactions USING INDEX"),
        (sql_log._CREATED.format("transactions"), "SEARCH transactions USING COVERING INDEX idx_transactions_created"),
        (sql_log._CREATED.format("emptied"), "SEARCH emptied USING COVERING INDEX idx_emptied_created"),
        (sql_pruning._OVER.format("lower(hex(transactions.tx_hash))"), "SEARCH transactions USING INDEX idx_transactions_later"),
        (sql_pruning._HUSKS_OVER, "SEARCH emptied USING INDEX idx_emptied_later"),
        (sql_outbox._PENDING_SIZES, "SEARCH transaction_queue USING COVERING INDEX idx_queue_state"),
        (sql_outbox._PENDING, "SEARCH transaction_queue USING INDEX idx_queue_state"),
        (sql_outbox._DUE, "SEARCH transaction_queue USING INDEX idx_queue_due"),
        (sql_outbox._NEXT_DUE, "SEARCH transaction_queue USING COVERING INDEX idx_queue_due"),
        (sql_outbox._COUNT, "SCAN transaction_queue USING COVERING INDEX idx_queue_state"),
        ("SELECT count(*), coalesce(sum(size), 0) FROM transactions", "USING COVERING INDEX idx_transactions_created"),
    ],
)
def test_a_query_finds_its_rows_in_an_index_and_sorts_nothing(store, query, index):
    with store._database.reading("ask for the plan") as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", (1,) * query.count("?"))]

    assert index in plan[0]
    assert not [step for step in plan if "TEMP B-TREE" in step]


def test_a_payload_is_in_the_file_once(store, file):
    store.put(submissions_of(b"a"), NOW_MS)

    store.append([arrival_of(b"a", own=True)])

    assert rows_of(file, "SELECT length(tx_data), size FROM transaction_queue") == [(0, 1)]
    assert rows_of(file, "SELECT payload FROM transactions") == [(b"a",)]


def test_attempts_are_in_the_columns_that_other_tools_read(store, file):
    store.put(submissions_of(b"a"), NOW_MS)
    store.append([arrival_of(b"a", own=True)])
    store.postpone({tx_hash_of(b"a"): 4}, NOW_MS, "late")
    store.due(NOW_MS + 7000, 1)

    rows = rows_of(file, "SELECT retry_count, last_attempt FROM transaction_queue")

    assert rows == [(4, int(NOW_MS / 1000) + 7)]


def test_a_row_whose_payload_the_log_has_lost_is_given_up_with_that_reason(store, file):
    store.put(submissions_of(b"a", b"b"), NOW_MS)
    store.append([arrival_of(b"a", own=True), arrival_of(b"b", own=True)])
    store.lapse()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM transactions WHERE seq = 1")

    assert [due.hash for due in store.due(NOW_MS, 10)] == [tx_hash_of(b"b")]

    [dead] = store.queue_rows([QueueState.DEAD], 0, 10)
    assert (dead.hash, dead.reason) == (tx_hash_of(b"a"), "its payload is not in the arrival log any more")
    assert (store.queue_totals(), store.next_due_ms()) == (QueueTotals(0, 1, 0, 1, 1), None)


@pytest.mark.parametrize("keep_bytes", [1 << 30, 0], ids=["forgotten", "emptied"])
def test_the_room_of_what_was_pruned_is_used_again(store, file, keep_bytes):
    def pages() -> int:
        with store._database.reading("ask") as connection:
            return connection.execute("PRAGMA page_count").fetchone()[0]

    store.append(arrivals_of(*[b"%04d" % number * 250 for number in range(1000)]))
    before = pages()

    while sum(store.prune(NOW_MS + 1000 if keep_bytes else 0, keep_bytes, 200)[:2]):
        pass
    store.append(arrivals_of(*[b"%04d" % number * 250 for number in range(1000, 1900)]))

    assert pages() <= before * 1.05


CRASH = """
import os, sys
from sorcha_peer_core.builtin.sqlite_store import SqliteStore
from sorcha_peer_core.testing.store_samples import NOW_MS, arrivals_of, submissions_of
store = SqliteStore(sys.argv[1])
store.open()
store.append(arrivals_of(b"a", b"b"))
store.put(submissions_of(b"waiting"), NOW_MS)
os._exit(9)
"""


def test_what_was_committed_is_there_after_the_process_died(file):
    subprocess.run([sys.executable, "-c", CRASH, str(file)], check=False, timeout=60)

    store = SqliteStore(str(file))
    store.open()
    with closing(store):
        assert store.totals() == (2, 2)
        assert [row.submission.payload for row in store.queued(0, 10, 1000)] == [b"waiting"]


POOLED = """
from gevent import monkey; monkey.patch_all()
import sys
from gevent.threadpool import ThreadPool
from sorcha_peer_core.builtin.sqlite_store import SqliteStore
from sorcha_peer_core.testing.store_samples import NOW_MS, arrival_of, arrivals_of, peer_row_of, submissions_of
pool = ThreadPool(1)
store = SqliteStore(sys.argv[1])
pool.apply(store.open)
assert pool.apply(store.append, (arrivals_of(b"a", b"b"),)) == [1, 2]
assert pool.apply(store.put, (submissions_of(b"own"), NOW_MS)) == [True]
assert [row.submission.payload for row in pool.apply(store.queued, (0, 10, 1000))] == [b"own"]
assert pool.apply(store.append, ([arrival_of(b"own", own=True)],)) == [3]
assert len(pool.apply(store.after, (0, 10))) == 3
pool.apply(store.save_peers, ([peer_row_of(1)],))
assert pool.apply(store.peers) == [peer_row_of(1)]
pool.apply(store.close)
print("closed", store.totals())
"""


def test_a_native_thread_of_a_patched_process_runs_each_call_as_a_task_of_its_own(file):
    ended = subprocess.run([sys.executable, "-c", POOLED, str(file)], check=False, timeout=60, capture_output=True, text=True)

    assert (ended.stdout.strip(), ended.stderr) == ("closed (3, 3)", "")
