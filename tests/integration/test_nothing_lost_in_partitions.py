"""A network that falls in two, and goes on at both ends: healed, it has what either end took."""

from __future__ import annotations

import time

import gevent
import pytest
from acknowledged import Ledger, Submitter, lines_on_disk, prove_that_nothing_is_lost
from laboratory_namespaces import require_namespaces
from laboratory_nodes import linked_to
from private_network import PrivateNetwork, cluster_in

from sorcha_peer_core.cli.cluster import NodeProcess, wait_until

NODES = 6
ENDS = (range(3), range(3, 6))
NOTICED_S = 40.0
HEALED_S = 90.0


@pytest.fixture
def network():
    require_namespaces()
    private = PrivateNetwork(NODES)
    with private.opened():
        yield private


def wait_until_linked_among(nodes: list[NodeProcess], timeout_s: float) -> None:
    """Block until each of them is linked to all the others, and to nobody else."""
    ids = {node.peer_id for node in nodes}
    for node in nodes:
        wait_until(
            lambda node=node: linked_to(node) == ids - {node.peer_id},
            timeout_s,
            f"node {node.number} to be linked to these {len(ids)} only",
            0.1,
        )


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("apart_s", "seed"), [(5.0, 3), pytest.param(60.0, 4, marks=pytest.mark.long)], ids=["5 s", "60 s"])
def test_what_both_ends_of_a_partition_took_is_everywhere_and_once_when_it_has_healed(network, tmp_path, apart_s, seed):
    ledger, begin_s = Ledger(seed), time.monotonic()
    with cluster_in(network, tmp_path, [{}] * NODES) as cluster:
        cluster.start()
        wait_until_linked_among(cluster.nodes, 60)
        ends = [[cluster.nodes[place] for place in end] for end in ENDS]
        submitters = [Submitter(ledger, node, 5, 0.1) for node in cluster.nodes]

        network.part(*ENDS)
        parting_s = time.monotonic()
        # Submissions go on while the ends still wait for each other.
        for end in ends:
            wait_until_linked_among(end, NOTICED_S)
        noticed_s = time.monotonic() - parting_s
        gevent.sleep(apart_s)
        for submitter in submitters:
            submitter.end()
        kept = [{tx_hash for _, tx_hash, _ in lines_on_disk(end[0])} for end in ends]
        assert kept[0] - kept[1], "the ends were not apart"
        assert kept[1] - kept[0], "the ends were not apart"
        network.join(*ENDS)
        healing_s = time.monotonic()
        wait_until_linked_among(cluster.nodes, HEALED_S)

        healed_s = time.monotonic() - healing_s
        about = f"seed {seed}, noticed after {noticed_s:.1f} s, {apart_s:g} s apart, healed in {healed_s:.1f} s"
        prove_that_nothing_is_lost(cluster.nodes, ledger, about)
        assert not ledger.unanswered, "a node was not there, although none was stopped"
    print(f"{about}: {len(ledger.acknowledged)} transactions, {time.monotonic() - begin_s:.1f} s")
