"""Which records are worth a look at their signatures."""

from __future__ import annotations

from dataclasses import replace

import pytest
from discovery_parts import HOST, ME, Notes, knows, living, members_of
from peer_parts import DAY, NOW, peer_id

from sorcha_peer_core.protocol.checking import Checking

ONE, TWO = peer_id(1), peer_id(2)


class Desk:
    """A Checking and what it orders."""

    def __init__(self, most: int = 100) -> None:
        self.notes = Notes()
        self.members = members_of(most=most)
        self.checking = Checking(self.notes, self.members, "sorcha", most)

    def take(self, source, *records) -> list[int]:
        """Hand records in; returns the numbers of those that are checked now."""
        self.notes.checks.clear()
        self.checking.take(source, records, True, NOW)
        return [int(record.peer_id, 16) for check in self.notes.checks for record in check.records]


@pytest.fixture
def desk():
    return Desk()


def test_only_news_is_checked(desk):
    knows(desk.members, 50)

    assert desk.take(ONE, living(50), living(51), living(50, age_s=9)) == [51]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (replace(living(50), network_id="another"), "of another network"),
        (living(50, age_s=7 * DAY + 1), "too old, or from the future"),
        (living(50, age_s=-601), "too old, or from the future"),
    ],
    ids=["another network", "old", "the future"],
)
def test_what_is_not_worth_it_is_counted(desk, record, reason):
    assert desk.take(ONE, record) == []
    assert desk.checking.refused[reason] == 1


def test_what_this_node_says_of_itself_is_no_news(desk):
    assert desk.take(ONE, replace(living(50), peer_id=ME)) == []


def test_a_record_that_is_being_checked_is_not_checked_again_and_both_tellers_count(desk):
    desk.take(ONE, living(50))
    [check] = desk.notes.checks

    assert desk.take(TWO, living(50)) == []

    assert desk.checking.done(check, [True]) == [(living(50), {ONE, TWO})]


def test_a_forged_copy_does_not_stand_for_the_genuine_one(desk):
    desk.take(ONE, replace(living(50), signature=b"forged"))
    [forged] = desk.notes.checks

    assert desk.take(TWO, living(50)) == [50]

    assert desk.checking.done(forged, [False]) == []
    assert desk.checking.refused["not signed by its key"] == 1


def test_one_source_has_no_more_checked_at_a_time_than_a_list_holds():
    desk = Desk(most=5)
    first = desk.take(ONE, *(living(number) for number in range(50, 54)))
    [check] = desk.notes.checks

    second = desk.take(ONE, *(living(number) for number in range(60, 64)))
    others = desk.take(TWO, living(70))
    desk.checking.done(check, [False] * 4)
    third = desk.take(ONE, *(living(number) for number in range(80, 90)))

    assert (len(first), len(second), others, len(third)) == (4, 1, [70], 4)
    assert desk.checking.refused["too many from one source"] == 3 + 6


def test_for_whom_there_is_no_room_is_not_checked_again_and_again():
    desk = Desk(most=1)
    knows(desk.members, 50)
    assert desk.take(ONE, living(51, age_s=9)) == [51]
    [check] = desk.notes.checks
    desk.checking.done(check, [True])
    assert not desk.members.heard(living(51, age_s=9), ONE, HOST, 0.0, NOW)

    desk.checking.declined(living(51, age_s=9))

    assert desk.take(TWO, living(51, age_s=9)) == []
    assert desk.take(TWO, living(51)) == [51], "this one is newer"
    desk.checking.review()
    assert desk.take(peer_id(3), living(51, age_s=9)) == [51]


def test_what_only_one_source_may_not_tell_another_one_may(desk):
    desk.checking.declined(living(51))

    assert desk.take(TWO, living(51)) == [51]
