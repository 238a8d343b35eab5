"""Real nodes, watched: events over a restart, settings, history, metrics on their own address, and the log for collectors."""

from __future__ import annotations

import json
import re

import gevent
import pytest
import requests
from devnet_commands import run_command
from prometheus_client.parser import text_string_to_metric_families

from sorcha_peer_core.cli.cluster import Cluster, NodeProcess, wait_until
from sorcha_peer_core.client import NodeClient, find_node

WATCHED = {
    "node": {"log_format": "json", "log_level": "debug"},
    "admin": {"metrics_listen": "127.0.0.1:0"},
}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """Two linked nodes, the first of them watched."""
    with Cluster(tmp_path_factory.mktemp("watched"), 2, [WATCHED]) as cluster:
        cluster.start()
        cluster.wait_until_linked(1, 60.0)
        yield cluster.nodes


class Follower:
    """Follows the events of a node for as long as a test lasts."""

    def __init__(self, node: NodeProcess) -> None:
        self.events: list[dict] = []
        self.troubles = 0
        self._client = NodeClient(*find_node(node.data_dir))
        self._greenlet = gevent.spawn(self._run)

    def _run(self) -> None:
        for event in self._client.follow_events(on_trouble=self._troubled):
            self.events.append(event)

    def _troubled(self, problem: Exception) -> None:
        self.troubles += 1

    def close(self) -> None:
        self._greenlet.kill()
        self._client.close()

    @property
    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.events]


def test_commands_show_events_and_settings_of_a_running_node(nodes):
    watched, other = nodes

    shown = run_command("events", "--data-dir", watched.data_dir, "--kind", "PeerLinked", "--json")
    settings = run_command("config", "--data-dir", watched.data_dir, "--json")

    events = [json.loads(line) for line in shown.stdout.splitlines()]
    assert other.peer_id in {event["fields"]["peer_id"] for event in events}
    origins = {setting["key"]: setting["origin"] for setting in json.loads(settings.stdout)["settings"]}
    assert origins["node.log_format"] == f"file {watched.data_dir / 'config.toml'}"
    assert (origins["admin.listen"], origins["node.network_id"]) == ("flag", "default")


def test_what_was_sent_and_what_arrived_is_in_the_history(nodes):
    watched, other = nodes

    tx_hash = other.client.submit(b"hello")["hash"]
    wait_until(lambda: tx_hash in watched.hashes(), 20.0, "the transaction to arrive")
    wait_until(lambda: watched.client.history()["transactions"][-1:] == [1], 10.0, "the next second")

    history = watched.client.history()
    assert len({len(column) for column in history.values()}) == 1
    assert history["received_bytes"][-1] > 0
    [latency_ms] = [value for value in history["latency_ms"] if value is not None]
    assert 0 <= latency_ms < 20_000


def test_metrics_alone_are_reached_at_their_own_address(nodes):
    watched, _ = nodes
    [url] = re.findall(r"metrics and probes are answered at (http://[0-9.:]+)", watched.log_text())

    metrics = requests.get(f"{url}/metrics", timeout=10).text

    samples = [sample for family in text_string_to_metric_families(metrics) for sample in family.samples]
    assert [sample.value for sample in samples if sample.name == "sorcha_ready"] == [1]
    assert sum(sample.value for sample in samples if sample.name == "sorcha_links") == 1
    assert requests.get(f"{url}/readyz", timeout=10).json()["ready"]
    assert requests.get(f"{url}/manage/v1/status", timeout=10).status_code == 404


def test_every_line_of_the_log_is_an_object_that_names_in_full_whom_it_is_about(nodes):
    watched, other = nodes

    lines = [json.loads(line) for line in watched.log_text().splitlines() if line.startswith("{")]

    linked = [line for line in lines if line.get("event") == "PeerLinked"]
    assert other.peer_id in {line["peer_id"] for line in linked}
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    said = [line for line in watched.log_text().splitlines() if not line.startswith("{")]
    assert [line for line in said if not line.startswith("Node ")] == []


def test_events_are_followed_over_a_restart_and_the_gap_is_told(nodes):
    watched, other = nodes
    follower = Follower(watched)
    wait_until(lambda: "PeerLinked" in follower.kinds, 10.0, "the link to be told")

    watched.terminate()
    watched.restart([other.address])
    wait_until(lambda: "gap" in follower.kinds, 20.0, "the gap to be told")
    wait_until(lambda: "PeerLinked" in follower.kinds[follower.kinds.index("gap") :], 20.0, "the new link to be told")
    follower.close()

    ids = [event["id"] for event in follower.events]
    assert follower.kinds.count("gap") == 1
    assert ids == sorted(set(ids))
    before, after = ids[: follower.kinds.index("gap")], ids[follower.kinds.index("gap") + 1 :]
    assert before == list(range(before[0], before[0] + len(before)))
    assert after == list(range(after[0], after[0] + len(after)))
    assert follower.troubles >= 1
