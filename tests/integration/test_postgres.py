"""Real nodes that keep their data in databases of one PostgreSQL server."""

from __future__ import annotations

import json

import pytest
import requests
from devnet_commands import report_of, run_command, write_lines

from sorcha_peer_core.cli.cluster import Cluster, wait_until
from sorcha_peer_core.client import Refused, find_node


def settings_of(tmp_path, urls):
    for number, url in enumerate(urls):
        file = tmp_path / f"node{number}.toml"
        file.write_text(f"[store]\nurl = {json.dumps(url)}\n")
        yield "--node-config"
        yield file


def test_three_nodes_with_three_databases_hold_exactly_the_same_transactions(postgres, tmp_path):
    urls = [postgres.new_database() for _ in range(3)]

    report = report_of("-n", 3, "--lines", *settings_of(tmp_path, urls), write_lines(tmp_path / "lines", 300))

    assert (report["complete"], report["transactions"]) == (True, 300)
    for url in urls:
        assert postgres.run("SELECT count(*), count(DISTINCT tx_hash), max(seq) FROM transactions", url=url) == [(300, 300, 300)]
        assert postgres.run("SELECT count(*) FROM transaction_queue WHERE state = 'pending'", url=url) == [(0,)]


def test_a_node_whose_server_goes_and_comes_back_has_everything_in_the_end(postgres, tmp_path):
    if not postgres.is_own:
        pytest.skip("other people's servers are not stopped")
    with Cluster(tmp_path, 3, [{"store": {"url": postgres.new_schema()}}]) as cluster:
        cluster.start()
        cluster.wait_until_linked(2, timeout_s=60)
        on_postgres, other, _ = cluster.nodes
        hashes = {on_postgres.client.submit(b"before")["hash"]}
        cluster.wait_until_all_have(1, timeout_s=60)

        postgres.stop()
        try:
            hashes |= set(other.client.submit_batch([b"meanwhile %d" % number for number in range(100)]).accepted)
            with pytest.raises(Refused) as refused:
                on_postgres.client.submit(b"refused")
            wait_until(lambda: len(other.hashes()) == 101, 60, "the others to go on")
            wait_until(lambda: _readiness(on_postgres) == 503, 60, "the node to say that it is not ready", 0.2)
        finally:
            postgres.start()
        assert refused.value.http_status == 503

        wait_until(lambda: _readiness(on_postgres) == 200, 60, "the node to be ready again", 0.2)
        hashes.add(on_postgres.client.submit(b"after")["hash"])
        cluster.wait_until_all_have(102, timeout_s=60)
        assert [node.hashes() for node in cluster.nodes] == [hashes] * 3


def _readiness(node):
    [url, _] = find_node(node.data_dir, None, None)
    return requests.get(f"{url}/readyz", timeout=30).status_code


def test_a_node_whose_server_is_not_there_says_so_in_a_sentence_without_the_password(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('[store]\nurl = "postgresql://peer:secret@127.0.0.1:1/peers"\n')

    done = run_command("run", "-c", file, "--data-dir", tmp_path / "data", "--listen", "127.0.0.1:0")

    assert done.returncode == 1
    assert "the store postgresql://peer@127.0.0.1:1/peers could not connect" in done.stderr
    assert "secret" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
