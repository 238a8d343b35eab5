"""What plugins add to the metrics and to the health of a node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

_NO_LABELS: Mapping[str, str] = MappingProxyType({})


class Metric(NamedTuple):
    """One number for Prometheus."""

    name: str
    """Lower-case words joined by ``_``, the unit last. The node puts ``sorcha_PLUGIN_`` in front, ``_total`` behind counters."""
    kind: Literal["gauge", "counter"]
    summary: str
    """One line; the same for all of one name, as is the kind."""
    value: float
    labels: Mapping[str, str] = _NO_LABELS
    """All of one name have the same label names. Values come from a small set: each makes a time series."""


MetricSource = Callable[[], Iterable[Metric]]
"""Called for each scrape; answers at once. What it raises is named in the log and counted, and all other metrics are there."""

HealthCheck = Callable[[], Sequence[str]]
"""Called for each probe; answers at once, with a sentence for each reason why the node is not ready, with nothing when it is.

What it raises is such a reason.
"""
