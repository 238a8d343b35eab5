"""Marks and short ids."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from digest_parts import tx_id

from sorcha_peer_core.model.messages import Announced, Mark
from sorcha_peer_core.protocol.marks import PARTS, View, mark_of, point_of

POINTS = [point_of(tx_id(number)) for number in range(500)]


def view(salt: int = 9) -> View:
    return View([(point, Announced(tx_id(number), number)) for number, point in enumerate(POINTS)], salt)


def test_a_mark_says_nothing_about_the_order():
    shuffled = POINTS[:]
    Random(1).shuffle(shuffled)

    assert mark_of(shuffled, 3) == mark_of(POINTS, 3)


def test_one_transaction_more_less_or_other_is_another_mark():
    assert len({mark_of(points, 3) for points in (POINTS, POINTS[1:], [*POINTS, 5], [POINTS[0] + 1, *POINTS[1:]])}) == 4


def test_sets_with_equal_sums_have_different_marks():
    assert mark_of([10, 20], 3) != mark_of([5, 25], 3)


def test_nothing_has_the_mark_zero():
    assert mark_of([], 3) == Mark(0, 0)


def test_the_parts_of_a_region_hold_all_of_it_once():
    whole = view()

    parts = [whole.bounds(part, 1) for part in range(PARTS)]

    assert parts[0][0] == 0
    assert parts[-1][1] == len(POINTS)
    assert all(one[1] == next_[0] for one, next_ in pairwise(parts))
    assert sum(mark.members for mark in whole.parts(0, 0)) == len(POINTS)


def test_short_ids_lead_back_to_their_transactions():
    whole = view()
    first, end = whole.bounds(7, 1)

    found = whole.with_ids([*whole.ids[first:end], 12345, *whole.ids[first:end]])

    assert list(found) == list(whole.items(first, end))


def test_short_ids_are_others_under_another_salt():
    assert not set(view(1).ids) & set(view(2).ids)
