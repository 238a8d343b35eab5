"""One native thread."""

from __future__ import annotations

import threading

import gevent
import pytest
from gevent.event import Event
from gevent.monkey import get_original

from sorcha_peer_core.services.native import NativeThread

native_sleep = get_original("time", "sleep")
native_ident = get_original("threading", "get_ident")


@pytest.fixture
def thread():
    thread = NativeThread()
    yield thread
    thread.stop()


def test_a_call_returns_what_the_function_returns(thread):
    assert thread.call(lambda a, b: a + b, 1, b=2) == 3


def test_a_call_raises_what_the_function_raises(thread):
    with pytest.raises(ZeroDivisionError):
        thread.call(lambda: 1 / 0)


def test_the_thread_goes_on_after_a_failure(thread):
    with pytest.raises(ZeroDivisionError):
        thread.call(lambda: 1 / 0)

    assert thread.call(lambda: "alive") == "alive"


def test_all_calls_run_on_one_thread_that_is_not_the_hubs(thread):
    idents = {thread.call(native_ident) for _ in range(5)}

    assert len(idents) == 1
    assert native_ident() not in idents


def test_other_greenlets_run_while_one_waits_for_a_call(thread):
    ran = Event()
    release = get_original("threading", "Event")()
    waiting = gevent.spawn(thread.call, release.wait, 5.0)

    gevent.spawn(ran.set)

    assert ran.wait(1.0)
    release.set()
    assert waiting.get(timeout=5.0) is True


def test_calls_run_one_after_the_other_in_the_order_given(thread):
    order, lock = [], get_original("threading", "Lock")()

    def note(number):
        assert lock.acquire(blocking=False), "two calls ran at the same time"
        native_sleep(0.001)
        order.append(number)
        lock.release()

    gevent.joinall([gevent.spawn(thread.call, note, number) for number in range(10)], raise_error=True)

    assert order == list(range(10))


def test_stop_finishes_what_was_begun():
    thread, done = NativeThread(), []
    call = gevent.spawn(thread.call, lambda: (native_sleep(0.02), done.append(True)))
    gevent.sleep(0)

    thread.stop()

    call.get(timeout=1.0)
    assert done == [True]


def test_stop_leaves_no_thread_behind():
    thread = NativeThread()
    thread.call(lambda: None)

    thread.stop()

    assert thread._pool.size == 0
    assert threading.active_count() >= 1


def test_a_call_that_fails_prints_nothing(thread, capfd):
    """Whoever called gets the error; gevent would print its traceback as well."""
    with pytest.raises(ZeroDivisionError):
        thread.call(lambda: 1 / 0)

    assert capfd.readouterr() == ("", "")
