"""One large transaction, chunk by chunk: who is asked for what, and what is believed."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorcha_peer_core.model.chunks import chunk_list
from sorcha_peer_core.model.messages import Chunk, ChunkList
from sorcha_peer_core.protocol.swarm import Swarm
from sorcha_peer_core.testing.network_node import make_transaction

ANN, BOB, CAT = 1, 2, 3
STEP = 16_384
TX = make_transaction(Random(1).randbytes(9 * STEP + 100), chunk_bytes=STEP)
LIST = chunk_list(TX.payload, STEP)
LISTED = ChunkList(TX.hash, TX.header, TX.header_bytes, TX.signature, LIST, 2, 5)
UNLISTED = LISTED._replace(hashes=b"")
SIZE = len(TX.payload)
LATER = 100.0


def chunk(index: int, data: bytes | None = None) -> Chunk:
    return Chunk(TX.hash, index * STEP, TX.payload[index * STEP : (index + 1) * STEP] if data is None else data)


def swarm_of(*sources: int, envelope: ChunkList = LISTED) -> Swarm:
    swarm = Swarm(TX.hash, 0.0)
    for peer in sources:
        swarm.offered(peer, SIZE, None)
    swarm.begin(envelope, ANN, STEP, Random(1))
    return swarm


def held(swarm: Swarm) -> list[int]:
    return swarm.pieces.held if swarm.pieces is not None else []


def deliver(swarm: Swarm, peer: int, count: int = 1) -> list[bool | None]:
    indexes = [swarm.choose(peer, LATER) for _ in range(count)]
    return [swarm.take(peer, chunk(index)) for index in indexes if index is not None]


def test_chunks_of_several_make_the_whole_in_any_order():
    swarm = swarm_of(ANN, BOB)

    taken = deliver(swarm, ANN, 4) + deliver(swarm, BOB, 6)

    assert taken == [True] * 10
    assert swarm.complete
    assert swarm.push() == (TX, 2, 5)
    assert swarm.choose(ANN, LATER) is None


def test_nobody_is_asked_for_a_chunk_that_another_was_asked_for_or_that_he_has_not():
    swarm = swarm_of(ANN)
    swarm.offered(BOB, SIZE, (3, 4))

    of_bob = {swarm.choose(BOB, LATER), swarm.choose(BOB, LATER)}
    of_ann = {swarm.choose(ANN, LATER) for _ in range(8)}

    assert of_bob == {3, 4}
    assert of_ann == set(range(10)) - {3, 4}
    assert (swarm.choose(ANN, LATER), swarm.choose(BOB, LATER)) == (None, None)


def test_what_few_have_is_asked_for_first():
    swarm = swarm_of(ANN)
    for peer in (BOB, CAT):
        swarm.offered(peer, SIZE, range(6))

    rare = sum((swarm.choose(ANN, LATER) or 0) >= 6 for _ in range(4))

    assert rare >= 3


@pytest.mark.parametrize(
    "wrong", [chunk(0, b"x" * STEP), chunk(0, TX.payload[: STEP - 1]), chunk(0, b"")], ids=["content", "length", "empty"]
)
def test_a_chunk_that_is_not_the_listed_one_is_refused_and_asked_for_again(wrong: Chunk):
    swarm = swarm_of(ANN)
    asked = [swarm.choose(ANN, LATER) for _ in range(10)]

    assert swarm.take(ANN, wrong) is False
    assert held(swarm) == []
    assert (sorted(asked), swarm.choose(ANN, LATER)) == (list(range(10)), 0)


@pytest.mark.parametrize("index", [0, 10, 2**50])
def test_a_chunk_that_nobody_asked_for_changes_nothing(index: int):
    swarm = swarm_of(ANN)

    assert swarm.take(ANN, Chunk(TX.hash, index * STEP, TX.payload[:STEP])) is None
    assert swarm.take(BOB, chunk(0)) is None
    assert swarm.take(ANN, Chunk(TX.hash, 5, b"x")) is None
    assert held(swarm) == []


def test_before_the_list_is_here_nothing_is_taken():
    swarm = Swarm(TX.hash, 0.0)
    swarm.offered(ANN, SIZE, None)

    assert (swarm.choose(ANN, LATER), swarm.take(ANN, chunk(0)), swarm.complete) == (None, None, False)


def test_what_is_overdue_is_asked_of_others_and_much_later_of_the_same_again():
    swarm = swarm_of(ANN, BOB)
    indexes = {swarm.choose(ANN, 1.0) for _ in range(10)}
    nothing_left = swarm.choose(BOB, 9.0)

    swarm.overdue(1.5, patience_s=2.0)
    of_bob = {swarm.choose(BOB, 9.0) for _ in range(10)}
    ann_is_still_asked = len(swarm.sources[ANN].asked)
    swarm.overdue(1000.0, patience_s=2.0)

    assert (nothing_left, of_bob, ann_is_still_asked) == (None, indexes, 10)
    assert swarm.sources[ANN].asked == {}


def test_what_comes_late_is_good_all_the_same_and_counts_once():
    swarm = swarm_of(ANN, BOB)
    index = swarm.choose(ANN, 1.0)
    swarm.overdue(1.5, patience_s=2.0)
    while swarm.choose(BOB, 9.0) != index:
        pass

    assert (swarm.take(ANN, chunk(index)), swarm.take(BOB, chunk(index))) == (True, None)


def test_what_a_lost_peer_owed_is_asked_of_others():
    swarm = swarm_of(ANN, BOB)
    owed = {swarm.choose(ANN, LATER) for _ in range(10)}

    swarm.lost(ANN)

    assert {swarm.choose(BOB, LATER) for _ in range(10)} == owed


def test_numbers_of_chunks_beyond_any_list_are_passed_over():
    swarm = Swarm(TX.hash, 0.0)

    swarm.offered(ANN, SIZE, (2**31, 5))
    swarm.begin(LISTED, ANN, STEP, Random(1))

    assert (swarm.choose(ANN, LATER), swarm.choose(ANN, LATER)) == (5, None)


def test_after_a_restart_nothing_of_before_is_left():
    swarm = swarm_of(ANN, BOB)
    deliver(swarm, ANN, 10)

    swarm.restart()
    swarm.begin(LISTED, BOB, STEP, Random(1))

    assert (held(swarm), swarm.complete, swarm.senders) == ([], False, {})
    assert swarm.choose(BOB, LATER) is not None


def test_without_a_list_chunks_are_asked_for_in_order_and_none_is_passed_on():
    swarm = swarm_of(ANN, envelope=UNLISTED)

    asked = [swarm.choose(ANN, LATER) for _ in range(3)]
    swarm.take(ANN, chunk(0))

    assert asked == [0, 1, 2]
    assert held(swarm) == []


def test_without_a_list_a_late_favourite_goes_to_the_end_of_the_line_and_what_he_sent_is_kept():
    swarm = swarm_of(ANN, BOB, envelope=UNLISTED)
    swarm.favourite = ANN
    swarm.choose(ANN, 1.0)
    swarm.choose(ANN, 1.0)
    swarm.take(ANN, chunk(0))

    swarm.overdue(2.0, patience_s=2.0)

    assert (swarm.favourite, list(swarm.sources)) == (None, [BOB, ANN])
    assert sorted({swarm.choose(BOB, LATER) for _ in range(9)}) == list(range(1, 10))


def test_without_a_list_and_after_a_forgery_everything_is_asked_of_the_next_one():
    swarm = swarm_of(ANN, BOB, envelope=UNLISTED)
    swarm.alone, swarm.favourite = True, ANN
    deliver(swarm, ANN, 3)

    swarm.lost(ANN)

    assert sorted({swarm.choose(BOB, LATER) for _ in range(10)}) == list(range(10))
    assert swarm.senders == {}


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(0, 3), st.none()),
        st.tuples(st.just("deliver"), st.integers(0, 3), st.integers(0, 9)),
        st.tuples(st.just("forge"), st.integers(0, 3), st.integers(0, 9)),
        st.tuples(st.just("overdue"), st.floats(0.0, 3.0), st.none()),
        st.tuples(st.just("lost"), st.integers(0, 3), st.none()),
        st.tuples(st.just("offered"), st.integers(0, 3), st.lists(st.integers(0, 12), max_size=5)),
    ),
    max_size=80,
)


def _play(swarm: Swarm, steps) -> float:
    """Whatever happens, only true chunks are taken; returns the time at the end."""
    now = 0.0
    for what, one, two in steps:
        if what == "overdue":
            now += one
            swarm.overdue(now, patience_s=1.0)
        elif what == "offered":
            swarm.offered(one, SIZE, two)
        elif what == "deliver":
            assert swarm.take(one, chunk(two)) in (True, None)
        elif what == "forge":
            assert swarm.take(one, chunk(two, b"x")) in (False, None)
        elif one in swarm.sources:
            swarm.choose(one, now + 1.0) if what == "ask" else swarm.lost(one)
    return now


@settings(derandomize=True, deadline=None, max_examples=200)
@given(steps=STEPS, seed=st.integers(0, 99))
def test_after_any_schedule_one_who_has_all_can_complete_it_and_it_is_the_true_payload(steps, seed: int):
    swarm = Swarm(TX.hash, 0.0)
    swarm.offered(0, SIZE, None)
    swarm.begin(LISTED, 0, STEP, Random(seed))

    now = _play(swarm, steps)
    swarm.offered(9, SIZE, None)
    for round_ in range(3):
        while (index := swarm.choose(9, now + 1.0)) is not None:
            assert swarm.take(9, chunk(index)) is True
        now += 1000.0 * (round_ + 1)
        swarm.overdue(now, patience_s=1.0)

    assert swarm.complete
    assert swarm.push().transaction == TX
