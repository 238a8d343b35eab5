"""A firewall closes the gRPC port of a running node: its links go over HTTP, and come back when it opens."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import gevent
import pytest
from devnet_commands import run_command
from laboratory_namespaces import require_namespaces
from private_network import GRPC_PORT, PrivateNetwork, cluster_in

from sorcha_peer_core.cli.cluster import Cluster, NodeProcess, read_log, wait_until

NODES = 4
VICTIM = 1
FALL_S = 10.0
LONGEST_REST_S = 8.0  # of a link while no transactions are about
LONGEST_REST_S = 8.0
UPGRADE_PROBE_INTERVAL_S = 5.0
CLIMB_S = UPGRADE_PROBE_INTERVAL_S + 2.0
"""The probe, and the dial that it is; the report is asked for every now and then."""
CONFIG = {"communication": {"upgrade_probe_interval_s": UPGRADE_PROBE_INTERVAL_S}}


@pytest.fixture
def network():
    require_namespaces()
    private = PrivateNetwork(NODES)
    with private.opened():
        yield private


@pytest.fixture
def cluster(network, tmp_path):
    with cluster_in(network, tmp_path, [CONFIG] * NODES) as running:
        running.start()
        running.wait_until_linked(NODES - 1, 30)
        yield running


def transports_of(node: NodeProcess) -> list[str]:
    """Of its links, as the command ``peers --json`` shows them."""
    done = run_command("peers", "--json", "--data-dir", node.data_dir)
    assert done.returncode == 0, done.stderr
    return [peer["transport"] for peer in json.loads(done.stdout)["peers"]]


def seconds_until_all_links_are(transport: str, node: NodeProcess, timeout_s: float) -> float:
    """How long it takes from now. Asks what the command asks, without the time that it takes to start a command."""
    begin = time.monotonic()
    wait_until(
        lambda: [peer["transport"] for peer in node.client.peers()] == [transport] * (NODES - 1),
        timeout_s,
        f"links over {transport}",
    )
    taken_s = time.monotonic() - begin
    assert transports_of(node) == [transport] * (NODES - 1)
    return taken_s


class Stream:
    """Transactions that keep coming in at every node until it is ended."""

    def __init__(self, nodes: Sequence[NodeProcess]) -> None:
        self._nodes = nodes
        self._ended = False
        self.hashes: set[str] = set()
        self._greenlet = gevent.spawn(self._run)

    def _run(self) -> None:
        number = 0
        while not self._ended:
            for node in self._nodes:
                number += 1
                answer = node.client.submit_batch([b"%d from node %d" % (number, node.number)])
                self.hashes |= set(answer.accepted)
            gevent.sleep(0.05)

    def end(self) -> set[str]:
        """What was submitted."""
        self._ended = True
        self._greenlet.get(timeout=30)
        return self.hashes


def assert_all_hold_exactly(cluster: Cluster, hashes: set[str]) -> None:
    cluster.wait_until_all_have(len(hashes), 40)
    for node in cluster.nodes:
        log = [entry["hash"] for entry in read_log(node.client)]
        assert len(log) == len(hashes)
        assert set(log) == hashes


def test_links_fall_to_http_when_a_firewall_closes_grpc_and_climb_back_when_it_opens(network, cluster):
    victim = cluster.nodes[VICTIM]
    assert transports_of(victim) == ["grpcstream"] * (NODES - 1)
    stream = Stream(cluster.nodes)

    network.drop_port(VICTIM, GRPC_PORT)
    fell_s = seconds_until_all_links_are("rest", victim, 2 * FALL_S)
    gevent.sleep(2 * UPGRADE_PROBE_INTERVAL_S)
    while_closed = transports_of(victim)
    network.lift(VICTIM)
    climbed_s = seconds_until_all_links_are("grpcstream", victim, 4 * CLIMB_S)
    hashes = stream.end()

    print(f"fell after {fell_s:.1f} s, climbed after {climbed_s:.1f} s, {len(hashes)} transactions")
    assert_all_hold_exactly(cluster, hashes)
    assert fell_s < FALL_S
    assert while_closed == ["rest"] * (NODES - 1)
    assert climbed_s < CLIMB_S


def test_an_idle_network_falls_to_http_after_its_links_have_rested_and_says_why(network, cluster):
    victim = cluster.nodes[VICTIM]

    network.drop_port(VICTIM, GRPC_PORT)
    fell_s = seconds_until_all_links_are("rest", victim, 3 * FALL_S)
    done = run_command("peers", "--json", "--data-dir", victim.data_dir)

    print(f"fell after {fell_s:.1f} s")
    assert fell_s < FALL_S + LONGEST_REST_S
    dialled = [peer for peer in json.loads(done.stdout)["peers"] if peer["direction"] == "outbound"]
    for peer in dialled:
        rungs = {rung["transport"]: rung for rung in peer["rungs"]}
        assert list(rungs) == ["grpcstream", "grpc", "rest"]
        assert rungs["grpcstream"]["last_error"]
        assert rungs["grpc"]["last_error"]
        assert rungs["rest"]["last_error"] == ""
        assert peer["link_age_s"] < 3 * FALL_S
