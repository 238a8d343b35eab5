"""Keeping the view: dialling, shedding, looking, trying again."""

from __future__ import annotations

from itertools import pairwise

import pytest
from discovery_parts import HOST, Machine, living
from peer_parts import DAY, NOW, peer_id

from sorcha_peer_core.model.messages import Farewell, Peers
from sorcha_peer_core.model.peer import PeerRow
from sorcha_peer_core.protocol.discovery_host import Failure
from sorcha_peer_core.protocol.strategies import Mesh

UNREACHABLE = Failure("nobody answers")


def rows(*numbers: int, rtt_ms: float | None = None) -> list[PeerRow]:
    """Peers that an earlier run knew."""
    at = NOW - 3600
    return [PeerRow(living(n, age_s=3600), at - DAY, at, proved_at=at, source=peer_id(n), rtt_ms=rtt_ms) for n in numbers]


def dial_ends(machine: Machine, *, well: bool = False, number: int | None = None) -> None:
    """The oldest dial, or that of this peer, is over."""
    place = 0 if number is None else machine.notes.dialled.index(peer_id(number))
    contact = machine.notes.dials.pop(place)
    if well:
        machine.link(int(contact.expected, 16))
        machine.discovery.dialled(contact, contact.expected, machine.now, machine.at)
    else:
        machine.discovery.dial_failed(contact, UNREACHABLE, machine.now, machine.at)
    machine.tick()


def look_ends(machine: Machine, rtt_s: float = 0.02, told=()) -> None:
    contact, _ = machine.notes.looks.pop(0)
    machine.discovery.looked(contact, living(int(contact.expected, 16)), rtt_s, told, machine.now, machine.at)
    machine.answer_checks()


def feel(machine: Machine, every_s: float = 15.0) -> None:
    machine.pass_time(every_s)
    machine.discovery.feel(machine.now)
    machine.tick()


# Dialling.


def test_a_node_dials_until_it_has_the_links_it_wants_ten_at_a_time():
    machine = Machine(rows=rows(*range(1, 60)), links_wanted=lambda live: 12)
    machine.pass_time(1.0)
    assert len(machine.notes.dials) == 10

    while machine.notes.dials:
        dial_ends(machine, well=True)

    assert len(machine.members.linked) == 12


def test_a_dial_that_fails_makes_room_for_another():
    machine = Machine(rows=rows(*range(1, 60)), links_wanted=lambda live: 5)
    machine.pass_time(1.0)
    first = machine.notes.dialled[0]

    dial_ends(machine)

    assert len(machine.notes.dials) == 5
    assert first not in machine.notes.dialled


def test_a_peer_that_linked_while_it_was_dialled_takes_no_place_from_another():
    machine = Machine(rows=rows(0x9000, 0x9001), links_wanted=lambda live: 2, max_concurrent=1)
    [dialled] = machine.notes.dialled

    machine.link(int(dialled, 16))
    dial_ends(machine)

    [other] = machine.notes.dialled
    assert {dialled, other} == {peer_id(0x9000), peer_id(0x9001)}


def test_no_dial_is_begun_for_which_there_would_be_no_place():
    machine = Machine(links_wanted=lambda live: 99, max_links=4)
    machine.link(1, 2)

    machine.hear(1, Peers(tuple(living(number) for number in range(0x9000, 0x9020))))

    assert len(machine.notes.dials) == 1, "a quarter of the places is left to others"


def test_a_link_that_ended_is_dialled_again_soon():
    machine = Machine()
    machine.link(1)

    machine.unlink(1)
    machine.pass_time(0.14)
    assert machine.notes.dials == []
    machine.pass_time(0.2)

    assert machine.notes.dialled == [peer_id(1)]


@pytest.mark.parametrize(("farewell", "least_s", "most_s"), [(Farewell.STOPPING, 1.0, 2.0), (Farewell.ENOUGH, 60.0, 120.0)])
def test_who_said_goodbye_is_left_alone_for_as_long_as_that_asks_for(farewell, least_s, most_s):
    machine = Machine()
    machine.link(1)

    machine.unlink(1, farewell)
    machine.pass_time(least_s - 0.1)
    assert machine.notes.dials == []
    machine.pass_time(most_s - least_s + 0.2)

    assert machine.notes.dialled == [peer_id(1)]
    assert machine.members.get(peer_id(1)).entry.failures == 0


def test_who_has_no_place_and_says_so_is_left_alone_and_what_it_told_is_used():
    machine = Machine(rows=rows(0x9000), links_wanted=lambda live: min(live, 3))
    [contact] = machine.notes.dials
    machine.notes.dials.clear()

    machine.discovery.turned_away(contact, living(0x9000), [living(0x9001)], machine.now, machine.at)
    machine.answer_checks()

    assert machine.notes.dialled == [peer_id(0x9001)]
    assert machine.members.get(peer_id(0x9000)).entry.failures == 0
    assert machine.members.live == 2


def test_a_refusal_with_that_farewell_is_no_failure_either():
    machine = Machine(rows=rows(0x9000))
    [contact] = machine.notes.dials

    machine.discovery.dial_failed(contact, Failure("too many are at it", farewell=Farewell.ENOUGH), machine.now, machine.at)

    assert machine.members.get(peer_id(0x9000)).entry.failures == 0


# Those that were given up.


def lose(machine: Machine, *numbers: int) -> None:
    """These fail until they are given up; others are not dialled meanwhile."""
    for number in numbers:
        for _ in range(3):
            machine.members.failed(peer_id(number), machine.now, machine.at)
    machine.tick()


def test_lost_peers_are_tried_again_beside_the_wanted_links_one_in_two_seconds():
    machine = Machine(rows=rows(*range(0x9000, 0x9008)), links_wanted=lambda live: 1)
    dial_ends(machine, well=True)
    linked = int(next(iter(machine.members.linked)), 16)
    lose(machine, *(number for number in range(0x9000, 0x9008) if number != linked))

    moments = []
    for _ in range(40):
        machine.pass_time(0.5)
        moments += [machine.now] * len(machine.notes.dials)
        while machine.notes.dials:
            dial_ends(machine)

    assert len(moments) >= 7
    assert min(later - at for at, later in pairwise(moments)) >= 2.0


def test_lost_peers_that_wait_for_each_other_are_tried_without_any_further_reason():
    machine = Machine()
    machine.link(1)
    machine.link(*range(0x9000, 0x9006))
    for number in range(0x9000, 0x9006):
        machine.unlink(number)
        for _ in range(3):
            machine.members.failed(peer_id(number), machine.now - 100.0, machine.at)

    machine.tick()
    machine.pass_time(9.0)

    assert len(machine.notes.dials) == 5


def test_without_any_link_lost_peers_are_tried_as_soon_as_it_is_their_turn():
    machine = Machine(rows=rows(*range(0x9000, 0x9004)))
    machine.notes.dials.clear()
    machine.members.end(peer_id(0x9000))

    for contact in [contact for contact in machine.discovery.linking._dialling]:
        machine.discovery.linking.over(contact)
    lose(machine, *range(0x9000, 0x9004))
    machine.pass_time(5.0)

    assert len(machine.notes.dials) == 4


def test_when_one_is_back_that_was_lost_the_others_are_tried_within_seconds():
    machine = Machine()
    machine.link(*range(1, 6))
    machine.link(0x9000, 0x9001, 0x9002)
    for number in (0x9000, 0x9001, 0x9002):
        machine.unlink(number)
    for _ in range(8):
        for number in (0x9000, 0x9001, 0x9002):
            machine.members.failed(peer_id(number), machine.now, machine.at)

    machine.link(0x9000)
    machine.pass_time(9.0)

    assert set(machine.notes.dialled) >= {peer_id(0x9001), peer_id(0x9002)}


def test_when_the_first_link_is_there_after_none_was_the_lost_ones_are_tried_within_seconds():
    machine = Machine()
    machine.link(0x9000, 0x9001, 0x9002)
    for number in (0x9000, 0x9001, 0x9002):
        machine.unlink(number)
        for _ in range(9):
            machine.members.failed(peer_id(number), machine.now, machine.at)

    machine.link(1)
    machine.pass_time(9.0)

    assert set(machine.notes.dialled) == {peer_id(0x9000), peer_id(0x9001), peer_id(0x9002)}


# Shedding.


def crowd(*, links_wanted=lambda live: 12, count: int = 40, **config) -> Machine:
    """A node with far too many links."""
    machine = Machine(links_wanted=links_wanted, **config)
    machine.link(*range(1, count + 1))
    return machine


def part(machine: Machine) -> None:
    """Those whom it asks to go do so."""
    while machine.notes.hang_ups:
        peer, _ = machine.notes.hang_ups.pop()
        machine.unlink(int(peer, 16))


def test_a_node_with_clearly_too_many_links_sheds_them_one_by_one():
    machine = crowd()
    machine.pass_time(9.9)
    assert machine.notes.hang_ups == []

    shed_at = []
    for _ in range(300):
        machine.pass_time(0.1)
        shed_at += [machine.now] * len(machine.notes.hang_ups)
        part(machine)

    assert len(machine.members.linked) == 15
    assert min(later - at for at, later in pairwise(shed_at)) > 0.19


def test_who_is_shed_is_told_that_there_are_links_enough_and_not_dialled_for_a_while():
    machine = crowd()

    machine.pass_time(11.0)
    peer, farewell = machine.notes.hang_ups[0]
    part(machine)
    machine.pass_time(40.0)

    assert farewell is Farewell.ENOUGH
    assert peer not in machine.notes.dialled


def test_around_the_size_at_which_a_strategy_changes_its_mind_links_are_kept():
    machine = crowd(links_wanted=Mesh().links_wanted, count=36)

    machine.pass_time(100.0)

    assert Mesh().links_wanted(36) == 12
    assert machine.notes.hang_ups == []


def test_a_few_too_many_are_kept():
    machine = crowd(count=18)

    machine.pass_time(100.0)

    assert machine.notes.hang_ups == []


def test_nobody_is_shed_while_everybody_is_wanted():
    machine = crowd(links_wanted=lambda live: live)

    machine.pass_time(100.0)

    assert machine.notes.hang_ups == []


def test_a_node_with_all_its_places_taken_frees_one():
    machine = crowd(links_wanted=lambda live: 3, count=6, max_links=6)
    machine.hear(1, Peers((living(0x9000),)))

    machine.pass_time(15.0)

    assert len(machine.notes.hang_ups) >= 1


# Looking.


def in_view_form(*, linked: int = 5, known: int = 60) -> Machine:
    """A node that has the links it wants and knows more peers."""
    machine = Machine(links_wanted=lambda live: linked)
    machine.link(*range(1, linked + 1))
    machine.hear(1, Peers(tuple(living(number) for number in range(100, 100 + known))))
    machine.pass_time(2.0)
    assert machine.notes.dials == []
    return machine


def test_one_in_fifteen_seconds_is_looked_at_until_forty_round_trips_are_known_then_one_in_two_minutes():
    machine = in_view_form()
    machine.notes.rtts_s = {peer_id(number): 0.001 for number in range(1, 6)}
    looks = []

    for _ in range(100):
        feel(machine)
        if machine.notes.looks:
            looks.append(machine.now)
            look_ends(machine)
        machine.notes.dials.clear()

    pauses = [round(later - at) for at, later in pairwise(looks)]
    assert pauses[:33] == [15] * 33
    assert set(pauses[40:]) == {120}


def test_a_look_proves_a_peer_and_measures_how_far_away_it_is():
    machine = in_view_form()

    feel(machine)
    contact, _ = machine.notes.looks[0]
    assert machine.members.get(contact.expected).entry.is_hearsay
    look_ends(machine, rtt_s=0.033)

    member = machine.members.get(contact.expected)
    assert (member.rtt_s, member.entry.is_hearsay, member.entry.failures) == (0.033, False, 0)


def test_a_look_asks_whom_the_peer_knows_only_while_that_brings_news():
    machine = in_view_form()
    machine.discovery.asking.answered(peer_id(1), machine.now)
    machine.hear(1, Peers((living(0x9100),)))
    assert machine.discovery.asking.goes_on

    feel(machine, every_s=0.0)
    asked = machine.notes.looks[0][1]
    look_ends(machine, told=())
    machine.pass_time(300.0)
    feel(machine)

    assert asked == 1000
    assert machine.notes.looks[0][1] == 0


def test_what_a_look_brings_is_taken_like_any_hearsay():
    machine = in_view_form()

    feel(machine)
    look_ends(machine, told=[living(0x9200)])

    assert machine.members.get(peer_id(0x9200)) is not None


def test_nobody_is_looked_at_while_links_are_missing():
    machine = Machine(rows=rows(*range(1, 60)), links_wanted=lambda live: 5)

    feel(machine)

    assert machine.notes.dials
    assert machine.notes.looks == []


def test_a_look_that_fails_counts_like_a_dial_that_fails():
    machine = in_view_form()
    feel(machine)
    contact, _ = machine.notes.looks.pop()

    machine.discovery.look_failed(contact, UNREACHABLE, machine.now, machine.at)

    assert machine.members.get(contact.expected).entry.failures == 1


def test_whoever_is_to_be_looked_at_before_it_loses_its_place_comes_first():
    machine = in_view_form()
    machine.discovery.linking.suspect(peer_id(140))

    feel(machine)

    assert [contact.expected for contact, _ in machine.notes.looks] == [peer_id(140)]


# Getting nearer, and mixing.


def test_a_nearer_peer_takes_the_place_of_the_worst_near_link_once_it_is_linked():
    machine = in_view_form(linked=10)
    machine.notes.rtts_s = {peer_id(number): 0.010 * number for number in range(1, 11)}
    machine.pass_time(20.0)
    feel(machine)
    machine.members.measure(peer_id(150), 0.001, machine.now, smooth=True)

    feel(machine)
    assert peer_id(150) in machine.notes.dialled
    assert machine.notes.hang_ups == []
    dial_ends(machine, well=True, number=150)

    assert machine.notes.hang_ups == [(peer_id(4), Farewell.ENOUGH)]


def test_a_link_is_not_given_up_for_a_nearer_one_while_links_are_missing():
    machine = in_view_form(linked=10)
    machine.notes.rtts_s = {peer_id(number): 0.010 * number for number in range(1, 11)}
    machine.pass_time(20.0)
    machine.members.measure(peer_id(150), 0.001, machine.now, smooth=True)
    feel(machine)
    for number in (8, 9, 10):
        machine.discovery.unlinked(peer_id(number), Farewell.ENOUGH, machine.now, machine.at)

    dial_ends(machine, well=True, number=150)

    assert machine.notes.hang_ups == []


def test_that_happens_at_most_once_in_thirty_seconds():
    machine = in_view_form(linked=10)
    machine.notes.rtts_s = {peer_id(number): 0.010 * number for number in range(1, 11)}
    machine.pass_time(20.0)
    for number in range(120, 160):
        machine.members.measure(peer_id(number), 0.001, machine.now, smooth=True)

    swaps = []
    for _ in range(20):
        feel(machine)
        if machine.notes.dials:
            swaps.append(machine.now)
            dial_ends(machine)
        machine.notes.dials.clear()

    assert min(later - at for at, later in pairwise(swaps)) >= 30.0


def test_now_and_then_anybody_is_linked_beyond_what_is_wanted():
    machine = in_view_form()

    dialled = 0
    for _ in range(80):
        feel(machine)
        dialled += len(machine.notes.dials)
        machine.notes.dials.clear()
        machine.notes.looks.clear()
        for contact in list(machine.discovery.linking._looking) + list(machine.discovery.linking._dialling):
            machine.discovery.linking.over(contact)

    assert 3 <= dialled <= 5, "one in five minutes"


def test_a_node_that_is_linked_to_all_does_none_of_that():
    machine = Machine(links_wanted=lambda live: live)
    machine.link(*range(1, 9))

    for _ in range(100):
        feel(machine)

    assert (machine.notes.dials, machine.notes.looks, machine.notes.hang_ups) == ([], [], [])


def test_where_it_was_seen_is_where_it_was_dialled():
    machine = in_view_form()

    feel(machine)
    contact, _ = machine.notes.looks[0]
    look_ends(machine)

    assert machine.members.get(contact.expected).entry.seen_host == HOST


def test_who_finds_no_place_is_known_from_then_on_and_a_place_is_made():
    machine = Machine(links_wanted=lambda live: live, max_links=3)
    machine.link(1, 2, 3)
    machine.pass_time(60.0)
    assert machine.notes.hang_ups == []

    for number in (50, 51, 52):
        machine.discovery.knocked(living(number), "192.0.2.1", machine.now, machine.at)
    machine.pass_time(60.0)

    assert [farewell for _, farewell in machine.notes.hang_ups] == [Farewell.ENOUGH]
    assert {peer_id(number) for number in (50, 51, 52)} <= {record.peer_id for record in machine.notes.learned_of}
