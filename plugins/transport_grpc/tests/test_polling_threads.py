"""The threads in which grpc waits: as gevent's pool, from outside."""

from __future__ import annotations

import gevent
import pytest
from gevent.monkey import get_original

from sorcha_transport_grpc.polling_threads import PollingThreads

native_lock = get_original("_thread", "allocate_lock")
native_id = get_original("_thread", "get_ident")


@pytest.fixture
def threads():
    return PollingThreads(gevent.get_hub(), 10)


def fail():
    raise ValueError("from the thread")


def blocked_job():
    """A job that ends when its lock is released."""
    lock = native_lock()
    lock.acquire()
    return lock


def test_a_job_runs_in_another_thread_and_returns_its_result(threads):
    assert threads.apply(lambda number: (number, native_id()), (7,))[0] == 7
    assert threads.apply(native_id) != native_id()


def test_an_error_of_a_job_reaches_the_caller_and_the_thread_lives_on(threads):
    before = threads.apply(native_id)

    with pytest.raises(ValueError, match="from the thread"):
        threads.apply(fail)

    assert threads.apply(native_id) == before


def test_a_thread_is_used_again(threads):
    assert len({threads.apply(native_id) for _ in range(10)}) == 1


def test_other_greenlets_run_while_one_waits(threads):
    lock = blocked_job()
    waiting = gevent.spawn(threads.apply, lock.acquire)
    gevent.idle()

    lock.release()

    assert waiting.get(timeout=5) is True


def test_more_waits_than_gevents_pool_has_threads_do_not_starve_each_other(threads):
    locks = [blocked_job() for _ in range(40)]
    waiting = [gevent.spawn(threads.apply, lock.acquire) for lock in locks]
    gevent.idle()

    for lock in reversed(locks):
        lock.release()

    assert len(gevent.joinall(waiting, timeout=5)) == 40


def test_a_wait_that_is_given_up_leaves_its_thread_to_nobody(threads):
    lock = blocked_job()

    with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
        threads.apply(lock.acquire)

    assert threads.apply(lambda: "next") == "next"
    lock.release()
    assert [threads.apply(str, (number,)) for number in range(3)] == ["0", "1", "2"]
