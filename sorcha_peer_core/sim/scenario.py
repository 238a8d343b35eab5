"""What to simulate."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.sim.profile import PROFILES, Costs, Loss, Model

NEVER_S = 1e6
"""For timers of upkeep that a run does without."""


@dataclass(frozen=True, slots=True)
class Churn:
    """Nodes come and go, at times that nobody knows."""

    leaves_per_s: float = 0.0
    joins_per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Partition:
    """The network falls apart and is one again. ``at_s`` counts from the first measured transaction."""

    at_s: float
    for_s: float
    parts: int = 2


@dataclass(frozen=True, slots=True)
class Absence:
    """Some nodes are off for a while, their disks stay."""

    at_s: float
    for_s: float
    nodes: int = 1


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of a table: a network, what is published into it, and what goes wrong."""

    name: str = ""
    peers: int = 100
    profile: str = "world"
    strategy: str = "mesh"
    links: int | None = None  #: per node, on average; None: as many as the strategy wants
    near_ratio: float = 0.4  #: of the links, to the nearest of ``near_samples`` others
    near_samples: int = 40
    size: int = 1024
    rate: float | None = None  #: transactions a second; None: one after the other, each until it is everywhere
    transactions: int = 30
    warmup: int = 60  #: transactions before the first that is measured
    deadline_s: float = 8.0  #: who has a transaction later than this is not covered
    loss: Loss = field(default_factory=Loss)
    dead: float = 0.0  #: share of nodes that fall silent at the first measured transaction, without anybody being told
    sybils: float = 0.0  #: share of nodes that announce everything and deliver nothing
    churn: Churn = field(default_factory=Churn)
    partitions: tuple[Partition, ...] = ()
    absences: tuple[Absence, ...] = ()
    repair_s: float = 300.0  #: the longest wait for identical logs after the last disturbance
    batch_ms: float | None = None  #: apart at least are two batches of one link; None: as far as the core wants them
    costs: Costs = field(default_factory=Costs)
    core: CoreConfig = field(default_factory=CoreConfig)
    seed: int = 1
    seeds: int = 1

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ConfigError(f"profile is {self.profile!r}; there is {', '.join(PROFILES)}")
        if self.peers - round(self.dead * self.peers) - round(self.sybils * self.peers) < 1:
            raise ConfigError(f"dead is {self.dead} and sybils is {self.sybils}: of {self.peers} peers nobody is left")
        if self.links is not None and self.links >= self.peers:
            raise ConfigError(f"links is {self.links}; a network of {self.peers} peers has at most {self.peers - 1} per node")
        if self.is_disturbed and self.rate is None:
            raise ConfigError("rate is not given; partitions, absences and churn take place while transactions are published")
        most = self.peers - round(self.dead * self.peers) - round(self.sybils * self.peers)
        if any(absence.nodes >= most for absence in self.absences):
            raise ConfigError(f"an absence takes all of the {most} nodes that are alive and honest; at least one has to stay")

    @property
    def model(self) -> Model:
        """The world it takes place in."""
        apart_s = None if self.batch_ms is None else self.batch_ms / 1000
        return Model(PROFILES[self.profile], self.costs, self.loss, batches_apart_s=apart_s)

    @property
    def core_config(self) -> CoreConfig:
        """The knobs of the cores, without upkeep that has nothing to do in this scenario.

        Where no link ends, none is probed. Where nothing is lost, no logs are compared. In a large network both would cost
        more than all transactions.
        """
        core = self.core
        if not self.is_disturbed:
            core = replace(core, probe_interval_s=NEVER_S)
        if not (self.is_disturbed or self.loss.ratio or self.dead or self.sybils):
            core = replace(core, digest_interval_s=NEVER_S, sync_interval_s=NEVER_S)
        return core

    @property
    def is_disturbed(self) -> bool:
        """Whether links end, so that somebody has to repair them."""
        return bool(self.partitions or self.absences or self.churn.leaves_per_s or self.churn.joins_per_s)
