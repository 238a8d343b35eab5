"""How fast something goes, from where its counters stood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.views import Sample

SPAN_S = 10
"""Rates are means over about so long."""


class Rates(NamedTuple):
    """Per second; all None while too little is known."""

    sent_bytes: float | None = None
    received_bytes: float | None = None
    transactions: float | None = None
    latency_ms: float | None = None
    """The last that was measured in that time."""


def rates_of(samples: Sequence[Sample]) -> Rates:
    """The present rates, of samples that are in the order of time."""
    if not samples:
        return Rates()
    last = samples[-1]
    recent = [sample for sample in samples[-2 * SPAN_S :] if last.at - sample.at <= SPAN_S]
    first, passed_s = recent[0], last.at - recent[0].at
    latency_ms = next((sample.latency_ms for sample in reversed(recent) if sample.latency_ms is not None), None)
    if passed_s <= 0:
        return Rates(latency_ms=latency_ms)
    return Rates(
        (last.sent_bytes - first.sent_bytes) / passed_s,
        (last.received_bytes - first.received_bytes) / passed_s,
        (last.transactions - first.transactions) / passed_s,
        latency_ms,
    )
