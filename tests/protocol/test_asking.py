"""Asking peers whom they know."""

from __future__ import annotations

from random import Random

import pytest
from discovery_parts import Notes
from peer_parts import peer_id

from sorcha_peer_core.protocol.asking import Asking

PEERS = [peer_id(number) for number in range(1, 30)]


class Questions:
    """An Asking for a node with some links."""

    def __init__(self, *, links: int = 20, at_once: int = 10) -> None:
        self.notes = Notes()
        self.asking = Asking(self.notes, Random(1), at_once=at_once, most=1000)
        self.linked = PEERS[:links]
        self.now = 0.0
        self.is_full = False

    def tick(self) -> list[str]:
        """Go on; returns who is asked now."""
        self.notes.asks.clear()
        self.asking.tick(self.linked, self.is_full, self.now)
        return [peer for peer, _ in self.notes.asks]

    def answer(self, *peers: str, news: int = 0) -> None:
        for peer in peers:
            assert self.asking.answered(peer, self.now)
        self.asking.brought(news)

    def rounds(self, news: int, most: int = 20) -> list[float]:
        """Let rounds happen that each bring so much; returns when they began."""
        begun = []
        while (due := self.asking.next_at()) is not None and len(begun) < most:
            self.now = due
            asked = self.tick()
            if asked:
                begun.append(self.now)
                self.answer(*asked, news=news)
                self.tick()
        return begun


@pytest.fixture
def questions():
    return Questions()


def test_whoever_is_new_is_asked_for_as_many_as_the_list_holds(questions):
    questions.asking.add(PEERS[:2])

    questions.tick()

    assert questions.notes.asks == [(PEERS[0], 1000), (PEERS[1], 1000)]


def test_no_more_than_ten_are_asked_at_a_time(questions):
    questions.asking.add(PEERS[:12])
    asked = questions.tick()

    questions.answer(asked[0])

    assert len(asked) == 10
    assert questions.tick() == [PEERS[10]]


def test_who_does_not_answer_is_not_waited_for_longer_than_five_seconds(questions):
    questions.asking.add(PEERS[:11])
    questions.tick()
    assert questions.asking.next_at() == 5.0

    questions.now = 5.0

    assert questions.tick() == [PEERS[10]]


def test_who_is_linked_no_more_is_neither_asked_nor_waited_for(questions):
    questions.asking.add(PEERS[:11])
    questions.tick()

    questions.asking.remove(PEERS[3])
    assert questions.tick() == [PEERS[10]]
    questions.asking.add([PEERS[12]])
    questions.asking.remove(PEERS[12])

    assert questions.tick() == []


def test_records_that_nobody_asked_for_are_told_apart(questions):
    questions.asking.add(PEERS[:1])
    questions.tick()

    assert not questions.asking.answered(PEERS[1], questions.now)
    assert questions.asking.answered(PEERS[0], questions.now)
    assert questions.asking.answered(PEERS[0], questions.now + 1.0), "the next frame of the same answer"
    assert not questions.asking.answered(PEERS[0], questions.now + 1.1)


def test_rounds_go_on_while_they_bring_news_with_growing_pauses(questions):
    questions.asking.add(PEERS[:1])
    questions.answer(*questions.tick(), news=5)
    questions.tick()

    begun = questions.rounds(news=1, most=9)

    assert [later - at for at, later in zip([0.0, *begun], begun, strict=False)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_round_asks_a_few_of_the_linked_peers(questions):
    questions.asking.add(PEERS[:1])
    questions.answer(*questions.tick(), news=5)
    questions.tick()

    questions.now = questions.asking.next_at()
    asked = questions.tick()

    assert len(set(asked)) == 3
    assert set(asked) <= set(questions.linked)


def test_a_round_that_brings_nothing_is_the_last_one(questions):
    questions.asking.add(PEERS[:1])
    questions.answer(*questions.tick(), news=5)
    questions.tick()

    assert len(questions.rounds(news=0)) == 1
    assert questions.asking.next_at() is None
    assert not questions.asking.goes_on


def test_the_pauses_are_short_again_after_that(questions):
    for _ in range(2):
        questions.asking.add(PEERS[:1])
        questions.answer(*questions.tick(), news=5)
        questions.tick()
        assert questions.asking.next_at() == questions.now + 1.0
        questions.rounds(news=0)


def test_no_round_is_worth_it_when_the_list_is_full(questions):
    questions.is_full = True
    questions.asking.add(PEERS[:1])

    questions.answer(*questions.tick(), news=5)
    questions.tick()

    assert questions.rounds(news=5) == []


def test_the_time_in_which_the_node_itself_stood_still_is_not_counted(questions):
    questions.asking.add(PEERS[:11])
    questions.tick()
    questions.now = 3600.0

    questions.asking.slept(3600.0)

    assert questions.tick() == []
    assert questions.asking.next_at() == 3605.0


def test_a_round_that_is_due_waits_for_answers_without_being_busy(questions):
    questions.asking.add(PEERS[:1])
    questions.answer(*questions.tick(), news=5)
    questions.tick()

    questions.asking.add([PEERS[1]])
    questions.tick()
    questions.now = 2.0
    questions.tick()

    assert questions.asking.next_at() == 5.0
