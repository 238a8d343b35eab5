"""Nodes that are killed: the others go on, and a restart obtains everything that was missed."""

from __future__ import annotations

import pytest

from sorcha_peer_core.cli.cluster import Cluster, wait_until

LINK_TIMEOUT_S = 30
SPREAD_TIMEOUT_S = 30


@pytest.fixture
def cluster(tmp_path):
    with Cluster(tmp_path, 4) as running:
        running.start()
        running.wait_until_linked(3, LINK_TIMEOUT_S)
        yield running


def submit(node, first, count):
    """Hand over ``count`` distinct payloads; returns their hashes."""
    answer = node.client.submit_batch([b"payload %d" % number for number in range(first, first + count)])
    assert not answer.rejected
    return set(answer.accepted)


def wait_until_it_has(node, hashes):
    wait_until(lambda: node.hashes() >= hashes, SPREAD_TIMEOUT_S, f"node {node.number} to have {len(hashes)} transactions", 0.2)


@pytest.mark.parametrize("victim", [0, 2], ids=["the bootstrap node", "an ordinary node"])
def test_a_killed_node_obtains_after_its_restart_all_it_missed(cluster, victim):
    dead = cluster.nodes[victim]
    others = [node for node in cluster.nodes if node is not dead]
    hashes = submit(dead, 0, 100)
    cluster.wait_until_all_have(100, SPREAD_TIMEOUT_S)

    dead.kill()
    for place, node in enumerate(others, start=1):
        hashes |= submit(node, 1000 * place, 300)
    for node in others:
        wait_until_it_has(node, hashes)
    dead.restart([others[0].address])

    wait_until_it_has(dead, hashes)
    for node in cluster.nodes:
        assert node.hashes() == hashes


def test_what_a_node_had_committed_when_it_was_killed_reaches_everybody_after_its_restart(cluster):
    dead, *others = cluster.nodes
    hashes = submit(dead, 0, 1000)

    dead.kill()
    dead.restart([others[0].address])

    for node in cluster.nodes:
        wait_until_it_has(node, hashes)


def test_a_network_that_was_killed_as_a_whole_comes_back_with_everything(cluster):
    hashes = submit(cluster.nodes[1], 0, 200)
    for node in cluster.nodes:
        wait_until_it_has(node, hashes)

    for node in cluster.nodes:
        node.kill()
    for node in cluster.nodes:
        node.restart()
    hashes |= submit(cluster.nodes[3], 1000, 50)

    for node in cluster.nodes:
        wait_until_it_has(node, hashes)


def test_nodes_link_again_to_a_node_that_came_back_where_it_was(cluster):
    dead = cluster.nodes[0]
    dead.kill()

    # Started without any first contact: the others have to find it.
    dead.restart(())

    wait_until(lambda: dead.status()["peers"]["connected"] == 3, LINK_TIMEOUT_S, "the node to be linked again", 0.2)
