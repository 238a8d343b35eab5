"""Which questions a peer answered, and which it passed over while it went on talking."""

from __future__ import annotations

from collections import Counter

import pytest

from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.protocol.questions import MOST_OPEN, PATIENCE_S, Questions
from sorcha_peer_core.protocol.reputation import Deed

ANN, BEN = 1, 2


def hash_of(number: int) -> TxHash:
    return TxHash(number.to_bytes(32, "big"))


A, B, C = map(hash_of, range(3))


class Watched:
    """Questions, and what was noticed."""

    def __init__(self) -> None:
        self.deeds: Counter[tuple[int, Deed]] = Counter()
        self.is_slow = False
        self.questions = Questions(self._noticed, lambda: self.is_slow)

    def _noticed(self, peer: int, deed: Deed, count: float) -> None:
        self.deeds[peer, deed] += int(count)


@pytest.fixture
def watched():
    return Watched()


def test_any_answer_to_any_part_of_a_question_answers_it(watched):
    watched.questions.asked(ANN, (A, B, C), 0.0)
    watched.questions.answered(ANN, (B,))
    watched.questions.spoke(ANN, 100.0)

    assert watched.deeds == {(ANN, Deed.ANSWERED): 1}


def test_a_peer_that_goes_on_announcing_has_withheld_what_it_was_asked_long_ago(watched):
    watched.questions.asked(ANN, (A, B), 0.0)
    watched.questions.spoke(ANN, PATIENCE_S - 0.1)
    assert not watched.deeds

    watched.questions.spoke(ANN, PATIENCE_S)

    assert watched.deeds == {(ANN, Deed.WITHHELD): 1}


def test_a_peer_that_says_nothing_may_be_gone_and_withholds_nothing(watched):
    watched.questions.asked(ANN, (A,), 0.0)
    watched.questions.spoke(BEN, 100.0)
    watched.questions.link_down(ANN)
    watched.questions.spoke(ANN, 200.0)

    assert not watched.deeds


def test_an_answer_that_comes_late_takes_back_what_was_said(watched):
    watched.questions.asked(ANN, (A,), 0.0)
    watched.questions.spoke(ANN, 11.0)
    watched.questions.answered(ANN, (A,))

    assert +watched.deeds == {(ANN, Deed.ANSWERED): 1}


def test_a_node_that_is_late_itself_blames_nobody(watched):
    watched.questions.asked(ANN, (A,), 0.0)
    watched.is_slow = True

    watched.questions.spoke(ANN, 100.0)

    assert not watched.deeds


def test_what_one_was_asked_another_does_not_answer(watched):
    watched.questions.asked(ANN, (A,), 0.0)
    watched.questions.answered(BEN, (A,))

    assert not watched.deeds


def test_what_is_remembered_of_a_peer_is_bounded(watched):
    for number in range(10_000):
        watched.questions.asked(ANN, (hash_of(number),), 0.0)
    watched.questions.spoke(ANN, 20.0)
    for number in range(10_000):
        watched.questions.asked(ANN, (hash_of(number),), 20.0)
    watched.questions.spoke(ANN, 40.0)

    assert watched.deeds == {(ANN, Deed.WITHHELD): 2 * MOST_OPEN}
    assert len(watched.questions._peers[ANN].by_hash) <= MOST_OPEN
