"""The dashboard and the alert rules that ship: every metric they name is one that a node has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from node_parts import Village
from prometheus_client.parser import text_string_to_metric_families

DOCS = Path(__file__).parent.parent.parent / "docs"
DASHBOARD = DOCS / "grafana-dashboard.json"
RULES = DOCS / "alert-rules.yml"
PLAYED = Path(__file__).parent / "alert_rules_test.yml"
_METRIC = re.compile(r"\b(?:sorcha|process)_[a-z0-9_]+\b")
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def queries() -> list[str]:
    """What the panels of the dashboard ask."""
    return [target["expr"] for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"] for target in panel["targets"]]


def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool (Debian package prometheus) is not installed")
    return found


@pytest.fixture(scope="module")
def metrics(tmp_path_factory) -> Iterator[set[str]]:
    """The names of all metrics of a node, those without a value so far included."""
    village = Village(tmp_path_factory.mktemp("monitored"))
    text = village.node(1, security={"mode": "open"}).metrics_text().decode()
    families = text_string_to_metric_families(text)
    yield {f"{family.name}{suffix}" for family in families for suffix in _SUFFIXES[family.type]}
    village.stop()


def test_every_metric_of_the_alert_rules_exists(metrics: set[str]):
    named = set(_METRIC.findall(RULES.read_text("utf-8")))

    assert len(named) > 10
    assert named - metrics == set()


def test_every_metric_of_the_dashboard_exists(metrics: set[str]):
    named = {name for query in queries() for name in _METRIC.findall(query)}

    assert len(named) > 20
    assert named - metrics == set()
    variables = json.dumps(json.loads(DASHBOARD.read_text("utf-8"))["templating"])
    assert set(_METRIC.findall(variables)) == {"sorcha_ready"}


def test_the_panels_of_the_dashboard_lie_beside_each_other_and_are_told_apart():
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    places = [
        (x, y)
        for grid in (panel["gridPos"] for panel in panels)
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]

    assert len({panel["id"] for panel in panels}) == len({panel["title"] + panel["type"] for panel in panels}) == len(panels)
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24


def test_every_alert_says_what_it_is_about_and_what_to_do():
    rules = RULES.read_text("utf-8").split("- alert: ")[1:]

    assert len(rules) == len({rule.split()[0] for rule in rules})
    for rule in rules:
        assert all(f"{key}:" in rule for key in ("expr", "severity", "summary", "description"))


def test_the_alert_rules_are_rules():
    done = subprocess.run([promtool(), "check", "rules", str(RULES)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_go_off_for_nodes_that_are_ill_and_for_no_others(tmp_path):
    played = tmp_path / PLAYED.name
    played.write_text(PLAYED.read_text("utf-8").replace("ALERT_RULES", str(RULES)), "utf-8")

    done = subprocess.run([promtool(), "test", "rules", str(played)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_dashboard_asks_can_be_asked(tmp_path):
    asked = tmp_path / "asked.yml"
    rules = [
        {"record": f"asked:{number}", "expr": query.replace("$__rate_interval", "1m").replace("$instance", ".*")}
        for number, query in enumerate(queries())
    ]
    # JSON is YAML.
    asked.write_text(json.dumps({"groups": [{"name": "asked", "rules": rules}]}), "utf-8")

    done = subprocess.run([promtool(), "check", "rules", str(asked)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
