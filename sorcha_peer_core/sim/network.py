"""Many machines, the links between them, and virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import cycle
from math import inf
from random import Random
from typing import TYPE_CHECKING

from sorcha_peer_core.sim.calendar import Calendar
from sorcha_peer_core.sim.ledger import Ledger
from sorcha_peer_core.sim.liars import Sybil
from sorcha_peer_core.sim.machine import Machine
from sorcha_peer_core.sim.parcel import Packing
from sorcha_peer_core.sim.pipe import Pipe, link
from sorcha_peer_core.sim.places import STEPS, Places, normal_steps
from sorcha_peer_core.sim.spread import Spread, Spreads
from sorcha_peer_core.sim.tally import Tally

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.strategy import Strategy
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.protocol.config import CoreConfig
    from sorcha_peer_core.sim.profile import Model
    from sorcha_peer_core.sim.watch import Watch

_DAYS_PER_LATENCY = 20
"""Of the calendar: days short enough to be sorted quickly, long enough that there are few."""
_RETRANSMISSION_S = 0.2
"""The least that TCP waits before it sends again, in practice."""


class Network:
    """The same seed and the same calls give the same events."""

    def __init__(
        self,
        count: int,
        *,
        model: Model,
        core: CoreConfig,
        strategy: Callable[[], Strategy],
        seed: int,
        sybils: Iterable[int] = (),
        sybil: type[Machine] = Sybil,
    ) -> None:
        """``sybil``: what those that are not honest do."""
        profile, costs = model.profile, model.costs
        self.model = model
        self.core_config = core
        self.seed = seed
        self.strategy = strategy
        self.known_peers = count - 1
        self.calendar = Calendar(max(profile.near_ms) / 1000 / _DAYS_PER_LATENCY)
        self.places = Places(profile, count, Random(f"{seed}/places"))
        self.ledger = Ledger(count)
        self.tally = Tally()
        self.packing = Packing(model, self.tally)
        self.spreads = Spreads()
        self.on_link_lost: Callable[[int, int], None] = lambda one, other: None
        """Told when a running node has lost a link."""
        self.watch: Watch | None = None
        """Who is told what nodes do; set by it."""
        self._rng = Random(f"{seed}/network")
        self.core_rng = Random(f"{seed}/cores")
        """One for all cores: what happens is the same each time, so is who draws next."""
        self.stretch = _again_and_again([1.0 + profile.jitter * step for step in normal_steps(1.0)], self._rng)
        """By how much jitter makes a latency longer."""
        self.receive_s = _again_and_again(_uniform_steps((costs.receive_ms[1] - costs.receive_ms[0]) / 1000), self._rng)
        """What receiving a message costs beyond the least."""
        self.hop_s = profile.hop_ms / 1000
        self.send_s = costs.send_ms / 1000
        self.lossy = model.loss.ratio > 0.0
        kinds = dict.fromkeys(sybils, sybil)
        self.machines: Sequence[Machine] = [kinds.get(index, Machine)(self, index) for index in range(count)]

    # Links.

    def link(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Bring links up between running nodes, all at once."""
        for one, other in pairs:
            there, back = link(self, self.machines[one], self.machines[other], self.places.base_s(one, other))
            there.near.link_up(there)
            back.near.link_up(back)

    def linked(self, one: int, other: int) -> bool:
        """Whether one has a link to the other; the other may not know yet that it is gone."""
        return self.pipe(one, other) is not None

    def pipe(self, one: int, other: int) -> Pipe | None:
        """The link from one to the other."""
        near = self.machines[one]
        return near.pipes.get(near.number_of(self.machines[other]))

    def hang_up(self, now: float, pipe: Pipe, reason: str) -> None:
        """One side ends a link: it knows at once, the other when it hears of it."""
        if pipe.near.pipes.get(pipe.there) is not pipe:
            return
        pipe.end()
        self._lost(now, pipe, None)
        if not pipe.blocked:
            self.calendar.add((now + pipe.base_s, self._lost, pipe.twin, None))

    def _lost(self, now: float, pipe: Pipe, nothing: None) -> None:
        near = pipe.near
        if near.running and near.pipes.get(pipe.there) is pipe:
            near.link_down(pipe)
            self.on_link_lost(near.index, pipe.far.index)

    # Transactions.

    def submit(self, origin: int, size: int) -> Spread:
        """A node releases a transaction of its own."""
        now = self.calendar.now
        transaction = self.ledger.make(origin, size, now)
        spread = Spread(origin, now)
        self.spreads.watch(transaction.hash, spread)
        self.machines[origin].submit(transaction)
        return spread

    def arrived(self, node: int, tx_hash: TxHash, now: float, hops: int) -> None:
        """A node has verified a transaction."""
        if self.spreads.arrived(tx_hash, node, now, hops):
            self.calendar.stopped = True

    # What happens to a message.

    def delay_by_loss_s(self, base_s: float) -> float:
        """How much later a message comes for all that can happen to it; infinite when it does not."""
        if self._rng.random() >= self.model.loss.ratio:
            return 0.0
        if self.model.loss.kind == "drop":
            return inf
        return 3 * base_s if self._rng.random() < 0.5 else max(_RETRANSMISSION_S, 2 * base_s)


def _again_and_again(values: Sequence[float], rng: Random) -> Callable[[], float]:
    """Draws of equal likelihood, at the price of a step: all values in random order, some thousand of them, and then again."""
    order = list(values) * 4
    rng.shuffle(order)
    return cycle(order).__next__


def _uniform_steps(most: float) -> list[float]:
    return [most * (step + 0.5) / STEPS for step in range(STEPS)]
