"""Receipts and refusals between a core and its peers: what it owes them, and what they say of its own transactions."""

from __future__ import annotations

import pytest
from test_core import ANN, BOB, CAT, LIST, LISTED, TX, Node

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.model.transaction import Due
from sorcha_peer_core.protocol.host import Priority
from sorcha_peer_core.testing.network_node import make_transaction
from sorcha_peer_core.testing.recording_host import RecordingHost, Storing

ASKED = m.Announce((m.Announced(TX.hash, 7),), asks=True)


@pytest.fixture
def node(host: RecordingHost) -> Node:
    return Node(host)


def receipts(node: Node, peer: int) -> list[tuple[TxHash, ...]]:
    return [receipt.hashes for receipt in node.host.messages_to(peer, m.Receipt)]


def commit(node: Node, now: float) -> None:
    """What waits for its commit is committed, and a moment passes."""
    node.host.play_stored(node.core, now)
    for _, timer in node.host.take_timers(m.ReceiptsDue):
        node.core.timer(timer, now)


def offered(attempts: int = 1) -> Due:
    return Due(TX.hash, 7, attempts, 0.0)


# What a node owes.


def test_an_origin_gets_a_receipt_after_the_commit_and_not_before(node: Node):
    node.accept(peer=ANN)
    assert node.host.receivers_of(m.Receipt) == []

    commit(node, 1.1)

    assert receipts(node, ANN) == [(TX.hash,)]
    assert node.host.receivers_of(m.Receipt) == [ANN]
    [sent] = [sent for sent in node.host.sent if isinstance(sent.message, m.Receipt)]
    assert sent.priority is Priority.ANSWER


def test_who_relays_gets_none(node: Node):
    node.hear(ANN, m.Push(TX, 1))
    node.host.play_verified(node.core, 1.0)
    commit(node, 1.1)

    assert node.host.receivers_of(m.Receipt) == []


def test_the_receipts_for_the_commits_of_a_moment_are_one_frame(node: Node):
    transactions = [make_transaction(b"%d" % number) for number in range(3)]
    for transaction in transactions:
        node.hear(ANN, m.Push(transaction, 0))
        node.host.play_verified(node.core, 1.0)
        node.host.play_stored(node.core, 1.0)
    [(delay_s, timer)] = node.host.take_timers(m.ReceiptsDue)
    assert delay_s == 0.03

    node.core.timer(timer, 1.03)

    assert receipts(node, ANN) == [tuple(transaction.hash for transaction in transactions)]


def test_a_frame_has_512_receipts_at_most(node: Node):
    transactions = [make_transaction(b"%d" % number) for number in range(600)]
    for transaction in transactions:
        node.hear(ANN, m.Push(transaction, 0))
    node.host.play_verified(node.core, 1.0)
    commit(node, 1.1)

    frames = receipts(node, ANN)
    assert [len(hashes) for hashes in frames] == [512, 88]
    assert [tx_hash for hashes in frames for tx_hash in hashes] == [transaction.hash for transaction in transactions]


def test_an_origin_that_sends_again_what_is_committed_gets_its_receipt_at_once(node: Node):
    node.hear(BOB, m.Push(TX, 1))
    node.host.play_verified(node.core, 1.0)
    commit(node, 1.1)

    node.hear(ANN, m.Push(TX, 0), 2.0)

    assert receipts(node, ANN) == [(TX.hash,)]


@pytest.mark.parametrize("stage", ["verifying", "storing"])
def test_an_origin_whose_copy_is_not_the_first_waits_for_the_commit(node: Node, stage: str):
    node.hear(BOB, m.Push(TX, 1))
    if stage == "storing":
        node.host.play_verified(node.core, 1.0)

    node.hear(ANN, m.Push(TX, 0))
    assert receipts(node, ANN) == []

    node.host.play_verified(node.core, 1.0)
    commit(node, 1.1)
    assert receipts(node, ANN) == [(TX.hash,)]


def test_an_origin_that_asks_hears_of_what_is_here(node: Node):
    node.accept(peer=BOB)
    commit(node, 1.1)

    node.hear(ANN, ASKED, 2.0)

    assert receipts(node, ANN) == [(TX.hash,)]
    assert node.host.messages_to(ANN, m.Want) == []


def test_an_origin_that_asks_for_what_is_not_here_is_asked_for_it_and_gets_its_receipt_then(node: Node):
    node.hear(ANN, ASKED)
    assert node.host.messages_to(ANN, m.Want) == [m.Want((TX.hash,))]

    node.hear(BOB, m.Push(TX, 1))
    node.host.play_verified(node.core, 1.0)
    commit(node, 1.1)

    assert receipts(node, ANN) == [(TX.hash,)], "also when another one was faster"


def test_an_origin_that_asks_for_what_was_forgotten_hears_of_what_the_store_has(node: Node):
    node.filter.maybe.add(TX.hash)

    node.hear(ANN, ASKED)
    node.host.play_loaded(node.core, 1.1, [TX])
    commit(node, 1.2)

    assert receipts(node, ANN) == [(TX.hash,)]


def test_an_origin_that_asks_for_what_is_too_large_here_is_refused(node: Node):
    node.hear(ANN, m.Announce((m.Announced(TX.hash, 20_000_000),), asks=True))

    reason = "its payload has 20000000 bytes; 1 to 10485760 are allowed"
    assert node.host.messages_to(ANN, m.Refusal) == [m.Refusal(TX.hash, reason)]


def test_an_origin_is_told_why_what_it_sent_is_not_valid(node: Node):
    node.hear(ANN, m.Push(TX, 0))

    node.host.play_verified(node.core, 1.0, reason="it expired 5 s ago")

    assert node.host.messages_to(ANN, m.Refusal) == [m.Refusal(TX.hash, "it expired 5 s ago")]


def test_who_relays_what_is_not_valid_is_told_nothing(node: Node):
    node.hear(ANN, m.Push(TX, 1))

    node.host.play_verified(node.core, 1.0, reason="bad signature")

    assert node.host.receivers_of(m.Refusal) == []


def test_a_forged_copy_does_not_cost_the_origin_its_receipt(node: Node):
    node.hear(ANN, m.Push(TX._replace(signature=b"bad"), 0))
    node.hear(BOB, m.Push(TX, 0))
    node.host.play_verified(node.core, 1.0, reason="bad signature")
    node.hear(BOB, m.Push(TX, 0))
    node.host.play_verified(node.core, 1.1)
    commit(node, 1.2)

    assert receipts(node, ANN) == []
    assert receipts(node, BOB) == [(TX.hash,)]


def test_whose_list_led_to_the_whole_gets_the_receipt_whoever_sent_the_last_chunk(host: RecordingHost):
    node = Node(host, swarm_min_bytes=100_000)
    for peer in (ANN, BOB):
        node.hear(peer, m.Announce((m.Announced(LISTED.hash, 150_000),)))
    envelope = m.ChunkList(LISTED.hash, LISTED.header, LISTED.header_bytes, LISTED.signature, LIST, 0, 3)
    node.hear(ANN, envelope)
    host.play_verified(node.core, 1.0)
    for peer in (ANN, BOB):
        for want in host.messages_to(peer, m.WantChunks):
            data = LISTED.payload[want.offset : want.offset + 50_000]
            node.hear(peer, m.Chunk(LISTED.hash, want.offset, data))
    host.play_verified(node.core, 1.1)
    commit(node, 1.2)

    assert receipts(node, ANN) == [(LISTED.hash,)]
    assert receipts(node, BOB) == []


# What peers say of its own.


def test_an_own_transaction_is_delivered_with_the_receipts_of_two_peers(node: Node):
    node.core.submit(TX, 1.0)
    assert len(node.core.receipts) == 1

    node.hear(ANN, m.Receipt((TX.hash,)), 1.1)
    assert node.host.deliveries == []
    node.hear(BOB, m.Receipt((TX.hash,)), 1.2)

    assert node.host.deliveries == [TX.hash]
    assert len(node.core.receipts) == 0
    assert node.core.counters.receipts == 2


def test_nobody_awaits_receipts_for_what_the_network_had_first(node: Node):
    node.accept()

    node.core.submit(TX, 2.0)

    assert len(node.core.receipts) == 0


def test_refusals_of_all_peers_make_it_a_dead_letter(node: Node):
    node.core.submit(TX, 1.0)

    for peer in (ANN, BOB, CAT):
        node.hear(peer, m.Refusal(TX.hash, "too large"), 1.1)

    assert node.host.dead == {TX.hash: "refused by 3 peers: too large"}
    assert node.core.delivery.refused == 3


def test_what_is_offered_again_asks_everybody_for_receipts(node: Node):
    node.core.offer_again([offered()], 9.0)

    assert node.host.take_sent() == [(peer, ASKED) for peer in (ANN, BOB, CAT)]
    node.core.timer(m.LeasesDue(), 14.1)
    [postponed] = node.host.postponements
    assert (postponed.hashes, postponed.attempts) == ((TX.hash,), 2)


def test_the_first_peer_after_a_time_without_any_is_asked_for_what_went_out_before(node: Node):
    node.core.submit(TX, 1.0)
    node.host.play_stored(node.core, 1.1)
    for peer in (ANN, BOB, CAT):
        node.core.link_down(peer, 2.0)
    node.host.take_sent()

    node.link(BOB, 50.0)
    node.link(CAT, 50.1)

    asked = [(peer, message) for peer, message in node.host.take_sent() if isinstance(message, m.Announce)]
    assert asked == [(BOB, ASKED)]


def test_many_that_are_offered_again_go_in_frames_of_so_many(host: RecordingHost):
    node = Node(host, announce_items=2)
    offers = [Due(TxHash(bytes([number]) * 32), 1, 1, 0.0) for number in range(5)]

    node.core.offer_again(offers, 9.0)

    assert [len(announce.items) for announce in host.messages_to(BOB, m.Announce)] == [2, 2, 1]


def test_who_wants_what_is_offered_again_gets_it_as_from_its_origin(node: Node):
    node.core.offer_again([offered()], 9.0)
    node.host.take_sent()

    node.hear(ANN, m.Want((TX.hash,)), 9.1)
    node.host.play_loaded(node.core, 9.2, [TX])

    assert node.host.take_sent() == [(ANN, m.Push(TX, 0, reach=3))]


def test_who_wants_what_is_delivered_gets_it_as_relayed(node: Node):
    node.hear(ANN, m.Want((TX.hash,)), 9.1)
    node.host.play_loaded(node.core, 9.2, [TX])

    assert node.host.take_sent() == [(ANN, m.Push(TX, 1, reach=3))]


def test_a_new_envelope_takes_the_place_of_the_old_one(node: Node):
    node.core.submit(TX, 1.0)
    commit(node, 1.1)
    node.host.take_sent()
    anew = TX._replace(header=TX.header._replace(created_ms=5e12), header_bytes=b"anew")

    node.core.renew(anew, 2, 2.0)

    assert node.host.storing == [Storing(anew, 0, True)]
    assert node.host.take_sent() == [(peer, ASKED) for peer in (ANN, BOB, CAT)]
    for committed in (False, True):
        node.hear(BOB, m.Want((TX.hash,)), 2.1)
        assert node.host.take_sent() == [(BOB, m.Push(anew, 0, reach=3))], f"committed: {committed}"
        commit(node, 2.2)
    node.core.timer(m.LeasesDue(), 7.1)
    assert [postponed.attempts for postponed in node.host.postponements] == [3]
