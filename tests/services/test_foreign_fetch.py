"""What foreign clients notify: fetched from them, checked, submitted, within bounds."""

from __future__ import annotations

import pytest
from foreign_parts import CALLER, FakeForeignClient, registration
from service_parts import let_others_run, wait_until

from sorcha_peer_core.errors import QueueFull
from sorcha_peer_core.model.events import ForeignFetchFailed
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.services import foreign_fetch as module
from sorcha_peer_core.services.dial_back import DialBack
from sorcha_peer_core.services.events import EventBus
from sorcha_peer_core.services.foreign_fetch import ForeignFetch, Offer
from sorcha_peer_core.services.supervisor import Supervisor

MAX_BYTES = 1000
PAYLOAD = b"from afar"
HASH = tx_hash_of(PAYLOAD)


class Desk:
    """A fetch with everything around it."""

    def __init__(self) -> None:
        self.client = FakeForeignClient()
        self.supervisor = Supervisor()
        self.dial_back = DialBack(self.supervisor)
        self.dial_back.by([self.client])
        self.events = EventBus()
        self.submitted = []
        self.refusal = None
        self.fetch = ForeignFetch(self.dial_back, self._submit, self.events, self.supervisor, MAX_BYTES)

    def _submit(self, submission):
        if self.refusal:
            raise self.refusal
        self.submitted.append(submission)

    def offer(self, payload=PAYLOAD, by=None, size=None, register_id=""):
        """A client says that it has a payload, and has it."""
        self.client.payloads[tx_hash_of(payload)] = payload
        return self.take(tx_hash_of(payload), by or registration(), len(payload) if size is None else size, register_id)

    def take(self, tx_hash, by, size=1, register_id=""):
        return self.fetch.take(tx_hash, Offer(by, size, register_id))

    @property
    def failures(self):
        return [happened.event for happened in self.events.latest if isinstance(happened.event, ForeignFetchFailed)]


@pytest.fixture
def desk():
    made = Desk()
    yield made
    made.fetch.stop()
    made.supervisor.stop(1.0)
    assert made.supervisor.failed == []


def test_an_offer_is_fetched_and_submitted_with_its_register(desk):
    assert desk.offer(register_id="r")

    wait_until(lambda: desk.submitted, "it is submitted")
    [submission] = desk.submitted
    assert (submission.tx_hash, submission.payload, submission.register_id) == (HASH, PAYLOAD, "r")
    assert desk.failures == []


@pytest.mark.parametrize("size", [0, -1, MAX_BYTES + 1])
def test_a_size_that_no_transaction_has_is_not_asked_for(desk, size):
    assert not desk.offer(size=size)
    assert desk.client.pinged == []


def test_nothing_is_fetched_from_a_client_that_does_not_answer(desk):
    desk.client.answers = False

    assert not desk.offer()
    let_others_run()
    assert desk.client.fetched == []


def test_a_payload_with_another_hash_is_not_taken(desk):
    desk.client.payloads[HASH] = b"forged"

    assert desk.take(HASH, registration("forger"), len(PAYLOAD))

    wait_until(lambda: desk.failures, "it is reported")
    [failure] = desk.failures
    assert (failure.tx_hash, failure.client, failure.address) == (HASH, "forger", CALLER)
    assert tx_hash_of(b"forged").hex() in failure.reason
    assert desk.submitted == []


@pytest.mark.parametrize("payload", [b"", PAYLOAD + b"!"])
def test_a_payload_of_another_size_is_not_taken(desk, payload):
    desk.client.payloads[HASH] = payload

    desk.take(HASH, registration(), len(PAYLOAD))

    wait_until(lambda: desk.failures, "it is reported")
    assert desk.submitted == []


def test_two_clients_with_one_transaction_are_asked_one_after_the_other(desk):
    first, second = registration("first"), registration("second", port=7001)
    for registered in (first, second):
        desk.dial_back.way_to(registered)
    desk.client.gate.clear()

    assert desk.take(HASH, first, len(PAYLOAD))
    assert desk.take(HASH, first, len(PAYLOAD)), "the same again changes nothing"
    assert desk.take(HASH, second, len(PAYLOAD))
    let_others_run()
    assert [endpoint.port for endpoint, _ in desk.client.fetched] == [7000]
    desk.client.gate.set()

    wait_until(lambda: len(desk.failures) == 2, "both were asked")
    assert [endpoint.port for endpoint, _ in desk.client.fetched] == [7000, 7001]
    assert (first.offers, second.offers) == (0, 0)


def test_the_second_client_is_not_asked_when_the_first_delivered(desk):
    first, second = registration("first"), registration("second")
    desk.dial_back.way_to(first)
    desk.dial_back.way_to(second)
    desk.offer(by=first)
    desk.offer(by=second)

    wait_until(lambda: desk.submitted, "it is submitted")
    let_others_run()

    assert len(desk.client.fetched) == 1
    assert (first.offers, second.offers) == (0, 0)


def test_a_transaction_has_a_bounded_number_of_sources(desk):
    way = _way(desk)
    desk.client.gate.clear()
    sources = [registration(f"client {number}") for number in range(5)]
    for registered in sources:
        registered.way = way

    assert [desk.take(HASH, registered, 9) for registered in sources] == [True] * 4 + [False]
    desk.client.gate.set()


def test_a_few_are_fetched_at_the_same_time_and_the_rest_waits(desk):
    registered = registration()
    registered.way = _way(desk)
    desk.client.gate.clear()

    for number in range(20):
        assert desk.offer(b"payload %d" % number, by=registered)
    let_others_run()
    assert len(desk.client.fetched) == module.AT_ONCE
    desk.client.gate.set()

    wait_until(lambda: len(desk.submitted) == 20, "all are submitted")
    assert desk.client.most_at_once == module.AT_ONCE
    assert registered.offers == 0


def test_one_client_cannot_fill_the_queue(desk, monkeypatch):
    monkeypatch.setattr(module, "MOST_OF_ONE", 3)
    greedy, modest = registration("greedy"), registration("modest")
    greedy.way = modest.way = _way(desk)
    desk.client.gate.clear()

    assert [desk.offer(b"payload %d" % number, by=greedy) for number in range(4)] == [True] * 3 + [False]
    assert desk.offer(b"modest", by=modest)
    desk.client.gate.set()


def test_a_full_queue_takes_nothing_more(desk, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    registered = registration()
    registered.way = _way(desk)
    desk.client.gate.clear()

    assert [desk.offer(b"payload %d" % number, by=registered) for number in range(3)] == [True, True, False]
    desk.client.gate.set()


def test_a_full_outbox_is_reported_and_not_the_clients_fault(desk):
    desk.refusal = QueueFull("no room")
    registered = registration()

    desk.offer(by=registered)

    wait_until(lambda: desk.failures, "it is reported")
    assert desk.failures[0].reason == "no room"
    assert registered.failures == 0


def test_a_stop_ends_what_is_being_fetched_and_takes_nothing_more(desk):
    registered = registration()
    registered.way = _way(desk)
    desk.client.gate.clear()
    desk.offer(by=registered)
    let_others_run()

    desk.fetch.stop()
    let_others_run()

    assert desk.client.asked_at_once == 0
    assert not desk.offer(b"later", by=registered)
    desk.client.gate.set()
    let_others_run()
    assert desk.submitted == []


def _way(desk):
    """Where a client answers that was dialled back before."""
    return desk.dial_back.way_to(registration())
