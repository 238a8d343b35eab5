"""How slow this machine is, and what that stretches."""

from __future__ import annotations

import pytest

from sorcha_peer_core.services.pace import Pace, Reading


class Queue:
    """What the system would tell."""

    def __init__(self) -> None:
        self.reading: Reading | None = Reading(0.0, 0.0)

    def passes(self, worked_s: float, waited_s: float) -> None:
        assert self.reading is not None
        self.reading = Reading(self.reading.worked_s + worked_s, self.reading.waited_s + waited_s)


@pytest.fixture
def queue() -> Queue:
    return Queue()


def test_a_process_that_hardly_waits_is_in_time(queue):
    pace = Pace(lambda: queue.reading)

    queue.passes(worked_s=0.4, waited_s=0.6)
    pace.sample(0.0)

    assert pace.stretch == 1.0


def test_a_process_that_waits_much_longer_than_it_works_gets_more_time_up_to_a_limit(queue):
    pace = Pace(lambda: queue.reading)

    queue.passes(worked_s=0.1, waited_s=0.8)
    pace.sample(0.0)
    slow = pace.stretch
    queue.passes(worked_s=0.1, waited_s=100.0)
    pace.sample(0.0)

    assert slow == pytest.approx(4.0)
    assert pace.stretch == 10.0


def test_a_slow_start_counts_from_the_first_moment(queue):
    queue.passes(worked_s=0.5, waited_s=5.0)

    assert Pace(lambda: queue.reading).stretch == pytest.approx(5.0)


def test_slowness_is_forgotten_slowly_and_its_end_is_told_once(queue):
    pace = Pace(lambda: queue.reading)
    told: list[float] = []
    pace.on_recovered = lambda: told.append(pace.stretch)
    queue.passes(worked_s=0.1, waited_s=1.0)
    pace.sample(0.0)

    stretches = []
    for _ in range(6):
        pace.sample(0.0)
        stretches.append(pace.stretch)

    assert stretches == sorted(stretches, reverse=True)
    assert stretches[-1] == 1.0
    assert len(told) == 1
    assert 1.0 < told[0] < 2.0


def test_without_word_from_the_system_lateness_counts():
    pace = Pace(lambda: None)

    pace.sample(0.3)
    late = pace.stretch
    for _ in range(5):
        pace.sample(0.0)

    assert late == pytest.approx(3.0)
    assert pace.stretch == 1.0
