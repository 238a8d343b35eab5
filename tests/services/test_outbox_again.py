"""Own submissions that got too few receipts are offered again, later and later, or given up."""

from __future__ import annotations

import time

import gevent
import pytest
from outbox_parts import link, put, released
from service_parts import NETWORK_ID, let_others_run, sealed, submission, wait_until

from sorcha_peer_core.model.transaction import Arrival, QueueState
from sorcha_peer_core.services import outbox as module
from sorcha_peer_core.services.security import TransactionRules
from sorcha_peer_core.services.storage import Done, GivenUp


@pytest.fixture
def store(outbox_store):
    return outbox_store


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
