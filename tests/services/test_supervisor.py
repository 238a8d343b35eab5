"""Greenlets with names."""

from __future__ import annotations

import time

from gevent.event import Event
from service_parts import wait_until

from sorcha_peer_core.services.supervisor import Supervisor


def test_a_greenlet_that_fails_is_logged_and_remembered_by_its_name(caplog):
    supervisor = Supervisor()

    supervisor.spawn("the miller", lambda: 1 / 0).join()

    assert supervisor.failed == ["the miller"]
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.getMessage() == "the greenlet the miller failed"
    assert record.exc_info is not None


def test_a_greenlet_that_ends_is_no_failure():
    supervisor = Supervisor()

    supervisor.spawn("short", lambda: None).join()

    assert supervisor.failed == []


def test_a_failure_does_not_end_the_others():
    supervisor = Supervisor()
    done, go = Event(), Event()
    supervisor.spawn("other", lambda: (go.wait(), done.set()))

    supervisor.spawn("bad", lambda: 1 / 0).join()
    go.set()

    assert done.wait(1.0)


def test_arguments_are_passed_on():
    given = []

    Supervisor().spawn("taker", lambda *args: given.append(args), 1, "two").join()

    assert given == [(1, "two")]


def test_a_later_greenlet_runs_after_its_delay():
    supervisor, ran = Supervisor(), Event()
    began = time.monotonic()

    supervisor.spawn_later(0.02, "late", ran.set)

    assert not ran.is_set()
    assert ran.wait(2.0)
    assert time.monotonic() - began >= 0.015


def test_a_later_greenlet_that_fails_is_remembered_too():
    supervisor = Supervisor()

    supervisor.spawn_later(0.001, "late", lambda: 1 / 0)

    wait_until(lambda: supervisor.failed == ["late"], "the failure is seen")


def test_a_later_greenlet_can_be_called_off():
    supervisor, ran = Supervisor(), Event()

    supervisor.spawn_later(0.01, "late", ran.set).kill()

    assert not ran.wait(0.05)


def test_the_failure_of_a_vital_greenlet_is_reported_at_once():
    supervisor, reported = Supervisor(), []
    supervisor.on_vital_failure = reported.append

    supervisor.spawn_vital("heart", lambda: 1 / 0).join()
    supervisor.spawn_vital("calm heart", lambda: None).join()
    supervisor.spawn("finger", lambda: 1 / 0).join()

    assert reported == ["heart"]
    assert supervisor.failed == ["heart", "finger"]


def test_a_vital_greenlet_that_is_ended_by_the_stop_is_no_failure():
    supervisor, reported = Supervisor(), []
    supervisor.on_vital_failure = reported.append
    supervisor.spawn_vital("heart", Event().wait)

    supervisor.stop(0.01)

    assert reported == []


def test_stop_lets_those_finish_that_end_by_themselves():
    supervisor, go, finished = Supervisor(), Event(), []
    supervisor.spawn("worker", lambda: (go.wait(), finished.append(True)))
    supervisor.spawn("starter", go.set)

    supervisor.stop(grace_s=2.0)

    assert finished == [True]


def test_stop_ends_those_that_do_not_end_by_themselves():
    supervisor = Supervisor()
    stuck = supervisor.spawn("stuck", Event().wait)

    supervisor.stop(grace_s=0.01)

    assert stuck.dead
    assert supervisor.failed == []


def test_stop_does_not_wait_for_what_has_not_begun():
    supervisor, ran = Supervisor(), Event()
    supervisor.spawn_later(60.0, "much later", ran.set)
    began = time.monotonic()

    supervisor.stop(grace_s=5.0)

    assert time.monotonic() - began < 1.0
    assert not ran.is_set()
