"""The race for a first contact."""

from __future__ import annotations

from random import Random

import pytest
from discovery_parts import Notes, entry
from peer_parts import peer_id

from sorcha_peer_core.model.events import BootstrapFailed
from sorcha_peer_core.protocol.bootstrap import Bootstrap
from sorcha_peer_core.protocol.discovery_host import Contact, Failure

NOBODY = Failure("nobody answers")


class Race:
    """A Bootstrap that needs somebody, and its host."""

    def __init__(self, *entries) -> None:
        self.notes = Notes()
        self.bootstrap = Bootstrap(entries, self.notes, Random(1), retry_most_s=300.0)
        self.now = 0.0
        self.met: set[str] = set()
        self.places = 99

    def tick(self, needed: bool = True) -> list[Contact]:
        """Go on; returns whom it dials now."""
        self.notes.dials.clear()
        self.bootstrap.tick(needed, self.met.__contains__, lambda: self.bootstrap.running < self.places, self.now)
        return list(self.notes.dials)

    def fail(self, *contacts: Contact, failure: Failure = NOBODY) -> list[Contact]:
        for contact in contacts:
            assert self.bootstrap.failed(contact, failure)
        return self.tick()

    def hosts(self) -> list[str]:
        return [contact.endpoints[0].host for contact in self.tick()]


def test_three_are_dialled_at_once_each_for_three_seconds_at_most():
    race = Race(*(entry(number) for number in range(5)))

    contacts = race.tick()

    assert len(contacts) == 3
    assert {contact.timeout_s for contact in contacts} == {3.0}
    assert race.tick() == []


def test_each_that_fails_gives_its_place_to_the_next_until_all_had_their_turn():
    race = Race(*(entry(number) for number in range(5)))
    dialled = race.tick()

    dialled += race.fail(dialled[0])
    dialled += race.fail(dialled[1])

    assert len(set(dialled)) == 5


def test_after_the_first_success_the_others_need_not_begin():
    race = Race(*(entry(number) for number in range(5)))
    first, *others = race.tick()

    assert race.bootstrap.answered(first, peer_id(1))
    assert race.tick() == []
    race.fail(*others)

    assert race.tick(needed=False) == []
    assert race.bootstrap.is_first_contact(peer_id(1))
    assert race.notes.events == []


def test_an_entry_may_name_who_has_to_answer():
    race = Race(entry(1, pinned=peer_id(7)))

    assert [contact.expected for contact in race.tick()] == [peer_id(7)]


def test_when_nobody_answers_that_is_told_once_and_the_pauses_grow():
    race = Race(entry(1), entry(2))
    pauses = []

    for _ in range(12):
        race.fail(*race.tick())
        pauses.append(race.bootstrap.next_at(needed=True) - race.now)
        race.now += pauses[-1]

    reasons = {f"grpc://first-{number}.example:5001: nobody answers" for number in (1, 2)}
    [event] = race.notes.events
    assert isinstance(event, BootstrapFailed)
    assert set(event.reasons) == reasons
    assert 0.5 <= pauses[0] <= 1.0
    assert 4.0 <= pauses[3] <= 8.0
    assert all(150.0 <= pause <= 300.0 for pause in pauses[9:])


def test_it_is_told_again_after_it_was_well_in_between():
    race = Race(entry(1))
    race.fail(*race.tick())

    race.tick(needed=False)
    race.now = 99.0
    race.fail(*race.tick())

    assert len(race.notes.events) == 2


def test_the_pauses_begin_anew_after_it_was_well_in_between():
    race = Race(entry(1))
    for _ in range(9):
        race.fail(*race.tick())
        race.now = race.bootstrap.next_at(needed=True)

    race.tick(needed=False)
    race.fail(*race.tick())

    assert race.bootstrap.next_at(needed=True) - race.now <= 1.0


def test_a_first_contact_that_answers_and_is_no_help_is_not_hammered():
    """It has links enough, and knows nobody."""
    race = Race(entry(1))
    pauses = []

    for _ in range(6):
        [contact] = race.tick()
        race.bootstrap.answered(contact, peer_id(1))
        race.tick()
        pauses.append(race.bootstrap.next_at(needed=True) - race.now)
        race.now += pauses[-1]

    assert pauses[5] >= 16.0


def test_the_node_itself_among_the_entries_is_recognised_and_left_alone():
    race = Race(entry(1), entry(2))
    for contact in race.tick():
        race.bootstrap.failed(contact, Failure("it is this node itself", itself=contact.endpoints[0].host.startswith("first-1")))
    race.tick()
    race.now = 10.0

    assert race.hosts() == ["first-2.example"]


def test_a_node_whose_only_entry_is_itself_has_nothing_to_complain_of():
    race = Race(entry(1))
    race.fail(*race.tick(), failure=Failure("it is this node itself", itself=True))
    race.now = 1000.0

    assert race.tick() == []
    assert race.notes.events == []


def test_who_is_met_already_need_not_be_dialled():
    race = Race(entry(1), entry(2))
    for number, contact in enumerate(race.tick()):
        race.bootstrap.answered(contact, peer_id(number))
    race.tick()
    race.met = {peer_id(0)}
    race.now = 10.0

    [contact] = race.tick()

    assert race.bootstrap.answered(contact, peer_id(1))


def test_a_node_that_is_well_tries_those_it_never_met_when_it_is_reminded_and_does_not_complain():
    race = Race(entry(1))
    race.now = 10.0
    assert race.tick(needed=False) == []

    race.bootstrap.recall()
    [contact] = race.tick(needed=False)
    race.bootstrap.failed(contact, NOBODY)

    assert race.tick(needed=False) == []
    race.now = 1000.0
    assert race.tick(needed=False) == [], "once"
    assert race.notes.events == []


def test_no_more_are_dialled_than_there_are_places_for():
    race = Race(*(entry(number) for number in range(5)))
    race.places = 2

    contacts = race.tick()

    assert len(contacts) == 2
    assert len(race.fail(contacts[0])) == 1


def test_what_is_none_of_the_entries_is_somebody_elses():
    race = Race(entry(1))
    other = Contact((entry(2).endpoint,), None, 3.0)

    assert not race.bootstrap.answered(other, peer_id(1))
    assert not race.bootstrap.failed(other, NOBODY)


def test_entries_that_come_later_run_in_the_next_race_and_those_known_are_passed_over():
    race = Race(entry(1))

    added = race.bootstrap.add([entry(1), entry(2)])

    assert added
    assert not race.bootstrap.add([entry(1), entry(2)])
    assert sorted(race.hosts()) == ["first-1.example", "first-2.example"]


@pytest.mark.parametrize("count", [1, 4])
def test_the_order_is_another_for_each_node(count):
    firsts = set()
    for seed in range(40):
        notes = Notes()
        bootstrap = Bootstrap([entry(number) for number in range(count)], notes, Random(seed), 300.0)
        bootstrap.tick(True, lambda _: False, lambda: True, 0.0)
        firsts.add(notes.dials[0])

    assert len(firsts) == count
