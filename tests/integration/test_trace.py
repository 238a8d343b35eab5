"""Traces of real nodes, joined."""

from __future__ import annotations

import json

from devnet_commands import report_of, run_command, write_lines

from sorcha_peer_core.cli.cluster import Cluster


def test_four_nodes_tell_the_way_of_what_was_published(tmp_path):
    report = report_of("-n", 4, "--trace", "--lines", "--publish", write_lines(tmp_path / "lines", 40))

    trace = report["trace"]
    assert (trace["sampled"], trace["traced"], trace["coverage"]) == (40, 40, 1.0)
    assert trace["copies_per_receiver"] >= 1.0
    assert 0 <= trace["time_to_50_ms"]["p50"] <= trace["time_to_100_ms"]["p50"]
    for spread in trace["transactions"]:
        nodes = {spread["origin"], *(arrival["node"] for arrival in spread["arrivals"])}
        assert nodes == {1, 2, 3, 4}
        assert all(arrival["from"] in nodes - {arrival["node"]} for arrival in spread["arrivals"])


def test_two_nodes_tell_the_same_of_one_transaction(tmp_path):
    with Cluster(tmp_path, 2) as cluster:
        cluster.start()
        cluster.wait_until_linked(1, 60.0)
        first, second = cluster.nodes
        tx_hash = first.client.submit(b"hello")["hash"]
        cluster.wait_until_all_have(1, 30.0)

        shown = run_command("trace", tx_hash, "--json", "--data-dir", second.data_dir)
        unknown = run_command("trace", "00" * 32, "--data-dir", second.data_dir)
        sent = first.client.trace(tx_hash)

    got = json.loads(shown.stdout)
    assert [(copy["peer"], copy["hop"], copy["by"]) for copy in got["copies"]] == [(first.peer_id, 0, "push")]
    assert [(step["peer"], step["by"]) for step in sent["passed_on"]] == [(second.peer_id, "push")]
    assert got["stored_after_ms"] is not None
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr == f"sorcha-peer: the transaction {'00' * 32} is not here\n"
