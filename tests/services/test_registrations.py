"""Foreign clients that registered: how many, for how long, and whose word counts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sorcha_peer_core.interfaces.peer_api import RegisteredPeer
from sorcha_peer_core.services import registrations as module
from sorcha_peer_core.services.registrations import Registration, Registrations, Way

HERE = "198.51.100.7"
ELSEWHERE = "198.51.100.8"


@pytest.fixture
def clock():
    return SimpleNamespace(now=1_800_000_000.0)


@pytest.fixture
def registrations(clock):
    return Registrations(lambda: clock.now)


def client(name: str, **changes) -> RegisteredPeer:
    return RegisteredPeer(name, HERE, 80, ["Rest"], 0, False, False, 1000)._replace(**changes)


@pytest.mark.parametrize("changes", [{"peer_id": ""}, {"address": ""}])
def test_a_registration_needs_a_name_and_an_address(registrations, changes):
    assert registrations.add(client("a", **changes), HERE) == "peer_id and address are needed"


@pytest.mark.parametrize(
    "changes", [{"peer_id": "x" * 256}, {"address": "x" * 256}, {"protocols": ["x" * 256]}, {"protocols": ["x"] * 17}]
)
def test_a_registration_of_unreasonable_size_is_refused(registrations, changes):
    assert "at most 255 characters" in registrations.add(client("a", **changes), HERE)


@pytest.mark.parametrize("changes", [{"peer_id": "a\nb"}, {"address": "\x1b[2J"}, {"protocols": ["\0"]}])
def test_what_cannot_be_printed_does_not_get_into_lists_and_logs(registrations, changes):
    assert "can be printed" in registrations.add(client("a", **changes), HERE)


def test_a_full_list_takes_nobody_new_until_somebody_goes(registrations, clock, monkeypatch):
    monkeypatch.setattr(module, "_MOST", 2)
    registrations.add(client("a"), HERE)
    registrations.add(client("b"), HERE)

    assert registrations.add(client("c"), HERE) == "the list of registered clients is full"
    assert isinstance(registrations.add(client("a"), HERE), Registration), "who is listed may register again"

    clock.now += 4000
    assert isinstance(registrations.add(client("c"), HERE), Registration)


def test_one_address_cannot_fill_the_list(registrations, monkeypatch):
    monkeypatch.setattr(module, "_MOST_FROM_ONE_ADDRESS", 2)
    registrations.add(client("a"), HERE)
    registrations.add(client("b"), HERE)

    assert "from this address already" in registrations.add(client("c"), HERE)
    assert isinstance(registrations.add(client("c"), ELSEWHERE), Registration)


def test_a_listed_client_cannot_be_replaced_from_another_address(registrations):
    registrations.add(client("a"), HERE)

    assert registrations.add(client("a", port=81), ELSEWHERE) == "this peer_id was registered from another address"
    assert registrations.current()[0].port == 80


def test_a_registration_is_found_by_those_who_call_from_where_it_was_made(registrations):
    added = registrations.add(client("a"), HERE)

    assert registrations.find("a", HERE) is added
    assert registrations.find("a", ELSEWHERE) is None
    assert registrations.find("b", HERE) is None


def test_a_registration_that_is_renewed_keeps_what_is_known_of_it(registrations, clock):
    added = registrations.add(client("a"), HERE)
    added.way = Way(None, None)
    clock.now += 3000

    again = registrations.add(client("a"), HERE)

    assert again is added
    assert again.way is not None
    assert again.peer.last_seen_at == clock.now


@pytest.mark.parametrize("changes", [{"port": 81}, {"protocols": ["Grpc"]}])
def test_a_client_that_moved_is_to_be_dialled_anew(registrations, changes):
    registrations.add(client("a"), HERE).way = Way(None, None)

    assert registrations.add(client("a", **changes), HERE).way is None


def test_an_old_registration_is_not_found(registrations, clock):
    registrations.add(client("a"), HERE)
    clock.now += 3601

    assert registrations.find("a", HERE) is None
    assert registrations.current() == []
