"""The part of a node that is about submissions, over a store in memory."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from types import SimpleNamespace

import gevent
import pytest
from gevent.event import Event as Signal
from service_parts import FailingNow, InlineThread, sealed, submission

from sorcha_peer_core.builtin.memory_store import MemoryStore
from sorcha_peer_core.config import Config
from sorcha_peer_core.errors import QueueFull, StoreError
from sorcha_peer_core.model import events
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.messages import Announced
from sorcha_peer_core.model.transaction import Arrival
from sorcha_peer_core.node.submitting import Submitting
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.receipts import Receipts
from sorcha_peer_core.services.events import EventBus
from sorcha_peer_core.testing.recording_host import RecordingHost


class FakeOutbox:
    """Commits what is put; is full when told so."""

    def __init__(self, store):
        self._store = store
        self.is_full = False
        self.woken = 0
        self.settled = Signal()

    def put(self, submissions):
        if self.is_full:
            raise QueueFull("3 submissions wait already")
        return self._store.put(submissions, 1000.0)

    def wake(self):
        self.woken += 1

    def tell(self):
        """Rows were delivered or died."""
        settled, self.settled = self.settled, Signal()
        settled.set()


class Submitter(Submitting):
    """A node with nothing but its submissions."""

    def __init__(self, min_receipts=2, max_queue_size=100_000):
        super().__init__()
        self._running = True
        self.store = FailingNow(MemoryStore())
        self.store.open()
        self.outbox = FakeOutbox(self.store)
        self.driver = SimpleNamespace(core=SimpleNamespace())
        self.link(3, min_receipts)
        self.events = EventBus()
        self.thread = InlineThread()
        ground = SimpleNamespace(
            store=self.store,
            store_thread=self.thread,
            events=self.events,
            config=Config.model_validate(
                {
                    "transaction_distribution": {"min_receipts": min_receipts},
                    "offline_mode": {"max_queue_size": max_queue_size},
                }
            ),
        )
        self._parts = SimpleNamespace(ground=ground, outbox=self.outbox, driver=self.driver)

    @property
    def _assembled(self):
        return self._parts

    def link(self, peers, min_receipts=2):
        """So many are linked, and nobody has given a receipt."""
        self.receipts = Receipts(CoreConfig(min_receipts=min_receipts), RecordingHost(), Random(1))
        self.driver.core.receipts = self.receipts
        for peer in range(peers):
            self.receipts.link_up(peer, 0.0)

    def put(self, *payloads):
        return [result.tx_hash for result in self.submit([submission(payload) for payload in payloads])]

    def release(self, *payloads):
        """Released and committed to the log, as own ones."""
        self.store.append([Arrival(sealed(payload), 1000.0, 0, True) for payload in payloads])

    def die(self, *payloads, reason="nobody takes it"):
        self.store.give_up({tx_hash_of(payload): reason for payload in payloads}, 2000.0)
        self.outbox.tell()

    def deliver(self, *payloads):
        self.store.delivered([tx_hash_of(payload) for payload in payloads])
        self.outbox.tell()


@pytest.fixture
def node():
    return Submitter()


def state_of(node, payload):
    return node.delivery(tx_hash_of(payload)).state


def test_a_submission_is_queued_then_sending_then_delivered(node):
    node.put(b"a")
    states = [state_of(node, b"a")]

    node.release(b"a")
    states.append(state_of(node, b"a"))
    node.deliver(b"a")
    states.append(state_of(node, b"a"))

    assert states == ["queued", "sending", "delivered"]


def test_what_others_submitted_is_delivered_and_what_nobody_did_is_unknown(node):
    node.store.append([Arrival(sealed(b"foreign"), 1000.0, 2, False)])

    assert (state_of(node, b"foreign"), state_of(node, b"never seen")) == ("delivered", "unknown")


def test_what_is_offered_again_is_still_sending_and_says_when_and_why(node):
    [tx_hash] = node.put(b"a")
    node.release(b"a")
    node.store.postpone({tx_hash: 2}, 9000.0, "1 of 2 receipts came")

    view = node.delivery(tx_hash)

    assert (view.state, view.attempts, view.reason, view.next_attempt_ms) == ("sending", 2, "1 of 2 receipts came", 9000.0)
    assert not view.settled


def test_a_dead_letter_says_why(node):
    [tx_hash] = node.put(b"a")
    node.die(b"a", reason="too old")

    view = node.delivery(tx_hash)

    assert (view.state, view.reason, view.next_attempt_ms, view.settled) == ("dead", "too old", None, True)


def test_receipts_are_those_that_the_core_counts(node):
    [tx_hash] = node.put(b"a")
    node.release(b"a")
    node.receipts.begin(Announced(tx_hash, 1), 1, now=0.0)
    node.receipts.received(0, [tx_hash])

    view = node.delivery(tx_hash)

    assert (view.receipts, view.receipts_needed) == (1, 2)


@pytest.mark.parametrize(("linked", "needed"), [(0, 1), (1, 1), (2, 2), (9, 2)])
def test_no_more_receipts_are_needed_than_peers_are_linked_and_one_at_least(node, linked, needed):
    node.link(linked)

    assert node.delivery(tx_hash_of(b"a")).receipts_needed == needed


def test_many_are_looked_up_in_one_go(node):
    hashes = node.put(*(bytes([number]) for number in range(200)))
    node.thread.calls = 0

    views = node.deliveries(hashes)

    assert [view.tx_hash for view in views] == hashes
    assert node.thread.calls == 1


def test_the_queue_and_the_dead_letters_share_the_rows_between_them(node):
    node.put(b"a", b"b", b"c", b"d")
    node.release(b"b")
    node.die(b"c")

    assert [row.hash for row in node.queue(0, 10)] == [tx_hash_of(payload) for payload in (b"a", b"b", b"d")]
    assert [(row.hash, row.reason) for row in node.dead_letters(0, 10)] == [(tx_hash_of(b"c"), "nobody takes it")]


def test_only_what_is_dead_is_a_dead_letter(node):
    node.put(b"a", b"b")
    node.die(b"b")

    assert node.dead_letter(tx_hash_of(b"a")) is None
    assert node.dead_letter(tx_hash_of(b"b")).reason == "nobody takes it"


def test_a_retry_wakes_the_outbox_and_one_of_nothing_does_not(node):
    node.put(b"a")
    assert node.retry_dead_letters([tx_hash_of(b"a")]) == 0
    assert node.outbox.woken == 0

    node.die(b"a")

    assert node.retry_dead_letters(None) == 1
    assert (node.outbox.woken, state_of(node, b"a")) == (1, "queued")


def test_what_is_dropped_before_its_release_is_gone(node):
    node.put(b"a")
    node.die(b"a")

    assert node.drop_dead_letters([tx_hash_of(b"a")]) == 1
    assert state_of(node, b"a") == "unknown"


def test_a_wait_ends_when_the_last_is_settled_be_it_delivered_or_dead(node):
    hashes = node.put(b"a", b"b", b"c")
    node.release(b"a", b"b", b"c")
    waiting = gevent.spawn(node.wait_for_delivery, hashes, 60.0)

    node.deliver(b"c")
    node.die(b"a")
    gevent.sleep(0.05)
    assert not waiting.ready()
    node.deliver(b"b")

    assert waiting.get(timeout=5.0) is True


def test_a_wait_for_nothing_that_waits_is_over_at_once(node):
    assert node.wait_for_delivery([tx_hash_of(b"never seen")], 0.0) is True
    assert node.wait_for_delivery([], 0.0) is True


def test_a_wait_that_is_over_says_so(node):
    hashes = node.put(b"a")

    assert node.wait_for_delivery(hashes, 0.02) is False


def test_a_wait_ends_when_the_node_stops(node):
    hashes = node.put(b"a")
    waiting = gevent.spawn(node.wait_for_delivery, hashes, 60.0)
    gevent.sleep(0)

    node._running = False
    node.outbox.settled.set()

    assert waiting.get(timeout=5.0) is False


def test_a_wait_for_thousands_looks_each_of_them_up_little_more_than_once(node):
    payloads = [b"%d" % number for number in range(3000)]
    hashes = node.put(*payloads)
    node.release(*payloads)
    waiting = gevent.spawn(node.wait_for_delivery, hashes, 60.0)
    gevent.sleep(0)
    node.thread.calls = 0

    for start in range(0, 3000, 300):
        node.deliver(*payloads[start : start + 300])
        gevent.sleep(0.02)

    assert waiting.get(timeout=5.0) is True
    assert node.thread.calls < 60


def test_a_full_queue_is_told_once_and_again_when_it_was_not_full_in_between(node):
    told = []
    node.events.subscribe(lambda event: told.append(type(event)))
    for is_full in (True, True, False, True):
        node.outbox.is_full = is_full
        with suppress(QueueFull):
            node.put(b"a", b"b")

    assert told == [events.QueueFull] * 2
    assert node.refused == {"queue_full": 6}


def test_a_queue_that_lets_one_in_now_and_then_is_still_full():
    node, told = Submitter(max_queue_size=10), []
    node.events.subscribe(lambda event: told.append(type(event)))
    node.put(*(b"%d" % number for number in range(10)))
    for number in range(3):
        node.outbox.is_full = True
        with suppress(QueueFull):
            node.put(b"refused")
        node.outbox.is_full = False
        node.deliver(b"%d" % number)
        node.put(b"more %d" % number)

    assert told == [events.QueueFull]


def test_what_the_store_refuses_is_counted_too(node):
    node.store.failing = {"put"}

    with pytest.raises(StoreError):
        node.put(b"a")

    assert node.refused == {"store_failed": 1}
