"""Telling peers of others."""

from __future__ import annotations

from random import Random

import pytest
from discovery_parts import HOST, Notes, is_linked, knows, living, members_of
from peer_parts import DAY, NOW, peer_id

from sorcha_peer_core.model.peer import PeerRow
from sorcha_peer_core.protocol.telling import Telling


class Told:
    """A Telling for a node that knows some peers."""

    def __init__(self, *, most: int = 2000) -> None:
        self.notes = Notes()
        self.members = members_of(most=most)
        self.telling = Telling(self.notes, self.members, Random(1))

    def answer(self, number: int, most: int = 1000, now: float = 100.0) -> list[int]:
        """Of whom this peer hears when it asks, by their numbers."""
        self.notes.told.clear()
        self.telling.answer(peer_id(number), most, now, NOW)
        return [int(record.peer_id, 16) for record in self.notes.told_to(peer_id(number))]


@pytest.fixture
def told():
    return Told()


# News.


def test_news_goes_to_all_linked_peers_but_those_who_know(told):
    is_linked(told.members, 1, 2, 3)

    told.telling.gather(living(3), (), 0.0)
    told.telling.gather(living(50), (peer_id(1),), 0.1)
    told.telling.tick(0.2)

    assert told.notes.told_to(peer_id(1)) == [living(3)]
    assert told.notes.told_to(peer_id(2)) == [living(3), living(50)]
    assert told.notes.told_to(peer_id(3)) == [living(50)], "nobody needs to hear of itself"


def test_news_gathers_for_a_moment_so_that_there_are_few_frames(told):
    is_linked(told.members, 1)
    for number in range(50, 60):
        told.telling.gather(living(number), (), 0.01 * number)

    assert told.telling.next_at() == pytest.approx(0.7)
    told.telling.tick(0.69)
    assert told.notes.told == []
    told.telling.tick(0.70)

    assert len(told.notes.told) == 1
    assert told.telling.next_at() is None


def test_the_same_frame_is_for_all_who_lack_the_same(told):
    is_linked(told.members, 1, 2, 3, 4)

    told.telling.gather(living(50), (peer_id(4),), 0.0)
    told.telling.gather(living(51), (peer_id(4),), 0.0)
    told.telling.tick(1.0)

    assert told.notes.told == [((peer_id(1), peer_id(2), peer_id(3)), (living(50), living(51)))]


def test_a_frame_has_at_most_fifty_records(told):
    is_linked(told.members, 1)

    for number in range(100, 220):
        told.telling.gather(living(number), (), 0.0)
    told.telling.tick(1.0)

    assert [len(records) for _, records in told.notes.told] == [50, 50, 20]


def test_who_tells_the_same_meanwhile_need_not_hear_it(told):
    is_linked(told.members, 1, 2)
    told.telling.gather(living(50), (peer_id(3),), 0.0)

    told.telling.knows(peer_id(1), [living(50)])
    told.telling.knows(peer_id(2), [living(50, age_s=100)])
    told.telling.tick(1.0)

    assert told.notes.told_to(peer_id(1)) == []
    assert told.notes.told_to(peer_id(2)) == [living(50)], "what it knows is older"


def test_of_two_records_of_one_peer_only_the_newer_is_told(told):
    is_linked(told.members, 1)

    told.telling.gather(living(50, age_s=10), (), 0.0)
    told.telling.gather(living(50), (), 0.1)
    told.telling.tick(1.0)

    assert told.notes.told_to(peer_id(1)) == [living(50)]


# Lists.


def test_who_asks_hears_of_those_this_node_met_first_and_never_of_itself(told):
    is_linked(told.members, 1, 2, 3)
    knows(told.members, *range(50, 60))

    answer = told.answer(1)

    assert set(answer[:2]) == {2, 3}
    assert set(answer[2:]) == set(range(50, 60))


def test_who_asks_for_a_few_gets_a_few_and_the_best(told):
    is_linked(told.members, 2, 3)
    knows(told.members, *range(50, 60))

    answer = told.answer(2, most=4)

    assert len(answer) <= 4
    assert 3 in answer


def test_an_answer_has_at_most_a_thousand_records_in_frames_of_fifty(told):
    knows_many = range(1000, 2100)
    knows(told.members, *(number for number in knows_many if number % 20))
    is_linked(told.members, 1)

    answer = told.answer(1, most=1_000_000)

    assert len(answer) == 1000
    assert max(len(records) for _, records in told.notes.told) == 50


def test_also_nobody_is_an_answer(told):
    is_linked(told.members, 1)

    assert told.answer(1) == []
    assert told.notes.told == [((peer_id(1),), ())]


def test_those_that_were_given_up_or_are_silent_or_have_an_old_record_are_not_told_of(told):
    told.members.restore([PeerRow(living(40, age_s=8 * DAY), NOW - 9 * DAY, NOW - 8 * DAY, proved_at=NOW - 8 * DAY)], 0.0, NOW)
    told.members.heard(living(41, age_s=2 * DAY), peer_id(1), HOST, 0.0, NOW)
    knows(told.members, 50, 51)
    is_linked(told.members, 1)
    for _ in range(3):
        told.members.failed(peer_id(50), 0.0, NOW)

    assert told.answer(1) == [51]


def test_who_asks_twice_within_a_second_is_answered_once(told):
    is_linked(told.members, 1, 2)

    answers = [bool(told.answer(1, now=now)) for now in (100.0, 100.5, 101.0)]

    assert answers == [True, False, True]
    assert told.telling.refused["asked twice within a second"] == 1
    assert told.answer(2, now=101.0) == [1], "others are answered"


def test_what_was_news_a_moment_ago_is_in_the_next_answer(told):
    """Whoever asks now was not linked when it was told."""
    is_linked(told.members, 1, 2)
    told.answer(1, now=100.0)

    knows(told.members, 50)
    told.telling.gather(living(50), (), 100.1)
    told.telling.tick(100.3)

    assert 50 in told.answer(2, now=100.5)


def test_a_stranger_without_a_place_here_hears_of_fifty_at_random_and_met_ones_first(told):
    is_linked(told.members, *range(1, 31))
    knows(told.members, *range(100, 400))

    lists = [{int(record.peer_id, 16) for record in told.telling.newcomers(now, NOW)} for now in (100.0, 100.1)]

    assert all(len(found) == 50 and set(range(1, 31)) < found for found in lists)
    assert lists[0] != lists[1]
