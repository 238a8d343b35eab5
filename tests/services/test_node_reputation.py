"""What whole nodes do about peers that break the rules, and that they leave the others alone."""

from __future__ import annotations

import time
from random import Random

import pytest
from link_parts import HOST, Side
from node_parts import Village, everywhere, held_by, submit, wait_for_links
from service_parts import hashes_of, identity_of, sealed, wait_until

from sorcha_peer_core.interfaces.views import EventEntry
from sorcha_peer_core.model.messages import Push
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.model.transaction import Transaction
from sorcha_peer_core.protocol.host import Priority
from sorcha_peer_core.wire.codec import encode_frame

NETWORK = "sorcha"


class Attacker(Side):
    """The links of a node, without the node: what it says is what a test has it say."""

    def __init__(self, village: Village, number: int = 666) -> None:
        super().__init__(village.network, identity_of(number), network_id=NETWORK)

    def dial_node(self, port: int) -> None:
        self.links.dial([Endpoint("memory", HOST, port)], None)

    def push(self, node, *transactions: Transaction) -> None:
        peer = self.links.peers[id_of(node)]
        for transaction in transactions:
            frame = encode_frame(Push(transaction, 1))
            peer.queue.put(frame, len(frame), Priority.RELAY)
        peer.wake()

    def link_to_node(self, node):
        return self.links.peers[id_of(node)].link

    def is_linked_to(self, node) -> bool:
        return id_of(node) in self.links.peers


def id_of(node) -> str:
    return node.status().peer_id


def told(node, kind: str) -> list[EventEntry]:
    return [event for event in node.events(0, 100_000).entries if event.kind == kind]


def counted(node, name: str) -> float:
    return sum(float(line.rpartition(" ")[2]) for line in node.metrics_text().decode().splitlines() if line.startswith(name))


def view_of(node, peer_id):
    return next(peer for peer in node.peers() if peer.peer_id == peer_id)


ACTING = {"reputation": "on"}


def forged(number: int) -> Transaction:
    good = sealed(b"forged %d" % number, network_id=NETWORK)
    return good._replace(signature=Random(number).randbytes(64))


@pytest.fixture
def village(tmp_path):
    village = Village(tmp_path)
    yield village
    village.stop()


@pytest.fixture
def attacker(village):
    attacker = Attacker(village)
    yield attacker
    attacker.stop()


def test_who_pushes_bad_signatures_is_banned_with_the_reason_and_honest_nodes_never(village, attacker):
    nodes = [village.node(number, bootstrap=(1,), security=ACTING) for number in (1, 2, 3)]
    victim = nodes[0]
    wait_for_links(*nodes)
    attacker.dial_node(1)
    wait_until(lambda: attacker.peer_id in {peer.peer_id for peer in victim.peers()}, "the attacker is linked")

    attacker.push(victim, *map(forged, range(10)))
    submit(victim, b"one")
    submit(nodes[1], b"two")

    wait_until(victim.bans, "the attacker is banned")
    [ban] = victim.bans()
    assert (ban.peer_id, ban.by, ban.until_at - ban.since_at) == (attacker.peer_id, "reputation", pytest.approx(3600, abs=1))
    assert ban.reason.startswith("its score is -")
    assert "forged 3.0 (-90.0)" in ban.reason
    wait_until(lambda: not attacker.is_linked_to(victim), "the attacker is not linked any more")
    wait_until(everywhere(nodes, [b"one", b"two"]), "what honest nodes sent is everywhere")
    for node in nodes[1:]:
        assert node.bans() == []
    assert [view.score for node in nodes for view in node.peers() if view.peer_id != attacker.peer_id and view.score < 0] == []
    assert counted(victim, 'sorcha_bans_total{reason="reputation"}') == 1
    assert told(victim, "PeerJudged")[-1].fields["verdict"] == "banned"
    assert view_of(victim, attacker.peer_id).score_terms[0].name == "forged"


def test_in_a_dry_run_the_verdict_is_told_and_nothing_else_happens(village, attacker):
    node = village.node(1, security={"reputation": "dry-run"})
    attacker.dial_node(1)

    wait_until(lambda: attacker.is_linked_to(node), "linked")
    attacker.push(node, *map(forged, range(5)))

    wait_until(lambda: [event.fields["verdict"] for event in told(node, "PeerJudged")][-1:] == ["banned"], "it is told")
    assert not any(event.fields["carried_out"] for event in told(node, "PeerJudged"))
    assert "would be banned" in told(node, "PeerJudged")[-1].sentence
    assert node.bans() == []
    assert attacker.is_linked_to(node)


def test_switched_off_nothing_is_even_noted(village, attacker):
    node = village.node(1, security={"reputation": "off"})
    attacker.dial_node(1)

    attacker.push(node, *map(forged, range(5)))

    wait_until(lambda: len(told(node, "TransactionRejected")) == 5, "they are rejected")
    assert view_of(node, attacker.peer_id).score_terms == ()
    assert attacker.is_linked_to(node)


def test_a_peer_on_the_list_of_allowed_ones_is_only_told_of(village, attacker):
    node = village.node(1, security={**ACTING, "allowed_peers": [attacker.peer_id]})
    attacker.dial_node(1)

    attacker.push(node, *map(forged, range(5)))

    wait_until(lambda: told(node, "PeerJudged"), "it is told")
    assert node.bans() == []
    assert attacker.is_linked_to(node)


def test_who_leaves_right_after_a_forgery_finds_its_score_when_it_comes_back(village, attacker):
    node = village.node(1, security=ACTING)
    for number in range(2):
        attacker.dial_node(1)
        attacker.push(node, forged(number))
        wait_until(lambda: len(told(node, "TransactionRejected")) == number + 1, "it was rejected")  # noqa: B023 - called at once
        if attacker.is_linked_to(node):
            attacker.links.hang_up(id_of(node), "away")
        wait_until(lambda: not attacker.is_linked_to(node), "it has left")

    assert view_of(node, attacker.peer_id).score == pytest.approx(-40, abs=0.5)
    assert [event.fields["verdict"] for event in told(node, "PeerJudged")] == ["disconnected"]


@pytest.mark.parametrize(
    "changes",
    [{"created_ms": 1.0}, {"created_ms": time.time() * 1000 + 1e7}, {"payload_size": 1 << 24}],
    ids=["old", "early", "large"],
)
def test_what_another_clock_or_other_limits_would_allow_is_rejected_and_counts_against_nobody(village, attacker, changes):
    node = village.node(1, security=ACTING)
    attacker.dial_node(1)

    attacker.push(node, *[sealed(b"odd %d" % number, network_id=NETWORK, **changes) for number in range(30)])

    wait_until(lambda: counted(node, "sorcha_transactions_rejected_total") == 30, "all are rejected")
    assert view_of(node, attacker.peer_id).score == 0
    assert attacker.is_linked_to(node)


def test_a_frame_that_nobody_may_send_ends_the_link_and_counts(village, attacker):
    node = village.node(1, security=ACTING)
    attacker.dial_node(1)

    attacker.link_to_node(node).send(b"\xff\xff\xff")

    wait_until(lambda: not attacker.is_linked_to(node), "the link has ended")
    assert [(term.name, round(term.points)) for term in view_of(node, attacker.peer_id).score_terms] == [("broken rules", -25)]


def test_a_lifted_ban_lets_a_peer_begin_anew(village, attacker):
    node = village.node(1, security=ACTING)
    attacker.dial_node(1)
    attacker.push(node, *map(forged, range(4)))
    wait_until(node.bans, "it is banned")

    node.unban(attacker.peer_id)

    assert view_of(node, attacker.peer_id).score == 0
    attacker.dial_node(1)
    good = sealed(b"good", network_id=NETWORK)
    attacker.push(node, good)
    wait_until(lambda: held_by(node) == hashes_of([b"good"]), "what it sends is taken")
