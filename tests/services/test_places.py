"""Places for strangers: who gets one, and who gives way."""

from __future__ import annotations

import pytest
from service_parts import RecordingLink

from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.services.places import Places
from sorcha_peer_core.testing.manual_clock import ManualClock

PATIENCE_S = 1.0
CROWD = "203.0.113.9"


def link_from(host):
    link = RecordingLink(outbound=False)
    link.remote = Endpoint("grpc", host, 40_000)
    return link


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def places(clock):
    return Places(4, PATIENCE_S, clock)


def take(places, *hosts):
    links = [link_from(host) for host in hosts]
    assert all(places.take(link) for link in links)
    return links


def closed(links):
    return [link.closed != "" for link in links]


def test_there_are_as_many_places_as_were_said(places):
    take(places, "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4")

    assert not places.take(link_from("192.0.2.5"))
    assert len(places) == 4


def test_a_place_that_is_given_back_is_free(places):
    links = take(places, "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4")

    places.give_back(links[2])

    assert places.take(link_from("192.0.2.5"))
    assert closed(links) == [False] * 4


def test_who_has_none_may_give_one_back(places):
    places.give_back(link_from("192.0.2.1"))

    assert len(places) == 0


def test_who_has_been_there_for_too_long_gives_way(places, clock):
    links = take(places, "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4")
    clock.advance(PATIENCE_S + 0.1)

    assert places.take(link_from("192.0.2.5"))

    assert closed(links) == [True, False, False, False]
    assert len(places) == 4


def test_nobody_who_came_just_now_gives_way_to_the_next(places, clock):
    """In a crowd of many newcomers nobody would ever get to the end otherwise."""
    links = take(places, "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4")
    clock.advance(PATIENCE_S)

    assert not places.take(link_from("192.0.2.5"))

    assert closed(links) == [False] * 4


def test_one_who_takes_all_places_gives_way_to_anybody_else(places):
    links = take(places, CROWD, CROWD, "192.0.2.3", CROWD)

    assert places.take(link_from("192.0.2.5"))

    assert closed(links) == [True, False, False, False]


def test_one_who_takes_all_places_gains_nothing_by_coming_again(places):
    links = take(places, "192.0.2.3", CROWD, CROWD, CROWD)

    assert not places.take(link_from(CROWD))

    assert closed(links) == [False] * 4


@pytest.mark.parametrize(
    ("hosts", "newcomer"),
    [
        (["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff::3", "192.0.2.1"], "192.0.2.2"),
        (["::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"], "2001:db8::1"),
    ],
)
def test_addresses_that_one_customer_has_are_one_neighbourhood(places, hosts, newcomer):
    links = take(places, *hosts)

    assert places.take(link_from(newcomer))

    assert closed(links) == [True, False, False, False]


def test_without_any_places_nobody_gets_one(clock):
    assert not Places(0, PATIENCE_S, clock).take(link_from("192.0.2.1"))
