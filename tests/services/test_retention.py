"""What leaves the log, when, and that it stays away."""

from __future__ import annotations

import time
from contextlib import closing

import gevent
import pytest
from node_parts import held_by, wait_for_links
from service_parts import InlineThread, identity_of, sealed, wait_until

from sorcha_peer_core.builtin.memory_store import MemoryStore
from sorcha_peer_core.builtin.sqlite_store import build_sqlite_store
from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.events import SyncGap, TransactionRejected
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.transaction import Arrival, Pruned
from sorcha_peer_core.protocol.host import Priority
from sorcha_peer_core.protocol.slices import HOUR_MS, HOURS
from sorcha_peer_core.services import retention as module
from sorcha_peer_core.services.retention import Retention, retention_s
from sorcha_peer_core.services.security import CLOCK_TOLERANCE_MS, MAX_TTL_S

NOW_MS = 1_800_000_000_000.0
DAY_S = 86_400
OLD_S = retention_s(DAY_S) + 60
"""Over its time, for a minute now."""
ORIGIN = identity_of(77)


def arrival(payload: bytes, age_s: float, now_ms: float = NOW_MS, network_id: str = "sorcha") -> Arrival:
    at_ms = now_ms - age_s * 1000
    return Arrival(sealed(payload, ORIGIN, created_ms=at_ms, ttl_s=DAY_S, network_id=network_id), at_ms, 1, False)


def some(first: int, count: int) -> list[bytes]:
    return [b"%06d" % number * 100 for number in range(first, first + count)]


@pytest.fixture
def store():
    store = MemoryStore()
    store.open()
    return store


def retention(store, *, ttl_s=DAY_S, keep_bytes=0, sure=True) -> Retention:
    return Retention(store, InlineThread(), ttl_s, keep_bytes, is_sure_of_time=lambda: sure, unix_ms=lambda: NOW_MS)


@pytest.mark.parametrize("ttl_s", [1, 3600, DAY_S, 7 * DAY_S])
def test_nothing_leaves_before_nobody_takes_it_and_nobody_compares_it_any_more(ttl_s):
    kept_s = retention_s(ttl_s)

    assert kept_s >= max(ttl_s, MAX_TTL_S) + 2 * CLOCK_TOLERANCE_MS / 1000
    assert kept_s * 1000 >= (HOURS + 2) * HOUR_MS


def test_what_is_over_its_time_is_forgotten_and_counted(store):
    store.append([arrival(payload, OLD_S) for payload in some(0, 500)])
    store.append([arrival(payload, 60) for payload in some(1000, 20)])
    job = retention(store)

    job.run()

    assert store.totals() == (20, 520)
    assert job.pruned == {"age": 500, "size": 0}
    assert (job.freed_bytes, job.oldest_seq) == (500 * 600, 501)


def test_what_is_too_much_for_the_disk_loses_its_payload_and_stays_known(store):
    arrivals = [arrival(payload, 60) for payload in some(0, 300)]
    store.append(arrivals)
    job = retention(store, keep_bytes=100 * 600)

    job.run()

    assert store.log_bytes() == 100 * 600
    assert job.pruned == {"age": 0, "size": 200}
    assert job.oldest_seq == 201
    assert len(store.known([each.transaction.hash for each in arrivals])) == 300


def test_a_clock_that_nobody_confirms_makes_nothing_old(store):
    store.append([arrival(payload, OLD_S) for payload in some(0, 10)])

    retention(store, sure=False).run()

    assert store.totals()[0] == 10


class SlowStore:
    """Pruning takes a time for each transaction."""

    def __init__(self, clock, each_s: float, rows: int, size: int = 1000) -> None:
        self.clock, self.each_s, self.rows, self.size = clock, each_s, rows, size
        self.steps: list[int] = []

    def prune(self, before_ms: float, keep_bytes: int, most: int) -> Pruned:
        done = min(most, self.rows)
        self.rows -= done
        self.steps.append(done)
        self.clock.s += done * self.each_s
        return Pruned(done, 0, 0)

    def oldest_seq(self) -> int:
        return 0

    def totals(self) -> tuple[int, int]:
        return self.rows, 20_000

    def log_bytes(self) -> int:
        return self.rows * self.size


class Clock:
    s = 0.0

    def monotonic(self) -> float:
        return self.s


@pytest.mark.parametrize(("each_s", "least", "most"), [(0.00001, 256, 1024), (0.0005, 8, 40), (0.005, 4, 4)])
def test_steps_are_as_large_as_the_others_of_the_store_can_bear(monkeypatch, each_s, least, most):
    clock, rests = Clock(), []
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(module.gevent, "sleep", rests.append)
    store = SlowStore(clock, each_s, 20_000)

    retention(store).run()

    settled = store.steps[6:-1]
    assert all(least <= step <= most for step in settled)
    assert all(rest >= 4 * step * each_s - 1e-9 for rest, step in zip(rests, store.steps, strict=False))
    assert sum(store.steps) == 20_000


def test_large_transactions_are_taken_out_one_by_one(monkeypatch):
    monkeypatch.setattr(module.gevent, "sleep", lambda _: None)
    store = SlowStore(Clock(), 0.0, 50, size=10_000_000)

    retention(store).run()

    assert set(store.steps) == {1, 0}


def test_a_stop_is_not_kept_waiting_by_a_long_log(store):
    store.append([arrival(payload, OLD_S) for payload in some(0, 5000)])
    job = retention(store)

    running = gevent.spawn(job.run)
    gevent.sleep(0.001)
    job.stop()
    running.join(timeout=2.0)

    assert running.dead
    assert store.totals()[0] > 0


# Whole nodes.


def fill(tmp_path, number: int, arrivals: list[Arrival]) -> None:
    """Give a node a past."""
    (tmp_path / f"node{number}").mkdir(exist_ok=True)
    with closing(build_sqlite_store("sqlite:///peer.db", tmp_path / f"node{number}")) as store:
        store.open()
        for start in range(0, len(arrivals), 500):
            store.append(arrivals[start : start + 500])


def hashes(arrivals) -> set[bytes]:
    return {each.transaction.hash for each in arrivals}


def events_of(node, kind) -> list:
    return [happened.event for happened in node._assembled.ground.events.latest if isinstance(happened.event, kind)]


def compare(node) -> None:
    """Have a node compare all it has with its peers, as after an outage."""
    core, driver = node._assembled.driver.core, node._assembled.driver
    driver.post(lambda: core.reconciling.compare_due(m.CompareDue(), time.monotonic()))


def test_what_one_node_pruned_does_not_come_back_from_one_that_keeps_it_longer(village, tmp_path):
    now_ms = time.time() * 1000
    old = [arrival(payload, OLD_S, now_ms) for payload in some(0, 50)]
    young = [arrival(payload, 600, now_ms) for payload in some(1000, 20)]
    fill(tmp_path, 1, [*old, *young[:10]])
    fill(tmp_path, 2, [*old, *young[10:]])
    first = village.node(1, url="sqlite:///peer.db")
    second = village.node(
        2, url="sqlite:///peer.db", bootstrap=(1,), transaction_distribution={"transaction_cache_ttl_s": 7 * DAY_S}
    )
    wait_for_links(first, second)
    first._assembled.retention.run()
    second._assembled.retention.run()
    wait_until(lambda: held_by(first) >= hashes(young) and held_by(second) >= hashes(young), "each has what was young", 10.0)

    assert b'sorcha_pruned_total{reason="age"} 50.0' in first.metrics_text()
    assert b'sorcha_pruned_total{reason="age"} 0.0' in second.metrics_text()

    # What a node compares with others it reads from its log when it starts.
    village.stop(first)
    first = village.node(1, url="sqlite:///peer.db")
    wait_for_links(first, second)
    first._assembled.retention.run()
    for _ in range(8):
        # Again and again: a node reads its log back hour by hour, and compares only what it has read.
        gevent.sleep(0.25)
        compare(first)
        compare(second)

    assert held_by(first) == hashes(young)
    assert held_by(second) == hashes(old) | hashes(young)
    assert first.status().traffic.received == 0
    assert first.status().oldest_seq > 50


def test_what_lost_its_payload_here_is_not_fetched_again_and_others_are_told_that_it_is_absent(village, tmp_path):
    now_ms = time.time() * 1000
    all_of_it = [arrival(payload, 600, now_ms) for payload in some(0, 100)]
    fill(tmp_path, 1, all_of_it)
    fill(tmp_path, 2, all_of_it)
    first = village.node(1, url="sqlite:///peer.db", transaction_distribution={"retention_bytes": 40 * 600})
    second = village.node(2, url="sqlite:///peer.db", bootstrap=(1,))
    first._assembled.retention.run()
    wait_for_links(first, second)
    third = village.node(3, bootstrap=(1,))
    wait_until(lambda: held_by(third) == hashes(all_of_it), "a newcomer has all of it", 10.0)

    compare(first)
    gevent.sleep(0.5)

    assert held_by(first) == hashes(all_of_it[60:])
    assert first.status().log_bytes == 40 * 600
    assert first.status().traffic.received == 0


def test_a_node_that_comes_back_after_too_long_gets_what_is_left_and_says_what_is_gone(village, tmp_path):
    now_ms = time.time() * 1000
    read = [arrival(payload, OLD_S + 3600, now_ms) for payload in some(0, 30)]
    missed = [arrival(payload, OLD_S, now_ms) for payload in some(100, 60)]
    young = [arrival(payload, 600, now_ms) for payload in some(1000, 20)]
    fill(tmp_path, 1, [*read, *missed, *young])
    first = village.node(1, url="sqlite:///peer.db")
    peer_id, epoch = first.status().peer_id, first.status().log_epoch
    with closing(build_sqlite_store("sqlite:///peer.db", tmp_path / "node2")) as store:
        (tmp_path / "node2").mkdir()
        store.open()
        store.save_cursors({peer_id: m.Cursor(epoch, 30)})
    village.node(3, bootstrap=(1,))
    wait_until(lambda: first.status().peers_connected == 1, "somebody confirms its clock", 10.0)
    first._assembled.retention.run()

    second = village.node(2, url="sqlite:///peer.db", bootstrap=(1,))

    wait_until(lambda: held_by(second) == hashes(young), "it has what is left", 10.0)
    wait_until(lambda: events_of(second, SyncGap), "the gap is told", 10.0)
    assert events_of(second, SyncGap) == [SyncGap(peer_id, 60)]


def test_an_expired_envelope_that_somebody_sends_again_is_refused(village):
    nodes = [village.node(1), village.node(2, bootstrap=(1,))]
    wait_for_links(*nodes)
    replayed = arrival(b"seen yesterday", DAY_S + 300, time.time() * 1000).transaction
    sender = nodes[0]._assembled

    [peer] = sender.links.peers.values()
    sender.driver.post(lambda: sender.driver.send(peer.index, m.Push(replayed, 1), Priority.RELAY))

    wait_until(lambda: events_of(nodes[1], TransactionRejected), "it is refused", 10.0)
    [event] = events_of(nodes[1], TransactionRejected)
    assert (event.tx_hash, event.peer_id) == (tx_hash_of(b"seen yesterday"), nodes[0].status().peer_id)
    assert "it expired 300 s ago" in event.reason
    assert nodes[1].status().transactions_stored == 0
