"""The order of events."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sorcha_peer_core.sim.calendar import Calendar

TIMES = st.lists(st.floats(0.0, 1.0), max_size=60)
at_leisure = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def note(calendar, seen, at, mark=None):
    calendar.add((at, lambda now, one, other: seen.append((now, one)), mark, None))


@at_leisure
@given(TIMES)
def test_events_happen_in_the_order_of_their_time_whatever_the_order_in_which_they_were_added(times):
    calendar, seen = Calendar(day_s=0.01), []
    for at in times:
        note(calendar, seen, at)

    calendar.run(until=2.0)

    assert [at for at, _ in seen] == sorted(times)
    assert calendar.events == len(times)


@at_leisure
@given(TIMES, st.floats(0.0, 1.0))
def test_a_run_in_two_parts_is_the_same_as_one(times, middle):
    calendar, seen = Calendar(day_s=0.01), []
    for at in times:
        note(calendar, seen, at)

    calendar.run(until=middle)
    before = [at for at, _ in seen]
    calendar.run(until=2.0)

    assert before == sorted(at for at in times if at < middle)
    assert [at for at, _ in seen] == sorted(times)


def test_events_of_the_same_moment_happen_in_the_order_in_which_they_were_added():
    calendar, seen = Calendar(day_s=0.01), []
    for mark in "abc":
        note(calendar, seen, 0.005, mark)

    calendar.run(until=1.0)

    assert [mark for _, mark in seen] == ["a", "b", "c"]


def test_an_event_may_add_others_for_the_same_day_and_for_later_ones():
    calendar, seen = Calendar(day_s=0.01), []

    def first(now, one, other):
        note(calendar, seen, now, "at once")
        note(calendar, seen, now + 0.001, "soon")
        note(calendar, seen, now + 0.5, "later")

    calendar.add((0.005, first, None, None))
    note(calendar, seen, 0.0055, "meanwhile")
    calendar.run(until=1.0)

    assert [mark for _, mark in seen] == ["at once", "meanwhile", "soon", "later"]


def test_what_should_have_happened_before_happens_now_and_everything_else_once():
    calendar, seen = Calendar(day_s=0.01), []
    calendar.add((0.005, lambda now, one, other: note(calendar, seen, 0.001, "late"), None, None))
    for mark, at in (("first", 0.002), ("second", 0.006)):
        note(calendar, seen, at, mark)

    calendar.run(until=1.0)

    assert seen == [(0.002, "first"), (0.005, "late"), (0.006, "second")]


def test_time_is_where_the_run_ended():
    calendar = Calendar(day_s=0.01)

    calendar.run(until=0.123)

    assert calendar.now == 0.123


def test_an_event_can_stop_the_run_and_what_is_added_then_is_not_lost():
    calendar, seen = Calendar(day_s=0.01), []

    def stop(now, one, other):
        calendar.stopped = True

    calendar.add((0.1, stop, None, None))
    note(calendar, seen, 0.2, "after")
    calendar.run(until=1.0)
    stopped_at = calendar.now
    note(calendar, seen, stopped_at, "new")
    calendar.run(until=1.0)

    assert 0.1 <= stopped_at < 0.12
    assert [mark for _, mark in seen] == ["new", "after"]
