"""A node that is told to stop: in order, in time, with a clean log."""

from __future__ import annotations

import signal
import time

import pytest

from sorcha_peer_core.cli.cluster import Cluster
from sorcha_peer_core.cli.run import NODE_FILE

MOST_S = 3.0


def complaints_in(log_text: str) -> list[str]:
    """Lines that no orderly stop may leave."""
    signs = ("Traceback", "Error", "ERROR", "error", "failed with", "Exception", "<Greenlet")
    return [line for line in log_text.splitlines() if any(sign in line for sign in signs)]


@pytest.fixture
def cluster(tmp_path):
    with Cluster(tmp_path, 3) as running:
        running.start()
        running.wait_until_linked(2, 30)
        yield running


def test_sigterm_ends_a_linked_node_within_three_seconds_with_status_0_and_a_clean_log(cluster):
    for node in cluster.nodes:
        begin = time.monotonic()

        status = node.terminate()

        assert status == 0, node.log_text()
        assert time.monotonic() - begin < MOST_S
    for node in cluster.nodes:
        assert complaints_in(node.log_text()) == []
        assert not (node.data_dir / NODE_FILE).exists()


def test_sigterm_ends_a_node_in_time_while_transactions_pour_in_and_a_reader_follows(cluster):
    node = cluster.nodes[0]
    with node.client.log(0, 1000, follow=True) as part:
        assert part.oldest_seq >= 0
        for other in cluster.nodes[1:]:
            other.client.submit_batch([b"%d %d" % (other.number, number) for number in range(2000)])
        begin = time.monotonic()

        status = node.terminate()

    assert status == 0, node.log_text()
    assert time.monotonic() - begin < MOST_S
    assert complaints_in(node.log_text()) == []


def test_sigint_stops_a_node_as_sigterm_does(cluster):
    node = cluster.nodes[1]

    node.send_signal(signal.SIGINT)

    assert node.wait_for_exit(MOST_S) == 0


def test_a_node_whose_parent_is_gone_stops(cluster):
    node = cluster.nodes[2]

    node.close_stdin()

    assert node.wait_for_exit(2 * MOST_S) == 0
