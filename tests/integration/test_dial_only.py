"""Nodes that nobody can dial: they dial, and are full peers over the links that come of it."""

from __future__ import annotations

from hashlib import sha256

import pytest
from laboratory_namespaces import require_namespaces
from private_network import PrivateNetwork, cluster_in

from sorcha_peer_core.cli.cluster import Cluster, NodeProcess, read_log, wait_until

TRANSPORTS = ["grpcstream", "grpc", "rest"]
HUB, FIRST, SECOND = range(3)
SOON_S = 20.0


@pytest.fixture(params=TRANSPORTS)
def cluster(request, tmp_path):
    """A hub, and two nodes that listen on loopback of their own host only: nobody else can dial them."""
    require_namespaces()
    network = PrivateNetwork(3)
    only = {"communication": {"transports": [request.param]}}
    with network.opened(), cluster_in(network, tmp_path, [only] * 3, hidden=(FIRST, SECOND)) as running:
        running.start()
        running.wait_until_linked([2, 1, 1], SOON_S)
        yield running


def wait_until_it_has(node: NodeProcess, payload: bytes, timeout_s: float = SOON_S) -> None:
    wanted = sha256(payload).hexdigest()
    wait_until(lambda: wanted in node.hashes(), timeout_s, f"node {node.number} to have it")


def directions_of(node: NodeProcess) -> list[str]:
    return [peer["direction"] for peer in node.client.peers() if peer["status"] == "linked"]


def hops_of(node: NodeProcess, payload: bytes) -> int:
    [entry] = [entry for entry in read_log(node.client) if entry["hash"] == sha256(payload).hexdigest()]
    return int(entry["hops"])


def test_a_node_that_nobody_can_dial_is_a_full_peer(cluster: Cluster):
    hub, first, second = cluster.nodes
    small, large, missed = b"small from where nobody can dial", b"large" * 300_000, b"submitted while it was away"

    # Pushes reach it, and what it submits goes through the hub to the other that nobody can dial.
    first.client.submit(small)
    wait_until_it_has(second, small)
    # What is too large to be pushed is fetched from it, in pieces.
    first.client.submit(large)
    wait_until_it_has(hub, large)
    wait_until_it_has(second, large)
    # What it missed while it was down it gets by sync, and it is linked again by its own dial.
    second.kill()
    hub.client.submit(missed)
    second.restart()
    wait_until_it_has(second, missed)

    assert directions_of(first) == directions_of(second) == ["outbound"]
    assert directions_of(hub) == ["inbound", "inbound"]
    assert hops_of(second, small) == 2
    assert first.hashes() == second.hashes() == hub.hashes()


def test_a_transaction_from_a_node_that_nobody_can_dial_is_pushed_on_at_once(cluster: Cluster):
    first, second = cluster.nodes[FIRST], cluster.nodes[SECOND]
    payloads = [b"transaction %d" % number for number in range(5)]

    for payload in payloads:
        first.client.submit(payload)
        wait_until_it_has(second, payload)

    sent = {entry["hash"]: entry["received_ms"] for entry in read_log(first.client)}
    took_ms = sorted(entry["received_ms"] - sent[entry["hash"]] for entry in read_log(second.client))
    # What is only announced gathers for at least 125 ms.
    assert took_ms[len(took_ms) // 2] < 100
