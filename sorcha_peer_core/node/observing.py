"""What happens in a node, for those who watch it: events, settings and how counters grew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sorcha_peer_core.node.running import Running
from sorcha_peer_core.node.settings import settings_shown
from sorcha_peer_core.services.history import History, Reading
from sorcha_peer_core.services.metrics import NodeReading

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence

    from gevent.event import Event as Signal

    from sorcha_peer_core.config import Config
    from sorcha_peer_core.interfaces.views import EventSlice, Health, Sample, SettingView
    from sorcha_peer_core.node.parts import Parts
    from sorcha_peer_core.node.report import Report
    from sorcha_peer_core.services.metrics import Metrics
    from sorcha_peer_core.services.plugin_reports import PluginReports


class Observing(Running):
    """The part of a node that is about being watched."""

    _config: Config
    _metrics: Metrics
    _reports: PluginReports
    refused: Counter[str]
    _history: History
    _stopping: Signal

    def health(self) -> Health:
        """Whether the node can do its work."""
        raise NotImplementedError

    def events(self, after_id: int, limit: int) -> EventSlice:
        """Events with a greater id, the oldest of them first."""
        return self._assembled.ground.events.after(after_id, limit)

    def wait_for_events(self, after_id: int, timeout_s: float) -> bool:
        """Block until there is one with a greater id, the time is over or the node stops."""
        return self._assembled.ground.events.wait(after_id, timeout_s)

    def settings_shown(self) -> list[SettingView]:
        """Every setting with its value and where that comes from, without secrets."""
        return settings_shown(self._config)

    def history(self) -> Sequence[Sample]:
        """How counters stood over the last day."""
        return self._history.samples()

    def metrics_text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return self._metrics.text()

    def _reading(self, parts: Parts, report: Report) -> NodeReading:
        """What metrics are read from."""

        def gauges() -> Mapping[str, float]:
            health = self.health()
            return {"ready": health.live and health.ready, **report.gauges()}

        return NodeReading(
            report.status,
            gauges,
            report.counters,
            lambda: parts.ground.events.counts,
            connection_errors=lambda: parts.links.connection_errors,
            dropped=lambda: {"send queue full": parts.driver.dropped_frames},
            refused=lambda: self.refused,
            pruned=lambda: parts.retention.pruned,
            bans=lambda: parts.bans.counts,
            deeds=lambda: parts.conduct.deeds,
            judged=lambda: parts.conduct.judged,
            over_quota=report.over_quota,
            plugins=self._reports.families,
            plugin_failures=lambda: self._reports.failures,
        )

    def _keep_history(self, parts: Parts) -> None:
        """Begin to take samples."""
        before, store = parts.driver.last_seq, parts.ground.store

        def read() -> Reading:
            sent, received = parts.links.traffic()
            queue = store.queue_totals()
            return Reading(
                sent,
                received,
                parts.driver.last_seq - before,
                queue.waiting,
                self._metrics.latency_sum_ms,
                self._metrics.arrivals,
            )

        self._history = History(read)
        parts.ground.supervisor.spawn("history", self._history.run, self._stopping)
