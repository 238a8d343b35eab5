"""Much that waited is shared by a few peers, each of which says how much it can take."""

from __future__ import annotations

from random import Random

import pytest
from test_core import ANN, BOB, CAT, Node

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.flush import Flush, Grants
from sorcha_peer_core.protocol.receipts import Receipts
from sorcha_peer_core.testing.network_node import make_transaction
from sorcha_peer_core.testing.recording_host import RecordingHost

PEERS = tuple(range(6))
TXS = [make_transaction(b"%d" % number) for number in range(40)]
HASHES = [transaction.hash for transaction in TXS]
GRANT = m.FlushGrant(100, 100_000, 10.0)


class World:
    def __init__(self, host: RecordingHost, peers=PEERS) -> None:
        self.host = host
        self.receipts = Receipts(CoreConfig(), host, Random(1))
        self.asked: list[tuple[int, tuple[m.Announced, ...]]] = []
        self.flush = Flush(
            host, Random(1), self.receipts, lambda to, items: self.asked.extend((peer, tuple(items)) for peer in to)
        )
        for peer in peers:
            self.receipts.link_up(peer, 0.0)
            self.flush.link_up(peer)

    def requests(self) -> list[int]:
        sent = [peer for peer, message in self.host.take_sent() if isinstance(message, m.FlushRequest)]
        assert len(sent) == len(set(sent))
        return sent

    def begin(self, waiting: int = 1000, grant: m.FlushGrant = GRANT) -> list[int]:
        self.flush.want(waiting, 1_000_000, 0.0)
        asked = self.requests()
        for peer in asked:
            self.flush.granted(peer, grant, 0.1)
        return asked

    def take(self, count: int = len(HASHES), now: float = 0.2, size: int = 10) -> list[int | None]:
        return [self.flush.take(tx_hash, size, PEERS, now) for tx_hash in HASHES[:count]]


@pytest.fixture
def world(host: RecordingHost) -> World:
    return World(host)


# Whoever has much.


def test_four_peers_are_asked_how_much_they_can_take(world: World):
    world.flush.want(1000, 500_000, 0.0)

    sent = world.host.take_sent()

    assert len({peer for peer, _ in sent}) == 4
    assert {message for _, message in sent} == {m.FlushRequest(1000, 500_000)}
    assert not world.flush.is_ready(0.0)


def test_nobody_is_asked_again_before_there_was_time_to_answer(world: World):
    world.flush.want(1000, 500_000, 0.0)
    first = world.requests()

    world.flush.want(1000, 500_000, 0.3)
    assert world.requests() == []

    world.flush.want(1000, 500_000, 0.6)
    assert len(world.requests()) == 4
    assert len(first) == 4


def test_those_who_grant_share_what_waits_by_its_hash(world: World):
    granting = world.begin()
    assert world.flush.is_ready(0.2)

    takers = world.take()

    assert set(takers) == set(granting)
    again = World(RecordingHost())
    again.begin()
    assert again.take() == takers


def test_nobody_gets_more_than_was_granted(world: World):
    granting = world.begin(grant=m.FlushGrant(3, 1_000_000, 10.0))

    takers = world.take()

    assert [takers.count(peer) for peer in granting] == [3] * 4
    assert takers.count(None) == len(HASHES) - 12
    assert not world.flush.is_ready(0.2)


def test_a_credit_of_bytes_ends_as_well(world: World):
    granting = world.begin(grant=m.FlushGrant(1000, 25, 10.0))

    takers = world.take(size=10)

    assert [takers.count(peer) for peer in granting] == [3] * 4


def test_a_credit_ends_with_its_window(world: World):
    world.begin()

    assert world.flush.is_ready(10.0)
    assert not world.flush.is_ready(10.2)
    assert set(world.take(now=10.2)) == {None}


def test_a_credit_is_renewed_before_it_is_used_up(world: World):
    granting = world.begin(grant=m.FlushGrant(8, 1_000_000, 10.0))
    while len(world.take(1)) and world.flush.take(HASHES[0], 1, (granting[0],), 0.2) is not None:
        pass

    world.flush.want(1000, 1_000_000, 0.3)

    assert granting[0] in world.requests()


def test_who_goes_takes_nothing_any_more(world: World):
    gone, *rest = world.begin()

    world.flush.link_down(gone)

    assert set(world.take()) == set(rest)


def test_as_many_as_were_said_to_wait_are_shared_and_no_more(world: World):
    world.begin(waiting=5)

    takers = world.take()

    assert None not in takers[:5]
    assert set(takers[5:]) == {None}


def test_what_is_large_goes_out_as_usual(world: World):
    world.begin(grant=m.FlushGrant(100, 1 << 30, 10.0))

    assert set(world.take(size=100_000)) == {None}


def test_when_nobody_grants_anything_all_goes_out_as_usual_and_later_they_are_asked_again(world: World):
    for now in (0.0, 0.6, 1.2, 1.8):
        world.flush.want(1000, 1_000_000, now)
        for peer in world.requests():
            world.flush.granted(peer, m.FlushGrant(0, 0, 0.0), now)
        assert not world.flush.is_ready(now)

    world.flush.want(1000, 1_000_000, 2.1)
    assert world.flush.is_ready(2.1)
    assert world.requests() == []

    assert not world.flush.is_ready(12.2)
    world.flush.want(1000, 1_000_000, 12.2)
    assert world.requests()


def test_a_grant_that_nobody_asked_for_is_passed_over(world: World):
    world.flush.granted(ANN, GRANT, 0.0)

    assert not world.flush.is_ready(0.0)


def test_of_what_one_has_the_receipt_of_another_is_asked_for_a_little_later(world: World):
    granting = world.begin()
    for tx_hash in HASHES:
        world.receipts.begin(m.Announced(tx_hash, 10), 1, 0.2)
    takers = world.take()

    for tx_hash, taker in zip(HASHES, takers, strict=True):
        world.receipts.received(taker, [tx_hash])
        world.flush.receipted(taker, [tx_hash])
    assert world.asked == []
    [(delay_s, timer)] = world.host.take_timers(m.AskDue)
    assert (delay_s, timer) == (0.25, m.AskDue())
    world.flush.ask_due()

    asked = {item.hash: peer for peer, items in world.asked for item in items}
    assert set(asked) == set(HASHES)
    assert all(asked[tx_hash] != taker for tx_hash, taker in zip(HASHES, takers, strict=True))
    assert len(world.asked) == len({peer for peer, _ in world.asked}), "one question for each"
    assert granting


def test_nobody_is_asked_for_what_is_delivered_meanwhile(world: World):
    world.begin()
    world.receipts.begin(m.Announced(HASHES[0], 10), 1, 0.2)
    [taker] = world.take(1)
    world.flush.receipted(taker, [HASHES[0]])

    for peer in PEERS:
        world.receipts.received(peer, [HASHES[0]])
    world.flush.ask_due()

    assert not any(items for _, items in world.asked)


def test_a_core_that_flushes_pushes_each_to_one_peer_which_is_told_that_it_is_alone(host: RecordingHost):
    node = Node(host)
    node.core.flush.want(1000, 1_000_000, 1.0)
    for peer in (ANN, BOB, CAT):
        node.hear(peer, GRANT, 1.1)
    host.take_sent()

    for transaction in TXS:
        node.core.submit(transaction, 1.2)

    sent = host.take_sent()
    assert [message for _, message in sent] == [m.Push(transaction, 0, reach=1) for transaction in TXS]
    assert {peer for peer, _ in sent} == {ANN, BOB, CAT}
    assert len(node.core.receipts) == len(TXS)


def test_a_core_passes_on_to_all_what_was_pushed_to_it_alone(host: RecordingHost):
    node = Node(host)

    node.hear(ANN, m.Push(TXS[0], 0, reach=1))
    host.play_verified(node.core, 1.0)

    assert host.receivers_of(m.Push) == [BOB, CAT]


# Whoever is asked.


def grants_to(host: RecordingHost, backlog_bytes: int = 0) -> Grants:
    return Grants(host, lambda: backlog_bytes)


def test_an_idle_node_grants_what_is_asked_for_up_to_a_bound(host: RecordingHost):
    grants = grants_to(host)

    grants.asked(ANN, m.FlushRequest(700, 700_000), 0.0)
    grants.asked(ANN, m.FlushRequest(100_000, 100_000_000), 0.0)

    assert [grant for _, grant in host.take_sent()] == [
        m.FlushGrant(700, 700_000, 10.0),
        m.FlushGrant(2_000, 4_194_304, 10.0),
    ]


def test_a_busy_node_grants_nothing(host: RecordingHost):
    grants = grants_to(host, backlog_bytes=9_000_000)

    grants.asked(ANN, m.FlushRequest(700, 700_000), 0.0)

    assert host.take_sent() == [(ANN, m.FlushGrant(0, 0, 0.0))]
    assert grants.refused == 1


def test_what_was_granted_to_others_counts_until_its_time_is_over_or_they_go(host: RecordingHost):
    grants = grants_to(host)
    for peer in (ANN, BOB, CAT):
        grants.asked(peer, m.FlushRequest(100_000, 100_000_000), 0.0)
    assert [grant.most_bytes for _, grant in host.take_sent()] == [4_194_304, 4_194_304, 0]

    grants.link_down(ANN)
    grants.asked(CAT, m.FlushRequest(100_000, 100_000_000), 1.0)
    grants.asked(ANN, m.FlushRequest(100_000, 100_000_000), 11.5)

    assert [grant.most_bytes for _, grant in host.take_sent()] == [4_194_304, 4_194_304]


def test_a_core_counts_what_it_verifies_and_what_is_not_committed(host: RecordingHost):
    node = Node(host)
    big = make_transaction(b"B" * 9_000_000)
    for stage in ("verifying", "storing"):
        if stage == "verifying":
            node.hear(ANN, m.Push(big, 1))
        else:
            host.play_verified(node.core, 1.0)
        host.take_sent()
        node.hear(BOB, m.FlushRequest(10, 10), 1.1)
        assert (BOB, m.FlushGrant(0, 0, 0.0)) in host.take_sent(), stage

    host.play_stored(node.core, 1.2)
    node.hear(BOB, m.FlushRequest(10, 10), 1.3)
    assert (BOB, m.FlushGrant(10, 10, 10.0)) in host.take_sent()
