"""What cannot work ends with one clear sentence and the promised exit status."""

from __future__ import annotations

import os
import shutil
import socket

import pytest
from devnet_commands import run_command

from sorcha_peer_core.cli.cluster import Cluster, NodeProcess

SETPRIV = shutil.which("setpriv") or ""


@pytest.fixture
def node(tmp_path):
    """One running node that takes at most 1000 bytes a transaction."""
    limits = {"transaction_distribution": {"max_transaction_bytes": 1000, "eager_max_bytes": 500, "swarm_min_bytes": 800}}
    with Cluster(tmp_path, 1, [limits]) as cluster:
        cluster.start()
        yield cluster.nodes[0]


@pytest.fixture
def taken_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def assert_one_sentence(done, status, *parts):
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("sorcha-peer: ")
    for part in parts:
        assert part in last


def run_node(data_dir, *arguments, **more):
    return run_command(
        "run", "--data-dir", data_dir, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *arguments, timeout_s=30, **more
    )


def test_a_transaction_over_the_limit_is_refused_and_the_node_is_as_before(node, tmp_path):
    (tmp_path / "big").write_bytes(b"x" * 1001)

    done = run_command("submit", "--data-dir", node.data_dir, tmp_path / "big")

    assert_one_sentence(done, 1, "1001 bytes", "at most 1000")
    assert node.status()["transactions"]["stored"] == 0


def test_an_empty_transaction_is_refused(node, tmp_path):
    (tmp_path / "empty").touch()

    done = run_command("submit", "--data-dir", node.data_dir, tmp_path / "empty")

    assert_one_sentence(done, 1, "the transaction is empty")


def test_a_missing_file_is_wrong_usage(node):
    assert_one_sentence(run_command("submit", "--data-dir", node.data_dir, "nowhere"), 2, "'nowhere' does not exist")


def test_a_bad_line_takes_nothing_with_it(node, tmp_path):
    (tmp_path / "lines").write_text("good\n" + "x" * 1001 + "\nalso good\n")

    done = run_command("submit", "--data-dir", node.data_dir, "--lines", tmp_path / "lines")

    assert_one_sentence(done, 1, "1 of 3 transactions were refused", "line 2")
    assert len(done.stdout.splitlines()) == 2


def test_a_port_in_use_is_named(tmp_path, taken_port):
    done = run_command(
        "run", "--data-dir", tmp_path, "--listen", f"127.0.0.1:{taken_port}", "--admin", "127.0.0.1:0", timeout_s=30
    )

    assert_one_sentence(done, 1, f"127.0.0.1:{taken_port}")


def test_a_management_port_in_use_is_named(tmp_path, taken_port):
    done = run_command(
        "run", "--data-dir", tmp_path, "--listen", "127.0.0.1:0", "--admin", f"127.0.0.1:{taken_port}", timeout_s=30
    )

    assert_one_sentence(done, 1, f"127.0.0.1:{taken_port}")


def test_an_address_beyond_loopback_is_refused_where_links_are_not_encrypted(tmp_path):
    (tmp_path / "config.toml").write_text('[security]\nmode = "insecure"\n')

    done = run_command("run", "--data-dir", tmp_path, "--listen", "0.0.0.0:0", "--admin", "127.0.0.1:0", timeout_s=30)

    assert_one_sentence(done, 2, "0.0.0.0", "allow_insecure_network")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[communicaton]\n", ("communicaton is no section", "did you mean communication")),
        ("[communication]\nlisen = 'x'\n", ("communication.lisen is no setting", "did you mean communication.listen")),
        ("[communication]\nmax_connections = 0\n", ("communication.max_connections is 0", "greater than or equal to 1")),
        ("[communication]\ntransports = ['smoke']\n", ("communication.transports", "'smoke'")),
        ("[transaction_distribution]\nstrategy = 'gossip'\n", ("transaction_distribution.strategy", "'gossip'")),
        ("[store]\nurl = 'oracle://x'\n", ("store.url", "'oracle'")),
        ("not toml\n", ("is not TOML",)),
    ],
)
def test_a_bad_key_or_value_in_the_configuration_is_named(tmp_path, text, parts):
    (tmp_path / "config.toml").write_text(text)

    assert_one_sentence(run_node(tmp_path), 2, *parts)


def test_a_bad_option_is_named(tmp_path):
    assert_one_sentence(run_node(tmp_path, "--bootstrap", "nowhere"), 2, "peer_discovery.bootstrap_nodes", "'nowhere'")


def test_a_bootstrap_address_that_does_not_answer_is_a_line_in_the_log_and_the_node_runs(tmp_path):
    node = NodeProcess(1, tmp_path / "node")
    node.data_dir.mkdir()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        node.spawn([address])
        try:
            node.wait_until_ready()
            node.client.submit(b"accepted all the same")
            assert node.status()["peers"]["connected"] == 0
        finally:
            status = node.terminate()

    assert status == 0
    assert f"the bootstrap node grpc://{address} does not answer" in node.log_text()
    assert "Traceback" not in node.log_text()


def test_a_second_node_on_the_same_data_directory_is_refused_and_the_first_goes_on(node):
    assert_one_sentence(run_node(node.data_dir), 1, str(node.data_dir))
    assert node.status()["state"]
    assert node.client.submit(b"x")["state"] == "queued"


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()

    assert_one_sentence(run_node(tmp_path / "file" / "node"), 1, str(tmp_path / "file"))


@pytest.mark.skipif(os.geteuid() == 0 and not SETPRIV, reason="root may write everywhere, and there is no setpriv to change that")
def test_a_data_directory_without_write_permission_is_named(tmp_path):
    tmp_path.chmod(0o500)
    # Root keeps its name and loses the right to ignore modes.
    prefix = (SETPRIV, "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()

    done = run_node(tmp_path, prefix=prefix)

    assert_one_sentence(done, 1, str(tmp_path), "Permission denied")


def test_a_damaged_database_is_named_and_left_alone(tmp_path):
    (tmp_path / "peer.db").write_bytes(b"this is no database, and nothing may make it one" * 100)
    before = (tmp_path / "peer.db").read_bytes()

    assert_one_sentence(run_node(tmp_path), 1, "peer.db")
    assert (tmp_path / "peer.db").read_bytes() == before
