"""What people see of submissions at a real node: while nobody is linked, and when somebody is."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from devnet_commands import run_command

from sorcha_peer_core.cli.cluster import Cluster
from sorcha_peer_core.client import NodeClient, find_node

LINES = [b"first", b"second", b"third"]
HASHES = [sha256(line).hexdigest() for line in LINES]


@pytest.fixture
def cluster(tmp_path):
    """Three nodes, of which the first runs, alone."""
    with Cluster(tmp_path, 3) as cluster:
        cluster.nodes[0].spawn()
        cluster.nodes[0].wait_until_ready()
        yield cluster


def write_lines(path):
    path.write_bytes(b"\n".join(LINES))
    return path


def queue_of(node):
    return json.loads(run_command("queue", "--json", "--data-dir", node.data_dir).stdout)


def test_a_node_without_links_takes_submissions_and_says_what_they_wait_for(cluster, tmp_path):
    lonely = cluster.nodes[0]
    lines = write_lines(tmp_path / "lines")

    submitted = run_command("submit", "--lines", "--wait", "--timeout", "0.5", lines, "--data-dir", lonely.data_dir)
    shown = run_command("queue", "--data-dir", lonely.data_dir)

    assert (submitted.returncode, submitted.stdout.split()) == (1, HASHES)
    assert submitted.stderr.startswith("sorcha-peer: 3 of 3 not delivered after 0.5 s: no peer is linked; ")
    assert shown.stdout.startswith("3 submissions wait (16 B): 3 not released.\nNo peer is linked: they go out when one is.\n")
    assert [row["hash"] for row in queue_of(lonely)["queue"]] == HASHES
    assert b'sorcha_transaction_queue_size{state="pending"} 3.0' in metrics_of(lonely)


def metrics_of(node):
    import requests

    url, _ = find_node(node.data_dir)
    return requests.get(f"{url}/metrics", timeout=10).content


def test_what_was_submitted_offline_is_delivered_when_others_are_linked(cluster, tmp_path):
    # Receipts are what this waits for.
    lonely, *others = cluster.nodes
    lines = write_lines(tmp_path / "lines")
    run_command("submit", "--lines", lines, "--data-dir", lonely.data_dir)
    for node in others:
        node.spawn([lonely.address])
    for node in others:
        node.wait_until_ready()

    # The same again: known, and waited for all the same.
    waited = run_command("submit", "--lines", "--wait", lines, "--data-dir", lonely.data_dir)

    assert (waited.returncode, waited.stdout.split(), waited.stderr) == (0, HASHES, "")
    assert queue_of(lonely)["queue"] == []
    assert [told["state"] for told in NodeClient(*find_node(lonely.data_dir)).deliveries(HASHES)] == ["delivered"] * 3
    assert any(node.hashes() >= set(HASHES) for node in others), "a receipt is given by who has committed it"


def test_a_reader_goes_on_where_it_was_when_the_node_was_killed_and_came_back(cluster):
    node = cluster.nodes[0]
    cluster.nodes[1].spawn([node.address])
    cluster.nodes[1].wait_until_ready()
    node.client.submit_batch([b"before %d" % number for number in range(20)])
    troubles, got = [], []

    for line in NodeClient(*find_node(node.data_dir)).subscribe(on_trouble=troubles.append):
        got.append(line["seq"])
        if len(got) == 20:
            node.kill()
            node.restart()
            node.client.submit_batch([b"after %d" % number for number in range(20)])
        if len(got) == 40:
            break

    assert got == list(range(1, 41))
    assert len(troubles) == 1


def test_a_full_queue_refuses_with_429_says_so_once_and_keeps_what_it_has(tmp_path):
    with Cluster(tmp_path, 1, [{"offline_mode": {"max_queue_size": 2}}]) as cluster:
        node = cluster.nodes[0]
        node.spawn()
        node.wait_until_ready()
        run_command("submit", "--lines", write_lines(tmp_path / "lines"), "--data-dir", node.data_dir)
        node.client.submit_batch([b"one", b"two"])

        answer = post(node, b"one too many")
        refused = run_command("submit", tmp_path / "lines", "--data-dir", node.data_dir)

        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
        assert refused.returncode == 1
        assert refused.stderr.startswith("sorcha-peer: 2 submissions (6 bytes) wait already; at most 2 and ")
        assert b'sorcha_submissions_refused_total{reason="queue_full"} 5.0' in metrics_of(node)
        assert node.log_text().count("submissions are refused: ") == 1
        assert node.status()["queue"]["pending"] == 2


def post(node, payload):
    import requests

    url, token = find_node(node.data_dir)
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(f"{url}/manage/v1/transactions", data=payload, headers=headers, timeout=10)
