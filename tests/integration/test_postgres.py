"""Real nodes that keep their data in databases of one PostgreSQL server."""

from __future__ import annotations

import json

from devnet_commands import report_of, run_command, write_lines


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


def test_a_node_whose_server_is_not_there_says_so_in_a_sentence_without_the_password(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('[store]\nurl = "postgresql://peer:secret@127.0.0.1:1/peers"\n')

    done = run_command("run", "-c", file, "--data-dir", tmp_path / "data", "--listen", "127.0.0.1:0")

    assert done.returncode == 1
    assert "the store postgresql://peer@127.0.0.1:1/peers could not connect" in done.stderr
    assert "secret" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
