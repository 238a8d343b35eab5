"""What the tests of simulated meetings share."""

from __future__ import annotations

from sorcha_peer_core.sim.meeting import Meeting, MeetingWorld
from sorcha_peer_core.sim.meeting_node import MeetingNode

SMALL_VIEW = MeetingWorld(links_wanted=lambda live: min(live, 4), max_links=10)
"""A view that even a few nodes cannot all be in, and few places beyond it."""


def join_all(meeting: Meeting, pause_s: float = 0.05) -> None:
    """All join through node 0, one after the other."""
    meeting.join(0)
    for node in meeting.nodes[1:]:
        meeting.clock.run(pause_s)
        meeting.join(node.index, [0])


def settle(meeting: Meeting, within_s: float = 60.0) -> None:
    """Wait until everybody knows everybody."""
    assert meeting.clock.run_until(meeting.everybody_knows_everybody, within_s), f"not within {within_s} s"


def linked(one: MeetingNode) -> set[int]:
    """The numbers of those that a node believes to be linked to."""
    return {two.index for two in one.meeting.nodes if two.peer_id in one.alive.members.linked}


def lost(one: MeetingNode) -> set[int]:
    """The numbers of those that a node has given up at some time."""
    return {one.meeting.by_id[peer_id].index for _, peer_id in one.lost}
