"""Nodes with different transports: one network, and every transaction on every node."""

from __future__ import annotations

import time
from hashlib import sha256

import pytest
from devnet_commands import SHARED_DATA, report_of, run_command, write_lines

from sorcha_peer_core.cli.cluster import Cluster, wait_until
from sorcha_peer_core.cli.devnet_plan import most_links, schemes_of

REST = {"communication": {"transports": ["rest"]}}
UNARY = {"communication": {"transports": ["grpc"]}}
ALL = {"communication": {"transports": ["grpcstream", "grpc", "rest"]}}
MIXED = [REST, REST, UNARY, UNARY, ALL, ALL]
MIXED_LINKS = {"grpc": 5, "grpcstream": 1, "rest": 5}
"""Each pair that has something in common: the best of it."""

needs_shared_data = pytest.mark.skipif(
    not SHARED_DATA.is_dir(), reason=f"there is no {SHARED_DATA.name} folder beside the repository"
)


@pytest.fixture
def mixed(tmp_path):
    """Options for a devnet of six: two nodes with REST only, two with unary gRPC only, two with everything."""
    options = []
    for place, config in enumerate(MIXED):
        file = tmp_path / f"{place}.toml"
        file.write_text(f"[communication]\ntransports = {config['communication']['transports']}\n")
        options += ["--node-config", file]
    return ["-n", len(MIXED), *options]


def test_nodes_that_share_no_transport_still_hold_the_same_transactions(mixed, tmp_path):
    report = report_of(*mixed, "--lines", write_lines(tmp_path / "lines", 600))

    assert report["complete"] is True
    assert report["transactions"] == 600
    assert report["transports"] == MIXED_LINKS


@needs_shared_data
def test_the_transactions_of_a_bitcoin_block_cross_a_network_of_mixed_transports(mixed):
    report = report_of(*mixed, "--publish", SHARED_DATA / "bitcoin-transactions.jsonl", "--lines", "--hex", "raw")

    assert report["complete"] is True
    assert report["transactions"] == 2500
    assert report["payload_bytes"] == 1_381_753
    assert report["transports"] == MIXED_LINKS


def test_a_transaction_is_pushed_on_to_whom_its_origin_cannot_reach(tmp_path):
    """What is only announced is fetched, a trip and a wait later."""
    with Cluster(tmp_path, 3, [ALL, REST, UNARY]) as cluster:
        cluster.start()
        cluster.wait_until_linked(most_links(cluster.schemes()), 30)
        rest, unary = cluster.nodes[1:]
        hashes = []
        for number in range(20):
            hashes.append(rest.client.submit(b"%d" % number)["hash"])
            wait_until(lambda: hashes[-1] in unary.hashes(), 30, "it to cross the node with both")

        first_copies = [unary.client.trace(tx_hash)["copies"][0]["by"] for tx_hash in hashes]

    assert first_copies.count("push") > 15


def test_a_node_is_online_although_there_are_nodes_that_it_cannot_link_to(tmp_path):
    with Cluster(tmp_path, 3, [ALL, REST, UNARY]) as cluster:
        cluster.start()
        cluster.wait_until_linked(most_links(cluster.schemes()), 30)
        rest, unary = cluster.nodes[1:]

        wait_until(lambda: rest.status()["peers"]["known"] == 2, 30, "the REST node to hear of the other")

        assert rest.status()["state"] == unary.status()["state"] == "online"
        assert [peer["failures"] for peer in rest.client.peers()] == [0, 0]


def test_a_large_transaction_passes_from_http_to_grpc(tmp_path):
    payload = b"large" * 300_000
    with Cluster(tmp_path, 3, [ALL, REST, UNARY]) as cluster:
        cluster.start()
        cluster.wait_until_linked(most_links(cluster.schemes()), 30)

        cluster.nodes[1].client.submit(payload)
        cluster.wait_until_all_have(1, 30)

        with cluster.nodes[2].client.payload(sha256(payload).hexdigest()) as pieces:
            assert b"".join(pieces) == payload


def test_nodes_that_no_way_leads_between_are_refused_before_they_start(tmp_path):
    (tmp_path / "rest.toml").write_text('[communication]\ntransports = ["rest"]\n')
    (tmp_path / "grpc.toml").write_text('[communication]\ntransports = ["grpc"]\n')
    begin = time.monotonic()

    done = run_command("devnet", "-n", 2, "--node-config", tmp_path / "rest.toml", "--node-config", tmp_path / "grpc.toml")

    assert done.returncode == 2
    assert "communication.transports of node 2" in done.stderr
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize("transport", ["grpcstream", "grpc", "rest"])
def test_a_first_contact_is_pinned_by_its_peer_id_on_the_command_line(tmp_path, transport):
    only = {"communication": {"transports": [transport]}}
    with Cluster(tmp_path, 3, [only] * 3) as cluster:
        first, right, wrong = cluster.nodes
        first.spawn()
        first.wait_until_ready()
        somebody_else = "0" * 40

        right.spawn([f"{first.address}#{first.peer_id}"])
        wrong.spawn([f"{first.address}#{somebody_else}"])
        right.wait_until_ready()
        wrong.wait_until_ready()

        wait_until(lambda: right.status()["peers"]["connected"] == 1, 30, "the node with the right id to be linked")
        wait_until(lambda: "does not answer" in wrong.log_text(), 30, "the node with the wrong id to say so")
        assert wrong.status()["peers"]["connected"] == 0
        assert first.peer_id in wrong.log_text() or somebody_else[:8] in wrong.log_text()


def test_the_schemes_of_transports_are_those_of_their_listeners():
    assert schemes_of(["grpcstream", "grpc"]) == {"grpc"}
