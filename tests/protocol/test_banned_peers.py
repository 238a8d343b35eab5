"""Peers that a node has nothing to do with: neither dialled, nor told to others, nor counted."""

from __future__ import annotations

from collections.abc import Callable

from discovery_parts import HOST, Machine, entry, is_linked, knows, living, members_of
from hypothesis import given, settings
from hypothesis import strategies as st
from peer_parts import NOW, peer_id

from sorcha_peer_core.model.messages import Peers, PeersRequest
from sorcha_peer_core.protocol.discovery_host import Failure
from sorcha_peer_core.protocol.membership import Membership
from sorcha_peer_core.protocol.turns import Hope

BANNED, OTHER = 0x9001, 0x9002


def known_machine(*numbers: int, **config) -> Machine:
    """A machine that peer 1 has told of these, and that has dialled nobody yet."""
    machine = Machine(**config)
    machine.link(1)
    machine.hear(1, Peers(tuple(living(number) for number in numbers)))
    return machine


def test_a_banned_peer_is_not_dialled():
    machine = Machine()
    machine.discovery.ban([peer_id(BANNED)])
    machine.link(1)

    machine.hear(1, Peers((living(BANNED), living(OTHER))))
    machine.pass_time(600.0)

    assert peer_id(OTHER) in machine.notes.dialled
    assert peer_id(BANNED) not in machine.notes.dialled
    assert all(contact.expected != peer_id(BANNED) for contact, _ in machine.notes.looks)


def test_after_the_ban_it_is_dialled_soon_whatever_failed_before():
    machine = known_machine(BANNED)
    for contact in machine.notes.dials:
        machine.discovery.dial_failed(contact, Failure("nobody is there"), machine.now, machine.at)
    machine.discovery.ban([peer_id(BANNED)])
    machine.tick()
    machine.pass_time(100_000.0)
    before = len(machine.notes.dials)

    machine.discovery.unban(peer_id(BANNED), machine.now)
    machine.tick()
    machine.pass_time(2.0)

    assert machine.notes.dialled[before:] == [peer_id(BANNED)]


def test_it_is_not_told_to_others_neither_as_news_nor_in_lists():
    machine = Machine()
    machine.link(1, 2)
    machine.discovery.ban([peer_id(BANNED)])
    machine.hear(1, Peers((living(BANNED), living(OTHER))))
    machine.pass_time(1.0)

    machine.discovery.received(peer_id(2), PeersRequest(100), machine.now, machine.at)

    told = {record.peer_id for record in machine.notes.told_to(peer_id(2))}
    assert peer_id(OTHER) in told
    assert peer_id(BANNED) not in told
    assert living(BANNED) not in machine.discovery.telling.newcomers(machine.now, machine.at)


def test_news_that_waits_to_be_told_when_the_ban_comes_is_not_told():
    machine = Machine()
    machine.link(1, 2)
    machine.hear(1, Peers((living(BANNED),)))

    machine.discovery.ban([peer_id(BANNED)])
    machine.pass_time(1.0)

    assert living(BANNED) not in machine.notes.told_to(peer_id(2))
    assert living(BANNED) not in machine.discovery.telling.newcomers(machine.now, machine.at)


def test_it_is_not_counted_as_alive_or_lost_but_stays_known():
    members = members_of()
    knows(members, BANNED, OTHER)

    members.ban(peer_id(BANNED))

    assert (len(members), members.live, members.lost) == (2, 1, 0)
    members.unban(peer_id(BANNED), 0.0)
    assert members.live == 2


def test_a_linked_one_is_not_counted_either_until_its_link_has_ended():
    members = members_of()
    is_linked(members, BANNED)

    members.ban(peer_id(BANNED))

    assert members.live == 0
    members.unlinked(peer_id(BANNED), 1.0, 0.0, NOW)
    members.turns.ripen(1000.0)
    assert (members.live, members.turns.is_ready(peer_id(BANNED), Hope.GOOD)) == (0, False)


def test_a_ban_may_come_before_the_peer_is_known():
    members = members_of()
    members.ban(peer_id(BANNED))

    knows(members, BANNED)

    assert members.live == 0
    assert members.get(peer_id(BANNED)) is not None


def test_a_first_contact_that_is_banned_is_dialled_no_more():
    machine = Machine(entries=[entry(1, peer_id(BANNED)), entry(2)])
    machine.discovery.ban([peer_id(BANNED)])
    pinned, open_to_all = sorted(machine.notes.dials, key=lambda contact: contact.expected is None)
    machine.discovery.dial_failed(pinned, Failure("it is banned", banned=peer_id(BANNED)), machine.now, machine.at)
    machine.discovery.dial_failed(open_to_all, Failure("it is banned", banned=peer_id(BANNED)), machine.now, machine.at)
    machine.notes.dials.clear()

    machine.pass_time(3600.0)

    assert machine.notes.dials == []
    machine.discovery.unban(peer_id(BANNED), machine.now)
    machine.pass_time(600.0)
    assert {pinned, open_to_all} <= set(machine.notes.dials)


def test_a_removed_peer_is_forgotten_and_may_be_heard_of_again():
    machine = known_machine(BANNED)

    machine.discovery.remove(peer_id(BANNED))

    assert machine.members.get(peer_id(BANNED)) is None
    assert peer_id(BANNED) in machine.members.take_changes(lambda _: False)[1]
    machine.hear(1, Peers((living(BANNED),)))
    assert machine.members.get(peer_id(BANNED)) is not None


def test_a_linked_peer_that_is_removed_is_forgotten_when_its_link_ends():
    machine = Machine()
    machine.link(BANNED)

    machine.discovery.remove(peer_id(BANNED))

    assert machine.members.get(peer_id(BANNED)) is not None
    machine.unlink(BANNED)
    assert machine.members.get(peer_id(BANNED)) is None
    machine.pass_time(600.0)
    assert machine.notes.dialled == []


def test_a_peer_that_answered_a_ping_is_measured_and_dialled_although_it_was_lost():
    machine = Machine(failure_threshold=1, retry_most_s=100_000.0)
    machine.link(1)
    machine.hear(1, Peers((living(OTHER),)))
    machine.pass_time(2.0)
    machine.discovery.dial_failed(machine.notes.dials[0], Failure("nobody is there"), machine.now, machine.at)
    assert machine.members.get(peer_id(OTHER)).lost

    machine.discovery.pinged(living(OTHER), HOST, 0.025, machine.now, machine.at)
    machine.tick()

    member = machine.members.get(peer_id(OTHER))
    assert (member.lost, member.rtt_s) == (False, 0.025)
    assert machine.notes.dialled[1:] == [peer_id(OTHER)]


STEPS: dict[str, Callable[[Membership, int, float], object]] = {
    "ban": lambda members, number, now: members.ban(peer_id(number)),
    "unban": lambda members, number, now: members.unban(peer_id(number), now),
    "hear": lambda members, number, now: members.heard(living(number), peer_id(7), HOST, now, NOW),
    "link": lambda members, number, now: members.is_banned(peer_id(number)) or is_linked(members, number, now=now),
    "unlink": lambda members, number, now: members.unlinked(peer_id(number), 1.0, now, NOW),
    "fail": lambda members, number, now: members.failed(peer_id(number), now, NOW),
    "remove": lambda members, number, now: members.remove(peer_id(number)),
}


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(BANNED, BANNED + 3))))
def test_whatever_happens_nobody_who_is_banned_is_counted_or_dialled(steps):
    members = members_of(threshold=2)
    for now, (step, number) in enumerate(steps):
        STEPS[step](members, number, float(now))

        members.turns.ripen(now + 1e6)
        assert members.live == sum(member.live for member in members)
        assert members.lost == sum(member.lost for member in members)
        for member in members:
            is_ready = any(members.turns.is_ready(member.peer_id, hope) for hope in Hope)
            assert not (members.is_banned(member.peer_id) and (member.live or member.lost or is_ready))


def test_a_peer_that_is_avoided_is_not_dialled_for_so_long_whatever_happens_and_then_it_is():
    machine = known_machine(OTHER)
    machine.link(BANNED)
    machine.discovery.avoid(peer_id(BANNED), 600.0, machine.now)
    machine.unlink(BANNED)

    machine.discovery.hurry(machine.now)
    machine.pass_time(590.0)
    assert peer_id(BANNED) not in machine.notes.dialled

    machine.pass_time(400.0)
    assert peer_id(BANNED) in machine.notes.dialled


def test_a_peer_that_is_avoided_is_not_told_to_others():
    machine = Machine()
    machine.link(1, 2, BANNED)
    machine.discovery.avoid(peer_id(BANNED), 600.0, machine.now)
    machine.pass_time(100.0)

    machine.hear(2, PeersRequest(50))

    assert peer_id(BANNED) not in {record.peer_id for record in machine.notes.told_to(peer_id(2))}


def test_a_lifted_ban_ends_avoidance_too():
    machine = Machine()
    machine.link(BANNED)
    machine.discovery.avoid(peer_id(BANNED), 6000.0, machine.now)
    machine.discovery.ban([peer_id(BANNED)])
    machine.unlink(BANNED)

    machine.discovery.unban(peer_id(BANNED), machine.now)
    machine.pass_time(5.0)

    assert peer_id(BANNED) in machine.notes.dialled


def test_news_that_nobody_asked_for_are_taken_up_to_a_quota():
    machine = Machine(max_peers=5000)
    machine.link(1)
    machine.pass_time(60.0)
    numbers = range(0x20_000, 0x20_000 + 1200)

    machine.hear(1, Peers(tuple(living(number) for number in numbers)))

    assert machine.discovery.checking.refused["beyond the quota"] == 200
