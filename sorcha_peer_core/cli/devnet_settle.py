"""Waiting until a network that has just formed has nothing more to do with itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from sorcha_peer_core.cli.cluster import NodeProcess

_INTERVAL_S = 1.0
_CALM = 0.5
"""Of all processors: more is what an idle network of that many nodes does not need."""
_CALM_INTERVALS = 3


def settle(nodes: Sequence[NodeProcess], most_s: float) -> float:
    """Block until the nodes use less than half of the machine for three seconds, or ``most_s`` are over; returns the seconds."""
    begin_s = before_s = time.monotonic()
    before_cpu_s, calm = cpu_s(nodes), 0
    while calm < _CALM_INTERVALS and time.monotonic() - begin_s < most_s:
        time.sleep(min(_INTERVAL_S, most_s))
        now_s, now_cpu_s = time.monotonic(), cpu_s(nodes)
        share = (now_cpu_s - before_cpu_s) / (now_s - before_s) / (psutil.cpu_count() or 1)
        calm = calm + 1 if share < _CALM else 0
        before_s, before_cpu_s = now_s, now_cpu_s
    return time.monotonic() - begin_s


def cpu_s(nodes: Sequence[NodeProcess]) -> float:
    """User and system time of all that run, in seconds."""
    return sum(node_cpu_s(node) for node in nodes if node.is_running())


def node_cpu_s(node: NodeProcess) -> float:
    """User and system time of one; 0 when it is gone."""
    try:
        times = psutil.Process(node.pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
