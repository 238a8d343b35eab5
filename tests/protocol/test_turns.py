"""Whose turn it is to be dialled."""

from __future__ import annotations

import pytest
from peer_parts import peer_id

from sorcha_peer_core.protocol.turns import Hope, Turns

ONE, TWO = peer_id(1), peer_id(2)


@pytest.fixture
def turns():
    return Turns()


def ready(turns: Turns, hope: Hope = Hope.GOOD) -> set[str]:
    return set(turns.ready[hope])


def test_nobody_is_ready_before_the_moment_has_come(turns):
    turns.put(ONE, Hope.GOOD, 5.0)

    turns.ripen(4.9)
    assert ready(turns) == set()
    turns.ripen(5.0)
    assert ready(turns) == {ONE}


def test_the_last_moment_that_was_said_counts(turns):
    turns.put(ONE, Hope.GOOD, 1.0)
    turns.put(ONE, Hope.SOME, 5.0)

    turns.ripen(2.0)
    assert ready(turns) | ready(turns, Hope.SOME) == set()
    turns.ripen(5.0)
    assert ready(turns, Hope.SOME) == {ONE}


def test_who_is_ready_waits_again_when_told_so(turns):
    turns.put(ONE, Hope.GOOD, 0.0)
    turns.ripen(0.0)

    turns.put(ONE, Hope.LOST, 9.0)

    assert ready(turns) == set()
    turns.ripen(9.0)
    assert ready(turns, Hope.LOST) == {ONE}


def test_who_is_taken_out_does_not_come_up_again(turns):
    turns.put(ONE, Hope.GOOD, 1.0)
    turns.put(TWO, Hope.GOOD, 0.0)
    turns.ripen(0.5)

    turns.take_out(ONE)
    turns.take_out(TWO)
    turns.ripen(9.0)

    assert ready(turns) == set()
    assert turns.next_at() is None


def test_the_next_moment_is_that_of_somebody_who_waits(turns):
    turns.put(ONE, Hope.GOOD, 1.0)
    turns.put(TWO, Hope.GOOD, 3.0)
    assert turns.next_at() == 1.0

    turns.put(ONE, Hope.GOOD, 7.0)
    assert turns.next_at() == 3.0

    turns.ripen(3.0)
    assert turns.next_at() == 7.0
