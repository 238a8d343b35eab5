"""What happens to networks of nodes, one story each."""

from __future__ import annotations

from statistics import mean

import pytest
from meeting_parts import SMALL_VIEW, join_all, linked, lost, settle

from sorcha_peer_core.sim.meeting import Meeting, MeetingWorld


def test_ten_nodes_that_know_one_know_each_other_within_a_second_and_are_all_linked_a_moment_later():
    meeting = Meeting(10)

    join_all(meeting, pause_s=0.0)

    settle(meeting, within_s=1.0)
    meeting.clock.run(2.0)
    assert all(len(meeting.links_of(node)) == 9 for node in meeting.nodes)


def test_while_nodes_join_they_make_hardly_more_links_than_they_keep():
    meeting = Meeting(100)

    join_all(meeting, pause_s=0.4)

    assert meeting.links_made < 100 * 7
    meeting.clock.run(60.0)
    assert meeting.links_made < 100 * 11


def test_nodes_that_dial_each_other_when_all_are_known_do_not_do_so_both():
    meeting = Meeting(30)

    join_all(meeting)
    meeting.clock.run(10.0)

    assert meeting.links_made < 1.1 * 30 * 29 / 2


def test_a_hundred_nodes_that_know_one_know_each_other_within_seconds():
    meeting = Meeting(100)

    join_all(meeting, pause_s=0.02)

    settle(meeting, within_s=3.0)
    assert meeting.in_one_piece()
    # Everybody must hear of everybody; each of a dozen or two links may tell it once, and an answer or two.
    assert meeting.records < 40 * 100 * 100


def test_links_settle_at_the_size_of_the_view_and_the_bootstrap_node_sheds_its_crowd():
    meeting = Meeting(100)
    join_all(meeting, pause_s=0.02)

    meeting.clock.run(90.0)

    numbers = [len(meeting.links_of(node)) for node in meeting.nodes]
    assert min(numbers) >= 12
    assert max(numbers) <= 18
    assert meeting.in_one_piece()


@pytest.mark.parametrize(("count", "max_peers"), [(120, 60), pytest.param(1000, 200, marks=pytest.mark.long)])
def test_links_stay_near_the_view_where_nobody_can_know_everybody(count, max_peers):
    meeting = Meeting(count, world=MeetingWorld(max_peers=max_peers))

    join_all(meeting, pause_s=0.02)
    meeting.clock.run(90.0)

    numbers = [len(meeting.links_of(node)) for node in meeting.nodes]
    assert min(numbers) >= 11
    # Links younger than 10 s are not shed, so a few have one too many for moments.
    assert sum(number > 18 for number in numbers) <= len(numbers) // 100
    assert max(numbers) <= 20
    assert meeting.most_links <= 64
    assert meeting.in_one_piece()
    assert all(len(node.alive.members) <= max_peers + 18 for node in meeting.nodes)


def test_a_bootstrap_node_with_few_places_brings_everybody_in():
    meeting = Meeting(40, world=MeetingWorld(links_wanted=lambda live: min(live, 4), max_links=8))

    join_all(meeting, pause_s=0.01)

    settle(meeting, within_s=60.0)
    assert meeting.in_one_piece()
    assert meeting.most_links <= 8


@pytest.mark.parametrize("places", [3, 4, 7])
def test_those_who_came_first_and_took_all_places_of_each_other_make_room(places):
    meeting = Meeting(12, world=MeetingWorld(links_wanted=lambda live: min(live, 32), max_links=places))

    join_all(meeting, pause_s=0.2)

    assert meeting.clock.run_until(meeting.in_one_piece, 120.0)
    settle(meeting, within_s=60.0)
    assert meeting.most_links <= places


def test_without_its_bootstrap_node_a_network_lives_on_and_takes_in_others():
    meeting = Meeting(12)
    for node in meeting.nodes[:10]:
        meeting.join(node.index, [0])
    settle(meeting)

    meeting.crash(0)
    meeting.clock.run(20.0)
    meeting.join(10, [3])
    meeting.join(11, [0, 7])

    settle(meeting, within_s=5.0)
    meeting.clock.run(5.0)
    assert all(linked(node) == {other.index for other in meeting.running if other is not node} for node in meeting.running)
    assert all(node.alive.standing.name == "online" for node in meeting.running)
    assert all(change.state == "online" for node in meeting.nodes for change in node.states)


@pytest.mark.parametrize("silent", [False, True], ids=["their links break", "they fall silent"])
def test_six_of_twenty_that_crash_at_once_are_given_up_and_nobody_else_is(silent):
    meeting = Meeting(20)
    join_all(meeting)
    settle(meeting)
    meeting.clock.run(5.0)
    dead = set(range(3, 9))

    for index in dead:
        meeting.crash(index, silent=silent)
    meeting.clock.run(60.0)

    for node in meeting.running:
        assert lost(node) == dead
        assert linked(node) == set(range(20)) - dead - {node.index}
        assert node.alive.members.live == 13
        assert node.alive.standing.name == "online"


def test_who_crashed_and_comes_back_is_linked_again_by_all():
    meeting = Meeting(20)
    join_all(meeting)
    settle(meeting)
    for index in range(3, 9):
        meeting.crash(index)
    meeting.clock.run(600.0)

    for index in range(3, 9):
        meeting.wipe(index)
        meeting.join(index, [0])

    settle(meeting, within_s=5.0)
    assert meeting.clock.run_until(lambda: all(len(linked(node)) == 19 for node in meeting.nodes), 10.0)


def test_nodes_find_back_by_their_disks_alone():
    meeting = Meeting(12)
    join_all(meeting)
    settle(meeting)
    meeting.clock.run(30.0)
    for node in meeting.nodes:
        meeting.crash(node.index, silent=True)
    meeting.clock.run(3 * 86_400.0)

    for node in meeting.nodes:
        meeting.join(node.index)

    settle(meeting, within_s=30.0)
    assert meeting.in_one_piece()


@pytest.mark.parametrize("world", [MeetingWorld(), SMALL_VIEW], ids=["everybody with everybody", "a small view"])
@pytest.mark.parametrize("for_s", [60.0, 7200.0])
def test_a_network_that_was_split_grows_together(world, for_s):
    meeting = Meeting(20, world=world)
    join_all(meeting)
    settle(meeting)

    meeting.split(lambda index: index % 2)
    meeting.clock.run(for_s)
    assert not meeting.in_one_piece()
    meeting.split(lambda index: 0)

    settle(meeting, within_s=360.0)
    assert meeting.in_one_piece()


@pytest.mark.parametrize("for_s", [4.0, 30.0, 3600.0, 26 * 3600.0])
def test_a_node_that_slept_gives_up_nobody_and_is_back_in_seconds(for_s):
    meeting = Meeting(6)
    join_all(meeting)
    settle(meeting)
    meeting.clock.run(60.0)
    sleeper = meeting.nodes[4]

    meeting.sleep(4, for_s)
    meeting.clock.run(for_s)
    meeting.clock.run(15.0)

    assert lost(sleeper) == set()
    assert len(linked(sleeper)) == 5
    assert [change.state for change in sleeper.states] == ["online"]
    assert meeting.everybody_knows_everybody()


def test_a_node_without_any_network_says_so_in_steps_and_is_back_soon_after_it():
    meeting = Meeting(10)
    join_all(meeting)
    settle(meeting)

    meeting.split(lambda index: index == 4)
    meeting.clock.run(3600.0)
    lonely = meeting.nodes[4]
    states = [change.state for change in lonely.states]
    meeting.split(lambda index: 0)

    assert states == ["online", "degraded", "offline"]
    assert meeting.clock.run_until(lambda: len(linked(lonely)) == 9, 180.0)
    meeting.clock.run(3.0)
    assert lonely.alive.standing.name == "online"


def test_nodes_that_nobody_can_dial_are_linked_and_known_like_others():
    meeting = Meeting(12, dial_only=(3, 4, 5))

    join_all(meeting)

    settle(meeting)
    assert meeting.clock.run_until(lambda: all(len(linked(meeting.nodes[index])) == 9 for index in (3, 4, 5)), 10.0)


def test_a_record_that_is_signed_anew_reaches_everybody_in_a_moment():
    meeting = Meeting(60)
    join_all(meeting)
    settle(meeting)

    meeting.nodes[17].renew()

    settle(meeting, within_s=2.0)


def test_two_networks_that_began_apart_become_one():
    meeting = Meeting(8)
    for index in range(1, 4):
        meeting.join(index, [0, 1])
    meeting.clock.run(30.0)
    # Nobody told this one of the others; they have its address, at which nobody was.
    meeting.join(0)

    settle(meeting, within_s=960.0)
    assert meeting.in_one_piece()


def test_forged_records_are_neither_taken_nor_told():
    meeting = Meeting(4)
    join_all(meeting)
    settle(meeting)
    liar = meeting.nodes[1]
    forged = [meeting.forged_record(number) for number in range(10)]

    liar.tell([node.peer_id for node in meeting.nodes], forged)
    meeting.clock.run(10.0)

    assert all(len(node.alive.members) == 3 for node in meeting.nodes)
    assert meeting.nodes[0].alive.checking.refused["not signed by its key"] == 10


def test_near_peers_are_found_and_kept_while_most_links_stay_random():
    meeting = Meeting(80, world=MeetingWorld(links_wanted=lambda live: min(live, 10)))
    join_all(meeting)
    node = meeting.nodes[33]
    others = sorted(meeting.latency_s(node, other) for other in meeting.nodes if other is not node)

    meeting.clock.run(1200.0)

    latencies = sorted(meeting.latency_s(node, other) for other in meeting.links_of(node))
    assert mean(latencies[:4]) < mean(others[:16])
    assert mean(latencies[5:]) > 0.6 * mean(others)
    assert meeting.in_one_piece()


def test_a_network_that_is_left_alone_comes_to_rest():
    meeting = Meeting(50)
    join_all(meeting)
    meeting.clock.run(600.0)
    before = meeting.messages

    meeting.clock.run(1800.0)

    # Two refreshes, each a question to a dozen or two links and the answer in one frame; a rotation in five minutes; few looks.
    assert meeting.messages - before < 50 * 200
    assert all(node.alive.linking.counts["looks"] < 2400 / 100 + 60 for node in meeting.nodes)
