"""Prometheus metrics of one node, read from its state when they are asked for: nothing is counted twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from sorcha_peer_core.interfaces.service import NodeStatus, Traffic

_LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 3600.0)


class NodeReading:
    """What the collector reads, as callables, so that it holds no part of the node itself."""

    def __init__(
        self,
        status: Callable[[], NodeStatus],
        gauges: Callable[[], dict[str, float]],
        counters: Callable[[], dict[str, float]],
        events: Callable[[], dict[str, int]],
        connection_errors: Callable[[], Mapping[tuple[str, str], int]],
        dropped: Callable[[], Mapping[str, int]],
        refused: Callable[[], Mapping[str, int]],
        pruned: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self.status = status
        self.gauges = gauges
        self.counters = counters
        self.events = events
        self.connection_errors = connection_errors
        """By transport and reason."""
        self.dropped = dropped
        """By reason."""
        self.refused = refused
        """Submissions, by reason."""
        self.pruned = pruned
        """By reason."""
        self.bans: Callable[[], Mapping[str, int]] = dict
        """By who banned; set by the node, as those below."""
        self.deeds: Callable[[], Mapping[str, int]] = dict
        """What peers did that counts for or against them."""
        self.judged: Callable[[], Mapping[str, int]] = dict
        """By verdict."""
        self.over_quota: Callable[[], Mapping[str, int]] = dict
        """Dropped items, by kind."""


class Metrics:
    """The registry of one node."""

    def __init__(self, reading: NodeReading) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_NodeCollector(reading))
        self._latency = Histogram(
            "sorcha_transaction_distribution_latency_seconds",
            "From the origin's clock to the arrival here.",
            buckets=_LATENCY_BUCKETS_S,
            registry=self._registry,
        )

        self.latency_sum_ms = 0.0
        self.arrivals = 0
        """Those that the sum is of."""

    def arrived(self, created_ms: float, received_ms: float) -> None:
        """A transaction of another node was committed here."""
        latency_ms = max(0.0, received_ms - created_ms)
        self._latency.observe(latency_ms / 1000)
        self.latency_sum_ms += latency_ms
        self.arrivals += 1

    def text(self) -> bytes:
        """Everything, in the text format 0.0.4."""
        return generate_latest(self._registry)


class _NodeCollector(Collector):
    def __init__(self, reading: NodeReading) -> None:
        self._reading = reading

    def collect(self) -> Iterator[Metric]:
        status, reading = self._reading.status(), self._reading
        yield from _of_status(status)
        yield from _of_traffic(status.traffic)
        for name, gauge in reading.gauges().items():
            yield GaugeMetricFamily(f"sorcha_{name}", name.replace("_", " "), gauge)
        for name, total in reading.counters().items():
            yield CounterMetricFamily(f"sorcha_{name}", name.replace("_", " "), total)
        errors = CounterMetricFamily("sorcha_connection_errors", "Dials that failed.", labels=("transport", "reason"))
        for labels, number in reading.connection_errors().items():
            errors.add_metric(labels, number)
        yield errors
        yield _counted("dropped", "Frames that were dropped.", "reason", reading.dropped())
        yield _counted("pruned", "Transactions that left the log, or lost their payload.", "reason", reading.pruned())
        yield _counted("bans", "Bans, by who banned: operator, or the name of a rule.", "reason", reading.bans())
        yield _counted("reputation_deeds", "What peers did that counts for or against them.", "deed", reading.deeds())
        yield _counted("reputation_verdicts", "Peers that were parted with for what they did.", "verdict", reading.judged())
        yield _counted("quota_dropped", "Items beyond what a peer may send unasked.", "kind", reading.over_quota())
        yield _counted("submissions_refused", "Submissions that were not accepted.", "reason", reading.refused())
        yield _counted("events", "Events by kind.", "kind", reading.events())


def _of_status(status: NodeStatus) -> Iterator[Metric]:
    yield GaugeMetricFamily("sorcha_peer_count", "Known peers.", status.peers_known)
    yield GaugeMetricFamily("sorcha_peer_count_active", "Linked peers.", status.peers_active)
    queue = GaugeMetricFamily("sorcha_transaction_queue_size", "Submissions without their receipts.", labels=("state",))
    for state in ("pending", "inflight", "retry", "dead"):
        queue.add_metric((state,), getattr(status, f"queue_{state}"))
    yield queue
    yield GaugeMetricFamily("sorcha_transaction_queue_bytes", "Payloads of those that wait.", status.queue_waiting_bytes)
    online = {"offline": 0, "degraded": 1, "online": 2}.get(status.state, 0)
    yield GaugeMetricFamily("sorcha_peer_service_status", "0 offline, 1 degraded, 2 online.", online)
    found_at = status.last_discovery_at or 0
    yield GaugeMetricFamily(
        "sorcha_last_successful_discovery_timestamp_seconds", "When a peer last told whom it knows.", found_at
    )
    links = GaugeMetricFamily("sorcha_links", "Linked peers by transport and direction.", labels=("transport", "direction"))
    for key, number in status.links_by_direction.items():
        links.add_metric(key, number)
    yield links


def _of_traffic(traffic: Traffic) -> Iterator[Metric]:
    yield CounterMetricFamily("sorcha_bandwidth_sent_bytes", "Bytes of batches sent.", traffic.sent_bytes)
    yield CounterMetricFamily("sorcha_bandwidth_received_bytes", "Bytes of batches received.", traffic.received_bytes)
    yield CounterMetricFamily("sorcha_transactions_received", "Copies of transactions received.", traffic.received)
    yield CounterMetricFamily("sorcha_transactions_duplicate", "Copies that were here already.", traffic.duplicates)


def _counted(name: str, text: str, label: str, numbers: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"sorcha_{name}", text, labels=(label,))
    for value, number in numbers.items():
        family.add_metric((value,), number)
    return family
