"""Nodes are killed in the middle of whatever they do. What they acknowledged is in the network, everywhere and once."""

from __future__ import annotations

import time

import pytest
from acknowledged import Ledger, Reader, prove_that_nothing_is_lost
from crash_rounds import CrashRounds

from sorcha_peer_core.cli.cluster import Cluster

NODES = 4
PRUNED = 2
RETENTION_BYTES = 200_000
CONFIGS = [
    {"transaction_distribution": {"retention_bytes": RETENTION_BYTES}} if place == PRUNED else {} for place in range(NODES)
]


@pytest.mark.timeout(2400)
@pytest.mark.parametrize(
    ("seed", "rounds"), [(1, 30), pytest.param(2, 200, marks=pytest.mark.long)], ids=["30 rounds", "200 rounds"]
)
def test_whatever_a_node_does_when_it_is_killed_nothing_that_it_acknowledged_is_lost_or_there_twice(tmp_path, seed, rounds):
    ledger, begin_s = Ledger(seed), time.monotonic()
    with Cluster(tmp_path, NODES, CONFIGS) as cluster:
        cluster.start()
        cluster.wait_until_linked(NODES - 1, 60)
        readers = [Reader(cluster.nodes[0]), Reader(cluster.nodes[1])]
        crashes = CrashRounds(cluster, ledger, seed)

        crashes.run(rounds)

        about = f"seed {seed}, {crashes}"
        prove_that_nothing_is_lost(cluster.nodes, ledger, about, pruned=[cluster.nodes[PRUNED]])
        for reader in readers:
            reader.end(about)
        for node in cluster.nodes:
            assert "Traceback" not in node.log_text(), about
    took_s = time.monotonic() - begin_s
    print(f"{about}: {len(ledger.acknowledged)} transactions and {len(ledger.unanswered)} unanswered, {took_s:.1f} s")
