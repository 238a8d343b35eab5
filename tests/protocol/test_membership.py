"""Membership: whom a node knows, whom it dials, and when."""

from __future__ import annotations

from hashlib import sha256
from random import Random

import pytest

from sorcha_peer_core.model.ids import PeerId, peer_id_of
from sorcha_peer_core.model.peer import Endpoint, PeerRecord
from sorcha_peer_core.protocol.membership import Membership

OWN = PeerId("8" * 40)


def record(number: int, seq: int = 1, endpoints: tuple[Endpoint, ...] | None = None) -> PeerRecord:
    key = sha256(b"%d" % number).digest()
    where = (Endpoint("grpc", "192.0.2.1", 1000 + number),) if endpoints is None else endpoints
    return PeerRecord(peer_id_of(key), key, "test", seq, where, f"peer {number}", "test", b"", b"")


@pytest.fixture
def members() -> Membership:
    return Membership(OWN, Random(1), most=5, failure_threshold=3, retry_most_s=300.0)


SMALLER = next(record(number) for number in range(99) if record(number).peer_id < OWN)
LARGER = next(record(number) for number in range(99) if record(number).peer_id > OWN)


def test_the_smaller_id_dials_at_once_and_the_larger_one_waits_a_moment(members: Membership):
    members.learned(SMALLER, now=10.0)
    members.learned(LARGER, now=10.0)

    assert members.to_dial(10.0, links_wanted=9, most=9) == [LARGER.peer_id]
    assert sorted(members.to_dial(11.0, 9, 9)) == sorted([LARGER.peer_id, SMALLER.peer_id])


def test_only_a_higher_seq_is_news(members: Membership):
    first = members.learned(record(1, seq=5), 0.0)

    assert first
    assert not members.learned(record(1, seq=5), 0.0)
    assert not members.learned(record(1, seq=4), 0.0)
    assert members.learned(record(1, seq=6), 0.0)


def test_a_node_does_not_learn_of_itself():
    itself = record(1)

    assert not Membership(itself.peer_id, Random(1), most=5, failure_threshold=3, retry_most_s=1.0).learned(itself, 0.0)


def test_failures_put_a_dial_off_longer_and_longer(members: Membership):
    members.learned(LARGER, 0.0)
    waits = []

    for _ in range(8):
        members.dial_failed(LARGER.peer_id, now=100.0)
        waits.append(members.next_dial_at() - 100.0)

    assert 0.5 <= waits[0] <= 1.0
    assert 64.0 <= waits[7] <= 128.0


def test_a_link_forgives_and_its_loss_is_mended_soon(members: Membership):
    members.learned(LARGER, 0.0)
    for _ in range(8):
        members.dial_failed(LARGER.peer_id, 0.0)

    members.linked(LARGER.peer_id)
    members.unlinked(LARGER.peer_id, now=50.0)

    assert 50.15 <= members.next_dial_at() <= 50.3
    assert members.hopeful == 1


def test_who_moved_is_dialled_again_at_once(members: Membership):
    members.learned(LARGER, 0.0)
    for _ in range(8):
        members.dial_failed(LARGER.peer_id, 0.0)

    members.learned(
        PeerRecord(LARGER.peer_id, LARGER.public_key, "test", 2, (Endpoint("grpc", "192.0.2.9", 1),), "", "", b"", b""), now=1.0
    )

    assert members.to_dial(1.0, 9, 9) == [LARGER.peer_id]


def test_nobody_is_dialled_twice_at_once_nor_more_than_wanted(members: Membership):
    for number in range(5):
        members.learned(record(number), 0.0)
    [first] = members.to_dial(9.0, links_wanted=1, most=9)
    members.dialling(first)

    assert members.to_dial(9.0, links_wanted=1, most=9) == []
    assert len(members.to_dial(9.0, links_wanted=9, most=3)) == 2
    assert first not in members.to_dial(9.0, links_wanted=9, most=9)


def test_who_cannot_be_dialled_is_known_but_not_dialled(members: Membership):
    members.learned(record(1, endpoints=()), 0.0)

    assert (len(members), members.to_dial(9.0, 9, 9), members.next_dial_at()) == (1, [], None)


def test_those_with_the_fewest_failures_come_first(members: Membership):
    for number in range(3):
        members.learned(record(number), 0.0)
    members.dial_failed(record(0).peer_id, 0.0)

    assert members.to_dial(1000.0, 9, 9)[-1] == record(0).peer_id


def test_a_full_list_makes_room_only_by_forgetting_who_was_given_up(members: Membership):
    for number in range(5):
        members.learned(record(number), 0.0)
    refused = members.learned(record(5), 0.0)
    for _ in range(3):
        members.dial_failed(record(2).peer_id, 0.0)

    assert refused is False
    assert members.learned(record(5), 0.0) is True
    assert members.get(record(2).peer_id) is None
    assert len(members) == 5


def test_others_hear_of_linked_peers_first_and_never_of_those_given_up(members: Membership):
    for number in range(4):
        members.learned(record(number), 0.0)
    members.linked(record(3).peer_id)
    for _ in range(3):
        members.dial_failed(record(1).peer_id, 0.0)

    assert members.records(9) == [record(3), record(0), record(2)]
    assert members.records(1) == [record(3)]


def test_who_listens_on_nothing_that_can_be_dialled_is_not_dialled_and_not_hoped_for(members: Membership):
    members.can_dial(["rest"])
    members.learned(LARGER, 0.0)

    assert members.to_dial(10.0, links_wanted=9, most=9) == []
    assert members.next_dial_at() is None
    assert members.hopeful == 0


def test_who_cannot_be_dialled_may_link_and_others_are_told_of_it(members: Membership):
    members.can_dial(["rest"])
    members.learned(LARGER, 0.0)

    assert members.records(9) == [LARGER]
    members.linked(LARGER.peer_id)
    assert members.hopeful == 1


def test_a_peer_that_linked_while_it_was_dialled_takes_no_place_from_another(members: Membership):
    for record in (LARGER, SMALLER):
        members.learned(record, 0.0)
    members.dialling(LARGER.peer_id)
    members.linked(LARGER.peer_id)

    assert members.to_dial(10.0, links_wanted=2, most=9) == [SMALLER.peer_id]
