"""The whole machine: what it does with what happens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from discovery_parts import Machine, entry, living
from peer_parts import DAY, HOUR, NOW, peer_id

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.model.events import BootstrapFailed, PeerLost, StateChanged
from sorcha_peer_core.model.messages import Goodbye, Peers, PeersRequest, Ping
from sorcha_peer_core.model.peer import PeerRow
from sorcha_peer_core.protocol.discovery_host import DiscoveryConfig, Failure

NOBODY = Failure("nobody answers")


def row(number: int, age_s: float = HOUR) -> PeerRow:
    at = int(NOW - age_s)
    return PeerRow(living(number, age_s=age_s), at - DAY, at, proved_at=at, source=peer_id(number))


def firsts(machine: Machine) -> list[str]:
    """The first contacts that were dialled."""
    return [contact.endpoints[0].host for contact in machine.notes.dials if contact.expected is None]


def fail_dials(machine: Machine) -> None:
    contacts, machine.notes.dials = machine.notes.dials, []
    for contact in contacts:
        machine.discovery.dial_failed(contact, NOBODY, machine.now, machine.at)
    machine.tick()


def meet_first_contact(machine: Machine, number: int) -> None:
    """It turns out to be this peer, which is linked from now on."""
    [contact], machine.notes.dials = machine.notes.dials, []
    machine.link(number)
    machine.discovery.dialled(contact, peer_id(number), machine.now, machine.at)
    machine.tick()


# First contacts.


def test_a_node_dials_first_contacts_and_those_it_knew_before_at_the_same_time():
    machine = Machine(entries=[entry(1)], rows=[row(0x9000), row(0x9001)])

    assert len(machine.notes.dials) == 3
    assert firsts(machine) == ["first-1.example"]


def test_a_first_contact_is_asked_whom_it_knows_and_trusted_with_the_whole_table():
    machine = Machine(entries=[entry(1)], max_peers=200)
    [contact] = machine.notes.dials

    machine.link(0x9000)
    machine.discovery.dialled(contact, peer_id(0x9000), machine.now, machine.at)
    machine.hear(0x9000, Peers(tuple(living(number) for number in range(0xA000, 0xA000 + 150))))

    assert machine.notes.asks[0] == (peer_id(0x9000), 200)
    assert len(machine.members) == 151, "any other source may fill less than half of that"
    assert machine.discovery.bootstrap.is_first_contact(peer_id(0x9000))


def test_first_contacts_are_dialled_again_when_nobody_is_linked_any_more():
    machine = Machine(entries=[entry(1)])
    [contact] = machine.notes.dials
    machine.link(0x9000)
    machine.discovery.dialled(contact, peer_id(0x9000), machine.now, machine.at)
    machine.pass_time(60.0)
    machine.notes.dials.clear()

    machine.unlink(0x9000)

    assert firsts(machine) == ["first-1.example"]


def test_first_contacts_are_dialled_again_when_too_many_were_given_up():
    machine = Machine(entries=[entry(1)], min_healthy=5)
    meet_first_contact(machine, 0x9000)
    machine.link(*range(0x9001, 0x9008))
    machine.pass_time(60.0)
    assert machine.notes.dials == []

    for number in range(0x9000, 0x9004):
        machine.unlink(number)
        for _ in range(3):
            machine.members.failed(peer_id(number), machine.now, machine.at)
    machine.tick()

    assert len(machine.members.linked) == 4
    assert firsts(machine) == ["first-1.example"]


def test_in_a_small_network_in_which_all_are_linked_no_first_contact_is_needed():
    machine = Machine(entries=[entry(1)], min_healthy=5)
    meet_first_contact(machine, 0x9000)
    machine.link(0x9001)

    machine.pass_time(600.0)

    assert firsts(machine) == []
    assert machine.discovery.standing.name == "online"


def test_a_first_contact_that_never_answered_is_tried_again_also_while_others_are_linked():
    machine = Machine(entries=[entry(1)])
    fail_dials(machine)
    machine.link(0x9000, 0x9001)

    pauses_s = []
    for _ in range(20):
        began_s = machine.now
        while not firsts(machine):
            machine.pass_time(1.0)
        pauses_s.append(machine.now - began_s)
        fail_dials(machine)

    assert pauses_s[0] < 5.0
    assert 100.0 < max(pauses_s) <= 301.0


def test_a_first_contact_that_is_this_very_node_is_not_missed():
    machine = Machine(entries=[entry(1)])
    [contact] = machine.notes.dials
    machine.discovery.dial_failed(contact, Failure("it is this node", itself=True), machine.now, machine.at)
    machine.notes.dials.clear()
    machine.link(0x9000)

    machine.pass_time(600.0)

    assert firsts(machine) == []


def test_nobody_who_answers_is_one_event_however_often_it_is_tried():
    machine = Machine(entries=[entry(1), entry(2)])

    for _ in range(200):
        machine.pass_time(5.0)
        fail_dials(machine)

    assert [type(event) for event in machine.notes.events] == [BootstrapFailed]


def test_a_refresh_asks_all_linked_peers_and_reminds_of_first_contacts_that_are_gone():
    machine = Machine(entries=[entry(1)], min_healthy=2)
    meet_first_contact(machine, 0x9000)
    machine.link(1, 2)
    machine.unlink(0x9000)
    for _ in range(3):
        machine.members.failed(peer_id(0x9000), machine.now, machine.at)
    for number in (1, 2):
        machine.hear(number, Peers(()))
    machine.pass_time(100.0)
    machine.notes.asks.clear()
    assert firsts(machine) == []

    machine.discovery.refresh()
    machine.tick()

    assert {peer for peer, _ in machine.notes.asks} == {peer_id(1), peer_id(2)}
    assert firsts(machine) == ["first-1.example"]


def test_first_contacts_that_a_source_tells_later_are_tried_when_one_is_needed():
    machine = Machine(entries=[entry(1)])
    fail_dials(machine)

    machine.discovery.first_contacts([entry(2)], machine.now)
    machine.tick()

    assert "first-2.example" in firsts(machine)


# Records.


def test_what_is_told_is_taken_when_it_is_genuine_and_told_on_to_others():
    machine = Machine()
    machine.link(1, 2)
    machine.pass_time(1.0)
    machine.notes.told.clear()

    machine.hear(1, Peers((living(50),)))
    machine.pass_time(0.3)

    assert machine.members.get(peer_id(50)) is not None
    assert machine.notes.told == [((peer_id(2),), (living(50),))]
    assert machine.notes.learned_of == [living(50)]
    assert machine.discovery.last_discovery_at == NOW + 1


def test_news_that_nobody_asked_for_is_no_reason_to_ask():
    machine = Machine()
    machine.link(1, 2)
    machine.hear(1, Peers(()))
    machine.hear(2, Peers(()))
    machine.pass_time(5.0)
    machine.notes.asks.clear()

    machine.hear(1, Peers((living(0x9000),)))
    machine.pass_time(30.0)
    assert machine.notes.asks == []
    machine.discovery.refresh()
    machine.tick()
    machine.hear(1, Peers((living(0x9001),)))
    machine.hear(2, Peers(()))
    machine.notes.asks.clear()
    machine.pass_time(1.5)

    assert {peer for peer, _ in machine.notes.asks} == {peer_id(1), peer_id(2)}, "what was asked for brought news"


def test_what_is_not_genuine_is_neither():
    machine = Machine()
    machine.link(1, 2)
    machine.pass_time(1.0)
    machine.notes.told.clear()

    machine.discovery.received(peer_id(1), Peers((living(50), living(51))), machine.now, machine.at)
    [check] = machine.notes.checks
    machine.discovery.checked(check, [False, True], machine.now, machine.at)
    machine.pass_time(0.3)

    assert machine.members.get(peer_id(50)) is None
    assert machine.notes.told == [((peer_id(2),), (living(51),))]


def test_what_is_known_already_is_neither_checked_nor_told():
    machine = Machine()
    machine.link(1, 2)
    machine.hear(1, Peers((living(50),)))
    machine.pass_time(1.0)
    told = len(machine.notes.told)

    machine.discovery.received(peer_id(2), Peers((living(50),)), machine.now, machine.at)

    assert machine.notes.checks == []
    machine.pass_time(1.0)
    assert len(machine.notes.told) == told


def test_who_links_is_news_to_the_others():
    machine = Machine()
    machine.link(1)
    machine.pass_time(1.0)

    machine.link(2)
    machine.pass_time(0.3)

    assert machine.notes.told_to(peer_id(1)) == [living(2)]


def test_a_linked_peer_that_is_linked_anew_with_a_newer_record_is_news_too():
    """It restarted, and the old link was not over yet."""
    machine = Machine()
    machine.link(1, 2)
    machine.pass_time(1.0)
    machine.notes.told.clear()
    machine.notes.asks.clear()

    machine.link(2, age_s=-1)
    machine.pass_time(0.3)

    assert machine.notes.told_to(peer_id(1)) == [living(2, age_s=-1)]
    assert len(machine.members.linked) == 2


def test_a_question_is_answered_and_other_messages_are_passed_over():
    machine = Machine()
    machine.link(1, 2)

    for message in (PeersRequest(10), Goodbye("x"), Ping(1)):
        machine.discovery.received(peer_id(1), message, machine.now, machine.at)

    assert machine.notes.told == [((peer_id(1),), (living(2),))]


def test_hearsay_of_a_liar_fills_a_twelfth_of_the_table_and_an_honest_one_more_as_it_is_proved():
    machine = Machine(max_peers=1000, links_wanted=lambda live: 0)
    machine.link(1, 2)

    machine.hear(1, Peers(tuple(living(number) for number in range(0x9000, 0x9000 + 200))))
    assert len(machine.members) == 2 + 80
    machine.link(*range(0x9000, 0x9000 + 30))
    machine.hear(1, Peers(tuple(living(number) for number in range(0x9000, 0x9000 + 200))))

    assert len(machine.members) == 2 + 80 + 30


# Standing.


def test_changes_of_the_state_are_events_with_their_cause():
    machine = Machine(min_healthy=2)
    machine.link(1, 2)
    machine.pass_time(20.0)
    for number in (1, 2):
        machine.unlink(number)

    machine.pass_time(12.0)

    assert [event for event in machine.notes.events if isinstance(event, StateChanged)] == [
        StateChanged("online", "2 of 2 needed peers are linked"),
        StateChanged("degraded", "0 of 2 needed peers are linked"),
        StateChanged("offline", "no peer has been linked for 10 s"),
    ]


def test_a_peer_that_is_given_up_is_an_event():
    machine = Machine(rows=[row(0x9000)])

    for _ in range(20):
        fail_dials(machine)
        machine.pass_time(5.0)

    assert machine.notes.events == [PeerLost(peer_id(0x9000), 3)]
    assert machine.members.live == 0


# Standing still.


def quiet(*numbers: int) -> Machine:
    """A node in a network in which nothing happens."""
    machine = Machine()
    machine.link(*numbers)
    machine.pass_time(300.0)
    machine.notes.dials.clear()
    return machine


def test_a_call_that_comes_late_is_the_nodes_own_pause():
    machine = quiet(1, 2)

    machine.now += 60.0 + 30.0
    machine.tick()

    assert machine.discovery.pauses == 1


def test_calls_that_come_in_time_are_not():
    machine = quiet(1, 2)

    machine.pass_time(3600.0)

    assert machine.discovery.pauses == 0


def test_a_jump_of_the_wall_clock_alone_is_one_too():
    """The machine slept, and its monotonic clock with it."""
    machine = quiet(1, 2)

    machine.skipped_s = 9 * DAY
    machine.tick()

    assert machine.discovery.pauses == 1


def test_a_dial_that_failed_over_such_a_pause_counts_nothing():
    machine = Machine(rows=[row(0x9000)])
    for _ in range(5):
        contacts, machine.notes.dials = machine.notes.dials, []
        machine.now = machine.due_s + 60.0
        for contact in contacts:
            machine.discovery.dial_failed(contact, NOBODY, machine.now, machine.at)
        machine.pass_time(3.0)

    assert machine.discovery.pauses == 5
    assert machine.members.get(peer_id(0x9000)).entry.failures == 0


def test_links_that_ended_while_it_slept_do_not_make_it_offline_before_it_could_link_again():
    machine = quiet(1, 2)

    machine.now = machine.due_s + 3600.0
    for number in (1, 2):
        machine.discovery.unlinked(peer_id(number), 0, machine.now, machine.at)
    machine.tick()
    machine.pass_time(4.0)
    machine.link(1, 2)
    machine.pass_time(60.0)

    assert [event.state for event in machine.notes.events if isinstance(event, StateChanged)] == ["online"]


def test_what_began_before_it_slept_does_not_last_longer_by_that():
    machine = quiet(1, 2)
    machine.unlink(1)
    machine.unlink(2)

    machine.now = machine.due_s + 3600.0
    machine.tick()
    machine.pass_time(1.0)
    machine.link(1, 2)
    machine.pass_time(60.0)

    assert machine.discovery.pauses == 1
    assert [event.state for event in machine.notes.events if isinstance(event, StateChanged)] == ["online"]


def test_who_was_asked_before_it_slept_may_still_answer():
    machine = quiet(1, 2)
    machine.link(3)
    assert machine.due_s < machine.now + 1.0, "there is news to tell"

    machine.now = machine.due_s + 3600.0
    machine.tick()

    assert machine.discovery.asking.answered(peer_id(3), machine.now)


def test_after_days_of_sleep_nobody_is_forgotten_and_all_are_tried_again():
    machine = quiet(1, 2)
    machine.link(*range(0x9000, 0x9005))
    for number in range(0x9000, 0x9005):
        machine.unlink(number)
        for _ in range(9):
            machine.members.failed(peer_id(number), machine.now, machine.at)
    machine.tick()

    machine.now += 3.0
    machine.skipped_s = 9 * DAY
    machine.discovery.maintain(machine.now, machine.at)
    machine.tick()
    machine.discovery.maintain(machine.now, machine.at)
    machine.pass_time(12.0)

    assert len(machine.members) == 7
    assert set(machine.notes.dialled) == {peer_id(number) for number in range(0x9000, 0x9005)}


def test_who_was_not_seen_for_a_week_while_the_node_looked_for_it_is_forgotten():
    machine = Machine(rows=[row(0x9000)])
    machine.link(1)

    for _ in range(8 * 24):
        machine.pass_time(HOUR)
        fail_dials(machine)
        machine.discovery.maintain(machine.now, machine.at)

    assert machine.discovery.pauses == 0
    assert machine.members.get(peer_id(0x9000)) is None
    assert machine.members.get(peer_id(1)) is not None, "it is linked all the time"
    assert machine.members.take_changes(lambda _: False)[1] == [peer_id(0x9000)]


def test_hearsay_that_failed_is_kept_for_an_hour_since_others_may_say_more_of_it():
    machine = Machine()
    machine.link(1)
    machine.hear(1, Peers((living(50),)))
    for _ in range(3):
        machine.members.failed(peer_id(50), machine.now, machine.at)
    machine.tick()
    kept = []

    for _ in range(70):
        machine.pass_time(60.0)
        machine.discovery.maintain(machine.now, machine.at)
        kept.append(machine.members.get(peer_id(50)) is not None)

    assert kept == [True] * 59 + [False] * 11
    machine.hear(1, Peers((living(51),)))
    for _ in range(3):
        machine.members.failed(peer_id(51), machine.now, machine.at)
    machine.discovery.maintain(machine.now, machine.at)
    assert machine.members.get(peer_id(51)) is not None


def test_who_is_gone_is_tried_for_a_day_and_then_left_alone():
    machine = Machine(rows=[row(0x9000, age_s=60)])
    machine.link(1)
    tries = {}

    for hour in range(48):
        tries[hour] = 0
        for _ in range(60):
            machine.pass_time(60.0)
            machine.discovery.maintain(machine.now, machine.at)
            tries[hour] += machine.notes.dialled.count(peer_id(0x9000))
            fail_dials(machine)

    assert all(10 <= tries[hour] <= 30 for hour in range(1, 23)), "every 150 to 300 s"
    assert all(tries[hour] == 0 for hour in range(25, 48))


# Knobs.


def test_knobs_without_sense_are_refused():
    with pytest.raises(ConfigError, match="0 peers, 64 links, 10 at the same time: all are at least 1"):
        DiscoveryConfig("sorcha", lambda live: live, max_peers=0)


def test_the_machine_is_idle_when_there_is_nothing_to_do():
    machine = quiet(1, 2)

    assert machine.due_s - machine.now == pytest.approx(30.0, abs=30.0)
    ticks = 0
    end = machine.now + 3600.0
    while machine.now < end:
        machine.now = machine.due_s
        machine.tick()
        ticks += 1

    assert ticks <= 121


def test_a_record_of_another_network_is_not_taken():
    machine = Machine()
    machine.link(1)

    machine.hear(1, Peers((replace(living(50), network_id="another"),)))

    assert machine.members.get(peer_id(50)) is None
