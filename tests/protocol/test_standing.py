"""Online, degraded, offline: when, and after how long."""

from __future__ import annotations

import pytest

from sorcha_peer_core.model.events import StateChanged
from sorcha_peer_core.protocol.standing import Standing


def pass_time(standing: Standing, now: float, until: float) -> list[tuple[float, str]]:
    """The changes up to then, each at the moment that was announced for it."""
    changes = []
    while True:
        change = standing.tick(now)
        if change is not None:
            changes.append((now, change.state))
            continue
        due = standing.next_at()
        if due is None or due > until:
            return changes
        now = due


@pytest.mark.parametrize(
    ("linked", "live", "name"),
    [(0, 0, "offline"), (0, 9, "offline"), (1, 1, "online"), (2, 3, "degraded"), (3, 3, "online"), (4, 100, "degraded"),
     (5, 100, "online")],
)  # fmt: skip
def test_a_node_is_well_with_enough_links_or_all_there_can_be(linked, live, name):
    standing = Standing(min_healthy=5)

    standing.update(linked, live, 0.0)
    standing.tick(0.0)

    assert standing.name == name


def test_a_node_begins_offline():
    assert Standing(5).name == "offline"


def test_it_is_online_at_once_the_first_time_and_later_after_two_seconds():
    standing = Standing(5)
    standing.update(5, 9, 1.0)
    assert pass_time(standing, 1.0, 1.0) == [(1.0, "online")]
    standing.update(2, 9, 10.0)
    assert pass_time(standing, 10.0, 20.0) == [(15.0, "degraded")]

    standing.update(5, 9, 30.0)

    assert pass_time(standing, 30.0, 60.0) == [(32.0, "online")]


def test_a_dip_of_less_than_five_seconds_is_not_told():
    standing = Standing(5)
    standing.update(5, 9, 0.0)
    standing.tick(0.0)

    standing.update(3, 9, 10.0)
    assert pass_time(standing, 10.0, 14.9) == []
    standing.update(5, 9, 14.9)

    assert pass_time(standing, 14.9, 99.0) == []


def test_it_is_offline_ten_seconds_after_the_last_link_ended():
    standing = Standing(5)
    standing.update(2, 2, 0.0)
    standing.tick(0.0)

    standing.update(0, 2, 100.0)

    assert pass_time(standing, 100.0, 200.0) == [(105.0, "degraded"), (110.0, "offline")]


def test_the_first_link_after_that_ends_it_at_once():
    standing = Standing(5)
    for linked, now in ((2, 0.0), (0, 100.0)):
        standing.update(linked, 2, now)
        pass_time(standing, now, now + 50.0)

    standing.update(1, 2, 200.0)
    changes = pass_time(standing, 200.0, 200.0)
    standing.update(2, 2, 201.0)

    assert changes == [(200.0, "degraded")]
    assert pass_time(standing, 201.0, 300.0) == [(203.0, "online")]


def test_each_change_says_why():
    standing = Standing(5)
    told = []
    for linked, now in ((1, 0.0), (3, 1.0), (0, 10.0), (0, 21.5)):
        standing.update(linked, 3, now)
        told.append(standing.tick(now))

    assert told == [
        StateChanged("degraded", "1 of 3 needed peers are linked"),
        StateChanged("online", "3 of 3 needed peers are linked"),
        None,
        StateChanged("offline", "no peer has been linked for 12 s"),
    ]


def test_the_time_in_which_the_node_itself_stood_still_does_not_count():
    standing = Standing(5)
    standing.update(5, 9, 0.0)
    standing.tick(0.0)
    standing.update(0, 9, 10.0)

    standing.slept(3600.0)

    assert pass_time(standing, 3611.0, 3614.9) == []
    assert pass_time(standing, 3614.9, 3700.0) == [(3615.0, "degraded"), (3620.0, "offline")]
