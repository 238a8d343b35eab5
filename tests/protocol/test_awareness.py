"""A node that is slow itself knows it, and does not take its own pauses for the silence of others."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorcha_peer_core.builtin.hash_filter import BloomHashFilter
from sorcha_peer_core.model import messages as m
from sorcha_peer_core.protocol.awareness import MOST, Awareness
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.core import Core
from sorcha_peer_core.protocol.strategies import Mesh
from sorcha_peer_core.testing.manual_clock import ManualClock
from sorcha_peer_core.testing.recording_host import RecordingHost

INTERVAL_S = 2.0
MISSES = 3


@pytest.mark.parametrize(("late_s", "is_late"), [(0.0, False), (1.0, False), (1.01, True), (30.0, True)])
def test_a_timer_that_is_late_by_more_than_half_an_interval_measured_nothing(late_s, is_late):
    awareness = Awareness(INTERVAL_S)

    assert awareness.is_late(10.0, 10.0 + late_s) is is_late

    assert awareness.slowness(10.0 + late_s) == is_late


def test_all_timers_of_one_pause_are_one_pause():
    awareness = Awareness(INTERVAL_S)

    late = [awareness.is_late(due_at, 20.0) for due_at in (10.0, 11.5, 12.0, 18.9, 19.5)]

    assert late == [True, True, True, True, False]
    assert awareness.slowness(20.0) == 1


def test_one_pause_after_the_other_adds_up_to_a_limit():
    awareness = Awareness(INTERVAL_S)

    scores = []
    for number in range(12):
        awareness.is_late(10.0 + 5 * number, 14.5 + 5 * number)
        scores.append(awareness.slowness(14.5 + 5 * number))

    assert scores == [1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8, 8]


def test_every_interval_without_a_pause_takes_one_away():
    awareness = Awareness(INTERVAL_S)
    for number in range(3):
        awareness.is_late(10.0 + 5 * number, 14.5 + 5 * number)

    assert [awareness.slowness(24.5 + passed_s) for passed_s in (0.0, 1.9, 2.0, 4.0, 5.9, 6.0, 600.0)] == [3, 3, 2, 1, 1, 0, 0]


def test_time_within_a_pause_takes_nothing_away():
    awareness = Awareness(INTERVAL_S)
    awareness.is_late(10.0, 12.0)

    awareness.is_late(12.5, 600.0)

    assert awareness.slowness(600.0) == 2


@given(st.lists(st.tuples(st.floats(0.0, 50.0), st.floats(0.0, 50.0)), max_size=60))
def test_the_score_keeps_within_its_bounds_and_falls_to_nothing_in_time(timers):
    awareness, now = Awareness(INTERVAL_S), 0.0
    for pause_s, late_s in timers:
        now += pause_s
        awareness.is_late(max(0.0, now - late_s), now)
        assert 0 <= awareness.slowness(now) <= MOST

    assert awareness.slowness(now + MOST * INTERVAL_S) == 0


class Node:
    """A Core on a clock that the test moves; its timers fire when ``run`` looks at them, however late that is."""

    def __init__(self, peers: int) -> None:
        self.clock = ManualClock(100.0)
        self.host = RecordingHost()
        config = CoreConfig(probe_interval_s=INTERVAL_S, probe_misses=MISSES)
        self.core = Core(config, self.host, Mesh(), BloomHashFilter(bytes(16), 3600.0), Random(1))
        self.core.start(self.clock())
        self._due: list[tuple[float, m.Timer]] = []
        for peer in range(peers):
            self.core.link_up(peer, m.Cursor(1, 0), self.clock())
            self._collect()
            self.clock.advance(0.1)

    def hear(self, *peers: int) -> None:
        for peer in peers:
            self.core.receive(peer, m.Announce(()), self.clock())

    def pause(self, for_s: float) -> None:
        """Nothing runs; then everything that is due does."""
        self.clock.advance(for_s)
        due = sorted((item for item in self._due if item[0] <= self.clock()), key=lambda item: item[0])
        self._due = [item for item in self._due if item[0] > self.clock()]
        for _, timer in due:
            self.core.timer(timer, self.clock())
        self._collect()

    def run(self, for_s: float) -> None:
        """Everything runs in time."""
        for _ in range(round(for_s / 0.1)):
            self.pause(0.1)

    @property
    def ended(self) -> list[int]:
        return [peer for peer, _ in self.host.unlinked]

    def _collect(self) -> None:
        self._due += [(self.clock() + delay_s, timer) for delay_s, timer in self.host.timers]
        self.host.timers.clear()


def test_a_node_that_keeps_up_ends_a_silent_link_after_three_intervals():
    node = Node(peers=1)

    node.run(3 * INTERVAL_S)
    too_early = node.ended[:]
    node.run(INTERVAL_S)

    assert too_early == []
    assert node.ended == [0]
    assert node.core.slowness == 0


def test_no_link_ends_because_the_node_itself_stood_still():
    node = Node(peers=5)

    for _ in range(20):
        node.pause(7.0)

    assert node.ended == []
    assert node.core.slowness == MOST


def test_links_that_were_about_to_end_when_the_node_stood_still_get_more_time():
    """All were silent for two intervals: it may well be that they were not heard."""
    node = Node(peers=5)
    node.run(2.5 * INTERVAL_S)

    node.pause(30.0)
    node.run(1.2 * INTERVAL_S)

    assert node.ended == []
    assert node.core.slowness == 0


def test_a_link_that_is_dead_ends_also_on_a_node_that_was_slow():
    node = Node(peers=2)
    for _ in range(4):
        node.pause(7.0)

    for _ in range(30):
        node.hear(1)
        node.run(INTERVAL_S)

    assert node.ended == [0]
    assert node.core.slowness == 0


def test_a_slow_node_waits_longer_than_one_that_keeps_up():
    keeping_up, slow = Node(peers=1), Node(peers=1)
    slow.pause(7.0)

    for node in (keeping_up, slow):
        node.run(2 * INTERVAL_S)
        # The slow one is slow again and again, so it does not recover.
        node.pause(3.5 if node is slow else 0.1)
        node.run(2 * INTERVAL_S)

    assert (keeping_up.ended, slow.ended) == ([0], [])


def test_after_a_pause_every_silent_peer_is_asked_again():
    node = Node(peers=3)
    node.host.sent.clear()

    node.pause(10.0)

    assert node.host.receivers_of(m.Ping) == [0, 1, 2]


def test_a_peer_that_has_to_wait_because_of_this_node_does_not_seem_silent():
    node = Node(peers=2)

    for _ in range(10):
        node.core.heard(1, node.clock())
        node.core.heard(7, node.clock())
        node.run(INTERVAL_S)

    assert node.ended == [0]
