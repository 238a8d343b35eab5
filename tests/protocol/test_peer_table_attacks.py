"""Nobody fills the peer table with lies, and whatever happens, it stays in order."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peer_parts import DAY, HOUR, NOW, SECRET, met, peer_id, record

from sorcha_peer_core.model.peer import Endpoint, PeerRecord
from sorcha_peer_core.protocol.peer_buckets import BUCKET_PEERS
from sorcha_peer_core.protocol.peer_table import PeerTable

LIAR = peer_id(1 << 100)


def public_host(number: int) -> str:
    """Hosts in some hundred groups."""
    return f"93.{number % 200}.{number // 200 % 250}.1"


def honest_table(most: int = 1000, peers: int = 400) -> PeerTable:
    """A table with proved peers all over the world."""
    table = PeerTable(SECRET, most)
    for number in range(peers):
        met(table, number, public_host(number))
    assert len(table) == peers
    return table


@pytest.mark.parametrize(("most", "share"), [(1000, 80), (10_000, 800)])
def test_a_source_that_invents_a_hundred_thousand_peers_gets_its_share_and_displaces_nobody(most: int, share: int):
    table = honest_table(most)
    before = [entry.peer_id for entry in table]

    for number in range(1000, 101_000):
        table.add(record(number, public_host(number)), LIAR, "8.8.8.8", NOW)

    assert sum(entry.source == LIAR for entry in table) == share
    assert [entry.peer_id for entry in table][: len(before)] == before
    assert table.displaced == 0


def test_inventions_that_fail_to_answer_are_replaced_by_other_inventions_and_displace_nobody_else():
    table = honest_table(most=480)
    rng = Random(1)

    for number in range(1000, 11_000):
        table.add(record(number, public_host(number)), LIAR, "8.8.8.8", NOW)
        told = [entry for entry in table if entry.source == LIAR] if number % 100 == 0 else []
        for entry in rng.sample(told, min(5, len(told))):
            table.failed(entry.peer_id, NOW)

    assert sum(not entry.is_hearsay for entry in table) == 400
    assert sum(entry.source == LIAR for entry in table) <= 80


@pytest.mark.parametrize(("most", "share"), [(1000, 80), (10_000, 800)])
def test_twenty_sources_of_one_group_get_about_the_share_of_two(most: int, share: int):
    table = honest_table(most)

    for number in range(1000, 41_000):
        liar = number % 20
        table.add(record(number, public_host(number)), peer_id((1 << 100) + liar), f"8.8.{liar}.8", NOW)

    told = sum(entry.is_hearsay for entry in table)
    assert share < told <= 2 * share
    assert sum(not entry.is_hearsay for entry in table) == 400
    assert table.displaced == 0


def test_identities_that_link_by_the_thousand_from_one_group_leave_the_others_alone():
    table = honest_table(most=1000)

    for number in range(1000, 21_000):
        met(table, number, f"8.8.{number % 250}.{number // 250}")

    assert sum(table.get(peer_id(number)) is not None for number in range(400)) == 400
    of_the_liars = len(table) - 400
    assert of_the_liars <= 8 * BUCKET_PEERS + 5 * BUCKET_PEERS


def test_hearsay_of_others_outlives_identities_that_link_by_the_thousand_from_one_group():
    table = PeerTable(SECRET, 1000)
    for number in range(900):
        table.add(record(number, public_host(number)), peer_id(10**6 + number % 30), public_host(number % 30), NOW)
    heard = len(table)

    for number in range(1000, 21_000):
        met(table, number, f"8.8.{number % 250}.{number // 250}")

    assert sum(entry.is_hearsay for entry in table) > heard / 2


def test_whoever_wants_an_incumbents_place_only_gets_it_when_the_incumbent_does_not_answer():
    table = honest_table(most=1000)
    suspects = Counter(met(table, number, f"93.7.{number % 250}.9", NOW + DAY) for number in range(1000, 3000))
    del suspects[None]

    for suspect in suspects:
        table.prove(suspect, NOW + DAY)

    assert suspects
    assert all(peer_id(number) in table for number in range(400))


def test_a_table_of_ten_thousand_peers_needs_less_than_25_mb():
    table = PeerTable(SECRET, 10_000)
    table.trust(LIAR)
    tracemalloc.start()

    for number in range(10_000):
        endpoints = tuple(Endpoint(scheme, f"93.{number % 200}.{number // 200}.1", 5001) for scheme in ("grpc", "rest"))
        heard = PeerRecord(
            peer_id(number), number.to_bytes(32, "big"), "sorcha", NOW * 1000 + number, endpoints, f"node {number}",
            f"sorcha-peer/{number}", bytes(300) + b"%d" % number, bytes(60) + b"%d" % number, (b"%032d" % number,),
        )  # fmt: skip
        table.add(heard, LIAR, "8.8.8.8", NOW)
        if number % 2:
            table.prove(peer_id(number), NOW, public_host(number))
    taken_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(table) > 9_900
    assert taken_bytes < 25 * 1024 * 1024


# Whatever happens.

_NUMBERS = st.integers(0, 60)
_HOSTS = st.sampled_from(["127.0.0.1", "8.8.8.8", "8.8.4.4", "9.9.9.9", "2a00:1450::1", "node.example.org", ""])
_CALLS = st.one_of(
    st.tuples(st.just("hear"), _NUMBERS, st.integers(0, 3), _HOSTS),
    st.tuples(st.just("meet"), _NUMBERS, _HOSTS),
    st.tuples(st.sampled_from(["prove", "seen", "failed", "forgive", "evict", "trust"]), _NUMBERS),
    st.tuples(st.just("forget")),
    st.tuples(st.just("later"), st.sampled_from([1, HOUR, 5 * HOUR, 2 * DAY])),
)


class Driven:
    """A table to which anything may happen, and the time."""

    def __init__(self, most: int) -> None:
        self.table = PeerTable(SECRET, most)
        self.at = NOW

    def call(self, what: str, *values) -> None:
        table = self.table
        if what == "hear":
            number, source, host = values
            table.add(record(number, host, seq=self.at), peer_id(1000 + source), host, self.at)
        elif what == "meet":
            number, host = values
            table.add(record(number, host, seq=self.at), peer_id(number), host, self.at)
            table.prove(peer_id(number), self.at, host)
        elif what == "forget":
            table.forget_old(self.at)
        elif what == "later":
            self.at += values[0]
        elif what in ("forgive", "evict", "trust"):
            getattr(table, what)(peer_id(values[0]))
        else:
            getattr(table, what)(peer_id(values[0]), self.at)


def assert_in_order(table: PeerTable, most: int) -> None:
    entries = list(table)
    assert len(entries) == len(table) <= most
    assert all(table.get(entry.peer_id) is entry for entry in entries)
    for tried, buckets in ((True, table._tried), (False, table._new)):
        in_buckets = Counter(entry.bucket for entry in entries if entry.is_tried == tried)
        assert in_buckets == {number: len(bucket) for number, bucket in buckets._buckets.items()}
        assert all(count <= BUCKET_PEERS for count in in_buckets.values())
    assert not any(entry.is_tried and entry.is_hearsay for entry in entries)
    assert table._orders.told == Counter(entry.teller for entry in entries if entry.teller is not None)
    orders = [table._orders._untried, table._orders._failed, table._orders._proved]
    assert sorted(peer for order in orders for peer in order) == sorted(entry.peer_id for entry in entries)
    assert set(table._waiting) <= {entry.peer_id for entry in entries if entry.is_tried}


@settings(max_examples=200, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_CALLS, max_size=120), st.sampled_from([1, 5, 20]))
def test_whatever_happens_the_table_is_in_order_and_within_its_limit(calls, most):
    driven = Driven(most)

    for call in calls:
        driven.call(*call)
        assert_in_order(driven.table, most)


@settings(max_examples=200, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_CALLS, max_size=60), st.lists(st.tuples(_NUMBERS, st.integers(0, 3), _HOSTS), max_size=60))
def test_whatever_happened_before_no_hearsay_removes_a_proved_peer(calls, told):
    driven = Driven(20)
    for call in calls:
        driven.call(*call)
    proved = {entry.peer_id for entry in driven.table if not entry.is_hearsay}

    for number, source, host in told:
        driven.call("hear", 100 + number, source, host)

    assert proved <= {entry.peer_id for entry in driven.table}


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.lists(_CALLS, max_size=80))
def test_the_same_calls_give_the_same_table(calls):
    tables = []

    for _ in range(2):
        driven = Driven(5)
        for call in calls:
            driven.call(*call)
        tables.append([(entry.peer_id, entry.bucket, entry.is_tried, entry.failures) for entry in driven.table])

    assert tables[0] == tables[1]
