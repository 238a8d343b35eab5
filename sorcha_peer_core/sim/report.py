"""What a simulation found, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, inf, isfinite
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.sim.experiment import Experiment
from sorcha_peer_core.sim.finding import finding

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.strategy import Strategy
    from sorcha_peer_core.sim.experiment import Advance
    from sorcha_peer_core.sim.finding import Finding
    from sorcha_peer_core.sim.scenario import Scenario

SHARES = {"t50_ms": 0.5, "t90_ms": 0.9, "t99_ms": 0.99, "t100_ms": 1.0}


def run(scenario: Scenario, strategy: Callable[[], Strategy], advance: Advance = lambda done: None) -> dict[str, Any]:
    """Simulate with every seed. ``advance`` is told how many transactions are through, of all seeds."""
    each = scenario.warmup + scenario.transactions
    findings = []
    for number in range(scenario.seeds):
        outcome = Experiment(scenario, strategy, scenario.seed + number).run(_from(advance, number * each))
        findings.append(finding(scenario, outcome))
    return _report(scenario, findings)


def _from(advance: Advance, done: int) -> Advance:
    return lambda more: advance(done + more)


def _report(scenario: Scenario, findings: Sequence[Finding]) -> dict[str, Any]:
    samples = [sample for found in findings for sample in found.samples]
    coverages = [len(sample.times_s) / sample.nodes for sample in samples]
    report: dict[str, Any] = {
        "name": scenario.name,
        "peers": scenario.peers,
        "strategy": scenario.strategy,
        "profile": scenario.profile,
        "size": scenario.size,
        "rate": scenario.rate,
        "loss": scenario.loss.ratio,
        "loss_kind": scenario.loss.kind,
        "dead": scenario.dead,
        "sybils": scenario.sybils,
        "seed": scenario.seed,
        "seeds": scenario.seeds,
        "warmup": scenario.warmup,
        "transactions": scenario.transactions,
        "coverage": round(fmean(coverages), 6),
        "coverage_min": round(min(coverages), 6),
    }
    report |= {key: _spread_ms([sample.share_s(share) for sample in samples]) for key, share in SHARES.items()}
    report |= {key: round(median(found.figures[key] for found in findings), 4) for key in findings[0].figures}
    report |= {
        "hops": {
            "mean": round(fmean(sample.hops for sample in samples), 2),
            "max": max(sample.hops_max for sample in samples),
        },
        "bound_t90_ms": _ms(median(at for found in findings for at in found.bounds_s)),
        "overlay_bound_t90_ms": _ms(median(at for found in findings for at in found.overlay_bounds_s)),
        "curve_ms": [
            (share, _ms(median(sample.share_s(share) for sample in samples))) for share in (step / 20 for step in range(1, 21))
        ],
        "messages": {
            kind: round(median(found.messages.get(kind, 0.0) for found in findings), 4) for kind in findings[0].messages
        },
        "repaired_ms": _spread_ms([_seconds(found.repaired_s) for found in findings]) if scenario.is_disturbed else None,
        "repair_bytes_per_node": round(median(found.repair_bytes for found in findings)),
        "events": sum(found.events for found in findings),
    }
    return report


def _spread_ms(seconds: Sequence[float]) -> dict[str, float | None]:
    ordered = sorted(seconds)
    return {"median": _ms(median(ordered)), "p95": _ms(ordered[ceil(0.95 * len(ordered)) - 1])}


def _seconds(took_s: float | None) -> float:
    return inf if took_s is None else took_s


def _ms(seconds: float) -> float | None:
    """None: it never came."""
    return round(seconds * 1000, 2) if isfinite(seconds) else None
