"""The main job: real node processes, and every transaction on every one of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from hashlib import sha256
from pathlib import Path

import psutil
import pytest
from devnet_commands import COMMAND, SHARED_DATA, node_processes_of, report_of, run_command, write_lines

from sorcha_peer_core.cli.cluster import Cluster, wait_until
from sorcha_peer_core.cli.payloads import Form, read_payloads
from sorcha_peer_core.client import NodeClient, find_node
from sorcha_peer_core.errors import NodeUnreachable

needs_shared_data = pytest.mark.skipif(
    not SHARED_DATA.is_dir(), reason=f"there is no {SHARED_DATA.name} folder beside the repository"
)


def test_five_nodes_that_met_through_one_hold_exactly_the_same_transactions(tmp_path):
    report = report_of("-n", 5, "--lines", "--publish", write_lines(tmp_path / "lines", 500))

    assert report["complete"] is True
    assert report["nodes"] == 5
    assert report["transactions"] == 500
    assert report["payload_bytes"] == 500 * 200
    assert sum(report["transports"].values()) == 10
    assert 0.8 <= report["copies_per_node"] < 3
    assert 0 < report["time_to_90_ms"]["p50"] <= report["time_to_100_ms"]["p99"]
    assert len(report["rss_mb"]) == 5
    assert report["cpu_s_per_1000_tx_per_node"] > 0


def test_at_a_rate_transactions_go_one_by_one(tmp_path):
    report = report_of("-n", 3, "--rate", 20, "--lines", write_lines(tmp_path / "lines", 20))

    assert report["complete"] is True
    assert report["throughput_tx_s"] < 25


def test_people_get_a_table_and_no_progress_where_there_is_no_terminal(tmp_path):
    done = run_command("devnet", "-n", 2, "--lines", write_lines(tmp_path / "lines", 10))

    assert done.returncode == 0
    assert "complete: every node holds exactly the same transactions" in done.stdout
    assert done.stderr == ""


def test_nodes_can_have_settings_of_their_own(tmp_path):
    (tmp_path / "unary.toml").write_text('[communication]\ntransports = ["grpc"]\n')
    (tmp_path / "common.toml").write_text('[node]\nnetwork_id = "of-its-own"\n')

    report = report_of("-n", 3, "-c", tmp_path / "common.toml", *["--node-config", tmp_path / "unary.toml"] * 3)

    assert report["complete"] is True
    assert report["transports"] == {"grpc": 3}


@pytest.fixture
def start_devnet(tmp_path):
    """Starts a devnet whose data directories lie in ``tmp_path``."""
    started = []

    def start(*arguments):
        command = [*COMMAND, "devnet", *(str(argument) for argument in arguments)]
        environment = _with_temporary_files_in(tmp_path)
        devnet = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        started.append(devnet)
        return devnet

    yield start
    for devnet in started:
        devnet.terminate()
        devnet.wait()


def wait_until_transactions_spread(devnet, tmp_path):
    """Block until the first node has some; returns the root of the data directories."""

    def spreads() -> bool:
        assert devnet.poll() is None, devnet.stderr.read()
        try:
            (root,) = tmp_path.glob("sorcha-devnet-*")
            return NodeClient(*find_node(root / "node-1", None, None)).status()["transactions"]["stored"] > 2
        except (ValueError, NodeUnreachable):
            return False

    wait_until(spreads, 60, "transactions to spread", 0.2)
    return next(tmp_path.glob("sorcha-devnet-*"))


@needs_shared_data
def test_the_transactions_of_a_bitcoin_block_reach_every_node():
    report = report_of("-n", 5, "--publish", SHARED_DATA / "bitcoin-transactions.jsonl", "--lines", "--hex", "raw")

    assert report["complete"] is True
    assert report["transactions"] == 2500
    assert report["payload_bytes"] == 1_381_753


@needs_shared_data
def test_a_large_transaction_and_real_documents_reach_every_node():
    blueprints = sorted((SHARED_DATA / "blueprints").glob("*.json"))

    report = report_of("-n", 5, "--publish", SHARED_DATA / "bitcoin-block.raw", *blueprints)

    assert report["complete"] is True
    assert report["transactions"] == 1 + len(blueprints)


def test_get_returns_every_payload_byte_for_byte(tmp_path):
    payloads = [bytes(range(256)), b"\r\n\x00", b"x" * 300_000]
    with Cluster(tmp_path, 2) as cluster:
        cluster.start()
        cluster.wait_until_linked(1, 30)
        for payload in payloads:
            cluster.nodes[0].client.submit(payload)
        cluster.wait_until_all_have(len(payloads), 30)

        for payload in payloads:
            done = run_command(
                "get", "--data-dir", cluster.nodes[1].data_dir, sha256(payload).hexdigest(), "-o", tmp_path / "out"
            )
            assert done.returncode == 0, done.stderr
            assert (tmp_path / "out").read_bytes() == payload


@needs_shared_data
def test_every_node_returns_the_payloads_of_the_bitcoin_block(tmp_path):
    given = [item.payload for item in read_payloads([str(SHARED_DATA / "bitcoin-transactions.jsonl")], Form(True, "raw"))][:200]
    with Cluster(tmp_path, 3) as cluster:
        cluster.start()
        cluster.wait_until_linked(2, 30)
        cluster.nodes[0].client.submit_batch(given)
        cluster.wait_until_all_have(len(given), 30)

        for payload in given[::20]:
            for node in cluster.nodes:
                with node.client.payload(sha256(payload).hexdigest()) as pieces:
                    assert b"".join(pieces) == payload


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_a_devnet_that_is_ended(number, tmp_path, start_devnet):
    devnet = start_devnet("-n", 3, "--rate", 10, "--lines", write_lines(tmp_path / "lines", 1000))
    wait_until_transactions_spread(devnet, tmp_path)
    nodes = list(node_processes_of(devnet.pid))

    devnet.send_signal(number)
    out, err = devnet.communicate(timeout=20)

    # A parent that was killed can do nothing more; its nodes see that by themselves.
    psutil.wait_procs(nodes, timeout=10)
    assert len(nodes) == 3
    assert [process.pid for process in nodes if process.is_running()] == []
    assert (out, err) == ("", "")
    if number != signal.SIGKILL:
        assert devnet.returncode == 128 + number
        assert list(tmp_path.glob("sorcha-devnet-*")) == []


@pytest.mark.parametrize("started", [1, 2, 4])
def test_a_devnet_that_is_interrupted_while_its_nodes_start_leaves_nothing(tmp_path, start_devnet, started):
    devnet = start_devnet("-n", 4)
    wait_until(lambda: len(list(node_processes_of(devnet.pid))) >= started, 60, "nodes to start", 0.002)
    nodes = list(node_processes_of(devnet.pid))

    devnet.send_signal(signal.SIGTERM)

    assert devnet.communicate(timeout=20) == ("", "")
    assert devnet.returncode == 128 + signal.SIGTERM
    assert [process.pid for process in nodes if process.is_running()] == []
    assert list(tmp_path.glob("sorcha-devnet-*")) == []


def test_kept_data_directories_can_be_run_again(tmp_path):
    done = run_command("devnet", "-n", 2, "--keep", "--json", env=_with_temporary_files_in(tmp_path))

    (root,) = tmp_path.glob("sorcha-devnet-*")
    assert done.returncode == 0
    assert done.stderr == f"The data directories stay in {root}\n"
    with Cluster(root, 1) as cluster:
        cluster.nodes[0].spawn()
        cluster.nodes[0].wait_until_ready()
        assert cluster.nodes[0].status()["transactions"]["stored"] == 100


def _with_temporary_files_in(directory: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(directory)}


@pytest.mark.long  # a network that does not move is given 30 s
def test_a_node_that_dies_is_named_and_the_network_is_not_complete(tmp_path, start_devnet):
    devnet = start_devnet("-n", 3, "--rate", 10, "--lines", write_lines(tmp_path / "lines", 40))
    wait_until_transactions_spread(devnet, tmp_path)
    next(node_processes_of(devnet.pid, "node-3")).kill()

    out, err = devnet.communicate(timeout=100)

    assert devnet.returncode == 1
    assert "NOT complete: 1 of 3 nodes differ" in out
    assert err.startswith("sorcha-peer: the network is not complete: node 3 lacks ")
    assert err.endswith("the node has ended\n")


@pytest.mark.parametrize("victim", ["node-1", "node-2"], ids=["the bootstrap node", "an ordinary node"])
def test_a_node_that_dies_and_is_started_again_by_somebody_else_makes_the_network_complete(tmp_path, start_devnet, victim):
    devnet = start_devnet("-n", 3, "--rate", 10, "--json", "--lines", write_lines(tmp_path / "lines", 60))
    root = wait_until_transactions_spread(devnet, tmp_path)
    alive = "node-2" if victim == "node-1" else "node-1"
    contact = json.loads((root / alive / "node.json").read_text())["listening"][0]
    next(node_processes_of(devnet.pid, victim)).kill()
    again = ("run", "--data-dir", root / victim, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--bootstrap", contact)
    restarted = subprocess.Popen([*COMMAND, *map(str, again)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        out, err = devnet.communicate(timeout=100)
    finally:
        restarted.kill()
        restarted.wait()

    assert devnet.returncode == 0, err
    assert json.loads(out)["complete"] is True
    assert json.loads(out)["transactions"] == 60
