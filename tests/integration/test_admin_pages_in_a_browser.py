"""The pages of real nodes in a real browser: what people click, what they see then, and how it looks."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from admin_browser import WIDE, Browser, axe_source, browser

from sorcha_peer_core.cli.cluster import Cluster

pytest.importorskip("selenium", reason="selenium is not installed (requirements-dev.txt)")

NAMES = ("anna", "ben", "clara", "dora", "emil")
ROOT = Path(__file__).resolve().parents[2]
TOO_LARGE_BYTES = 50_000
"""Of a payload that the first node takes and no other."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Five linked nodes with some transactions."""
    others = {"transaction_distribution": {"max_transaction_bytes": TOO_LARGE_BYTES - 1}}
    with Cluster(tmp_path_factory.mktemp("nodes"), len(NAMES), [{}] + [others] * (len(NAMES) - 1)) as cluster:
        for node, name in zip(cluster.nodes, NAMES, strict=True):
            node.name = name
        cluster.start()
        cluster.wait_until_linked(len(NAMES) - 1, 60)
        lines = (ROOT / "examples" / "transactions.jsonl").read_bytes().splitlines()[:40]
        for place, node in enumerate(cluster.nodes):
            node.client.submit_batch(lines[place :: len(NAMES)], content_type="application/json")
        cluster.wait_until_all_have(len(lines), 30)
        yield cluster


@pytest.fixture(scope="module")
def chromium():
    with browser() as window:
        yield window


@pytest.fixture
def window(chromium: Browser, cluster) -> Browser:
    """A window on the first node, logged in; what went wrong in it fails the test."""
    chromium.look_like(WIDE, "light")
    chromium.open(cluster.nodes[0], "/admin/")
    if "/admin/login" in chromium.driver.current_url:
        chromium.log_in(cluster.nodes[0])
    chromium.complaints()
    return chromium


@pytest.fixture(scope="module")
def axe(tmp_path_factory) -> str:
    return axe_source(tmp_path_factory.mktemp("axe"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Where pictures of the pages are kept."""
    folder = Path(os.environ.get("SORCHA_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def pages_of(window: Browser) -> list[str]:
    """Where the navigation leads."""
    return [re.sub(r"^https?://[^/]+", "", link.get_attribute("href")) for link in window.find_all("nav.side a")]
