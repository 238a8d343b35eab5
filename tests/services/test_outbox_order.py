"""When own submissions go out: after a reconnect, beside much that waited, and before a stop."""

from __future__ import annotations

import time

import gevent
import pytest
from outbox_parts import commit, link, put, released
from service_parts import let_others_run, wait_until

from sorcha_peer_core.services import outbox as module
from sorcha_peer_core.services.storage import Done


@pytest.fixture
def store(outbox_store):
    return outbox_store


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
