"""Metrics in Prometheus' text format."""

from __future__ import annotations

import shutil
import subprocess
from types import SimpleNamespace

import pytest
from node_parts import Village
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from service_parts import wait_until

from sorcha_peer_core.interfaces.views import Traffic
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.services.metrics import Metrics, NodeReading

STATUS = SimpleNamespace(
    peer_id="ab" * 20,
    name='an "odd"\nname',
    version="0.1.0",
    network_id="sorcha",
    started_at=1_700_000_000,
    transactions_stored=60,
    last_seq=70,
    peers_known=7,
    peers_active=3,
    queue_pending=11,
    queue_inflight=12,
    queue_retry=13,
    queue_dead=14,
    queue_waiting_bytes=1500,
    state="degraded",
    last_discovery_at=1_800_000_000,
    links_by_direction={("grpcstream", "outbound"): 2, ("grpc", "inbound"): 1},
    traffic=Traffic(100, 40, sent_bytes=5000, received_bytes=6000, sent_plain_bytes=9000, received_plain_bytes=6000),
)


def read(text: bytes) -> dict[str, float]:
    """Samples by name and labels."""
    samples = [sample for family in text_string_to_metric_families(text.decode()) for sample in family.samples]
    return {
        sample.name + "".join(f"|{label}={value}" for label, value in sorted(sample.labels.items())): sample.value
        for sample in samples
    }


@pytest.fixture
def metrics():
    return Metrics(
        NodeReading(
            status=lambda: STATUS,
            gauges=lambda: {"dedup_bloom_fill_ratio": 0.25},
            counters=lambda: {"gossip_rounds": 9},
            events=lambda: {"PeerLinked": 4},
            connection_errors=lambda: {("grpc", "LinkTimeout"): 2},
            dropped=lambda: {"send queue full": 5},
            refused=lambda: {"queue_full": 8},
        )
    )


def test_every_number_stands_under_its_name(metrics):
    found = read(metrics.text())

    expected = {
        f'sorcha_node_info|name=an "odd"\nname|network_id=sorcha|peer_id={"ab" * 20}|version=0.1.0': 1,
        "sorcha_start_timestamp_seconds": 1_700_000_000,
        "sorcha_transactions_stored": 60,
        "sorcha_transactions_logged_total": 70,
        "sorcha_peer_count": 7,
        "sorcha_peer_count_active": 3,
        "sorcha_transaction_queue_size|state=pending": 11,
        "sorcha_transaction_queue_size|state=inflight": 12,
        "sorcha_transaction_queue_size|state=retry": 13,
        "sorcha_transaction_queue_size|state=dead": 14,
        "sorcha_transaction_queue_bytes": 1500,
        "sorcha_submissions_refused_total|reason=queue_full": 8,
        "sorcha_peer_service_status": 1,
        "sorcha_last_successful_discovery_timestamp_seconds": 1_800_000_000,
        "sorcha_links|direction=outbound|transport=grpcstream": 2,
        "sorcha_links|direction=inbound|transport=grpc": 1,
        "sorcha_bandwidth_sent_bytes_total": 5000,
        "sorcha_bandwidth_received_bytes_total": 6000,
        "sorcha_transactions_received_total": 100,
        "sorcha_transactions_duplicate_total": 40,
        "sorcha_dedup_bloom_fill_ratio": 0.25,
        "sorcha_gossip_rounds_total": 9,
        "sorcha_connection_errors_total|reason=LinkTimeout|transport=grpc": 2,
        "sorcha_dropped_total|reason=send queue full": 5,
        "sorcha_events_total|kind=PeerLinked": 4,
    }
    assert {name: found[name] for name in expected} == expected


def test_latency_is_counted_in_buckets(metrics):
    metrics.arrived(created_ms=1000.0, received_ms=1004.0)
    metrics.arrived(created_ms=1000.0, received_ms=900.0)

    found = read(metrics.text())

    name = "sorcha_transaction_distribution_latency_seconds"
    assert (found[f"{name}_bucket|le=0.001"], found[f"{name}_bucket|le=0.005"], found[f"{name}_count"]) == (1, 2, 2)
    assert found[f"{name}_sum"] == pytest.approx(0.004)


def test_a_node_that_never_discovered_anybody_says_zero(metrics, monkeypatch):
    monkeypatch.setattr(STATUS, "last_discovery_at", None)

    assert read(metrics.text())["sorcha_last_successful_discovery_timestamp_seconds"] == 0


CONTRACT = [
    "peer_count",
    "peer_count_active",
    "peer_service_status",
    "links",
    "connection_errors_total",
    "last_successful_discovery_timestamp_seconds",
    "network_partition_detected",
    "transaction_distribution_latency_seconds_count",
    "transaction_queue_size",
    "transactions_received_total",
    "transactions_duplicate_total",
    "sync_recovered_total",
    "gossip_rounds_total",
    "dedup_bloom_fill_ratio",
    "dropped_total",
    "bandwidth_sent_bytes_total",
    "bandwidth_received_bytes_total",
    "dead_letters_total",
    "receipts_total",
    "ready",
    "certificate_expiry_timestamp_seconds",
]


def test_a_node_has_all_the_metrics_that_were_promised(tmp_path):
    village = Village(tmp_path)
    open_network = {"security": {"mode": "open"}}
    first, second = village.node(1, **open_network), village.node(2, bootstrap=(1, 99), **open_network)
    wait_until(lambda: first.status().peers_connected == 1, "they are linked")
    wait_until(lambda: b"connection_errors_total{" in second.metrics_text(), "the other bootstrap node does not answer")

    names = {name.partition("|")[0] for name in read(second.metrics_text())}

    village.stop()
    assert {f"sorcha_{name}" for name in CONTRACT} <= names


@pytest.fixture
def text(tmp_path):
    """What a node that just started answers."""
    village = Village(tmp_path)
    yield village.node(1, security={"mode": "open"}).metrics_text().decode()
    village.stop()


def test_every_metric_of_a_node_is_explained_and_named_once(text):
    families = list(text_string_to_metric_families(text))

    names = [family.name for family in families]
    assert len(names) == len(set(names))
    assert [family.name for family in families if len(family.documentation.split()) < 2] == []
    assert all(name.startswith(("sorcha_", "process_")) for name in names)


def test_a_counter_that_nothing_was_counted_of_yet_is_there_with_its_type(text):
    for name in ("bans", "connection_errors", "dropped", "submissions_refused", "pruned", "plugin_failures"):
        assert f"# TYPE sorcha_{name}_total counter" in text


def test_promtool_has_nothing_to_say_but_of_names_that_are_fixed(text):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool (Debian package prometheus) is not installed")

    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)

    # The name of the original, which dashboards know: it sounds like a part of a histogram and is a number of peers.
    said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("sorcha_peer_count ")]
    assert said == []


def test_two_nodes_in_one_process_share_no_registry(tmp_path):
    village = Village(tmp_path)
    first, second = village.node(1), village.node(2)

    texts = [node.metrics_text().decode() for node in (first, second)]

    village.stop()
    assert all(text.count("# TYPE sorcha_ready gauge") == 1 for text in texts)
    assert "sorcha" not in generate_latest().decode()


def test_a_dead_letter_is_an_event_that_is_counted(tmp_path):
    village = Village(tmp_path)
    node = village.node(1)

    node._assembled.outbox.on_dead(tx_hash_of(b"a"), "no peer takes it")

    found = read(node.metrics_text())
    village.stop()
    assert (found["sorcha_dead_letters_total"], found["sorcha_events_total|kind=DeadLetter"]) == (1, 1)
