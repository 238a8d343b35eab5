"""Own submissions on their way to the network."""

from __future__ import annotations

import gevent
import pytest
from outbox_parts import commit, link, put, released
from service_parts import NETWORK_ID, InlineThread, identity_of, let_others_run, submission, wait_until

from sorcha_peer_core.errors import QueueFull, StoreError
from sorcha_peer_core.model.transaction import Arrival
from sorcha_peer_core.services import outbox as module
from sorcha_peer_core.services.security import TransactionRules


@pytest.fixture
def store(outbox_store):
    return outbox_store


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
