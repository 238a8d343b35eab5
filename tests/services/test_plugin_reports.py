"""Metrics and health that plugins bring: shown under their names, and none of them can spoil the rest."""

from __future__ import annotations

import gevent
import pytest
from node_parts import Village
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from sorcha_peer_core.hookspecs import hookimpl
from sorcha_peer_core.interfaces.monitoring import Metric
from sorcha_peer_core.services.plugin_reports import PluginReports

GOOD = [
    Metric("servers", "gauge", "Servers.", 2, {"state": "up"}),
    Metric("servers", "gauge", "Servers.", 1, {"state": "down"}),
    Metric("asked", "counter", "Questions.", 17),
]


def text_of(reports: PluginReports) -> dict[str, float]:
    registry = CollectorRegistry(auto_describe=False)

    class Collector:
        def collect(self):
            return list(reports.families())

        def describe(self):
            return []

    registry.register(Collector())
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {f"{sample.name}{sample.labels or ''}": sample.value for family in families for sample in family.samples}


def test_metrics_stand_under_the_name_of_their_plugin():
    reports = PluginReports([("my-stun", lambda: GOOD)])

    assert text_of(reports) == {
        "sorcha_my_stun_servers{'state': 'up'}": 2,
        "sorcha_my_stun_servers{'state': 'down'}": 1,
        "sorcha_my_stun_asked_total": 17,
    }


@pytest.mark.parametrize(
    "metrics",
    [
        [Metric("Servers", "gauge", "", 1)],
        [Metric("a b", "gauge", "", 1)],
        [Metric("a", "histogram", "", 1)],
        [Metric("a", "gauge", "", 1, {"le-x": "1"})],
        [Metric("a", "gauge", "", 1, {"b": "1"}), Metric("a", "gauge", "", 1, {"c": "1"})],
        [Metric("a", "gauge", "", 1), Metric("a", "counter", "", 1)],
        [Metric("a", "gauge", "", "many")],
        None,
    ],
)
def test_metrics_that_prometheus_would_not_take_are_left_out_and_counted(metrics, caplog):
    reports = PluginReports([("bad", lambda: metrics), ("good", lambda: GOOD)])

    names = set(text_of(reports))
    text_of(reports)

    assert {name.partition("{")[0] for name in names} == {"sorcha_good_servers", "sorcha_good_asked_total"}
    assert reports.failures == {("bad", "peer_metrics"): 2}
    assert caplog.text.count("the plugin bad failed at peer_metrics") == 1


def test_reasons_of_all_plugins_come_together():
    reports = PluginReports(checks=[("a", lambda: ["one"]), ("b", lambda: []), ("c", lambda: ("two", "three"))])

    assert reports.reasons() == ["one", "two", "three"]


def test_a_check_that_fails_is_a_reason_with_the_name_of_its_plugin():
    reports = PluginReports(checks=[("a", lambda: 1 / 0), ("b", lambda: ["one"])])

    assert reports.reasons() == [
        "the plugin a cannot say whether it is well: ZeroDivisionError: division by zero",
        "one",
    ]
    assert reports.failures == {("a", "peer_health"): 1}


def test_a_check_that_takes_long_does_not_hold_up_the_others():
    reports = PluginReports(checks=[("slow", lambda: gevent.sleep(60)), ("b", lambda: ["one"])], most_s=0.01)

    assert reports.reasons() == ["the plugin slow cannot say whether it is well: no answer within 0.01 s", "one"]


class Monitored:
    """A plugin that measures, and knows whether it is well."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    @hookimpl
    def peer_metrics(self, node):
        return [lambda: [Metric("peers", "gauge", "Peers.", node.status().peers_known)]]

    @hookimpl
    def peer_health(self, node):
        return [lambda: self.reasons]


class Broken:
    """A plugin whose hooks fail when they are called."""

    @hookimpl
    def peer_metrics(self, node):
        raise RuntimeError("no way")


def test_a_node_shows_what_its_plugins_say(tmp_path):
    village, plugin = Village(tmp_path), Monitored()
    node = village.node(1, plugins={"watched": plugin})

    assert b"sorcha_watched_peers 0.0" in node.metrics_text()
    assert b"sorcha_ready 1.0" in node.metrics_text()
    assert node.health().ready

    plugin.reasons = ["the relay is away"]

    assert (node.health().live, node.health().ready, list(node.health().reasons)) == (True, False, ["the relay is away"])
    assert b"sorcha_ready 0.0" in node.metrics_text()
    village.stop()


def test_a_plugin_whose_hook_fails_is_named_and_the_node_runs_without_it(tmp_path):
    village = Village(tmp_path)
    node = village.node(1, plugins={"broken": Broken()})

    [info] = [info for info in node.plugins() if info["name"] == "broken"]
    village.stop()
    assert info["error"] == "RuntimeError: no way"
