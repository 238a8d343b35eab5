"""What goes wrong in a scenario, put into the calendar."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.sim.network import Network
    from sorcha_peer_core.sim.repair import Repair
    from sorcha_peer_core.sim.scenario import Absence, Partition, Scenario


class Disturbance:
    """Partitions, absences and churn."""

    def __init__(self, net: Network, repair: Repair, candidates: list[int], rng: Random) -> None:
        self._net = net
        self._repair = repair
        self._rng = rng
        self._away: list[int] = []
        self._candidates = candidates
        self.over_at = 0.0
        """When the last of them ends."""
        self.sent_before = 0
        """All bytes sent until then, since the network's tally began."""

    def begin(self, scenario: Scenario, since: float, for_s: float) -> bool:
        """Put everything into the calendar; churn lasts ``for_s``. Returns whether there is anything."""
        ends = [self._part(partition, since) for partition in scenario.partitions]
        ends += [self._send_away(absence, since) for absence in scenario.absences]
        ends += [self._repeat(self._leave, scenario.churn.leaves_per_s, since, since + for_s)]
        ends += [self._repeat(self._join, scenario.churn.joins_per_s, since, since + for_s)]
        self.over_at = max(ends)
        if self.over_at > since:
            self._at(self.over_at, self._over)
        return self.over_at > since

    def _part(self, partition: Partition, since: float) -> float:
        begins_at, ends_at = since + partition.at_s, since + partition.at_s + partition.for_s
        self._at(begins_at, lambda: self._repair.divide(partition.parts))
        self._at(ends_at, lambda: self._repair.divide(1))
        return ends_at

    def _send_away(self, absence: Absence, since: float) -> float:
        begins_at, ends_at = since + absence.at_s, since + absence.at_s + absence.for_s
        nodes = self._rng.sample(self._candidates, absence.nodes)
        for node in nodes:
            self._at(begins_at, partial(self._repair.leave, node))
            self._at(ends_at, partial(self._repair.join, node))
        return ends_at

    def _repeat(self, what: Callable[[], None], per_s: float, since: float, until: float) -> float:
        if not per_s:
            return since
        at = since + self._rng.expovariate(per_s)
        while at < until:
            self._at(at, what)
            at += self._rng.expovariate(per_s)
        return until

    def _leave(self) -> None:
        running = [node for node in self._candidates if self._net.machines[node].running]
        if len(running) > 1:
            node = self._rng.choice(running)
            self._repair.leave(node)
            self._away.append(node)

    def _join(self) -> None:
        if self._away:
            self._repair.join(self._away.pop(int(self._rng.random() * len(self._away))))

    def _over(self) -> None:
        self._net.ledger.expect([machine for machine in self._net.machines if machine.running], self.over_at)
        self.sent_before = self._net.tally.read().sent_bytes

    def _at(self, at: float, call: Callable[[], None]) -> None:
        self._net.calendar.add((at, lambda now, one, other: call(), None, None))
