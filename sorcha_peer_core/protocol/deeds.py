"""What a Core finds out about its peers' conduct, as facts for its host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.model.transaction import Arguable
from sorcha_peer_core.protocol.questions import Questions
from sorcha_peer_core.protocol.quota import Kind, Quotas
from sorcha_peer_core.protocol.reputation import Deed

if TYPE_CHECKING:
    from sorcha_peer_core.model.messages import Announced
    from sorcha_peer_core.protocol.host import Host


class Deeds:
    """Questions and quotas of all linked peers, and what follows from them."""

    def __init__(self, host: Host, is_slow: Callable[[], bool]) -> None:
        self._host = host
        self.questions = Questions(host.noticed, is_slow)
        self.quotas: Quotas[int] = Quotas()

    def first(self, peer: int) -> None:
        """``peer`` brought a relayed transaction before all others."""
        self._host.noticed(peer, Deed.FIRST)

    def forged(self, peer: int, reason: str, now: float) -> None:
        """What ``peer`` sent is not valid. Unless that can be argued, it knew so, or did not look."""
        if not isinstance(reason, Arguable):
            self.quotas.take(peer, Kind.INVALID, 1, now)
            self._host.noticed(peer, Deed.FORGED)

    def within_quota(self, peer: int, items: Sequence[Announced], now: float) -> Sequence[Announced]:
        """As many of these, which ``peer`` announced and are not here, as it may announce now."""
        if not items:
            return items
        granted = self.quotas.take(peer, Kind.HASHES, len(items), now)
        if granted < len(items) and self.quotas.floods(peer, Kind.HASHES, now):
            self._host.noticed(peer, Deed.FLOODED)
        return items[:granted]

    def link_down(self, peer: int) -> None:
        """It is not linked any more."""
        self.questions.link_down(peer)
        self.quotas.forget(peer)
