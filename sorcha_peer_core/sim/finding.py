"""What one run of a scenario showed."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from sorcha_peer_core.sim.bounds import direct_s, overlay_s
from sorcha_peer_core.sim.spread import time_to

if TYPE_CHECKING:
    from sorcha_peer_core.sim.experiment import Outcome, Use
    from sorcha_peer_core.sim.machine import Machine
    from sorcha_peer_core.sim.scenario import Scenario
    from sorcha_peer_core.sim.spread import Spread

_LARGE = 500
_MOST_BOUNDS = 8
"""Origins for which the bounds are computed, in a large network."""
_AROUND_BYTES = 260
"""An envelope with the framing of a message."""
_BOUND_SHARE = 0.9


class Sample(NamedTuple):
    """One measured transaction."""

    times_s: list[float]
    """Ascending, of those nodes that count and had it in time."""
    nodes: int
    """That count: alive and honest all the time."""
    hops: float
    hops_max: int

    def share_s(self, share: float) -> float:
        """Until that share of the nodes had it; infinite when that never came."""
        at = time_to(share, self.times_s, self.nodes)
        return inf if at is None else at


class Finding(NamedTuple):
    """All that is reported of one run."""

    samples: list[Sample]
    bounds_s: list[float]
    """Until 90 % of the nodes could have it at best."""
    overlay_bounds_s: list[float]
    """The same over the links there are."""
    figures: dict[str, float]
    """By the keys of the report."""
    messages: dict[str, float]
    """Sent per node and transaction, by kind."""
    repaired_s: float | None
    repair_bytes: float
    """Per node."""
    events: int


def finding(scenario: Scenario, outcome: Outcome) -> Finding:
    """Sum up a run."""
    use, count = outcome.use, len(outcome.use.cpu_s) * len(outcome.spreads)
    few = outcome.spreads if scenario.peers < _LARGE else outcome.spreads[:_MOST_BOUNDS]
    bounds = [_bounds_s(scenario, outcome, spread) for spread in few]
    return Finding(
        samples=[_sample(scenario, outcome, spread) for spread in outcome.spreads],
        bounds_s=[direct for direct, _ in bounds],
        overlay_bounds_s=[overlay for _, overlay in bounds],
        figures=_per_transaction(scenario, use, len(outcome.spreads)) | _load(scenario, use),
        messages={kind.__name__: sent / count for kind, sent in _by_number(use.traffic.messages) if sent},
        repaired_s=outcome.repaired.took_s if outcome.repaired else None,
        repair_bytes=outcome.repaired.sent_bytes / len(use.cpu_s) if outcome.repaired else 0.0,
        events=outcome.net.calendar.events,
    )


def _by_number(counts: Mapping[type, int]) -> list[tuple[type, int]]:
    return sorted(counts.items(), key=lambda item: -item[1])


def _counted(scenario: Scenario, outcome: Outcome, spread: Spread) -> list[Machine]:
    until = spread.at + scenario.deadline_s
    return [machine for machine in outcome.honest if machine.ran(spread.at, until)]


def _sample(scenario: Scenario, outcome: Outcome, spread: Spread) -> Sample:
    nodes = {machine.index for machine in _counted(scenario, outcome, spread)}
    return Sample(spread.reached(nodes, scenario.deadline_s), len(nodes), spread.hops / len(spread.nodes), spread.hops_max)


def _bounds_s(scenario: Scenario, outcome: Outcome, spread: Spread) -> tuple[float, float]:
    machines = {machine.index: machine for machine in _counted(scenario, outcome, spread)}
    if spread.origin not in machines:
        return inf, inf
    links = {
        index: [(pipe.far.index, pipe.base_s) for pipe in machine.pipes.values() if pipe.far.index in machines]
        for index, machine in machines.items()
    }
    serialisation_s = (scenario.size + _AROUND_BYTES) / scenario.model.profile.up_bytes_per_s
    direct = direct_s(outcome.net.places, list(machines), spread.origin, serialisation_s)
    overlay = overlay_s(links, spread.origin, serialisation_s)
    return time_to(_BOUND_SHARE, direct, len(machines)) or 0.0, time_to(_BOUND_SHARE, overlay, len(machines)) or 0.0


def _per_transaction(scenario: Scenario, use: Use, transactions: int) -> dict[str, float]:
    traffic, count = use.traffic, len(use.cpu_s) * transactions
    return {
        "copies": traffic.payload_bytes / scenario.size / count,
        "bytes_per_node_per_tx": (traffic.sent_bytes - traffic.upkeep_bytes) / count,
        "announcements_per_node": traffic.announced / count,
        "pulls_per_node": traffic.pulled / count,
        "busiest_node_bytes_per_tx": max(use.sent_bytes) / transactions,
        "queue_drops": traffic.queue_drops,
        "lost": traffic.lost,
    }


def _load(scenario: Scenario, use: Use) -> dict[str, float]:
    up_bytes_per_s = scenario.model.profile.up_bytes_per_s
    return {
        "upkeep_bytes_per_node_per_s": use.traffic.upkeep_bytes / len(use.cpu_s) / use.took_s,
        "cpu_mean": fmean(use.cpu_s) / use.took_s,
        "cpu_max": max(use.cpu_s) / use.took_s,
        "uplink_mean": fmean(use.sent_bytes) / use.took_s / up_bytes_per_s,
        "uplink_max": max(use.sent_bytes) / use.took_s / up_bytes_per_s,
    }
