"""What discovery asks of the world, and the values that go to and fro."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.model.messages import Farewell

if TYPE_CHECKING:
    from collections.abc import Callable

    from sorcha_peer_core.model.events import Event
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import Endpoint, PeerRecord


@dataclass(frozen=True, slots=True)
class DiscoveryConfig:
    """Knobs of discovery. Times in seconds."""

    network_id: str
    links_wanted: Callable[[int], int]
    """How many peers to be linked to when so many are alive: the strategy's answer."""
    max_links: int = 64
    max_peers: int = 1000
    min_healthy: int = 5
    max_concurrent: int = 10
    retry_most_s: float = 300.0
    failure_threshold: int = 3

    def __post_init__(self) -> None:
        if self.max_peers < 1 or self.max_links < 1 or self.max_concurrent < 1:
            raise ConfigError(
                f"{self.max_peers} peers, {self.max_links} links, {self.max_concurrent} at the same time: all are at least 1"
            )


class Contact(NamedTuple):
    """Somebody to dial or to look at. The same value comes back with the outcome."""

    endpoints: tuple[Endpoint, ...]
    expected: PeerId | None
    """None: whoever answers there."""
    timeout_s: float | None = None
    """For each attempt to connect; None: as long as dials usually may take."""


class Failure(NamedTuple):
    """Why a contact came to nothing."""

    reason: str
    itself: bool = False
    """This very node answered."""
    farewell: Farewell = Farewell.UNSAID
    """What whoever answered asks of this node."""
    banned: PeerId | None = None
    """Who answered, if it is one that this node has banned."""


class Check(NamedTuple):
    """Records whose signatures are to be checked. The same value comes back with the answer."""

    source: PeerId
    records: tuple[PeerRecord, ...]
    asked: bool
    """Whether the source was asked for them."""


class DiscoveryHost(Protocol):
    """Everything discovery may ask of the world. Each call returns at once and never raises."""

    def dial(self, contact: Contact) -> None:
        """Link to it; answered by ``dialled``, ``turned_away`` or ``dial_failed``. If a link came up, ``linked`` comes first."""

    def look(self, contact: Contact, ask: int) -> None:
        """See who answers and how fast, and ask for ``ask`` records (0: none); answered by ``looked`` or ``look_failed``."""

    def hang_up(self, peer_id: PeerId, reason: str, farewell: Farewell) -> None:
        """End a link, politely; ``unlinked`` follows."""

    def ask(self, peer_id: PeerId, most: int) -> None:
        """Ask a linked peer for so many records; answered by Peers, if at all."""

    def tell(self, peer_ids: Sequence[PeerId], records: Sequence[PeerRecord]) -> None:
        """Tell linked peers, each of them the same records, in one frame."""

    def check(self, check: Check) -> None:
        """Check the signatures; answered by ``checked``."""

    def learned(self, records: Sequence[PeerRecord]) -> None:
        """Genuine records that are news."""

    def rtt_s(self, peer_id: PeerId) -> float | None:
        """Smoothed round trip of a link; None when it is not measured."""

    def emit(self, event: Event) -> None:
        """Something an operator may want to see; never needed for correctness."""
