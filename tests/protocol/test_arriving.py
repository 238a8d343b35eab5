"""What comes in while something else is waited for: the store's answer, or a verification."""

from __future__ import annotations

import pytest
from test_core import ANN, BOB, TX, Node

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.testing.recording_host import RecordingHost

ANNOUNCED = m.Announce((m.Announced(TX.hash, 7),))


@pytest.fixture
def node(host: RecordingHost) -> Node:
    return Node(host)


def test_nothing_is_asked_of_somebody_who_left_while_the_store_was_asked(node: Node):
    node.filter.maybe.add(TX.hash)
    node.hear(ANN, ANNOUNCED)
    node.hear(BOB, ANNOUNCED)
    node.core.link_down(ANN, 1.0)

    node.host.play_loaded(node.core, 1.0)

    assert node.host.receivers_of(m.Want) == [BOB]


def test_the_true_one_is_not_asked_of_somebody_who_left_while_the_forged_one_was_verified(node: Node):
    node.hear(ANN, m.Push(TX, 1))
    node.hear(BOB, ANNOUNCED)
    node.core.link_down(BOB, 1.0)

    node.host.play_verified(node.core, 1.0, reason="a wrong signature")

    assert node.host.receivers_of(m.Want) == []
    assert node.core.fetching == 0


def test_the_true_one_is_asked_of_who_announced_it_while_the_forged_one_was_verified(node: Node):
    node.hear(ANN, m.Push(TX, 1))
    node.hear(BOB, ANNOUNCED)

    node.host.play_verified(node.core, 1.0, reason="a wrong signature")

    assert node.host.receivers_of(m.Want) == [BOB]
