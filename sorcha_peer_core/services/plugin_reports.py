"""What plugins say of themselves: metrics and health. One that fails is named, and takes nothing of the others with it."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from gevent import Timeout
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from sorcha_peer_core.interfaces.monitoring import Metric

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.monitoring import HealthCheck, MetricSource

log = logging.getLogger(__name__)

MOST_S = 1.0
"""How long one of them may take; a probe is asked every few seconds and must not pile up."""
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
Family = GaugeMetricFamily | CounterMetricFamily
_FAMILIES: dict[str, type[Family]] = {"gauge": GaugeMetricFamily, "counter": CounterMetricFamily}
T = TypeVar("T")


class PluginReports:
    """Asks the sources and checks that plugins brought, each under the name of its plugin."""

    def __init__(
        self,
        sources: Sequence[tuple[str, MetricSource]] = (),
        checks: Sequence[tuple[str, HealthCheck]] = (),
        most_s: float = MOST_S,
    ) -> None:
        self._sources = sources
        self._checks = checks
        self._most_s = most_s
        self.failures: Counter[tuple[str, str]] = Counter()
        """By plugin and hook."""

    def families(self) -> Iterator[Family]:
        """What plugins measured, in Prometheus' words."""
        for plugin, source in self._sources:
            try:
                yield from self._ask(lambda plugin=plugin, source=source: _families(plugin, source()))  # type: ignore[misc]
            except Exception as error:
                self._failed(plugin, "peer_metrics", error)

    def reasons(self) -> list[str]:
        """Why the node is not ready, as plugins say."""
        reasons: list[str] = []
        for plugin, check in self._checks:
            try:
                reasons += map(str, self._ask(lambda check=check: list(check())))  # type: ignore[misc]
            except Exception as error:
                self._failed(plugin, "peer_health", error)
                reasons.append(f"the plugin {plugin} cannot say whether it is well: {_said(error)}")
        return reasons

    def _ask(self, question: Callable[[], T]) -> T:
        # Of gevent's own, nothing but a bare `except` would catch the end of the time.
        with Timeout(self._most_s, TimeoutError(f"no answer within {self._most_s:g} s")):
            return question()

    def _failed(self, plugin: str, hook: str, error: Exception) -> None:
        if not self.failures[plugin, hook]:
            log.warning("the plugin %s failed at %s: %s; said once, counted from now on", plugin, hook, _said(error))
        self.failures[plugin, hook] += 1


def _families(plugin: str, metrics: Iterable[Metric]) -> list[Family]:
    """Raises ValueError for what Prometheus would not take: none of it is shown then, rather than a half."""
    families: dict[str, tuple[Family, Metric]] = {}
    for metric in metrics:
        if metric.name not in families:
            families[metric.name] = _family(plugin, metric), metric
        family, first = families[metric.name]
        if (metric.kind, tuple(metric.labels)) != (first.kind, tuple(first.labels)):
            raise ValueError(f"the metric {metric.name} comes with kinds or labels that differ")
        family.add_metric([str(value) for value in metric.labels.values()], float(metric.value))
    return [family for family, _ in families.values()]


def _family(plugin: str, metric: Metric) -> Family:
    if metric.kind not in _FAMILIES:
        raise ValueError(f"the metric {metric.name} is a {metric.kind}; there is {', '.join(_FAMILIES)}")
    for word in (metric.name, *metric.labels):
        if not _NAME.fullmatch(word):
            raise ValueError(f"{word!r} is no name of a metric or label: lower-case words joined by _")
    prefix = re.sub(r"[^a-z0-9]+", "_", plugin.lower())
    return _FAMILIES[metric.kind](f"sorcha_{prefix}_{metric.name}", metric.summary, labels=tuple(metric.labels))


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if not isinstance(error, TimeoutError) else str(error)
