"""An attacker among real nodes: it is banned, with the reason, and nobody else is."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from random import Random

import pytest
import requests
from link_parts import Side
from service_parts import identity_of, sealed

from sorcha_peer_core.cli.cluster import Cluster, NodeProcess, wait_until
from sorcha_peer_core.model.messages import Push
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.model.transaction import Transaction
from sorcha_peer_core.protocol.host import Priority
from sorcha_peer_core.services.tls.modes import open_network
from sorcha_peer_core.testing.transport_suite import transport_context
from sorcha_peer_core.wire.codec import encode_frame

NETWORK = "sorcha"


@pytest.fixture
def attacker(tmp_path: Path) -> Iterator[Side]:
    """The links of a node, in this process, without a node that decides what is sent."""
    pytest.importorskip("sorcha_transport_grpcstream")
    identity = identity_of(666)
    protection = open_network(tmp_path / "attacker", NETWORK, identity.peer_id)
    assert protection.credentials is not None
    context = transport_context(host="127.0.0.1", settings={}, credentials=protection.credentials)
    made = import_module("sorcha_transport_grpcstream.plugin").peer_transports()[0].build(context)
    keys = protection.credentials.tls_keys
    side = Side(None, identity, network_id=NETWORK, transports=[made], trust=protection.trust, tls_keys=keys)
    yield side
    side.stop()


def forged(number: int) -> Transaction:
    return sealed(b"forged %d" % number, network_id=NETWORK)._replace(signature=Random(number).randbytes(64))


def push(attacker: Side, node: NodeProcess, *transactions: Transaction) -> None:
    peer = attacker.links.peers[node.peer_id]
    for transaction in transactions:
        frame = encode_frame(Push(transaction, 1))
        peer.queue.put(frame, len(frame), Priority.RELAY)
    peer.wake()


def test_an_attacker_that_pushes_bad_signatures_is_banned_and_honest_nodes_never(tmp_path, attacker):
    with Cluster(tmp_path / "cluster", 3, [{"security": {"reputation": "on"}}] * 3) as cluster:
        cluster.start()
        cluster.wait_until_linked(2, 60.0)
        victim = cluster.nodes[0]
        address = victim.client.status()["listening"][0].removeprefix("grpc://")
        host, _, port = address.rpartition(":")
        attacker.links.dial([Endpoint("grpc", "127.0.0.1" if host in ("[::]", "0.0.0.0") else host, int(port))], None)

        for number in range(20):
            if victim.peer_id in attacker.links.peers:
                push(attacker, victim, forged(number))
        cluster.nodes[1].client.submit(b"honest")

        wait_until(victim.client.bans, 10.0, "the attacker to be banned", 0.05)
        [ban] = victim.client.bans()
        assert (ban["id"], ban["by"]) == (attacker.peer_id, "reputation")
        assert "forged" in ban["reason"]
        assert ban["until"] - ban["since"] == pytest.approx(3600, abs=2)
        wait_until(lambda: victim.peer_id not in attacker.links.peers, 5.0, "the link to end", 0.05)
        assert any("its score is" in reason for reason in ended(attacker))

        cluster.wait_until_all_have(1, 30.0)
        for node in cluster.nodes:
            honest = {other.peer_id for other in cluster.nodes}
            assert [peer["score"] for peer in node.client.peers() if peer["id"] in honest and peer["score"] < 0] == []
            assert {entry["id"] for entry in node.client.bans()} <= {attacker.peer_id}
        assert 'sorcha_bans_total{reason="reputation"} 1.0' in requests.get(f"http://{victim.admin}/metrics", timeout=5).text


def ended(attacker: Side) -> list[str]:
    """Why links of the attacker ended."""
    return [event.reason for event in attacker.events if hasattr(event, "reason")]
