"""What the simulator's tests share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sorcha_peer_core.interfaces.strategy import Strategy
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.strategies import Flood, Mesh
from sorcha_peer_core.sim.network import Network
from sorcha_peer_core.sim.profile import CONTINENT, Costs, Loss, Model, Profile
from sorcha_peer_core.sim.scenario import NEVER_S, Scenario

QUIET = CoreConfig(probe_interval_s=NEVER_S, digest_interval_s=NEVER_S, sync_interval_s=NEVER_S)
"""Nothing crosses but what a transaction is the reason of."""
STILL = Profile("still", near_ms=(10.0, 10.0), jitter=0.0, hop_ms=0.0)
"""Ten milliseconds to everybody, and nothing left to chance."""
FREE = Costs(receive_ms=(0.0, 0.0), entry_ms=0.0, byte_ns=0.0, send_ms=0.0, framing_bytes=0)


def make_network(
    count: int,
    *,
    profile: Profile = CONTINENT,
    costs: Costs | None = None,
    loss: Loss | None = None,
    strategy: Callable[[], Strategy] = Flood,
    core: CoreConfig = QUIET,
    seed: int = 1,
) -> Network:
    """Nodes that run, without links."""
    model = Model(profile, costs or Costs(), loss or Loss())
    net = Network(count, model=model, core=core, strategy=strategy, seed=seed)
    for machine in net.machines:
        machine.start(strategy())
    return net


def make_line(count: int, **settings: Any) -> Network:
    """Each node linked to the next, and the first questions answered."""
    net = make_network(count, **settings)
    net.link([(node, node + 1) for node in range(count - 1)])
    net.calendar.run(1.0)
    return net


def small(**changes: Any) -> Scenario:
    """A scenario of a second or less."""
    return replace(Scenario(peers=40, transactions=4, warmup=4), **changes)


def mesh() -> Strategy:
    """The strategy that nodes have by default."""
    return Mesh()
