"""How devnet brings payloads into nodes, against nodes that only remember."""

from __future__ import annotations

import pytest

from sorcha_peer_core.cli.devnet_measure import Watch
from sorcha_peer_core.cli.devnet_publish import Publisher, distinct
from sorcha_peer_core.cli.payloads import Sourced
from sorcha_peer_core.client import Batched, Refused
from sorcha_peer_core.errors import NodeUnreachable, PeerError


class RememberingNode:
    """Stands for a node process and its client at once."""

    def __init__(self, takes: int | None = None, rejects: bytes = b"") -> None:
        self.taken: list[bytes] = []
        self.requests = 0
        self.refusals: list[Exception] = []
        self._takes = takes
        self._rejects = rejects

    @property
    def client(self) -> RememberingNode:
        return self

    def submit(self, payload: bytes) -> None:
        self.submit_batch([payload])

    def submit_batch(self, payloads: list[bytes]) -> Batched:
        self.requests += 1
        if self.refusals:
            raise self.refusals.pop()
        if self._takes is not None and len(self.taken) + len(payloads) > self._takes:
            raise NodeUnreachable("gone")
        rejected = [(line, "it is bad") for line, payload in enumerate(payloads, start=1) if payload == self._rejects]
        self.taken += payloads
        return Batched([], rejected)

    def status(self) -> dict[str, dict[str, int]]:
        return {"transactions": {"stored": len(self.taken)}}

    def is_running(self) -> bool:
        return True


def payloads_of(count: int) -> list[Sourced]:
    return [Sourced(f"line {number}", b"payload %d" % number) for number in range(1, count + 1)]


def test_payloads_go_round_robin_over_the_nodes_in_batches():
    nodes = [RememberingNode(), RememberingNode()]
    publisher = Publisher(nodes, payloads_of(1000))

    publisher.publish(rate=None)

    assert [len(node.taken) for node in nodes] == [500, 500]
    assert nodes[0].taken[:2] == [b"payload 1", b"payload 3"]
    assert [node.requests for node in nodes] == [2, 2]
    assert publisher.done
    assert publisher.failure is None


def test_it_is_remembered_which_node_took_what():
    publisher = Publisher([RememberingNode(), RememberingNode()], payloads_of(4))

    publisher.publish(rate=None)

    assert sorted(item.origin for item in publisher.published.values()) == [0, 0, 1, 1]
    assert sum(item.size for item in publisher.published.values()) == 4 * len("payload 1")


def test_what_a_lost_node_did_not_take_the_others_get():
    nodes = [RememberingNode(), RememberingNode(takes=0)]
    publisher = Publisher(nodes, payloads_of(10))

    publisher.publish(rate=None)

    assert len(nodes[0].taken) == 10
    assert {item.origin for item in publisher.published.values()} == {0}


def test_with_no_node_left_publishing_fails():
    publisher = Publisher([RememberingNode(takes=0)], payloads_of(1))

    publisher.publish(rate=None)

    assert isinstance(publisher.failure, NodeUnreachable)
    assert publisher.done


def test_a_payload_that_a_node_rejects_is_named_by_its_source():
    publisher = Publisher([RememberingNode(rejects=b"payload 2")], payloads_of(3))

    publisher.publish(rate=None)

    assert str(publisher.failure) == "node 1 did not take line 2: it is bad"


def test_a_full_outbox_is_waited_for(monkeypatch):
    monkeypatch.setattr("sorcha_peer_core.cli.devnet_publish._FULL_PAUSE_S", 0.0)
    node = RememberingNode()
    node.refusals = [Refused("full", "queue_full", 429, {})]
    publisher = Publisher([node], payloads_of(3))

    publisher.publish(rate=None)

    assert publisher.failure is None
    assert len(node.taken) == 3


def test_at_a_rate_transactions_go_one_by_one_over_the_nodes():
    nodes = [RememberingNode(), RememberingNode()]
    publisher = Publisher(nodes, payloads_of(4))

    publisher.publish(rate=10_000)

    assert [node.requests for node in nodes] == [2, 2]
    assert nodes[1].taken == [b"payload 2", b"payload 4"]


def test_a_payload_given_twice_is_one_transaction():
    items = [Sourced("a", b"x"), Sourced("b", b"y"), Sourced("c", b"x")]

    assert distinct(iter(items)) == (items[:2], 1)


def published(nodes, count):
    publisher = Publisher(nodes, payloads_of(count))
    for node in nodes:
        node.taken = [item.payload for item in payloads_of(count)]
    publisher.publish(rate=None)
    return publisher


def test_watching_ends_when_every_node_has_everything():
    nodes = [RememberingNode() for _ in range(3)]
    arrivals: list[int] = []

    Watch(nodes, 4, poll_s=0.0).until_all_arrived(published(nodes, 4), lambda done: None, arrivals.append)

    assert arrivals[-1] >= 12


def test_watching_ends_when_nothing_moves_any_more():
    nodes = [RememberingNode(), RememberingNode()]
    publisher = published(nodes, 4)
    nodes[1].taken = []

    Watch(nodes, 4, poll_s=0.0, stalled_s=0.01).until_all_arrived(publisher, lambda done: None, lambda done: None)

    assert nodes[1].taken == []


def test_what_kept_the_publisher_from_publishing_ends_the_watch():
    publisher = Publisher([RememberingNode()], payloads_of(1))
    publisher.failure = PeerError("no")

    with pytest.raises(PeerError, match="no"):
        Watch([RememberingNode()], 1, poll_s=0.0).until_all_arrived(publisher, lambda done: None, lambda done: None)
