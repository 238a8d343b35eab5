"""Comparisons: any two nodes end with the same transactions, at a cost that follows the difference."""

from __future__ import annotations

import pytest
from digest_parts import ANN, BOB, NOW_MS, Side, exchange, transactions
from hypothesis import given, settings
from hypothesis import strategies as st

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.protocol.allowance import MOST_FRAMES, MOST_TOLD
from sorcha_peer_core.protocol.slices import EPOCH_MS, HOUR_MS, MINUTE_MS

MINUTE_AGO = NOW_MS - 60_000
HOURS_AGO = NOW_MS - 3 * HOUR_MS


def compare_all(ann: Side, bob: Side, now: float) -> None:
    ann.digests.compare_epochs(BOB)
    exchange(ann, bob, now)
    ann.digests.compare_hours(BOB, 0)
    exchange(ann, bob, now)


def rounds_until_equal(ann: Side, bob: Side, most: int) -> int:
    for number in range(most):
        if ann.log.keys() == bob.log.keys():
            return number
        compare_all(ann, bob, now=2.0 * number)
        ann, bob = bob, ann
    return most


@settings(derandomize=True, max_examples=20, deadline=None, database=None)
@given(
    both=st.integers(0, 400),
    only_ann=st.integers(0, 300),
    only_bob=st.integers(0, 300),
    since_ms=st.sampled_from([MINUTE_AGO, NOW_MS - 200_000, HOURS_AGO, NOW_MS - 24 * HOUR_MS]),
)
def test_any_two_nodes_end_with_the_same_transactions(both: int, only_ann: int, only_bob: int, since_ms: float):
    shared, hers, his = (transactions(n, since_ms=since_ms, seed=s) for s, n in enumerate((both, only_ann, only_bob)))
    ann, bob = Side(shared + hers, seed=1), Side(shared + his, seed=2)

    # Two hours and eight minutes at a time: what is scattered over a day takes a while.
    rounds_until_equal(ann, bob, most=400)

    assert ann.log.keys() == bob.log.keys()
    # Nobody is told what it has.
    assert len(ann.announced) + len(bob.announced) <= only_ann + only_bob


@settings(derandomize=True, max_examples=3, deadline=None, database=None)
@given(missing=st.integers(1, 40), seed=st.integers(0, 100))
def test_the_cost_follows_the_difference_and_not_what_is_compared(missing: int, seed: int):
    shared = transactions(6000, since_ms=MINUTE_AGO, seed=seed)
    hers = transactions(missing, since_ms=MINUTE_AGO, seed=1000 + seed)
    ann, bob = Side(shared + hers), Side(shared)

    ann.digests.compare_epochs(BOB)
    exchange(ann, bob, now=0.0)

    assert ann.log.keys() == bob.log.keys()
    # Marks of fifteen epochs, then for each at most: two levels of sixteen marks, a leaf or two, and the hash.
    assert ann.sent_bytes + bob.sent_bytes <= 250 + 1000 * missing


def test_where_there_is_no_difference_one_frame_is_all():
    log = transactions(1000, since_ms=MINUTE_AGO)
    ann, bob = Side(log), Side(log)

    ann.digests.compare_epochs(BOB)
    messages = exchange(ann, bob, now=0.0)

    assert messages == 1
    assert ann.sent_bytes <= 200


def test_a_day_without_a_difference_ends_with_the_place_where_the_other_log_ends():
    log = transactions(1000, since_ms=HOURS_AGO)
    ann, bob = Side(log), Side(log)

    asked = ann.digests.compare_hours(BOB, 77)
    [(_, digest)] = ann.host.take_sent()
    bob.digests.receive(ANN, digest, 0.0)

    assert asked
    [question] = bob.host.loads
    assert question._replace(after_seq=0) == m.LoadLog(ANN, 77, 0, 1)
    assert bob.host.sent == []


def test_every_moment_of_a_day_is_compared_by_epochs_or_by_hours():
    for minute in range(75):
        for second in (0, 13, 59):
            at_ms = NOW_MS - minute * 60_000 - second * 1000 - 7000
            lost = transactions(1, since_ms=at_ms, until_ms=at_ms)
            ann, bob = Side(lost), Side([])

            compare_all(ann, bob, now=0.0)

            assert bob.log.keys() == ann.log.keys(), f"created {minute} min {second} s ago"


def test_what_is_still_on_its_way_is_not_compared():
    fresh = transactions(20, since_ms=NOW_MS - 1500, until_ms=NOW_MS)
    ann, bob = Side(fresh), Side([])

    compare_all(ann, bob, now=0.0)

    assert bob.log == {}


def test_transactions_that_come_while_the_log_is_read_at_the_start_are_counted_once():
    log = transactions(50, since_ms=MINUTE_AGO)
    ann, bob = Side([]), Side(log)
    ann.log = {tx.hash: tx for tx in log}
    ann.digests.start()
    for tx in log[:20]:
        ann.digests.add(tx)
    ann.answer_loads(0.0)

    ann.digests.compare_epochs(BOB)
    ann.digests.compare_hours(BOB, 0)

    assert exchange(ann, bob, now=0.0) == 2


def test_a_minute_that_was_counted_wrong_is_put_right_when_it_is_compared():
    log = transactions(30, since_ms=HOURS_AGO, until_ms=HOURS_AGO + 1000)
    ann, bob = Side(log), Side(log)
    ann.digests.add(log[0])

    ann.digests.compare_hours(BOB, 0)
    wrong = exchange(ann, bob, now=0.0)
    bob.digests.compare_hours(ANN, 0)
    exchange(ann, bob, now=4.0)
    ann.digests.compare_hours(BOB, 0)

    assert wrong > 1
    assert exchange(ann, bob, now=8.0) == 1


# Liars.


def _told(side: Side) -> int:
    return sum(len(message.items) for _, message in side.host.take_sent() if isinstance(message, m.Announce))


def test_a_peer_that_claims_to_have_nothing_is_told_so_much_at_a_time():
    ann = Side(transactions(9000, since_ms=MINUTE_AGO))
    first = int((NOW_MS - 62_000) // EPOCH_MS) * EPOCH_MS
    empty = m.Digest(7, m.Slice(first, EPOCH_MS), first + 15 * EPOCH_MS, (m.Mark(0, 0),) * 15)

    for _ in range(20):
        ann.digests.receive(BOB, empty, 0.0)
    told = _told(ann)
    refused = ann.digests.refused
    ann.digests.receive(BOB, empty, 2.0)

    assert told == MOST_TOLD
    assert refused > 0
    assert _told(ann) == MOST_TOLD


def _endless(ann: Side, now: float, frames: int) -> int:
    first = int((NOW_MS - 30_000) // EPOCH_MS) * EPOCH_MS
    marks = (m.Mark(5, 9),) * 16
    for salt in range(frames):
        ann.digests.receive(BOB, m.DigestRange(m.Region(salt, m.Slice(first, EPOCH_MS)), marks), now)
    return len(ann.host.take_sent())


def test_endless_questions_of_one_peer_are_not_answered_and_others_are():
    log = transactions(6000, since_ms=MINUTE_AGO)
    ann, cat = Side(log), Side(log[:-10])

    answers = _endless(ann, 0.0, 1000)
    more = _endless(ann, 0.1, 1000)
    cat.digests.compare_epochs(ANN)
    exchange(cat, ann, now=0.2)

    assert answers <= 16 * MOST_FRAMES
    assert more == 0
    assert ann.digests.refused > 1000
    assert cat.log.keys() == ann.log.keys()


def test_invented_short_ids_cost_a_question_and_nothing_else():
    log = transactions(100, since_ms=MINUTE_AGO)
    ann = Side(log)
    first = int((NOW_MS - 30_000) // EPOCH_MS) * EPOCH_MS
    region = m.Region(5, m.Slice(first, EPOCH_MS))

    ann.digests.receive(BOB, m.DigestIds(region, tuple(range(1000))), 0.0)

    sent = ann.host.take_sent()
    assert [type(message) for _, message in sent] == [m.Announce, m.DigestWant]
    assert len(ann.log) == 100


@pytest.mark.parametrize(
    "where",
    [
        m.Slice(0, EPOCH_MS),
        m.Slice(1, EPOCH_MS),
        m.Slice(int(NOW_MS), 1),
        m.Slice(int(NOW_MS), 0),
        m.Slice(2**62, MINUTE_MS),
        m.Slice(0, MINUTE_MS),
        m.Slice(0, 2**31),
        m.Slice(int(NOW_MS // HOUR_MS) * HOUR_MS, HOUR_MS),
    ],
)
def test_slices_that_nobody_compares_are_passed_over(where: m.Slice):
    ann = Side(transactions(100, since_ms=HOURS_AGO))
    marks = (m.Mark(3, 3),) * 16

    for message in (
        m.DigestRange(m.Region(1, where), marks),
        m.DigestRange(m.Region(1, where), marks[:3]),
        m.DigestIds(m.Region(1, where), (1, 2)),
        m.DigestWant(m.Region(1, where), (1, 2)),
        m.Digest(1, where, 2**62, marks * 4),
        m.Digest(1, where, 0, marks),
    ):
        ann.digests.receive(BOB, message, 0.0)

    assert ann.host.sent == []
    assert ann.host.loads == []


def test_one_peer_can_have_the_store_read_so_many_minutes_at_a_time():
    ann = Side(transactions(100, since_ms=HOURS_AGO))
    minute = int(NOW_MS // MINUTE_MS) * MINUTE_MS

    for number in range(2, 100):
        ann.digests.receive(BOB, m.DigestIds(m.Region(1, m.Slice(minute - number * MINUTE_MS, MINUTE_MS)), ()), 0.0)

    assert len(ann.host.loads) == 8
