"""Networks of the shipped discovery machines in virtual time: whatever happens to them, in the end all find each other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meeting_parts import SMALL_VIEW, join_all, settle

from sorcha_peer_core.sim.meeting import Meeting, MeetingWorld

NODES = 8
ANYBODY = st.integers(0, NODES - 1)
HAPPENINGS = st.one_of(
    st.tuples(st.just("join"), ANYBODY, ANYBODY),
    st.tuples(st.just("leave"), ANYBODY, st.none()),
    st.tuples(st.just("crash"), ANYBODY, st.booleans()),
    st.tuples(st.just("wipe"), ANYBODY, st.none()),
    st.tuples(st.just("sleep"), ANYBODY, st.sampled_from([2.0, 20.0, 200.0])),
    st.tuples(st.just("renew"), ANYBODY, st.none()),
    st.tuples(st.just("pass"), st.sampled_from([0.1, 3.0, 30.0, 600.0]), st.none()),
)


def happen(meeting: Meeting, what: str, subject, detail) -> None:
    if what == "join":
        meeting.join(subject, [0] if detail == subject else [0, detail])
    elif what == "crash":
        meeting.crash(subject, silent=detail)
    elif what == "sleep" and meeting.nodes[subject].is_awake:
        meeting.sleep(subject, detail)
    elif what == "renew" and meeting.nodes[subject].is_awake:
        meeting.nodes[subject].renew()
    elif what == "wipe" and meeting.nodes[subject].machine is None:
        meeting.wipe(subject)
    elif what == "leave":
        meeting.leave(subject)
    elif what == "pass":
        meeting.clock.run(subject)


@pytest.mark.parametrize("world", [MeetingWorld(), SMALL_VIEW], ids=["everybody with everybody", "a small view"])
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    happenings=st.lists(HAPPENINGS, max_size=40), hidden=st.sets(st.integers(2, NODES - 1), max_size=3), seed=st.integers(0, 999)
)
def test_whatever_happens_in_the_end_all_know_all_and_are_one_network(world, happenings, hidden, seed):
    meeting = Meeting(NODES, seed, world, dial_only=hidden)
    meeting.join(0)

    for happening in happenings:
        happen(meeting, *happening)
        meeting.clock.run(0.05)
    # Whoever runs knows this one, and it is what a node without anybody dials.
    meeting.join(0)
    meeting.clock.run(210.0)

    settle(meeting, 1800.0)
    assert meeting.clock.run_until(meeting.in_one_piece, 1800.0)
    assert meeting.most_links <= world.max_links


def test_the_same_seed_gives_the_same_course_of_events():
    def course() -> tuple[int, int, list[list[int]]]:
        meeting = Meeting(20, seed=7, world=SMALL_VIEW)
        join_all(meeting)
        meeting.crash(3)
        meeting.clock.run(300.0)
        links = [sorted(other.index for other in meeting.links_of(node)) for node in meeting.nodes]
        return meeting.messages, meeting.records, links

    assert course() == course()
