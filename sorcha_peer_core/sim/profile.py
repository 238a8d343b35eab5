"""What the network and the machines are like: the model of the gossip study, with its figures."""

from __future__ import annotations

from dataclasses import dataclass, field

from sorcha_peer_core.errors import ConfigError

MEGABIT_PER_S = 1e6 / 8
"""In bytes a second."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the world and the share of nodes in it."""

    name: str
    share: float
    ms: tuple[float, ...] = ()
    """One way to each of the regions before it."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Latencies in milliseconds one way, rates in bytes a second."""

    name: str
    near_ms: tuple[float, float] = (5.0, 20.0)
    """Between two nodes of one region, uniform, fixed per pair."""
    regions: tuple[Region, ...] = (Region("everywhere", 1.0),)
    spread: float = 0.15
    """Between regions a pair's latency is the table's times exp(spread * z), z standard normal."""
    jitter: float = 0.04
    """A message takes (1 + jitter * exp(z)) times its pair's latency."""
    hop_ms: float = 0.05
    """And so much more, whatever the distance."""
    up_bytes_per_s: float = 20 * MEGABIT_PER_S
    down_bytes_per_s: float = 100 * MEGABIT_PER_S


WORLD = Profile(
    "world",
    regions=(
        Region("North America, east", 0.20),
        Region("North America, west", 0.12, (32,)),
        Region("Europe", 0.38, (42, 70)),
        Region("East Asia", 0.18, (85, 60, 110)),
        Region("South America", 0.06, (60, 85, 100, 140)),
        Region("Oceania", 0.06, (100, 75, 135, 65, 150)),
    ),
)
CONTINENT = Profile("continent")
LAN = Profile("lan", near_ms=(0.14, 0.26), up_bytes_per_s=1000 * MEGABIT_PER_S, down_bytes_per_s=1000 * MEGABIT_PER_S)

PROFILES = {profile.name: profile for profile in (WORLD, CONTINENT, LAN)}


@dataclass(frozen=True, slots=True)
class Costs:
    """What work costs a node. One CPU does it all, in the order in which it comes."""

    receive_ms: tuple[float, float] = (0.1, 0.5)  #: per message, uniform: system call, decoding, the protocol
    entry_ms: float = 0.02  #: per further frame of the same message
    byte_ns: float = 2.0
    send_ms: float = 0.05  #: per message
    framing_bytes: int = 60  #: per message: TLS record, HTTP/2 frame, TCP and IP headers
    verify_ms: float = 0.0  #: per transaction; the study has no signatures, a node needs about 0.05 ms
    commit_ms: float = 0.0  #: until a transaction is committed and can be read from the log


@dataclass(frozen=True, slots=True)
class Loss:
    """What goes wrong with a message on its way."""

    ratio: float = 0.0
    kind: str = "drop"
    """``drop``: it vanishes. ``tcp``: it, and what is behind it on its link, comes a retransmission later."""

    def __post_init__(self) -> None:
        if self.kind not in ("drop", "tcp"):
            raise ConfigError(f"the kind of loss is {self.kind!r}; there is drop and tcp")


@dataclass(frozen=True, slots=True)
class Model:
    """Everything around the protocol."""

    profile: Profile = WORLD
    costs: Costs = field(default_factory=Costs)
    loss: Loss = field(default_factory=Loss)
    bulk_bytes: int = 8192
    """Messages below this size do not wait for larger ones in the uplink."""
    queue_bytes: int = 4 * 1024 * 1024
    batch_bytes: int = 64 * 1024
    batches_apart_s: float | None = None
    """Of one link; None: as the core wants it."""
