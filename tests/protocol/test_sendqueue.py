"""Send queues: by priority, in order, bounded, and no drop is silent."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorcha_peer_core.protocol.host import Priority
from sorcha_peer_core.protocol.sendqueue import SendQueue


def test_items_leave_by_priority_and_in_order_within_one():
    queue: SendQueue[str] = SendQueue(1000)
    for priority in reversed(Priority):
        queue.put(f"{priority.name} 1", 10, priority)
        queue.put(f"{priority.name} 2", 10, priority)

    assert queue.take(1000) == [f"{priority.name} {number}" for priority in Priority for number in (1, 2)]
    assert not queue


def test_a_batch_is_bounded_and_a_larger_item_travels_alone():
    queue: SendQueue[int] = SendQueue(1000)
    for size in (300, 30, 30, 50):
        queue.put(size, size, Priority.RELAY)

    assert [queue.take(100), queue.take(100), queue.take(100)] == [[300], [30, 30], [50]]


def test_lazy_ones_are_dropped_first_then_relayed_ones_the_oldest_first():
    queue: SendQueue[str] = SendQueue(30)
    queue.put("relay 1", 10, Priority.RELAY)
    queue.put("lazy", 10, Priority.LAZY)
    queue.put("relay 2", 10, Priority.RELAY)

    dropped = [queue.put("relay 3", 10, Priority.RELAY), queue.put("control", 10, Priority.CONTROL)]

    assert dropped == [1, 1]
    assert queue.take(100) == ["control", "relay 2", "relay 3"]


def test_what_must_not_be_dropped_goes_beyond_the_limit_and_says_so():
    queue: SendQueue[int] = SendQueue(10)
    before = queue.overflowed

    drops = [queue.put(number, 10, Priority.OWN) for number in range(5)]

    assert (before, drops, queue.overflowed, queue.waiting_bytes) == (False, [0] * 5, True, 50)


def test_an_idle_link_sends_at_once_and_then_lets_frames_gather():
    queue: SendQueue[int] = SendQueue(1000)
    queue.put(1, 10, Priority.RELAY)
    idle = queue.wait_s(5.0, 0.01)
    queue.take(100, 5.0)
    queue.put(2, 10, Priority.CONTROL)

    assert idle == 0.0
    assert queue.wait_s(5.004, 0.01) == pytest.approx(0.006)
    assert queue.wait_s(5.02, 0.01) == 0.0
    assert queue.wait_s(5.004, 0.0) == 0.0


@pytest.mark.parametrize(("frames", "size"), [(1, 16 * 1024), (64, 10)])
def test_what_is_enough_for_a_batch_does_not_wait(frames: int, size: int):
    queue: SendQueue[int] = SendQueue(1 << 20)
    queue.take(100, 5.0)

    waits = []
    for number in range(frames):
        waits.append(queue.wait_s(5.001, 0.01) > 0)
        queue.put(number, size, Priority.RELAY)

    assert waits == [True] * frames
    assert queue.wait_s(5.001, 0.01) == 0.0
    queue.take(size * frames, 5.002)
    assert queue.wait_s(5.003, 0.01) > 0.0


ITEMS = st.lists(st.tuples(st.integers(1, 50), st.sampled_from(list(Priority))), max_size=60)


@settings(derandomize=True, deadline=None)
@given(items=ITEMS, limit=st.integers(1, 200), batch=st.integers(1, 100))
def test_every_item_is_taken_or_counted_as_dropped(items, limit: int, batch: int):
    queue: SendQueue[int] = SendQueue(limit)

    dropped = sum(queue.put(number, size, priority) for number, (size, priority) in enumerate(items))
    taken = []
    while queue:
        taken += queue.take(batch)

    assert len(taken) + dropped == len(set(taken)) + dropped == len(items)
    kept = {number for number, (_, priority) in enumerate(items) if priority < Priority.RELAY}
    assert kept <= set(taken)
    assert queue.waiting_bytes == 0
