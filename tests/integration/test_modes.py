"""The same network in each mode of encryption."""

from __future__ import annotations

import pytest
from devnet_commands import SHARED_DATA, report_of, run_command, write_lines

from sorcha_peer_core.cli.cluster import Cluster, wait_until

MODES = ["open", "ca", "insecure"]


@pytest.fixture(params=MODES)
def common(request, tmp_path):
    """A configuration file for all nodes that sets the mode."""
    file = tmp_path / f"{request.param}.toml"
    file.write_text(f'[security]\nmode = "{request.param}"\n')
    return file


def test_a_network_of_mixed_transports_is_complete_in_every_mode(common, tmp_path):
    options = []
    for name in ("rest", "grpc"):
        (tmp_path / f"{name}.toml").write_text(f'[communication]\ntransports = ["{name}"]\n')
        options += ["--node-config", tmp_path / f"{name}.toml"]

    report = report_of("-n", 4, "-c", common, *options, "--lines", write_lines(tmp_path / "lines", 200))

    assert report["complete"] is True
    assert report["transports"] == {"grpc": 2, "grpcstream": 1, "rest": 2}


@pytest.mark.long  # three networks of six
@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason=f"there is no {SHARED_DATA.name} folder beside the repository")
def test_the_transactions_of_a_bitcoin_block_are_complete_in_every_mode(common, tmp_path):
    options = []
    for place, names in enumerate(['["rest"]'] * 2 + ['["grpc"]'] * 2):
        (tmp_path / f"{place}.toml").write_text(f"[communication]\ntransports = {names}\n")
        options += ["--node-config", tmp_path / f"{place}.toml"]
    transactions = SHARED_DATA / "bitcoin-transactions.jsonl"

    report = report_of("-n", 6, "-c", common, *options, "--publish", transactions, "--lines", "--hex", "raw")

    assert report["complete"] is True
    assert report["transactions"] == 2500
    assert report["transports"] == {"grpc": 5, "grpcstream": 1, "rest": 5}


def test_in_mode_ca_a_network_makes_an_authority_of_its_own_and_keeps_it(tmp_path):
    ca = {"security": {"mode": "ca"}}
    with Cluster(tmp_path, 2, [ca, ca]) as cluster:
        cluster.start()
        cluster.wait_until_linked(1, 30)

        listed = run_command("ca", "list", "--dir", tmp_path / "authority")

        assert [node.peer_id for node in cluster.nodes if node.peer_id in listed.stdout] == [
            node.peer_id for node in cluster.nodes
        ]


def test_a_node_of_another_mode_is_not_linked(tmp_path):
    modes = [{"security": {"mode": mode}} for mode in ("open", "insecure")]
    with Cluster(tmp_path, 2, modes) as cluster:
        cluster.start()
        stranger = cluster.nodes[1]

        wait_until(lambda: "does not answer" in stranger.log_text(), 30, "the node to say that its contact does not answer")

        assert stranger.status()["peers"]["connected"] == 0
