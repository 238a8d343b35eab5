"""A PostgreSQL server: what is said when it cannot be used, and how a store goes on when it comes back."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from urllib.parse import quote

import pytest
from postgres_parts import PASSWORD

from sorcha_peer_core.builtin import plugin
from sorcha_peer_core.config import Config, without_password
from sorcha_peer_core.errors import ConfigError, StoreBroken, StoreError
from sorcha_peer_core.model.ban import Ban
from sorcha_peer_core.model.ids import PeerId, tx_hash_of
from sorcha_peer_core.model.transaction import QueueTotals
from sorcha_peer_core.plugin_manager import PluginManager
from sorcha_peer_core.testing.store_samples import NOW_MS, arrival_of, arrivals_of, peer_row_of, submissions_of

psycopg2 = pytest.importorskip("psycopg2", reason="the driver psycopg2 is not installed")

from sorcha_peer_core.builtin import postgres_schema, postgres_server  # noqa: E402 (needs the driver)
from sorcha_peer_core.builtin.postgres_schema import SCHEMA_VERSION  # noqa: E402
from sorcha_peer_core.builtin.postgres_server import PostgresServer  # noqa: E402
from sorcha_peer_core.builtin.postgres_store import PostgresStore  # noqa: E402

NOBODY_LISTENS = "postgresql://peer:secret@127.0.0.1:1/peers"


def opened(url: str) -> PostgresStore:
    store = PostgresStore(url)
    store.open()
    return store


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch):
    monkeypatch.setattr(postgres_server, "_LOCK_PATIENCE_S", 0.2)
    monkeypatch.setattr(postgres_server, "_PAUSE_S", 0.0)


@pytest.fixture
def url(postgres):
    return postgres.new_schema()


@pytest.mark.parametrize(
    "url",
    ["postgresql://", "postgresql://peer:secret@host", "postgresql://peer:se%cret@host/db", "postgresql://host/db?pot=secret"],
)
def test_a_url_that_names_no_database_is_a_configuration_error_without_the_password(url):
    with pytest.raises(ConfigError, match=r"store\.url names no PostgreSQL database; write postgresql://USER") as refused:
        PostgresServer(url)

    assert "secret" not in str(refused.value)


def test_the_place_has_all_but_the_password():
    assert PostgresServer("postgresql://peer:secret@db.example:5433/peers").place == "postgresql://peer@db.example:5433/peers"
    assert PostgresServer("postgresql:///peers?host=/run/postgresql").place == "postgresql:///run/postgresql/peers"


def test_what_people_see_of_the_configuration_hides_the_password():
    config = Config.model_validate({"store": {"url": "postgresql://peer:s:e@cret@db.example/peers"}})

    assert "cret" not in repr(config)
    assert without_password(config.store.url) == "postgresql://peer:***@db.example/peers"
    assert without_password("sqlite:///peer.db") == "sqlite:///peer.db"


def test_the_offer_is_chosen_by_the_scheme(url, tmp_path):
    [offer] = PluginManager([("builtin", plugin)], discover=False).choose("peer_stores", ["postgresql"], "store.url")

    with closing(offer.build(url, tmp_path)) as store:
        store.open()
        assert store.totals() == (0, 0)


WITHOUT_DRIVER = """
import sys
sys.modules["psycopg2"] = None
from pathlib import Path
from sorcha_peer_core.builtin.plugin import peer_stores
from sorcha_peer_core.errors import ConfigError
[offer] = [offer for offer in peer_stores() if offer.name == "postgresql"]
try:
    offer.build("postgresql://peer:secret@host/db", Path())
except ConfigError as error:
    print(error)
"""


def test_without_the_driver_it_is_said_what_to_install():
    said = subprocess.run([sys.executable, "-c", WITHOUT_DRIVER], check=True, capture_output=True, text=True, timeout=60)

    assert said.stdout.strip() == (
        "store.url names a PostgreSQL database, and its driver is not installed; pip install 'sorcha-peer[postgres]'"
    )


def test_a_server_that_is_not_there_is_said_in_a_sentence():
    with pytest.raises(
        StoreError, match=r"^the store postgresql://peer@127\.0\.0\.1:1/peers could not connect: .*refused"
    ) as refused:
        opened(NOBODY_LISTENS)

    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_wrong_password_is_said_in_a_sentence_that_does_not_hold_it(postgres):
    if not postgres.is_own:
        pytest.skip("how other people's servers let users in is their affair")
    url = postgres.url.replace(quote(PASSWORD, safe=""), "wrong-one")

    with pytest.raises(StoreError, match=r'could not connect: .*password authentication failed for user "sorcha"') as refused:
        opened(url)

    assert "wrong-one" not in str(refused.value)


def test_a_database_that_is_not_there_is_said_in_a_sentence(postgres):
    with pytest.raises(StoreError, match=r'could not connect: .*database "nowhere" does not exist'):
        opened(postgres.url.rpartition("/")[0] + "/nowhere")


def test_a_database_with_another_encoding_is_refused(postgres):
    postgres.run("DROP DATABASE IF EXISTS latin", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")

    with pytest.raises(StoreError, match="has the encoding LATIN1; create it with ENCODING 'UTF8'"):
        opened(postgres.url.rpartition("/")[0] + "/latin")


def test_a_schema_that_is_not_there_is_said_in_a_sentence(postgres):
    with pytest.raises(StoreError, match="no schema for new tables in its search_path"):
        opened(f"{postgres.url}?options=-csearch_path%3Dnowhere")


def test_a_user_who_may_not_make_tables_is_told_what_to_change(postgres):
    database = postgres.new_database()
    postgres.run("DROP ROLE IF EXISTS guest", "CREATE ROLE guest LOGIN PASSWORD 'guest'")
    head, _, tail = database.partition("@")

    with pytest.raises(StoreError, match=r"permission denied for schema public.*; make this user the owner of the database"):
        opened(f"{head.partition('://')[0]}://guest:guest@{tail}")


def test_a_database_of_something_else_is_refused_and_left_as_it_is(postgres, url):
    postgres.run("CREATE TABLE cookies (name TEXT)", url=url)

    with pytest.raises(StoreBroken, match="is a database of something else"):
        opened(url)

    assert postgres.run("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()", url=url) == [("cookies",)]


def test_a_database_of_a_newer_version_is_refused_and_names_the_version(postgres, url):
    opened(url).close()
    postgres.run(
        "UPDATE meta SET number = 99 WHERE key = 'schema_version'",
        "UPDATE meta SET words = '7.5.0' WHERE key = 'software'",
        url=url,
    )

    with pytest.raises(StoreBroken, match=rf"was written by Sorcha Peer 7\.5\.0 with schema 99.*up to schema {SCHEMA_VERSION}"):
        opened(url)


def test_a_database_from_before_the_audit_keeps_bans_and_an_audit_from_now_on(url, monkeypatch):
    with monkeypatch.context() as changed:
        changed.setattr(postgres_schema, "MIGRATIONS", postgres_schema.MIGRATIONS[:1])
        with closing(opened(url)) as before:
            before.append(arrivals_of(b"a"))

    with closing(opened(url)) as store:
        assert (store.totals(), store.bans(), store.audit(None, 10)) == ((1, 1), [], [])
        store.save_ban(Ban(PeerId("a" * 40), "", "operator", 5, None))
        store.add_audit(5, "anna", "peer.ban", "a" * 40, "ok", 10)
        assert (len(store.bans()), len(store.audit(None, 10))) == (1, 1)


def test_a_second_node_is_kept_off_the_database_until_the_first_is_gone(url):
    first = opened(url)
    first.append(arrivals_of(b"a"))

    with pytest.raises(StoreError, match=r"another node uses postgresql://.*; a database belongs to one node at a time"):
        opened(url)

    first.close()
    with closing(opened(url)) as second:
        assert second.totals() == (1, 1)


def test_nodes_in_schemas_of_their_own_share_a_database(postgres):
    with closing(opened(postgres.new_schema())) as a, closing(opened(postgres.new_schema())) as b:
        a.append(arrivals_of(b"a"))

        assert b.totals() == (0, 0)
        assert a.log_epoch != b.log_epoch


CRASH = """
import os, sys
from sorcha_peer_core.builtin.postgres_store import PostgresStore
from sorcha_peer_core.testing.store_samples import NOW_MS, arrivals_of, submissions_of
store = PostgresStore(sys.argv[1])
store.open()
store.append(arrivals_of(b"a", b"b"))
store.put(submissions_of(b"waiting"), NOW_MS)
os._exit(9)
"""


def test_what_was_committed_is_there_after_the_process_died_and_its_lock_is_not(url):
    subprocess.run([sys.executable, "-c", CRASH, url], check=False, timeout=60)

    with closing(opened(url)) as store:
        assert store.totals() == (2, 2)
        assert store.queue_totals() == QueueTotals(1, 0, 0, 0, 7)


def lose_connection(postgres, store: PostgresStore) -> None:
    with store._database.reading("ask who it is") as connection:
        [pid] = connection.execute("SELECT pg_backend_pid()").fetchone()
    postgres.run(f"SELECT pg_terminate_backend({pid}, 5000)")


def test_a_call_during_which_the_connection_is_lost_fails_and_the_next_one_works(postgres, url):
    with closing(opened(url)) as store:
        store.append(arrivals_of(b"a"))
        lose_connection(postgres, store)

        with pytest.raises(StoreError, match="could not append 1 transactions: "):
            store.append(arrivals_of(b"b"))

        assert store.append(arrivals_of(b"b", b"a")) == [2, 1]
        assert store.totals() == (2, 2)


def test_a_commit_whose_answer_was_lost_is_counted_after_the_reconnect(postgres, url):
    """As if the server had committed and vanished before it said so."""
    with closing(opened(url)) as store:
        store.put(submissions_of(b"a", b"bb"), NOW_MS)
        lose_connection(postgres, store)
        postgres.run(f"DELETE FROM transaction_queue WHERE tx_hash = '{tx_hash_of(b'a').hex()}'", url=url)
        with pytest.raises(StoreError):
            store.delivered([tx_hash_of(b"a")])

        assert store.delivered([tx_hash_of(b"a")]) == 0
        assert store.queue_totals() == QueueTotals(1, 0, 0, 0, 2)


def test_a_node_that_lost_its_connection_does_not_come_back_beside_another(postgres, url):
    with closing(opened(url)) as first:
        lose_connection(postgres, first)
        with closing(opened(url)):
            for _ in range(2):
                with pytest.raises(StoreError):
                    first.append(arrivals_of(b"a"))
            with pytest.raises(StoreError, match="another node uses"):
                first.append(arrivals_of(b"a"))

        assert first.append(arrivals_of(b"a")) == [1]


def test_a_database_that_was_replaced_meanwhile_is_not_taken_for_the_old_one(postgres, url):
    with closing(opened(url)) as store:
        lose_connection(postgres, store)
        postgres.run("UPDATE meta SET number = 7 WHERE key = 'log_epoch'", url=url)
        with pytest.raises(StoreError):
            store.append(arrivals_of(b"a"))

        with pytest.raises(StoreBroken, match="was replaced by another database while the node ran; start the node again"):
            store.append(arrivals_of(b"a"))


def test_while_the_server_is_away_calls_fail_fast_and_totals_can_be_read(postgres, url, monkeypatch):
    if not postgres.is_own:
        pytest.skip("other people's servers are not stopped")
    with closing(opened(url)) as store:
        store.append(arrivals_of(b"a"))
        store.put(submissions_of(b"waiting"), NOW_MS)
        postgres.stop()
        try:
            with pytest.raises(StoreError, match="could not accept 1 submissions"):
                store.put(submissions_of(b"b"), NOW_MS)
            with pytest.raises(StoreError, match=r"could not connect: .*refused"):
                store.put(submissions_of(b"b"), NOW_MS)
            monkeypatch.setattr(postgres_server, "_PAUSE_S", 60.0)
            with pytest.raises(StoreError):
                store.payload(tx_hash_of(b"a"))
            with pytest.raises(StoreError, match="its server was lost a moment ago"):
                store.payload(tx_hash_of(b"a"))
            assert (store.totals(), store.queue_totals().waiting) == ((1, 1), 1)
        finally:
            postgres.start()

        store._database._may_connect_s = 0.0
        assert store.put(submissions_of(b"b", b"waiting"), NOW_MS) == [True, False]
        assert store.payload(tx_hash_of(b"a")) == b"a"


def test_text_that_the_database_cannot_hold_does_not_stop_the_node(url):
    row = peer_row_of(1)

    with closing(opened(url)) as store:
        store.save_peers([replace(row, record=replace(row.record, name="a\0b"))])

        assert store.peers() == [row]


def test_an_error_in_the_middle_of_a_batch_undoes_the_whole_batch(url):
    [good, odd] = arrivals_of(b"a", b"b")

    with closing(opened(url)) as store:
        with pytest.raises(StoreError, match=r"could not append 2 transactions: .*out of range"):
            store.append([good, odd._replace(hops=2**70)])

        assert store.totals() == (0, 0)
        assert store.append([good]) == [1]


POOLED = """
from gevent import monkey; monkey.patch_all()
import sys, time
import gevent
from gevent.threadpool import ThreadPool
from sorcha_peer_core.builtin.postgres_store import PostgresStore
from sorcha_peer_core.testing.store_samples import NOW_MS, arrival_of, arrivals_of, peer_row_of, submissions_of
pool = ThreadPool(1)
store = PostgresStore(sys.argv[1])
pool.apply(store.open)
assert pool.apply(store.append, (arrivals_of(b"a", b"b"),)) == [1, 2]
assert pool.apply(store.put, (submissions_of(b"own"), NOW_MS)) == [True]
assert pool.apply(store.append, ([arrival_of(b"own", own=True)],)) == [3]
pool.apply(store.save_peers, ([peer_row_of(1)],))
assert pool.apply(store.peers) == [peer_row_of(1)]

turns = 0
def count():
    global turns
    while True:
        turns += 1
        gevent.sleep(0.01)
gevent.spawn(count)
def sleep():
    with store._database.reading("sleep") as connection:
        connection.execute("SELECT pg_sleep(0.5)")
pool.apply(sleep)
assert turns > 10, turns
pool.apply(store.close)
print("closed", store.totals())
"""


def test_in_a_native_thread_of_a_patched_process_it_holds_up_nobody(url):
    ended = subprocess.run([sys.executable, "-c", POOLED, url], check=False, timeout=60, capture_output=True, text=True)

    assert (ended.stdout.strip(), ended.stderr) == ("closed (3, 3)", "")


def test_large_batches_of_large_rows_go_in_portions(url):
    payloads = [os.urandom(1_500_000) for _ in range(6)]

    with closing(opened(url)) as store:
        store.append([arrival_of(payload) for payload in payloads])

        assert [store.payload(tx_hash_of(payload)) for payload in payloads] == payloads
