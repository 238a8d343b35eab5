"""The trace of a transaction along the time: what came from whom, what became of it here, who got it from here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from sorcha_peer_admin.pages.axis import Axis
from sorcha_peer_admin.pages.filters import ms_text

if TYPE_CHECKING:
    from sorcha_peer_admin.pages.axis import Tick
    from sorcha_peer_admin.pages.names import Named, Names
    from sorcha_peer_core.interfaces.views import CopyView, PassedView, TraceView

MOST_LANES = 24
"""Peers in the picture; the table has all."""
LANE_PX, TOP_PX, BOTTOM_PX = 26, 8, 26
_MOST_LABEL_CHARS = 14
_CAME_BY = {
    "push": "pushed",
    "fetch": "fetched: it was asked for",
    "sync": "fetched after a comparison of logs",
    "chunks": "fetched in chunks",
}
_WENT_BY = {
    "push": "pushed",
    "announce": "announced: only its hash",
    "fetch": "sent when asked",
    "chunks": "sent in chunks when asked",
}


class Step(NamedTuple):
    """One thing that happened to a transaction here: a row of the table."""

    after_ms: float
    what: str
    """received | released | verified | passed on | stored"""
    who: Named | None
    how: str


class Mark(NamedTuple):
    """Something in the picture: at ``x`` per cent of the width of the time axis."""

    x: float
    kind: str
    """first | copy | push | announce | fetch: what shape and colour it has"""
    title: str


class Lane(NamedTuple):
    """One peer in the picture."""

    label: str
    y: int
    marks: Sequence[Mark]


class Picture(NamedTuple):
    """The trace as an SVG of this height; all ``x`` are per cent, so it fits any width."""

    height: int
    own_y: int
    verified_x: float
    stored_x: float | None
    lanes: Sequence[Lane]
    further_lanes: int
    ticks: Sequence[Tick]
    grows_by_factors: bool
    summary: str
    """For those who do not see it."""


class Journey(NamedTuple):
    """What the page shows of a trace."""

    steps: Sequence[Step]
    picture: Picture


def journey_of(trace: TraceView, names: Names) -> Journey:
    """A trace as a table and as a picture."""
    return Journey(_steps(trace, names), _picture(trace, names))


def _steps(trace: TraceView, names: Names) -> list[Step]:
    steps = [_copy_step(copy, names) for copy in trace.copies]
    if not trace.hops:
        steps.append(Step(0.0, "released", names.of(trace.origin), "submitted here and let go to the network"))
    steps.append(Step(trace.verified_after_ms, "verified", None, "hash, signature and validity"))
    steps += [
        Step(one.after_ms, "passed on", names.of(one.peer_id, one.name), _WENT_BY.get(one.by, one.by)) for one in trace.passed_on
    ]
    if trace.stored_after_ms is not None:
        steps.append(Step(trace.stored_after_ms, "stored", None, "committed to the arrival log"))
    return sorted(steps, key=lambda step: step.after_ms)


def _passed_step(passed: PassedView, names: Names) -> Step:
    return Step(passed.after_ms, "passed on", names.of(passed.peer_id, passed.name), _WENT_BY.get(passed.by, passed.by))


def _copy_step(copy: CopyView, names: Names) -> Step:
    how = _CAME_BY.get(copy.by, copy.by)
    if copy.hop == 0:
        how += "; the sender is the origin"
    else:
        how += f"; the sender is {copy.hop} {'hop' if copy.hop == 1 else 'hops'} from the origin"
    if copy.also_from:
        how += f"; chunks also from {', '.join(names.of(peer_id).label for peer_id in copy.also_from)}"
    return Step(copy.after_ms, "received", names.of(copy.peer_id, copy.name), how)


def _picture(trace: TraceView, names: Names) -> Picture:
    axis = Axis(_times_ms(trace))
    marks = _marks(trace, names, axis)
    lanes = [
        Lane(_brief(who.label), TOP_PX + LANE_PX * number + LANE_PX // 2, found)
        for number, (who, found) in enumerate(list(marks.items())[:MOST_LANES], start=1)
    ]
    return Picture(
        height=TOP_PX + LANE_PX * (len(lanes) + 1) + BOTTOM_PX,
        own_y=TOP_PX + LANE_PX // 2,
        verified_x=axis.x(trace.verified_after_ms),
        stored_x=None if trace.stored_after_ms is None else axis.x(trace.stored_after_ms),
        lanes=lanes,
        further_lanes=len(marks) - len(lanes),
        ticks=axis.ticks,
        grows_by_factors=axis.grows_by_factors,
        summary=_summary(trace),
    )


def _marks(trace: TraceView, names: Names, axis: Axis) -> dict[Named, list[Mark]]:
    marks: dict[Named, list[Mark]] = {}
    for index, copy in enumerate(trace.copies):
        who = names.of(copy.peer_id, copy.name)
        title = f"{ms_text(copy.after_ms)}: copy from {who.label}, {_CAME_BY.get(copy.by, copy.by)}"
        # What was submitted here was here before any copy of it.
        is_first = index == 0 and trace.hops > 0
        marks.setdefault(who, []).append(Mark(axis.x(copy.after_ms), "first" if is_first else "copy", title))
    for passed in trace.passed_on:
        who = names.of(passed.peer_id, passed.name)
        title = f"{ms_text(passed.after_ms)}: to {who.label}, {_WENT_BY.get(passed.by, passed.by)}"
        marks.setdefault(who, []).append(Mark(axis.x(passed.after_ms), _shape(passed), title))
    return marks


def _shape(passed: PassedView) -> str:
    return passed.by if passed.by in ("push", "announce") else "fetch"


def _brief(label: str) -> str:
    return label if len(label) <= _MOST_LABEL_CHARS else f"{label[: _MOST_LABEL_CHARS - 1]}\u2026"


def _summary(trace: TraceView) -> str:
    came = [] if trace.hops else ["submitted here"]
    if trace.hops or trace.copies_received:
        came.append(_counted(trace.copies_received, "copy received", "copies received"))
    if trace.hops:
        came.append(f"verified after {ms_text(trace.verified_after_ms)}")
    stored = "not stored yet" if trace.stored_after_ms is None else f"stored after {ms_text(trace.stored_after_ms)}"
    passed = _counted(len(trace.passed_on) + trace.further_passed_on, "time", "times")
    return f"{', '.join([*came, stored])}, passed on {passed}.".capitalize()


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _times_ms(trace: TraceView) -> list[float]:
    times = [copy.after_ms for copy in trace.copies] + [passed.after_ms for passed in trace.passed_on]
    return [0.0, trace.verified_after_ms, *times] + ([] if trace.stored_after_ms is None else [trace.stored_after_ms])
