"""What a node does every so often, and how it went."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import gevent
from apscheduler.schedulers.gevent import GeventScheduler

from sorcha_peer_core.errors import PeerError
from sorcha_peer_core.interfaces.views import JobView
from sorcha_peer_core.services.clock import elapsed_s, origin_ms, unix_ms

log = logging.getLogger(__name__)

_LOOK_S = 1.0
_SET_MS = 1_000.0
"""A clock that moves by more than this between two looks was set."""


class _Run(NamedTuple):
    """How a job went the last time."""

    began_at: int
    took_s: float
    error: str


class Schedule:
    """Named jobs, each at its own interval. A job runs in a greenlet of its own and never twice at a time.

    A job that fails runs again at its next turn: the error is kept, and said in the log when it was not so before. The
    system's clock may be set meanwhile: what is due moves with it.
    """

    def __init__(self, unix_ms: Callable[[], float] = unix_ms, elapsed_s: Callable[[], float] = elapsed_s) -> None:
        self._unix_ms = unix_ms
        self._elapsed_s = elapsed_s
        self._origin_ms = self._clock_origin_ms()
        self._looking: gevent.Greenlet[..., None] | None = None
        # A hub that was busy, or a machine that slept, makes up for a missed run with one.
        self._scheduler = GeventScheduler(job_defaults={"misfire_grace_time": None, "coalesce": True})
        self._interval_s: dict[str, float] = {}
        self._runs: dict[str, _Run] = {}

    def every(self, interval_s: float, name: str, run: Callable[[], object]) -> None:
        """Call ``run`` every so often, the first time after one interval; names are unique."""
        if name in self._interval_s:
            raise ValueError(f"there is a job called {name!r} already")
        self._interval_s[name] = interval_s
        self._scheduler.add_job(self._run, "interval", (name, run), seconds=interval_s, id=name, name=name)

    def start(self) -> None:
        """Begin."""
        self._origin_ms = self._clock_origin_ms()
        self._scheduler.start()
        self._looking = gevent.spawn(self._look_at_the_clock)

    def stop(self) -> None:
        """Begin no further run. Idempotent."""
        if self._looking is not None:
            self._looking.kill()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def jobs(self) -> list[JobView]:
        """All jobs, in the order in which they were added."""
        never = _Run(0, 0.0, "")
        views = []
        for name, interval_s in self._interval_s.items():
            run = self._runs.get(name)
            began_at, took_s, error = run or never
            views.append(JobView(name, interval_s, began_at if run else None, took_s if run else None, error))
        return views

    def follow_the_clock(self) -> None:
        """Move what is due when the clock was set: the scheduler goes by it, and one set back would hold up all jobs as long."""
        before_ms, self._origin_ms = self._origin_ms, self._clock_origin_ms()
        if abs(self._origin_ms - before_ms) <= _SET_MS:
            return
        moved = timedelta(milliseconds=self._origin_ms - before_ms)
        for job in self._scheduler.get_jobs():
            job.modify(next_run_time=job.next_run_time + moved)

    def _look_at_the_clock(self) -> None:
        while True:
            gevent.sleep(_LOOK_S)
            self.follow_the_clock()

    def _clock_origin_ms(self) -> float:
        return origin_ms(self._unix_ms, self._elapsed_s)

    def _run(self, name: str, run: Callable[[], object]) -> None:
        began_at, begin_s, error = int(time.time()), time.monotonic(), ""
        before = self._runs.get(name)
        try:
            run()
        except PeerError as expected:
            error = str(expected)
            if before is None or before.error != error:
                log.warning("the job %s failed: %s", name, error)
        except Exception as bug:
            # A job that fails for a reason nobody thought of must not keep others, or its own next run, from happening.
            error = f"{type(bug).__name__}: {bug}"
            log.exception("the job %s failed", name)
        self._runs[name] = _Run(began_at, round(time.monotonic() - begin_s, 6), error)
