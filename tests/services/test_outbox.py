"""Own submissions on their way to the network."""

from __future__ import annotations

import time
from types import SimpleNamespace

import gevent
import pytest
from service_parts import NETWORK_ID, FailingNow, InlineThread, identity_of, let_others_run, sealed, submission, wait_until

from sorcha_peer_core.builtin.memory_store import MemoryStore
from sorcha_peer_core.config import OfflineModeSection
from sorcha_peer_core.errors import QueueFull, StoreError
from sorcha_peer_core.model.transaction import Arrival, Due, QueueState, Transaction
from sorcha_peer_core.services import outbox as module
from sorcha_peer_core.services.outbox import Outbox
from sorcha_peer_core.services.security import TransactionRules
from sorcha_peer_core.services.storage import Done, GivenUp


class FakeDriver:
    """Takes what is released; commits it only when told."""

    def __init__(self) -> None:
        self.linked = 0
        self.online_since = 0.0
        self.logs_read = 0
        self.own_in_flight = self.own_in_flight_bytes = self.awaiting_receipts = 0
        self.send_backlog_bytes = 0
        self.released: list[tuple[object, float]] = []
        self.offered: list[Due] = []
        self.renewed: list[tuple[Transaction, int]] = []
        self.wanted: list[tuple[int, int]] = []
        self.takes = False

    def want_to_flush(self, waiting, waiting_bytes):
        self.wanted.append((waiting, waiting_bytes))
        return self.takes

    def submit(self, transactions, queued_ms):
        self.own_in_flight += len(transactions)
        self.own_in_flight_bytes += sum(len(transaction.payload) for transaction in transactions)
        self.released += zip(transactions, queued_ms, strict=True)

    def offer_again(self, offers):
        self.offered += offers

    def renew(self, transaction, attempts):
        self.renewed.append((transaction, attempts))


@pytest.fixture
def store():
    store = FailingNow(MemoryStore())
    store.open()
    return store


@pytest.fixture
def boxes(store, monkeypatch):
    monkeypatch.setattr(module, "_RETRY_S", 0.005)
    running = []

    def make(ttl_s=3600, **config):
        driver = FakeDriver()
        outbox = Outbox(
            OfflineModeSection.model_validate(config), identity_of(1), NETWORK_ID, ttl_s,
            store=store, store_thread=InlineThread(), signer=InlineThread(), driver=driver,
        )  # fmt: skip
        greenlet = gevent.spawn(outbox.run)
        running.append((outbox, greenlet))
        return SimpleNamespace(outbox=outbox, driver=driver, greenlet=greenlet)

    yield make
    for outbox, greenlet in running:
        outbox.stop()
        greenlet.join(timeout=1.0)
        assert greenlet.dead


def put(box, *payloads):
    return box.outbox.put([submission(payload) for payload in payloads])


def released(box):
    return [transaction.payload for transaction, _ in box.driver.released]


def link(box, peers=1, logs_read=1):
    box.driver.linked, box.driver.logs_read, box.driver.online_since = peers, logs_read, time.monotonic()
    box.outbox.wake()


def commit(box, store):
    """What the storage does with what was released."""
    store.append([Arrival(transaction, queued_ms, 0, True) for transaction, queued_ms in box.driver.released])
    box.driver.own_in_flight = box.driver.own_in_flight_bytes = 0


def test_nothing_is_released_while_nobody_is_linked(boxes, store):
    box = boxes()

    put(box, b"a")
    let_others_run()

    assert released(box) == []
    assert store.queue_totals().waiting == 1


def test_what_waits_is_released_in_order_when_somebody_is_linked(boxes, monkeypatch):
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 3)
    box = boxes()
    payloads = [bytes([number]) for number in range(1, 11)]
    put(box, *payloads)

    link(box)

    wait_until(lambda: len(released(box)) == 10, "all are released")
    assert released(box) == payloads


def test_what_comes_later_is_released_too_and_nothing_twice(boxes):
    box = boxes()
    link(box)

    for payload in (b"a", b"b", b"c"):
        put(box, payload)
        let_others_run()

    wait_until(lambda: len(released(box)) == 3, "all are released")
    let_others_run()
    assert released(box) == [b"a", b"b", b"c"]


def test_what_is_released_is_valid_and_signed_by_this_node(boxes):
    box = boxes()
    link(box)
    put(box, b"a")
    wait_until(lambda: released(box), "it is released")

    [(transaction, queued_ms)] = box.driver.released

    assert transaction.header.origin_key == identity_of(1).public_key
    assert TransactionRules(NETWORK_ID, 100).flaw(transaction, transaction.header.created_ms) is None
    assert queued_ms <= transaction.header.created_ms + 1000


def test_its_life_begins_with_its_release_however_long_it_waited(boxes, store):
    store.put([submission(b"old")], 1000.0)
    box = boxes()

    link(box)

    wait_until(lambda: released(box), "it is released")
    [(transaction, queued_ms)] = box.driver.released
    assert queued_ms == 1000.0
    assert transaction.header.created_ms > 1_000_000_000_000


def test_a_row_is_in_flight_with_the_commit_and_not_before(boxes, store):
    box = boxes()
    link(box)
    put(box, b"a")
    wait_until(lambda: released(box), "it is released")
    assert store.queue_totals().pending == 1

    commit(box, store)

    assert (store.queue_totals().pending, store.queue_totals().inflight) == (0, 1)


def test_a_restart_releases_what_was_not_committed(boxes, store):
    first = boxes()
    link(first)
    put(first, b"a", b"b")
    wait_until(lambda: len(released(first)) == 2, "both are released")
    store.append([Arrival(first.driver.released[0][0], 1.0, 0, True)])
    first.outbox.stop()

    second = boxes()
    link(second)

    wait_until(lambda: released(second), "what was left is released")
    assert released(second) == [b"b"]


def test_a_payload_that_is_here_already_is_known(boxes, store):
    box = boxes()

    assert put(box, b"a", b"b", b"a") == [True, True, False]
    assert put(box, b"b") == [False]
    assert store.queue_totals().waiting == 2


def test_a_payload_that_is_in_the_log_is_known(boxes, store):
    box = boxes()
    link(box)
    put(box, b"a")
    wait_until(lambda: released(box), "it is released")
    commit(box, store)

    assert put(box, b"a") == [False]


@pytest.mark.parametrize("limit", [{"max_queue_size": 3}, {"max_queue_bytes": 3}])
def test_a_full_queue_refuses_all_and_keeps_what_it_has(boxes, store, limit):
    box = boxes(**limit)
    put(box, b"a", b"b")

    with pytest.raises(QueueFull, match=r"2 submissions \(2 bytes\) wait already; at most"):
        put(box, b"c", b"d")

    assert store.queue_totals().waiting == 2
    assert put(box, b"e") == [True], "one more fits"


def test_a_store_that_cannot_be_written_refuses_and_nothing_is_released(boxes, store):
    box = boxes()
    link(box)
    store.failing = {"put"}

    with pytest.raises(StoreError):
        put(box, b"a")

    let_others_run()
    assert released(box) == []


def test_a_store_that_cannot_be_read_is_asked_again(boxes, store):
    box = boxes()
    put(box, b"a")
    store.failing = {"queued"}
    link(box)
    wait_until(lambda: store.refused >= 2, "it is asked again and again")

    store.failing = set()

    wait_until(lambda: released(box) == [b"a"], "it is released")


def test_what_was_committed_is_accepted_even_if_it_cannot_be_read_back_at_once(boxes, store):
    box = boxes()
    link(box)
    store.failing = {"queued"}

    assert put(box, b"a") == [True]

    store.failing = set()
    wait_until(lambda: released(box) == [b"a"], "it is released")


def test_release_pauses_while_too_much_is_in_flight(boxes, store, monkeypatch):
    monkeypatch.setattr(module, "_MOST_IN_FLIGHT", 2)
    monkeypatch.setattr(module, "_ROWS_AT_ONCE", 3)
    box = boxes()
    put(box, *(bytes([number]) for number in range(1, 10)))
    link(box)
    wait_until(lambda: len(released(box)) == 3, "the first ones are released")
    let_others_run(50)
    assert len(released(box)) == 3

    commit(box, store)

    wait_until(lambda: len(released(box)) == 6, "the next ones are released")


def test_one_slow_peer_does_not_hold_up_the_release_for_long(boxes, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE_S", 0.02)
    box = boxes()
    box.driver.send_backlog_bytes = 1 << 30
    link(box)

    put(box, b"a")

    wait_until(lambda: released(box) == [b"a"], "it is released all the same")


def test_a_link_that_the_core_hears_of_a_little_later_lets_the_rows_go_too(boxes):
    """The news of a link reaches the outbox first when the owner of the core is busy."""
    box = boxes()
    put(box, b"a")
    box.outbox.wake()
    let_others_run()

    box.driver.linked = box.driver.logs_read = 1

    wait_until(lambda: released(box) == [b"a"], "it is released")


def test_a_submitter_that_gives_up_while_it_waits_does_not_hold_back_what_was_committed(boxes, store):
    box = boxes()
    link(box)

    class Slow(InlineThread):
        def call(self, function, *args, **kwargs):
            found = function(*args, **kwargs)
            gevent.sleep(0.05)
            return found

    box.outbox._store_thread = Slow()
    submitter = gevent.spawn(put, box, b"a")
    wait_until(lambda: store.queue_totals().waiting == 1, "it is committed")
    submitter.kill()
    put(box, b"b")

    wait_until(lambda: sorted(released(box)) == [b"a", b"b"], "both are released")


def test_stop_ends_it_while_it_waits(boxes):
    box = boxes()
    let_others_run()

    box.outbox.stop()
    box.greenlet.join(timeout=1.0)

    assert box.greenlet.dead


# Handed out before a stop.


def drain(box, timeout_s):
    """In a greenlet; dead when it is over."""
    return gevent.spawn(box.outbox.drain, timeout_s)


def test_a_drain_lasts_until_peers_have_what_waited(boxes, store):
    box = boxes()
    link(box)
    put(box, b"a", b"b")
    draining = drain(box, 10.0)

    wait_until(lambda: len(released(box)) == 2, "both are released")
    commit(box, store)
    let_others_run()
    assert not draining.dead, "nobody said that he has them"
    settled = store.delivered([transaction.header.payload_hash for transaction, _ in box.driver.released])
    box.outbox.carried_out(Done([], [], 2, 1, settled))

    draining.join(timeout=1.0)
    assert draining.dead


@pytest.mark.parametrize("is_linked", [True, False])
def test_a_drain_is_over_at_once_when_there_is_nothing_or_nobody_to_hand_it_out_to(boxes, is_linked):
    box = boxes()
    if is_linked:
        link(box)
    else:
        put(box, b"a")

    draining = drain(box, 10.0)
    draining.join(timeout=1.0)

    assert draining.dead


def test_a_drain_does_not_wait_for_what_is_to_be_offered_again_later(boxes, store):
    box = boxes()
    link(box)
    put(box, b"a")
    wait_until(lambda: released(box), "it is released")
    commit(box, store)
    store.postpone({box.driver.released[0][0].header.payload_hash: 1}, time.time() * 1000 + 60_000, "too few receipts")

    draining = drain(box, 10.0)
    draining.join(timeout=1.0)

    assert draining.dead


def test_a_drain_gives_up_when_its_time_is_over_and_what_is_left_stays_queued(boxes, store):
    box = boxes()
    link(box)
    put(box, b"a")

    draining = drain(box, 0.05)
    draining.join(timeout=1.0)

    assert draining.dead
    assert store.queue_totals().waiting == 1


# What others submit at the same time.


class SlowThread(InlineThread):
    """Takes its time, as a disk does."""

    def call(self, function, *args, **kwargs):
        gevent.sleep(0.005)
        return super().call(function, *args, **kwargs)


def test_those_who_submit_at_the_same_time_share_a_commit(boxes, store):
    box = boxes()
    box.outbox._store_thread = SlowThread()

    putters = [gevent.spawn(put, box, bytes([number]), b"same") for number in range(1, 17)]
    gevent.joinall(putters, timeout=5.0)

    fresh = [putter.value for putter in putters]
    assert [first for first, _ in fresh] == [True] * 16
    assert sorted(second for _, second in fresh) == [False] * 15 + [True]
    assert store.called.count("put") <= 2
    assert store.queue_totals().waiting == 17


def test_of_those_who_submit_at_the_same_time_only_those_are_refused_for_whom_there_is_no_room(boxes, store):
    box = boxes(max_queue_size=3)
    box.outbox._store_thread = SlowThread()
    first = gevent.spawn(put, box, b"a", b"b")
    second = gevent.spawn(put, box, b"c", b"d")
    third = gevent.spawn(put, box, b"e")
    gevent.joinall([first, second, third], timeout=5.0)

    assert (first.value, third.value) == ([True, True], [True])
    assert isinstance(second.exception, QueueFull)


def test_a_store_that_fails_refuses_all_who_submitted_at_the_same_time_and_the_next_ones_are_accepted(boxes, store):
    box = boxes()
    box.outbox._store_thread = SlowThread()
    store.failing = {"put"}
    putters = [gevent.spawn(put, box, bytes([number])) for number in range(1, 4)]
    gevent.joinall(putters, timeout=5.0)
    assert [type(putter.exception) for putter in putters] == [StoreError] * 3

    store.failing = set()
    assert put(box, b"a") == [True]


# Order on reconnect.


def test_nothing_is_released_before_the_logs_of_three_peers_were_read(boxes):
    box = boxes()
    put(box, b"a")
    link(box, peers=5, logs_read=2)
    let_others_run(50)
    gevent.sleep(0.05)
    assert released(box) == []

    box.driver.logs_read = 3

    wait_until(lambda: released(box) == [b"a"], "it is released")


def test_a_peer_whose_log_is_never_read_does_not_hold_up_the_release_for_long(boxes):
    box = boxes()
    put(box, b"a")
    link(box, logs_read=0)
    let_others_run()

    box.driver.online_since = time.monotonic() - 10.0

    wait_until(lambda: released(box) == [b"a"], "it is released")


def test_after_a_time_without_links_logs_are_read_again_first(boxes):
    box = boxes()
    link(box)
    put(box, b"a")
    wait_until(lambda: released(box) == [b"a"], "it is released")
    box.driver.linked = 0
    link(box, logs_read=0)

    put(box, b"b")
    gevent.sleep(0.05)
    assert released(box) == [b"a"]

    box.driver.logs_read = 1
    wait_until(lambda: released(box) == [b"a", b"b"], "it is released, too")


def test_nothing_is_released_while_the_clock_is_off(boxes):
    off = [True]
    box = boxes()
    box.outbox.clock_is_off = lambda: off[0]
    link(box)
    put(box, b"a")
    let_others_run()
    assert released(box) == []

    off.clear()
    off.append(False)

    wait_until(lambda: released(box) == [b"a"], "it is released")


# Much that waited.


def test_of_much_that_waited_for_a_link_no_more_goes_out_than_peers_take(boxes, monkeypatch):
    monkeypatch.setattr(module, "_MANY", 3)
    box = boxes()
    put(box, b"a", b"b", b"cd")
    link(box, peers=3, logs_read=3)
    wait_until(lambda: len(box.driver.wanted) > 1, "peers are asked")
    assert box.driver.wanted[0] == (3, 4)
    assert released(box) == []

    box.driver.takes = True

    wait_until(lambda: len(released(box)) == 3, "it is released")


def test_much_that_waited_waits_a_moment_longer_for_more_peers_than_one(boxes, monkeypatch):
    monkeypatch.setattr(module, "_MANY", 3)
    box = boxes()
    put(box, b"a", b"b", b"c")
    link(box)
    gevent.sleep(0.05)
    assert released(box) == []

    box.driver.linked = box.driver.logs_read = 3

    wait_until(lambda: box.driver.wanted, "they are asked at once")


def test_a_single_peer_is_not_asked_what_it_takes(boxes, monkeypatch):
    monkeypatch.setattr(module, "_MANY", 3)
    monkeypatch.setattr(module, "_COMPANY_S", 0.0)
    box = boxes()
    put(box, b"a", b"b", b"c")

    link(box)

    wait_until(lambda: len(released(box)) == 3, "it is released")
    assert box.driver.wanted == []


def test_what_is_submitted_fast_while_peers_are_linked_goes_out_as_it_comes(boxes, monkeypatch):
    monkeypatch.setattr(module, "_MANY", 3)
    box = boxes()
    link(box, peers=2, logs_read=2)
    put(box, b"a")
    wait_until(lambda: len(released(box)) == 1, "it is released")

    put(box, *(bytes([number]) for number in range(1, 20)))

    wait_until(lambda: len(released(box)) == 20, "all are released")
    assert box.driver.wanted == []


# What got too few receipts.


def released_before(store, *payloads, ttl_s=3600, created_ms=None):
    """Rows that an earlier life released and committed."""
    store.put([submission(payload) for payload in payloads], 1.0)
    transactions = [
        sealed(payload, ttl_s=ttl_s, created_ms=created_ms or time.time() * 1000, register_id="r") for payload in payloads
    ]
    store.append([Arrival(transaction, 1.0, 0, True) for transaction in transactions])
    return [transaction.hash for transaction in transactions]


def test_what_was_in_flight_at_the_end_of_the_last_life_is_offered_again(boxes, store):
    [tx_hash] = released_before(store, b"a")
    box = boxes()

    link(box)

    wait_until(lambda: box.driver.offered, "it is offered")
    [offer] = box.driver.offered
    assert (offer.hash, offer.size, offer.attempts) == (tx_hash, 1, 1)
    assert released(box) == []


def test_nothing_is_offered_again_while_nobody_is_linked(boxes, store):
    released_before(store, b"a")
    box = boxes()

    let_others_run()

    assert box.driver.offered == []
    assert store.queue_totals().retry == 1


def test_what_is_postponed_is_offered_when_its_time_has_come(boxes, store):
    [tx_hash] = released_before(store, b"a")
    box = boxes()
    link(box)
    wait_until(lambda: box.driver.offered, "it is offered")
    box.driver.offered.clear()

    not_before_ms = time.time() * 1000 + 60.0
    store.postpone({tx_hash: 2}, not_before_ms, "too few")
    box.outbox.carried_out(Done([], [], 1, 1, postponed=1))

    wait_until(lambda: box.driver.offered, "it is offered again")
    assert time.time() * 1000 >= not_before_ms
    assert box.driver.offered[0].attempts == 2


def test_a_clock_that_is_set_back_by_an_hour_does_not_keep_what_was_postponed_from_being_offered(boxes, store):
    [tx_hash] = released_before(store, b"a")
    box = boxes()
    link(box)
    wait_until(lambda: box.driver.offered, "it is offered")
    box.driver.offered.clear()

    store.postpone({tx_hash: 2}, time.time() * 1000 + 3_600_000, "too few")
    box.outbox.carried_out(Done([], [], 1, 1, postponed=1))

    wait_until(lambda: box.driver.offered, "it is offered again")


def test_what_has_outlived_its_envelope_gets_a_new_one(boxes, store):
    old = time.time() * 1000 - 4_000_000
    [tx_hash] = released_before(store, b"a", created_ms=old)
    box = boxes(ttl_s=3600)

    link(box)

    wait_until(lambda: box.driver.renewed, "it is sealed anew")
    [(transaction, attempts)] = box.driver.renewed
    assert (transaction.hash, transaction.payload, attempts) == (tx_hash, b"a", 1)
    assert transaction.header.created_ms > old
    assert transaction.header.register_id == "r"
    assert TransactionRules(NETWORK_ID, 100).flaw(transaction, transaction.header.created_ms) is None
    assert box.driver.offered == []


def test_an_envelope_that_lives_long_enough_is_kept(boxes, store):
    released_before(store, b"a", created_ms=time.time() * 1000 - 1_000_000)
    box = boxes(ttl_s=3600)

    link(box)

    wait_until(lambda: box.driver.offered, "it is offered")
    assert box.driver.renewed == []


def test_a_store_that_fails_while_rows_are_taken_up_loses_none(boxes, store):
    [tx_hash] = released_before(store, b"a", created_ms=1000.0)
    store.failing = {"lapse"}
    box = boxes()
    link(box)
    for broken in ("due", "load"):
        refused = store.refused
        wait_until(lambda refused=refused: store.refused >= refused + 2, "it is asked again and again")
        store.failing = {broken}
    wait_until(lambda: store.called.count("load") >= 2, "it is asked again and again")

    store.failing = set()

    wait_until(lambda: box.driver.renewed, "it is offered")
    assert box.driver.renewed[0][0].hash == tx_hash


def test_no_more_are_released_while_so_many_await_receipts(boxes, monkeypatch):
    monkeypatch.setattr(module, "_MOST_AWAITING", 2)
    box = boxes()
    link(box)
    box.driver.awaiting_receipts = 2
    put(box, b"a")
    gevent.sleep(0.05)
    assert released(box) == []

    box.driver.awaiting_receipts = 1

    wait_until(lambda: released(box) == [b"a"], "it is released")


def test_whoever_waits_for_outcomes_is_woken_and_dead_letters_are_told(boxes):
    box = boxes()
    told = []
    box.outbox.on_dead = lambda *letter: told.append(letter)
    settled = box.outbox.settled
    waiter = gevent.spawn(settled.wait, 2.0)
    let_others_run()

    box.outbox.carried_out(Done([], [], 1, 1))
    assert not settled.is_set()
    box.outbox.carried_out(Done([], [], 1, 1, settled=1, dead=[GivenUp(submission(b"a").tx_hash, "why")]))

    assert waiter.get(timeout=1.0)
    assert not box.outbox.settled.is_set(), "the next wait is for the next outcome"
    assert told == [(submission(b"a").tx_hash, "why")]


def test_what_dies_while_it_is_looked_for_wakes_who_waits_too(boxes, store):
    [tx_hash] = released_before(store, b"a")
    box = boxes()
    let_others_run()
    settled, due = box.outbox.settled, store.due
    store._store.due = lambda now_ms, limit: store.give_up({tx_hash: "lost"}, now_ms) and due(now_ms, limit)

    link(box)

    wait_until(settled.is_set, "somebody is told")
    assert store.queue_row(tx_hash).state is QueueState.DEAD
