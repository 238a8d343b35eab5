"""Whether a node's clock is right, judged by those of its peers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorcha_peer_core.protocol.clock import ClockJudgement, skew_ms

HOUR_MS = 3_600_000.0
TOLERANCE_MS = 120_000.0
DIFFERENCES = st.floats(-HOUR_MS, HOUR_MS)


@pytest.mark.parametrize(
    ("differences", "skew"),
    [
        ([], None),
        ([70.0], 70.0),
        ([70.0, 10.0], 10.0),
        ([-70.0, -10.0], -10.0),
        ([70.0, -10.0], 0.0),
        ([70.0, 10.0, HOUR_MS], 70.0),
        ([HOUR_MS, 70.0, 10.0, 20.0], 20.0),
        ([0.0, 0.0, HOUR_MS], 0.0),
    ],
)
def test_the_median_counts_and_of_two_in_the_middle_the_milder(differences, skew):
    assert skew_ms(differences) == skew


@given(st.lists(DIFFERENCES, min_size=2))
def test_half_of_the_peers_cannot_say_that_a_right_clock_is_off(liars):
    honest = [0.0] * len(liars)
    judgement = ClockJudgement(TOLERANCE_MS)

    judgement.judge([*liars, *honest])

    assert not judgement.differs
    assert not judgement.is_off


@given(st.lists(st.floats(TOLERANCE_MS + 1, HOUR_MS), min_size=2))
def test_a_clock_that_is_off_by_all_accounts_is_off(differences):
    judgement = ClockJudgement(TOLERANCE_MS)

    assert judgement.judge(differences)
    assert judgement.is_off
    assert not judgement.judge(differences)


def test_one_peer_alone_makes_a_node_say_something_and_no_more():
    judgement = ClockJudgement(TOLERANCE_MS)

    judgement.judge([HOUR_MS])

    assert (judgement.differs, judgement.is_off) == (True, False)


def test_a_slight_difference_is_said_and_parks_nothing():
    judgement = ClockJudgement(TOLERANCE_MS)

    assert not judgement.judge([29_000.0] * 3)
    assert judgement.judge([-31_000.0] * 3)
    assert (judgement.differs, judgement.is_off) == (True, False)


def test_a_difference_at_the_bound_does_not_flutter():
    judgement = ClockJudgement(TOLERANCE_MS)
    judgement.judge([121_000.0] * 3)

    assert not judgement.judge([119_000.0] * 3)
    assert judgement.is_off
    assert judgement.judge([107_000.0] * 3)
    assert not judgement.is_off


def test_it_is_over_when_the_clock_is_right_again():
    judgement = ClockJudgement(TOLERANCE_MS)
    judgement.judge([HOUR_MS] * 3)

    assert judgement.judge([500.0] * 3)
    assert (judgement.differs, judgement.is_off, judgement.skew_ms) == (False, False, 500.0)


def test_without_peers_nobody_says_that_a_clock_is_off():
    judgement = ClockJudgement(TOLERANCE_MS)
    judgement.judge([HOUR_MS] * 3)

    assert judgement.judge([])
    assert (judgement.differs, judgement.is_off, judgement.skew_ms) == (False, False, None)
