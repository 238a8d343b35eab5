"""What a node says of itself, and that each change is newer than what it said before."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from service_parts import NETWORK_ID, identity_of

from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.services.own_record import OwnRecord
from sorcha_peer_core.services.security import is_genuine

PLACE = Endpoint("grpc", "192.0.2.1", 5001)
KEY, NEXT_KEY = b"k" * 32, b"n" * 32


@pytest.fixture
def own() -> OwnRecord:
    return OwnRecord(identity_of(1), NETWORK_ID, "anna", "test/1", (KEY,))


def test_it_begins_without_an_address(own):
    record = own.record

    assert (record.peer_id, record.network_id, record.name, record.software) == (
        identity_of(1).peer_id,
        NETWORK_ID,
        "anna",
        "test/1",
    )
    assert (record.endpoints, record.tls_keys) == ((), (KEY,))


def test_every_change_has_a_higher_seq_than_the_one_before(own):
    seqs = [own.record.seq]
    for number in range(50):
        own.reached_at((PLACE._replace(port=5001 + number),))
        seqs.append(own.record.seq)
        own.certified_by((NEXT_KEY,))
        seqs.append(own.record.seq)

    assert all(earlier < later for earlier, later in pairwise(seqs))


def test_a_clock_that_is_set_back_does_not_make_a_change_older(own, monkeypatch):
    before = own.record.seq
    monkeypatch.setattr(time, "time_ns", lambda: 0)

    own.reached_at((PLACE,))

    assert own.record.seq > before


def test_a_renewal_says_the_same_and_is_newer(own):
    own.reached_at((PLACE,))
    before = own.record

    own.renew()

    assert own.record.seq > before.seq
    assert (own.record.endpoints, own.record.tls_keys) == (before.endpoints, before.tls_keys)


def test_what_changed_is_said_and_the_rest_is_said_again(own):
    own.reached_at((PLACE,))
    own.certified_by((NEXT_KEY, KEY))

    assert (own.record.endpoints, own.record.tls_keys, own.record.name) == ((PLACE,), (NEXT_KEY, KEY), "anna")


def test_every_version_is_signed(own):
    versions = [own.record]
    own.reached_at((PLACE,))
    versions.append(own.record)
    own.certified_by((NEXT_KEY,))
    versions.append(own.record)

    assert [is_genuine(record) for record in versions] == [True] * 3
