"""Which links to want."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from discovery_parts import is_linked, knows, members_of
from peer_parts import NOW, peer_id

from sorcha_peer_core.protocol.strategies import Mesh
from sorcha_peer_core.protocol.view import (
    choose_improvement,
    choose_lost,
    choose_to_dial,
    choose_to_look_at,
    choose_to_shed,
    wanted_for_good,
)


@pytest.fixture
def members():
    return members_of(most=1000)


def measured(members, rtts_ms: dict[int, float], now: float = 0.0) -> None:
    for number, rtt_ms in rtts_ms.items():
        members.measure(peer_id(number), rtt_ms / 1000, now, smooth=False)


def number_of(member) -> int | None:
    return None if member is None else int(member.peer_id, 16)


def shed(members, wanted: int, *, firsts=(), now: float = 100.0, seed: int = 1) -> int | None:
    links = members.linked.values()
    return number_of(choose_to_shed(links, wanted, {peer_id(number) for number in firsts}.__contains__, Random(seed), now))


# Dialling.


def test_while_some_of_the_nearest_are_not_linked_they_are_dialled_nearest_first(members):
    knows(members, *range(1, 40))
    measured(members, {7: 5.0, 8: 3.0, 9: 90.0})
    members.turns.ripen(5.0)

    first = choose_to_dial(members, 10, Random(1))
    members.begin(first.peer_id)
    second = choose_to_dial(members, 10, Random(1))

    assert (number_of(first), number_of(second)) == (8, 7)


def test_when_the_nearest_are_linked_anybody_may_be_dialled(members):
    knows(members, *range(1, 40))
    is_linked(members, 7, 8)
    measured(members, {7: 5.0, 8: 3.0, 9: 90.0})
    members.turns.ripen(5.0)

    chosen = Counter(number_of(choose_to_dial(members, 5, Random(seed))) for seed in range(400))

    assert len(chosen) == 37
    assert max(chosen.values()) < 30


def test_who_failed_is_dialled_when_nobody_else_is_ready(members):
    knows(members, 1, 2)
    members.failed(peer_id(1), 0.0, NOW)
    members.turns.ripen(5.0)

    first = choose_to_dial(members, 10, Random(1))
    members.begin(first.peer_id)

    assert number_of(first) == 2
    assert number_of(choose_to_dial(members, 10, Random(1))) == 1


def test_who_is_lost_is_tried_apart_from_the_others(members):
    knows(members, 1)
    for _ in range(3):
        members.failed(peer_id(1), 0.0, NOW)
    members.turns.ripen(9.0)

    assert choose_to_dial(members, 10, Random(1)) is None
    assert number_of(choose_lost(members, Random(1))) == 1


# Looking.


def test_who_was_never_measured_is_looked_at_before_the_others(members):
    knows(members, 1, 2, 3)
    measured(members, {1: 5.0, 3: 5.0})
    members.turns.ripen(5.0)

    chosen = {number_of(choose_to_look_at(members, Random(seed), draws=60)) for seed in range(5)}

    assert chosen == {2}


def test_among_the_measured_those_come_first_that_were_not_for_the_longest_time(members):
    knows(members, 1, 2, 3)
    for number in (2, 1, 3):
        measured(members, {number: 5.0}, now=float(number))
    members.turns.ripen(5.0)

    assert number_of(choose_to_look_at(members, Random(1), draws=60)) == 1


def test_there_is_nobody_to_look_at_when_all_are_linked(members):
    is_linked(members, 1, 2)

    assert choose_to_look_at(members, Random(1)) is None


# Shedding.


def test_near_old_and_first_contact_links_stay_and_any_other_may_go(members):
    for number in range(1, 21):
        is_linked(members, number, now=float(number))
    measured(members, {number: 100.0 - number for number in range(1, 21)})
    wanted = 8

    gone = Counter(shed(members, wanted, firsts=(10, 11, 12), seed=seed) for seed in range(600))

    near, oldest, firsts = {18, 19, 20}, {1, 2}, {10, 11}
    assert set(gone) == set(range(1, 21)) - near - oldest - firsts
    assert max(gone.values()) < 100


def test_a_link_that_came_up_a_moment_ago_stays(members):
    is_linked(members, 1, now=0.0)
    is_linked(members, 2, 3, now=95.0)

    assert shed(members, 0, now=100.0) == 1
    assert shed(members, 1, now=5.0) is None


# Getting nearer.


def test_a_peer_that_is_clearly_nearer_takes_the_place_of_the_worst_near_link(members):
    knows(members, 50, 51)
    is_linked(members, *range(1, 11))
    measured(members, {number: 10.0 * number for number in range(1, 11)} | {50: 20.0, 51: 27.0})
    members.turns.ripen(5.0)

    better, worse = choose_improvement(members, 10, now=100.0)

    assert (number_of(better), number_of(worse)) == (50, 4)


@pytest.mark.parametrize(("rtt_ms", "now"), [(28.1, 100.0), (20.0, 5.0)], ids=["it is hardly nearer", "the worst link is young"])
def test_it_stays_as_it_is(members, rtt_ms, now):
    knows(members, 50)
    is_linked(members, *range(1, 11))
    measured(members, {number: 10.0 * number for number in range(1, 11)} | {50: rtt_ms})
    members.turns.ripen(5.0)

    assert choose_improvement(members, 10, now) is None


def test_who_wants_to_be_left_alone_is_no_improvement(members):
    knows(members, 50)
    is_linked(members, *range(1, 11))
    measured(members, {number: 10.0 * number for number in range(1, 11)} | {50: 1.0})
    members.rest(peer_id(50), 90.0, 0.0)
    members.turns.ripen(5.0)

    assert choose_improvement(members, 10, now=100.0) is None


# Around the size at which a strategy changes its mind.


@pytest.mark.parametrize(("live", "wanted"), [(32, 32), (33, 26), (40, 32), (41, 32), (42, 12), (1000, 12)])
def test_what_is_wanted_for_good_follows_the_strategy_with_a_delay(live, wanted):
    assert wanted_for_good(Mesh().links_wanted, live) == wanted
