"""Jobs: what is done every so often, and how it went."""

from __future__ import annotations

import time

import gevent
import pytest
from service_parts import wait_until

from sorcha_peer_core.errors import StoreError
from sorcha_peer_core.interfaces.views import JobView
from sorcha_peer_core.services.schedule import Schedule
from sorcha_peer_core.testing.manual_clock import ManualClock


@pytest.fixture
def schedule():
    schedule = Schedule()
    yield schedule
    schedule.stop()


def test_a_job_runs_every_so_often(schedule):
    runs = []
    schedule.every(0.02, "count", lambda: runs.append(time.monotonic()))

    schedule.start()

    wait_until(lambda: len(runs) >= 3, "three runs")
    assert runs[1] - runs[0] > 0.01


def test_a_job_that_has_not_run_yet_says_so(schedule):
    schedule.every(900.0, "later", lambda: None)

    schedule.start()

    assert schedule.jobs() == [JobView("later", 900.0, None, None, "")]


def test_when_it_ran_how_long_it_took_and_what_went_wrong_is_kept(schedule, caplog):
    def fail() -> None:
        gevent.sleep(0.02)
        raise StoreError("the disk is full")

    schedule.every(0.01, "save", fail)
    schedule.start()
    wait_until(lambda: schedule.jobs()[0].last_error, "it failed")

    [job] = schedule.jobs()
    assert (job.name, job.interval_s, job.last_error) == ("save", 0.01, "the disk is full")
    assert abs(job.last_run_at - time.time()) < 5
    assert 0.01 < job.last_duration_s < 1.0
    wait_until(lambda: schedule.jobs()[0].last_run_at, "it runs again")
    assert caplog.text.count("the job save failed: the disk is full") == 1


def test_an_error_is_over_when_the_next_run_goes_well(schedule):
    outcomes = iter([StoreError("the disk is full"), None, None])

    def run() -> None:
        outcome = next(outcomes, None)
        if outcome:
            raise outcome

    schedule.every(0.01, "save", run)
    schedule.start()
    wait_until(lambda: schedule.jobs()[0].last_error, "it failed")

    wait_until(lambda: not schedule.jobs()[0].last_error, "it went well")


def test_a_bug_in_one_job_does_not_keep_others_from_running(schedule, caplog):
    runs = []
    schedule.every(0.01, "broken", lambda: 1 / 0)
    schedule.every(0.01, "sound", lambda: runs.append(1))

    schedule.start()

    wait_until(lambda: len(runs) > 2 and schedule.jobs()[0].last_error, "both run")
    assert schedule.jobs()[0].last_error == "ZeroDivisionError: division by zero"
    assert "Traceback" in caplog.text


def test_a_job_that_takes_long_does_not_run_twice_at_a_time(schedule):
    running, most = 0, 0

    def run() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        gevent.sleep(0.05)
        running -= 1

    schedule.every(0.01, "slow", run)
    schedule.start()
    gevent.sleep(0.15)

    assert most == 1


def test_after_the_stop_no_run_begins(schedule):
    runs = []
    schedule.every(0.01, "count", lambda: runs.append(1))
    schedule.start()
    wait_until(lambda: runs, "it runs")

    schedule.stop()
    schedule.stop()
    before = len(runs)
    gevent.sleep(0.05)

    assert len(runs) == before


def test_two_jobs_of_one_name_are_a_mistake(schedule):
    schedule.every(1.0, "save", lambda: None)

    with pytest.raises(ValueError, match="'save' already"):
        schedule.every(2.0, "save", lambda: None)


def test_what_is_due_moves_with_a_clock_that_is_set():
    """Else one that is set back by an hour would hold up everything for an hour."""
    since_start, set_by, runs = ManualClock(), [0.0], []
    schedule = Schedule(lambda: since_start.unix_ms() + set_by[0] * 1000, since_start)
    try:
        schedule.every(3600.0, "hourly", lambda: runs.append(1))
        schedule.start()
        since_start.advance(60.0)
        schedule.follow_the_clock()
        gevent.sleep(0)
        assert runs == []

        set_by[0] = -3600.0
        schedule.follow_the_clock()

        wait_until(lambda: runs, "it runs")
    finally:
        schedule.stop()
