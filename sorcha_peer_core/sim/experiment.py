"""One scenario with one seed, from the first link to the last arrival."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from sorcha_peer_core.sim.disturbance import Disturbance
from sorcha_peer_core.sim.liars import Sybil
from sorcha_peer_core.sim.network import Network
from sorcha_peer_core.sim.overlay import Wiring
from sorcha_peer_core.sim.repair import Repair

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.strategy import Strategy
    from sorcha_peer_core.sim.machine import Machine
    from sorcha_peer_core.sim.scenario import Scenario
    from sorcha_peer_core.sim.spread import Spread
    from sorcha_peer_core.sim.tally import Traffic

Advance = Callable[[int], None]
"""Told how many transactions are through."""

LINKING_S = 2.0
"""Until the first questions over new links are answered."""
PAUSE_S = 0.5
"""Between transactions that are published one by one: duplicates and announcements are still on their way."""
RAMP_S = 0.5
"""Of a constant rate, before the first transaction that counts."""
_STEP_S = 0.1
_WARMUP_BYTES = 1024
"""What is pushed shows which links are fast; what is large would only be in the way of those that are measured."""


class Use(NamedTuple):
    """What the nodes that count used in the measured part."""

    took_s: float
    """Virtual time."""
    cpu_s: list[float]
    sent_bytes: list[int]
    traffic: Traffic


class Repaired(NamedTuple):
    """How the last disturbance was made good."""

    took_s: float | None
    """Until every node had all that was published before the disturbance was over; None: never."""
    sent_bytes: int
    """By all, in that time."""


class Outcome(NamedTuple):
    """What happened."""

    net: Network
    honest: list[Machine]
    spreads: list[Spread]
    use: Use
    repaired: Repaired | None
    """None: there was nothing to repair."""


class Experiment:
    """Builds the network and goes through the scenario."""

    def __init__(
        self, scenario: Scenario, strategy: Callable[[], Strategy], seed: int, sybil: type[Machine] = Sybil
    ) -> None:  # fmt: skip
        """``sybil``: what those that are not honest do."""
        self._scenario = scenario
        self._rng = Random(f"{seed}/experiment")
        nodes = list(range(scenario.peers))
        self._rng.shuffle(nodes)
        sybils = round(scenario.sybils * scenario.peers)
        self._dead = nodes[sybils : sybils + round(scenario.dead * scenario.peers)]
        self._honest = sorted(nodes[sybils:])
        self.net = Network(
            scenario.peers,
            model=scenario.model,
            core=scenario.core_config,
            strategy=strategy,
            seed=seed,
            sybils=nodes[:sybils],
            sybil=sybil,
        )
        wanted = strategy().links_wanted(scenario.peers - 1)
        wiring = Wiring(scenario.links or wanted, scenario.near_ratio, scenario.near_samples)
        self._repair = Repair(self.net, wiring, Random(f"{seed}/repair"))
        for machine in self.net.machines:
            machine.start(strategy())
        self.net.link(wiring.pairs(self.net.places, Random(f"{seed}/overlay")))

    def run(self, advance: Advance) -> Outcome:
        """All of it."""
        net, scenario = self.net, self._scenario
        net.calendar.run(LINKING_S)
        for number in range(scenario.warmup):
            self._publish(min(scenario.size, _WARMUP_BYTES))
            net.calendar.run(net.calendar.now + PAUSE_S)
            advance(number + 1)
        for node in self._dead:
            net.machines[node].fall_silent()
        if scenario.rate is None:
            return self._one_by_one(advance)
        return self._at_rate(scenario.rate, advance)

    def _one_by_one(self, advance: Advance) -> Outcome:
        net, scenario = self.net, self._scenario
        alive = len(self._honest) - len(self._dead)
        spreads = []
        meter = self._meter()
        for number in range(scenario.transactions):
            spread = self._publish(scenario.size)
            net.spreads.await_nodes(spread, alive)
            net.calendar.run(spread.at + scenario.deadline_s)
            net.calendar.run(net.calendar.now + PAUSE_S)
            spreads.append(spread)
            advance(scenario.warmup + number + 1)
        return self._outcome(spreads, meter(), None)

    def _at_rate(self, rate: float, advance: Advance) -> Outcome:
        net, scenario = self.net, self._scenario
        self._stream(rate, round(rate * RAMP_S), lambda done: None)
        candidates = [node for node in self._honest if node not in self._dead]
        disturbance = Disturbance(net, self._repair, candidates, Random(f"{net.seed}/disturbance"))
        is_disturbed = disturbance.begin(scenario, net.calendar.now, scenario.transactions / rate)
        meter = self._meter()
        spreads = self._stream(rate, scenario.transactions, lambda done: advance(scenario.warmup + done))
        use = meter()
        net.calendar.run(max(net.calendar.now, disturbance.over_at) + scenario.deadline_s)
        return self._outcome(spreads, use, self._repaired(disturbance) if is_disturbed else None)

    def _stream(self, rate: float, count: int, advance: Advance) -> list[Spread]:
        """Publish at random moments, so many a second on average."""
        spreads = []
        for number in range(count):
            self.net.calendar.run(self.net.calendar.now + self._rng.expovariate(rate))
            spreads.append(self._publish(self._scenario.size))
            advance(number + 1)
        return spreads

    def _repaired(self, disturbance: Disturbance) -> Repaired:
        calendar, ledger, over_at = self.net.calendar, self.net.ledger, disturbance.over_at
        while ledger.complete_at is None and calendar.now < over_at + self._scenario.repair_s:
            calendar.run(calendar.now + _STEP_S)
        took_s = None if ledger.complete_at is None else ledger.complete_at - over_at
        return Repaired(took_s, self.net.tally.read().sent_bytes - disturbance.sent_before)

    def _publish(self, size: int) -> Spread:
        """At a random node that runs and is honest."""
        origin = self._rng.choice(self._honest)
        while not self.net.machines[origin].running:
            origin = self._rng.choice(self._honest)
        return self.net.submit(origin, size)

    def _outcome(self, spreads: list[Spread], use: Use, repaired: Repaired | None) -> Outcome:
        return Outcome(self.net, [self.net.machines[node] for node in self._honest], spreads, use, repaired)

    def _meter(self) -> Callable[[], Use]:
        """Measure from now on; what it returns reads the meter."""
        net = self.net
        counted = [net.machines[node] for node in self._honest if net.machines[node].running]
        began_at, traffic = net.calendar.now, net.tally.read()
        before = [(machine.cpu_s, machine.sent_bytes) for machine in counted]

        def read() -> Use:
            cpu_s = [machine.cpu_s - cpu for machine, (cpu, _) in zip(counted, before, strict=True)]
            sent = [machine.sent_bytes - size for machine, (_, size) in zip(counted, before, strict=True)]
            return Use(net.calendar.now - began_at, cpu_s, sent, net.tally.read().since(traffic))

        return read
