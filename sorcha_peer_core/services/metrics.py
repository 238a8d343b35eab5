"""Prometheus metrics of one node, read from its state when they are asked for: nothing is counted twice."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from sorcha_peer_core.services.metric_summaries import COUNTERS, GAUGES

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from sorcha_peer_core.interfaces.views import NodeStatus, Traffic

_LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 3600.0)


@dataclass(frozen=True, slots=True)
class NodeReading:
    """What the collector reads, as callables, so that it holds no part of the node itself."""

    status: Callable[[], NodeStatus]
    gauges: Callable[[], Mapping[str, float]]
    """By names that ``metric_summaries`` explains."""
    counters: Callable[[], Mapping[str, float]]
    events: Callable[[], Mapping[str, int]]
    """By kind."""
    connection_errors: Callable[[], Mapping[tuple[str, str], int]]
    """By transport and reason."""
    dropped: Callable[[], Mapping[str, int]]
    """By reason."""
    refused: Callable[[], Mapping[str, int]]
    """Submissions, by reason."""
    pruned: Callable[[], Mapping[str, int]] = dict
    """By reason."""
    plugins: Callable[[], Iterable[Metric]] = tuple
    """What plugins measured."""
    plugin_failures: Callable[[], Mapping[tuple[str, str], int]] = dict
    """By plugin and hook."""
    bans: Callable[[], Mapping[str, int]] = dict
    """By who banned."""
    deeds: Callable[[], Mapping[str, int]] = dict
    """What peers did that counts for or against them."""
    judged: Callable[[], Mapping[str, int]] = dict
    """By verdict."""
    over_quota: Callable[[], Mapping[str, int]] = dict
    """Dropped items, by kind."""


class Metrics:
    """The registry of one node."""

    def __init__(self, reading: NodeReading) -> None:
        self.latency_sum_ms = 0.0
        self.arrivals = 0
        """Those that the sum is of."""
        self._latency_counts = [0] * (len(_LATENCY_BUCKETS_S) + 1)
        self._registry = CollectorRegistry()
        self._registry.register(_NodeCollector(reading, self._latency))
        ProcessCollector(registry=self._registry)

    def arrived(self, created_ms: float, received_ms: float) -> None:
        """A transaction of another node was committed here."""
        latency_ms = max(0.0, received_ms - created_ms)
        self._latency_counts[bisect_left(_LATENCY_BUCKETS_S, latency_ms / 1000)] += 1
        self.latency_sum_ms += latency_ms
        self.arrivals += 1

    def text(self) -> bytes:
        """Everything, in the text format 0.0.4."""
        return generate_latest(self._registry)

    def _latency(self) -> Metric:
        bounds = [*map(str, _LATENCY_BUCKETS_S), "+Inf"]
        return HistogramMetricFamily(
            "sorcha_transaction_distribution_latency_seconds",
            "From the origin's clock to the arrival here, of transactions of others.",
            buckets=list(zip(bounds, accumulate(self._latency_counts), strict=True)),
            sum_value=self.latency_sum_ms / 1000,
        )


class _NodeCollector(Collector):
    def __init__(self, reading: NodeReading, latency: Callable[[], Metric]) -> None:
        self._reading = reading
        self._latency = latency

    def collect(self) -> Iterator[Metric]:
        status, reading = self._reading.status(), self._reading
        yield from _of_status(status)
        yield from _of_traffic(status.traffic)
        yield self._latency()
        for name, gauge in reading.gauges().items():
            yield GaugeMetricFamily(f"sorcha_{name}", GAUGES.get(name, name), gauge)
        for name, total in reading.counters().items():
            yield CounterMetricFamily(f"sorcha_{name}", COUNTERS.get(name, name), total)
        yield _counted("connection_errors", "Dials that failed.", ("transport", "reason"), reading.connection_errors())
        yield _counted("dropped", "Frames that were dropped.", ("reason",), _keyed(reading.dropped()))
        yield _counted("pruned", "Transactions that left the log, or lost their payload.", ("reason",), _keyed(reading.pruned()))
        yield _counted("bans", "Bans, by who banned: operator, or the name of a rule.", ("reason",), _keyed(reading.bans()))
        yield _counted("reputation_deeds", "What peers did that counts for or against them.", ("deed",), _keyed(reading.deeds()))
        verdicts = "Peers that were parted with for what they did."
        yield _counted("reputation_verdicts", verdicts, ("verdict",), _keyed(reading.judged()))
        yield _counted("quota_dropped", "Items beyond what a peer may send unasked.", ("kind",), _keyed(reading.over_quota()))
        yield _counted("submissions_refused", "Submissions that were not accepted.", ("reason",), _keyed(reading.refused()))
        yield _counted("events", "Events by kind.", ("kind",), _keyed(reading.events()))
        # First what they say, then how often they failed to: this time counts.
        yield from list(reading.plugins())
        summary = "Times a plugin did not give its metrics or its health."
        yield _counted("plugin_failures", summary, ("plugin", "hook"), reading.plugin_failures())

    def describe(self) -> Iterator[Metric]:
        """Nothing: without it the registry would collect once to learn the names."""
        yield from ()


def _of_status(status: NodeStatus) -> Iterator[Metric]:
    info = GaugeMetricFamily(
        "sorcha_node_info", "Who this node is; always 1.", labels=("peer_id", "name", "version", "network_id")
    )
    info.add_metric((status.peer_id, status.name, status.version, status.network_id), 1)
    yield info
    yield GaugeMetricFamily("sorcha_peer_count", "Known peers.", status.peers_known)
    yield GaugeMetricFamily("sorcha_peer_count_active", "Peers that are linked or counted on to answer.", status.peers_active)
    queue = GaugeMetricFamily("sorcha_transaction_queue_size", "Submissions without their receipts.", labels=("state",))
    for state in ("pending", "inflight", "retry", "dead"):
        queue.add_metric((state,), getattr(status, f"queue_{state}"))
    yield queue
    yield GaugeMetricFamily("sorcha_transaction_queue_bytes", "Payloads of those that wait.", status.queue_waiting_bytes)
    online = {"offline": 0, "degraded": 1, "online": 2}.get(status.state, 0)
    yield GaugeMetricFamily("sorcha_peer_service_status", "0 offline, 1 degraded, 2 online.", online)
    found_at = status.last_discovery_at or 0
    yield GaugeMetricFamily(
        "sorcha_last_successful_discovery_timestamp_seconds", "When a peer last told whom it knows; 0: never.", found_at
    )
    yield GaugeMetricFamily("sorcha_start_timestamp_seconds", "When the node started.", status.started_at)
    yield GaugeMetricFamily("sorcha_transactions_stored", "Transactions in the arrival log.", status.transactions_stored)
    yield CounterMetricFamily("sorcha_transactions_logged", "Transactions that ever came into the arrival log.", status.last_seq)
    links = GaugeMetricFamily("sorcha_links", "Linked peers by transport and direction.", labels=("transport", "direction"))
    for key, number in status.links_by_direction.items():
        links.add_metric(key, number)
    yield links


def _of_traffic(traffic: Traffic) -> Iterator[Metric]:
    yield CounterMetricFamily("sorcha_bandwidth_sent_bytes", "Bytes of batches sent.", traffic.sent_bytes)
    yield CounterMetricFamily("sorcha_bandwidth_received_bytes", "Bytes of batches received.", traffic.received_bytes)
    yield CounterMetricFamily("sorcha_transactions_received", "Copies of transactions received.", traffic.received)
    yield CounterMetricFamily("sorcha_transactions_duplicate", "Copies that were here already.", traffic.duplicates)


def _keyed(numbers: Mapping[str, int]) -> dict[tuple[str, ...], int]:
    return {(value,): number for value, number in numbers.items()}


def _counted(name: str, text: str, labels: tuple[str, ...], numbers: Mapping[Any, int]) -> Metric:
    """``numbers`` by the values of the labels."""
    family = CounterMetricFamily(f"sorcha_{name}", text, labels=labels)
    for values, number in numbers.items():
        family.add_metric(values, number)
    return family
