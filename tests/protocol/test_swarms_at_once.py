"""Several large transactions at once: lines that are busy with all of them."""

from __future__ import annotations

import pytest
from swarm_parts import ANN, BOB, CHUNKS, OTHER, STEP, TX, Swarming

from sorcha_peer_core.testing.network_node import make_transaction

SMALL, LATER = (make_transaction(letter * 2 * STEP, chunk_bytes=STEP) for letter in (b"s", b"l"))


def test_of_several_payloads_no_more_is_asked_of_a_neighbour_at_once_than_of_one(swarming: Swarming):
    swarming.begin(ANN)
    swarming.begin(ANN, tx=OTHER)

    assert [tx_hash for _, tx_hash in swarming.asked_for()] == [TX.hash, TX.hash]


def test_the_oldest_comes_first_and_the_next_one_when_nothing_of_that_is_left_to_ask_for(swarming: Swarming):
    swarming.begin(ANN)
    swarming.begin(ANN, tx=OTHER)
    asked = swarming.asked()
    for _ in range(CHUNKS - 2):
        swarming.deliver(asked[:1])
        asked = asked[1:] + swarming.asked()
    left_of_the_oldest = len(asked)

    swarming.deliver(asked[:1])

    assert left_of_the_oldest == 2
    assert swarming.asked_for() == [(ANN, OTHER.hash)]


@pytest.mark.parametrize(("came_s", "others_are_asked"), [(0.3, True), (3.0, False)], ids=["in time", "late"])
def test_whoever_sent_late_the_last_time_is_given_longer(swarming: Swarming, came_s: float, others_are_asked: bool):
    """Its line is busy. What is asked of others meanwhile comes twice."""
    swarming.begin(ANN, tx=SMALL)
    swarming.deliver(swarming.asked(), came_s, SMALL)
    swarming.begin(ANN, BOB, tx=LATER, now=10.0)
    asked = swarming.asked()

    swarming.due(10.75)

    assert {peer for peer, _ in asked} == {ANN}
    assert bool(swarming.asked()) == others_are_asked
