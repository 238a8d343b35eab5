"""Nodes that are stopped, restarted and offline while they have something to hand out: it is handed out, once."""

from __future__ import annotations

import time
from contextlib import suppress

import gevent
import pytest
from acknowledged import Ledger, client_of, prove_that_nothing_is_lost, queued_count
from devnet_commands import SHARED_DATA, run_command
from gevent.event import Event

from sorcha_peer_core.cli.cluster import Cluster, NodeProcess, wait_until
from sorcha_peer_core.errors import PeerError

NODES = 5
GRACE_S = 3.0
"""What ``communication.shutdown_grace_s`` says."""
BESIDE_GRACE_S = 4.0
"""For the end of a process on a busy machine."""


def start_alone(node: NodeProcess) -> None:
    node.spawn()
    node.wait_until_ready()


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason=f"there is no {SHARED_DATA.name} folder beside the repository")
def test_real_transactions_that_were_submitted_offline_are_everywhere_after_a_restart_online(tmp_path):
    ledger = Ledger(0)
    file = SHARED_DATA / "bitcoin-transactions.jsonl"
    with Cluster(tmp_path, NODES) as cluster:
        offline, *others = cluster.nodes
        start_alone(offline)

        submitted = run_command("submit", "--lines", "--hex", "raw", file, "--data-dir", offline.data_dir)
        ledger.note(submitted.stdout.split())
        waiting = run_command("queue", "--data-dir", offline.data_dir)
        start_alone(others[0])
        for node in others[1:]:
            node.spawn([others[0].address])
        for node in others[1:]:
            node.wait_until_ready()
        assert offline.terminate() == 0
        offline.restart([others[0].address])

        prove_that_nothing_is_lost(cluster.nodes, ledger, "the transactions of a block")
        shown = [run_command(command, "--data-dir", offline.data_dir) for command in ("queue", "dead-letters")]
    assert (submitted.returncode, submitted.stderr, len(ledger.acknowledged)) == (0, "", 2500)
    assert waiting.stdout.startswith("2,500 submissions wait ")
    assert [done.stdout for done in shown] == [
        "Nothing waits: all that was accepted is delivered.\n",
        "There are no dead letters.\n",
    ]


class Persistent:
    """Submits at one node, one by one, each again until it is acknowledged; notes when the node was not there."""

    def __init__(self, ledger: Ledger, node: NodeProcess) -> None:
        self.node = node
        self.failed_at: list[float] = []
        self._ledger = ledger
        self._ended = Event()
        self._greenlet = gevent.spawn(self._run)

    def _run(self) -> None:
        while not self._ended.wait(0.01):
            payloads = self._ledger.payloads(1)
            while not self._is_taken(payloads):
                gevent.sleep(0.05)

    def _is_taken(self, payloads: list[bytes]) -> bool:
        with suppress(PeerError):
            if self._ledger.submit(client_of(self.node), payloads):
                return True
        self.failed_at.append(time.monotonic())
        return False

    def end(self) -> None:
        """Block until the last one is acknowledged."""
        self._ended.set()
        self._greenlet.get(timeout=60)


@pytest.mark.timeout(300)
def test_a_rolling_restart_under_load_refuses_nobody_beyond_the_node_that_is_down_and_loses_nothing(tmp_path):
    ledger, down = Ledger(5), {}
    with Cluster(tmp_path, NODES) as cluster:
        cluster.start()
        cluster.wait_until_linked(NODES - 1, 60)
        assert ledger.submit(cluster.nodes[0].client, ledger.payloads(2000))
        submitters = [Persistent(ledger, node) for node in cluster.nodes]

        for place, node in enumerate(cluster.nodes):
            begin_s = time.monotonic()
            assert node.terminate(GRACE_S + BESIDE_GRACE_S) == 0
            node.restart([cluster.nodes[place - 1].address])
            down[node] = (begin_s, time.monotonic())
            # Not until it is back in the network is the next one taken down.
            wait_until(lambda node=node: node.status()["peers"]["connected"] == NODES - 1, 60, "the node to be linked again", 0.1)
        for submitter in submitters:
            submitter.end()

        took_s = [end_s - begin_s for begin_s, end_s in down.values()]
        about = f"down for {', '.join(f'{each_s:.1f}' for each_s in took_s)} s"
        prove_that_nothing_is_lost(cluster.nodes, ledger, about)
        for submitter in submitters:
            begin_s, end_s = down[submitter.node]
            beyond = [round(at_s - begin_s, 2) for at_s in submitter.failed_at if not begin_s <= at_s <= end_s]
            assert beyond == [], f"node {submitter.node.number} refused, seconds after its stop; {about}"
            assert submitter.failed_at, "nobody asked the node while it was down"
        assert not ledger.unanswered, "all of it was handed in until it was acknowledged"
    print(f"{about}; {len(ledger.acknowledged)} transactions")


def test_a_node_that_is_stopped_with_a_queue_hands_out_what_it_can_and_keeps_the_rest(tmp_path):
    ledger, queued = Ledger(6), 20_000
    with Cluster(tmp_path, 3) as cluster:
        full, *others = cluster.nodes
        start_alone(full)
        for _ in range(queued // 1000):
            assert ledger.submit(full.client, ledger.payloads(1000))
        for node in others:
            node.spawn([full.address])
        for node in others:
            node.wait_until_ready()
        client = client_of(full)
        wait_until(lambda: client.status()["queue"]["pending"] < queued, 30, "the queue to be handed out", 0.01)

        begin_s, before = time.monotonic(), queued_count(full)
        status = full.terminate(GRACE_S + BESIDE_GRACE_S)
        took_s = time.monotonic() - begin_s
        kept = queued_count(full)

        assert status == 0
        assert 0 < kept < before
        full.restart([others[0].address])
        prove_that_nothing_is_lost(cluster.nodes, ledger, f"stopped in {took_s:.1f} s with {kept} of {before} left")
    print(f"stopped in {took_s:.1f} s with {kept} of {before} left")


def test_a_node_that_is_stopped_right_after_a_submission_has_handed_it_out_and_has_its_receipts(tmp_path):
    ledger = Ledger(7)
    with Cluster(tmp_path, 3) as cluster:
        cluster.start()
        cluster.wait_until_linked(2, 60)
        node = cluster.nodes[1]

        for _ in range(3):
            assert ledger.submit(client_of(node), ledger.payloads(300))
            assert node.terminate(GRACE_S + BESIDE_GRACE_S) == 0
            assert queued_count(node) == 0
            node.restart()

        prove_that_nothing_is_lost(cluster.nodes, ledger, "stopped three times")
