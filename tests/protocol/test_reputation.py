"""What deeds add up to, how they are forgotten, and what follows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorcha_peer_core.model.ids import PeerId
from sorcha_peer_core.protocol.reputation import HALF_LIVES_S, HARMLESS, TERMS, Deed, Reputation, Standing

ANN, BEN = PeerId("aa" * 20), PeerId("bb" * 20)
HARMFUL = sorted(set(Deed) - HARMLESS)


@pytest.fixture
def reputation():
    return Reputation()


@pytest.mark.parametrize(
    ("times", "standing"),
    [(0, Standing.GOOD), (1, Standing.ASKED_LAST), (2, Standing.UNLINKED), (3, Standing.BANNED)],
)
@pytest.mark.parametrize("deed", [Deed.FORGED, Deed.FALSE_CHUNK, Deed.FALSE_RECORD])
def test_each_further_lie_weighs_more_and_the_third_is_the_last(reputation, deed, times, standing):
    for _ in range(times):
        reputation.note(ANN, deed, now=5.0)

    assert reputation.standing(ANN, now=5.0) is standing


def test_two_frames_that_nobody_may_send_discourage_and_four_ban(reputation):
    standings = []
    for _ in range(4):
        reputation.note(ANN, Deed.BROKE_RULES, now=0.0)
        standings.append(reputation.standing(ANN, now=0.0))

    assert standings == [Standing.UNLINKED, Standing.DISCOURAGED, Standing.DISCOURAGED, Standing.BANNED]


def test_no_merit_is_large_enough_to_lie_on(reputation):
    reputation.note(ANN, Deed.FIRST, now=0.0, count=1e6)
    assert reputation.score(ANN, now=0.0) == 10.0

    reputation.note(ANN, Deed.FORGED, now=0.0, count=3)

    assert reputation.standing(ANN, now=0.0) is Standing.BANNED


def test_half_of_all_questions_may_stay_without_an_answer(reputation):
    reputation.note(ANN, Deed.ANSWERED, now=0.0, count=1000)
    reputation.note(ANN, Deed.WITHHELD, now=0.0, count=1000)

    assert reputation.score(ANN, now=0.0) == 0.0


def test_who_answers_nothing_is_parted_with_after_some_questions_and_never_banned_for_it(reputation):
    reputation.note(ANN, Deed.WITHHELD, now=0.0, count=4)
    assert reputation.standing(ANN, now=0.0) is Standing.GOOD

    reputation.note(ANN, Deed.WITHHELD, now=0.0, count=20)
    assert reputation.standing(ANN, now=0.0) is Standing.UNLINKED

    reputation.note(ANN, Deed.WITHHELD, now=0.0, count=1e6)
    assert reputation.standing(ANN, now=0.0) is Standing.DISCOURAGED


def test_floods_alone_part_with_nobody(reputation):
    reputation.note(ANN, Deed.FLOODED, now=0.0, count=1e6)

    assert reputation.standing(ANN, now=0.0) is Standing.ASKED_LAST


def test_what_was_noted_too_early_is_taken_back(reputation):
    reputation.note(ANN, Deed.WITHHELD, now=0.0, count=30)
    reputation.note(ANN, Deed.WITHHELD, now=0.0, count=-30)

    assert reputation.explain(ANN, now=0.0) == []


def test_what_one_did_says_nothing_of_another(reputation):
    reputation.note(ANN, Deed.FORGED, now=0.0)

    assert (reputation.score(BEN, now=0.0), reputation.standing(BEN, now=0.0)) == (0.0, Standing.GOOD)


def test_sentences_double_up_to_a_day_and_are_forgotten_in_some_days(reputation):
    hours = [reputation.sentence(ANN, now=float(number)) / 3600 for number in range(7)]

    assert hours == [1, 2, 4, 8, 16, 24, 24]
    assert reputation.sentence(ANN, now=7 * 86_400.0) == 3600


def test_whose_deeds_count_no_more_is_forgotten(reputation):
    reputation.note(ANN, Deed.FIRST, now=0.0)
    reputation.note(BEN, Deed.FORGED, now=0.0)

    reputation.forget_old(now=7200.0)
    assert len(reputation) == 1
    reputation.forget_old(now=86_400.0)
    assert len(reputation) == 0


def test_made_up_identities_fill_no_memory():
    reputation = Reputation(most_peers=3)
    for number in range(10):
        reputation.note(PeerId(f"{number:040x}"), Deed.FORGED, now=float(number))

    assert len(reputation) == 3
    assert reputation.score(PeerId(f"{9:040x}"), now=9.0) == -10.0


@given(st.lists(st.tuples(st.sampled_from(list(Deed)), st.floats(0, 1e5), st.floats(0, 1e4)), max_size=20))
@settings(derandomize=True, max_examples=200)
def test_a_score_is_within_its_bounds_is_the_sum_of_its_terms_and_goes_back_to_nothing(deeds):
    reputation, now = Reputation(), 0.0
    for deed, count, pause_s in deeds:
        now += pause_s
        reputation.note(ANN, deed, now, count)

    terms = reputation.explain(ANN, now)
    assert -100.0 <= reputation.score(ANN, now) <= 10.0
    assert reputation.score(ANN, now) == max(-100.0, sum(term.points for term in terms))
    assert reputation.explain(ANN, now + 60 * max(HALF_LIVES_S.values())) == []


@given(st.sampled_from(HARMFUL), st.floats(0, 100), st.floats(0, 100))
@settings(derandomize=True, max_examples=100)
def test_more_of_what_is_bad_is_never_better(deed, some, more):
    reputation = Reputation()
    reputation.note(ANN, deed, 0.0, some)
    before = reputation.score(ANN, 0.0)

    reputation.note(ANN, deed, 0.0, more)

    assert reputation.score(ANN, 0.0) <= before


def test_the_page_about_reputation_has_every_term_with_its_weight(request):
    page = (request.config.rootpath / "docs" / "reputation.md").read_text(encoding="utf-8")

    for rule in TERMS:
        power = "^2" if rule.power == 2 else ""
        assert f"| {rule.name} | {rule.weight:+g} * n{power} | {rule.most:g} |" in page
