"""The example transport: found by its entry point, chosen by configuration, and the only way between three nodes."""

from __future__ import annotations

import os
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from random import Random

import pytest

from sorcha_peer_core.cli.cluster import Cluster

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "mailbox-transport"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The example beside the core, as far as new processes can see: its code, and what an installer writes of setup.cfg."""
    metadata = ConfigParser(interpolation=None)
    metadata.read(EXAMPLE / "setup.cfg", encoding="utf-8")
    name, version = metadata["metadata"]["name"], metadata["metadata"]["version"]
    info = tmp_path / "site" / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    plugins = metadata["options.entry_points"]["sorcha_peer"]
    (info / "entry_points.txt").write_text(f"[sorcha_peer]{plugins}\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(EXAMPLE), str(info.parent), os.environ.get("PYTHONPATH", "")]))


@pytest.fixture
def relay_url(installed):
    """A relay in a process of its own."""
    command = [sys.executable, "-m", "sorcha_mailbox.relay", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as relay:
        assert relay.stdout is not None
        yield relay.stdout.readline().split()[-1]
        relay.kill()


def test_three_nodes_that_only_have_mailboxes_hold_exactly_the_same_transactions(tmp_path, relay_url):
    config = {
        "communication": {"transports": ["mailbox"]},
        "security": {"mode": "insecure"},
        "plugins": {"mailbox": {"relay": relay_url}},
    }
    payloads = [b"%d " % number * 100 for number in range(50)] + [Random(1).randbytes(400_000)]
    with Cluster(tmp_path / "nodes", 3, [config] * 3) as cluster:
        cluster.start()
        cluster.wait_until_linked(2, 30)
        assert cluster.nodes[0].address.startswith("mailbox://127.0.0.1:")

        for node in cluster.nodes:
            node.client.submit_batch(payloads[node.number - 1 :: 3])
        cluster.wait_until_all_have(len(payloads), 30)

        assert [node.status()["links"] for node in cluster.nodes] == [{"mailbox": 2}] * 3
        assert len({frozenset(node.hashes()) for node in cluster.nodes}) == 1


def test_a_node_without_a_relay_says_what_is_missing(tmp_path, installed):
    environment = {**os.environ, "SORCHA_PEER__COMMUNICATION__TRANSPORTS": '["mailbox"]'}
    command = [sys.executable, "-m", "sorcha_peer_core", "run", "--data-dir", str(tmp_path / "node")]

    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert "plugins.mailbox.relay is None: the URL of a relay" in done.stderr
    assert "Traceback" not in done.stderr
