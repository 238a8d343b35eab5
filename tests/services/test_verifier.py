"""Verification off the hub."""

from __future__ import annotations

import gevent
import pytest
from gevent.event import Event
from service_parts import NETWORK_ID, InlineThread, sealed, wait_until

from sorcha_peer_core.services import verifier as module
from sorcha_peer_core.services.clock import unix_ms
from sorcha_peer_core.services.security import TransactionRules
from sorcha_peer_core.services.verifier import Verifier

RULES = TransactionRules(NETWORK_ID, max_transaction_bytes=1000)


class HeldThread(InlineThread):
    """Calls wait until the test lets them go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = Event()

    def call(self, function, *args, **kwargs):
        self.calls += 1
        self.go.wait()
        return function(*args, **kwargs)


@pytest.fixture
def done():
    return []


@pytest.fixture
def running(done):
    greenlets = []

    def run(thread):
        verifier = Verifier(RULES, thread, lambda batch, flaws: done.append((list(batch), list(flaws))), unix_ms)
        greenlets.append((verifier, gevent.spawn(verifier.run)))
        return verifier

    yield run
    for verifier, greenlet in greenlets:
        verifier.stop()
        greenlet.kill()


def test_what_is_added_is_answered_with_its_flaw(running, done):
    good, bad = sealed(b"good"), sealed(b"bad", network_id="other")
    verifier = running(InlineThread())

    verifier.add(good)
    verifier.add(bad)

    wait_until(lambda: sum(len(batch) for batch, _ in done) == 2, "both are answered")
    answers = [pair for batch, flaws in done for pair in zip(batch, flaws, strict=True)]
    assert answers == [(good, None), (bad, "it belongs to the network 'other'")]


@pytest.mark.parametrize(
    ("payloads", "calls"),
    [([b"a"], 0), ([b"a", b"b"], 0), ([b"a", b"b", b"c"], 1), ([bytes(64 * 1024)], 0), ([bytes(64 * 1024 + 1)], 1)],
    ids=["one", "two", "three", "64 KiB", "more than 64 KiB"],
)
def test_only_what_is_few_and_small_is_checked_on_the_hub(running, done, payloads, calls):
    thread = InlineThread()
    verifier = running(thread)

    for payload in payloads:
        verifier.add(sealed(payload))

    wait_until(lambda: sum(len(batch) for batch, _ in done) == len(payloads), "all are answered")
    assert thread.calls == calls


def test_what_comes_while_one_batch_is_checked_gathers_into_the_next(running, done):
    transactions = [sealed(bytes([number])) for number in range(1, 12)]
    thread = HeldThread()
    verifier = running(thread)
    for transaction in transactions[:5]:
        verifier.add(transaction)
    wait_until(lambda: thread.calls == 1, "the first ones are being checked")

    for transaction in transactions[5:]:
        verifier.add(transaction)
    thread.go.set()

    wait_until(lambda: sum(len(batch) for batch, _ in done) == 11, "all are answered")
    assert [batch for batch, _ in done] == [transactions[:5], transactions[5:]]


def test_a_batch_is_bounded_and_order_is_kept(running, done, monkeypatch):
    monkeypatch.setattr(module, "_MOST_AT_ONCE", 4)
    transactions = [sealed(bytes([number])) for number in range(1, 11)]
    thread = HeldThread()
    verifier = running(thread)

    for transaction in transactions:
        verifier.add(transaction)
    thread.go.set()

    wait_until(lambda: sum(len(batch) for batch, _ in done) == 10, "all are answered")
    assert max(len(batch) for batch, _ in done) <= 4
    assert [transaction for batch, _ in done for transaction in batch] == transactions


def test_stop_ends_it_while_it_is_idle(done):
    verifier = Verifier(RULES, InlineThread(), lambda *_: None, unix_ms)
    greenlet = gevent.spawn(verifier.run)
    gevent.sleep(0)

    verifier.stop()

    assert greenlet.join(timeout=1.0) is None
    assert greenlet.dead


def test_stop_ends_it_after_the_batch_that_is_being_checked(done):
    thread = HeldThread()
    verifier = Verifier(RULES, thread, lambda batch, flaws: done.append(list(batch)), unix_ms)
    greenlet = gevent.spawn(verifier.run)
    for number in range(5):
        verifier.add(sealed(bytes([number])))
    wait_until(lambda: thread.calls == 1, "the first ones are being checked")

    verifier.stop()
    thread.go.set()
    greenlet.join(timeout=1.0)

    assert greenlet.dead
    assert thread.calls == 1
