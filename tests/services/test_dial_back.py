"""Who is dialled back, where, and how often."""

from __future__ import annotations

from types import SimpleNamespace

import gevent
import pytest
from foreign_parts import CALLER, FakeForeignClient, registration
from service_parts import let_others_run

from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.services.dial_back import REST_S, DialBack, dialled_host
from sorcha_peer_core.services.supervisor import Supervisor

GRPC = Endpoint("grpc", CALLER, 7000)


@pytest.fixture
def clock():
    return SimpleNamespace(now=100.0)


@pytest.fixture
def client():
    return FakeForeignClient()


@pytest.fixture
def dial_back(client, clock):
    supervisor = Supervisor()
    made = DialBack(supervisor, lambda: clock.now)
    made.by([client])
    yield made
    made.stop()
    supervisor.stop(1.0)
    assert supervisor.failed == []


def test_a_dial_back_can_begin_before_anybody_needs_it(dial_back, client):
    registered = registration()

    dial_back.begin(registered)
    dial_back.begin(registered)
    let_others_run()

    assert registered.way == (client, GRPC)
    assert client.pinged == [GRPC]


def test_a_stop_lets_go_of_whoever_waits_for_a_dial_back(dial_back, client):
    client.gate.clear()
    asking = gevent.spawn(dial_back.way_to, registration())
    let_others_run()

    dial_back.stop()

    asking.join(1.0)
    assert asking.ready()
    assert asking.value is None
    assert dial_back.way_to(registration("another")) is None


def test_a_client_that_answers_is_dialled_once(dial_back, client):
    registered = registration()

    assert dial_back.way_to(registered) == (client, GRPC)
    assert dial_back.way_to(registered) == (client, GRPC)
    assert client.pinged == [GRPC]


def test_the_first_protocol_that_answers_is_taken(dial_back, client):
    rest = FakeForeignClient(("Rest",), "rest")
    dial_back.by([client, rest])
    client.answers = False

    assert dial_back.way_to(registration(protocols=("GrpcStream", "Grpc", "Rest"))) == (rest, Endpoint("rest", CALLER, 7000))
    assert client.pinged == [GRPC], "two names of one way are one way"


def test_a_client_that_names_no_protocol_is_taken_for_grpc(dial_back, client):
    assert dial_back.way_to(registration(protocols=())) == (client, GRPC)


def test_a_protocol_that_this_node_cannot_use_is_passed_over(dial_back, client):
    assert dial_back.way_to(registration(protocols=("CarrierPigeon",))) is None
    assert client.pinged == []


def test_a_client_that_does_not_answer_is_left_alone_for_a_while(dial_back, client, clock):
    client.answers = False
    registered = registration()
    assert dial_back.way_to(registered) is None
    client.answers = True

    assert dial_back.way_to(registered) is None
    clock.now += REST_S
    assert dial_back.way_to(registered) == (client, GRPC)


@pytest.mark.parametrize(
    ("registered", "caller", "dialled"),
    [
        ("198.51.100.7", "198.51.100.7", "198.51.100.7"),
        ("198.51.100.7", "::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:0::1", "2001:db8::1", "2001:db8::1"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("client.example", "198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "::1", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.7", ""),
        ("198.51.100.7", "127.0.0.1", ""),
        ("10.0.0.1", "198.51.100.7", ""),
        ("169.254.169.254", "198.51.100.7", ""),
        ("198.51.100.8", "198.51.100.7", ""),
        ("198.51.100.7", "", ""),
        ("client.example", "", ""),
    ],
)
def test_only_the_address_that_the_registration_came_from_is_dialled(registered, caller, dialled):
    assert dialled_host(registered, caller) == dialled


def test_a_registration_of_somebody_elses_address_is_not_dialled(dial_back, client):
    assert dial_back.way_to(registration(address="10.0.0.1")) is None
    assert client.pinged == []


def test_whoever_asks_during_a_dial_back_waits_for_it(dial_back, client):
    registered = registration()
    client.gate.clear()
    asking = [gevent.spawn(dial_back.way_to, registered) for _ in range(3)]
    let_others_run()
    assert not any(greenlet.ready() for greenlet in asking)

    client.gate.set()
    gevent.joinall(asking, timeout=5)

    assert [greenlet.value for greenlet in asking] == [(client, GRPC)] * 3
    assert client.pinged == [GRPC]


def test_dial_backs_at_the_same_time_are_bounded(dial_back, client):
    client.gate.clear()
    asking = [gevent.spawn(dial_back.way_to, registration(f"client {number}")) for number in range(20)]
    let_others_run()

    assert len(client.pinged) == 16

    client.gate.set()
    gevent.joinall(asking, timeout=5)


def test_a_way_is_given_up_after_three_fetches_in_a_row_that_failed(dial_back, clock):
    registered = registration()
    dial_back.way_to(registered)

    for _ in range(2):
        dial_back.failed(registered)
    dial_back.fetched(registered)
    for _ in range(2):
        dial_back.failed(registered)
    assert dial_back.way_to(registered) is not None

    dial_back.failed(registered)
    assert dial_back.way_to(registered) is None
    clock.now += REST_S
    assert dial_back.way_to(registered) is not None
