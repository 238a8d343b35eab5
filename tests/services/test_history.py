"""How counters stood over the last day."""

from __future__ import annotations

from itertools import pairwise

import pytest
from node_parts import Village
from service_parts import wait_until

from sorcha_peer_core.interfaces.views import Sample
from sorcha_peer_core.services.history import MINUTES_KEPT, SECONDS_KEPT, History, Reading

START = 1_700_000_040


class World:
    """A clock and counters that a test sets."""

    def __init__(self) -> None:
        self.at = START
        self.reading = Reading(0, 0, 0, 0, 0.0, 0)
        self.history = History(lambda: self.reading, lambda: self.at + 0.25)

    def second(self, **changes: float) -> None:
        self.reading = self.reading._replace(**changes)
        self.history.take()
        self.at += 1


@pytest.fixture
def world() -> World:
    return World()


def test_a_sample_says_where_the_counters_stood(world: World):
    world.second()
    world.second(sent_bytes=100, received_bytes=200, transactions=3, queue=4)

    assert list(world.history.samples()) == [
        Sample(START, 0, 0, 0, 0, None),
        Sample(START + 1, 100, 200, 3, 4, None),
    ]


def test_latency_is_the_mean_of_what_arrived_since_the_last_sample(world: World):
    world.second(latency_sum_ms=1000.0, arrivals=10)
    world.second(latency_sum_ms=1030.0, arrivals=12)
    world.second()

    assert [sample.latency_ms for sample in world.history.samples()] == [None, 15.0, None]


def test_ten_minutes_are_kept_by_the_second_and_a_day_by_the_minute(world: World):
    seconds = 26 * 3600

    for number in range(seconds):
        world.second(sent_bytes=number, latency_sum_ms=2.0 * number, arrivals=number)

    samples = world.history.samples()
    times = [sample.at for sample in samples]
    end = START + seconds - 1
    assert times[-SECONDS_KEPT:] == list(range(end - SECONDS_KEPT + 1, end + 1))
    minutes = times[:-SECONDS_KEPT]
    assert all(later - earlier == 60 for earlier, later in pairwise(minutes))
    assert MINUTES_KEPT - 11 <= len(minutes) <= MINUTES_KEPT
    assert end - times[0] == pytest.approx(24 * 3600, abs=60)
    assert {sample.latency_ms for sample in samples[1:]} == {2.0}
    assert all(sample.sent_bytes == sample.at - START for sample in samples)


def test_times_only_rise_when_somebody_sets_the_clock_back(world: World):
    for _ in range(200):
        world.second()

    world.at -= 100
    world.second(sent_bytes=7)

    times = [sample.at for sample in world.history.samples()]
    assert times == list(range(START, START + 101))


def test_before_the_first_second_there_is_nothing(world: World):
    assert list(world.history.samples()) == []


def test_a_node_takes_its_samples_by_itself(tmp_path):
    village = Village(tmp_path)
    node = village.node(1)

    wait_until(lambda: len(node.history()) >= 2, "two seconds went by")

    first, second = node.history()[:2]
    village.stop()
    assert second.at == first.at + 1
    assert (first.sent_bytes, first.queue, first.latency_ms) == (0, 0, None)
