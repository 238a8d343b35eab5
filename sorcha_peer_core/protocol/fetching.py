"""Getting what is not here: small ones whole from one announcer, large ones in chunks from many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.model.messages import Announced
from sorcha_peer_core.protocol.fetch import Fetcher
from sorcha_peer_core.protocol.swarms import Swarms

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.protocol.config import CoreConfig
    from sorcha_peer_core.protocol.host import Host


class Fetching:
    """Every hash that was announced and has not been verified.

    A size is only what a peer claims: one hash can be wanted both ways, until one of them brings it.
    """

    def __init__(
        self,
        config: CoreConfig,
        host: Host,
        rng: Random,
        *,
        pull_wait_s: Callable[[int], float],
        rtt_s: Callable[[int], float | None],
        gave_up: Callable[[TxHash], None],
        sparing: Callable[[], bool],
        asked: Callable[[int, Sequence[TxHash]], None] = lambda peer, hashes: None,
    ) -> None:
        self._swarm_min_bytes = config.swarm_min_bytes
        self._linked: set[int] = set()
        self.whole = Fetcher(
            config, host, rng, pull_wait_s=pull_wait_s, rtt_s=rtt_s, gave_up=gave_up, sparing=sparing, asked=asked
        )
        self.swarms = Swarms(config, host, rng, rtt_s=rtt_s, gave_up=gave_up, asked=asked)

    def __contains__(self, tx_hash: TxHash) -> bool:
        return tx_hash in self.whole or tx_hash in self.swarms

    def __len__(self) -> int:
        return len(self.whole) + len(self.swarms)

    def link_up(self, peer: int) -> None:
        """``peer`` can be asked."""
        self._linked.add(peer)
        self.whole.link_up(peer)
        self.swarms.link_up(peer)

    def link_down(self, peer: int, now: float) -> None:
        """``peer`` can no longer be asked; what it owed is asked of others at once."""
        self._linked.remove(peer)
        self.whole.link_down(peer)
        self.swarms.link_down(peer, now)

    def doubt(self, peer: int, is_doubtful: bool) -> None:
        """Ask ``peer`` only for what nobody else has; or like all others again."""
        for doubtful in (self.whole.doubtful, self.swarms.doubtful):
            doubtful.add(peer) if is_doubtful else doubtful.discard(peer)

    def announced(self, peer: int, items: Iterable[Announced], now: float, *, at_once: bool) -> None:
        """``peer`` has these, which are not here. ``at_once``: do not wait for a push."""
        small: list[Announced] = []
        for item in items:
            if item.size < self._swarm_min_bytes:
                small.append(item)
            else:
                self.swarms.offered(peer, item, None, now)
        if small:
            self.whole.announced(peer, small, now, at_once=at_once)

    def noted(self, peer: int, item: Announced, now: float) -> None:
        """``peer`` spoke of it earlier, and only now it turns out not to be here. It may be gone since."""
        if peer in self._linked:
            self.announced(peer, (item,), now, at_once=True)

    def absent(self, peer: int, hashes: Sequence[TxHash], now: float) -> None:
        """``peer`` says it does not have these."""
        self.whole.absent(peer, hashes)
        self.swarms.absent(peer, hashes, now)

    def arrived(self, tx_hash: TxHash, peer: int) -> None:
        """Its bytes are here, from ``peer``, and go to verification."""
        self.whole.arrived(tx_hash, peer)
        self.swarms.arrived(tx_hash)

    def verified(self, tx_hash: TxHash) -> Sequence[int]:
        """It is valid: nothing more to do. Returns who was asked for all of it."""
        self.swarms.verified(tx_hash)
        return self.whole.verified(tx_hash)

    def forged(self, tx_hash: TxHash, peer: int | None, now: float) -> None:
        """What came under this hash did not verify: sent by ``peer``, or put together from chunks of several."""
        self.whole.forged(tx_hash, peer)
        self.swarms.forged(tx_hash, peer, now)

    def announced_at(self, tx_hash: TxHash) -> Mapping[int, float]:
        """Who announced it when it was new, and when."""
        return self.whole.announced_at(tx_hash)

    def announcers_of(self, tx_hash: TxHash) -> Sequence[int]:
        """Who said to have all of it."""
        return (*self.whole.announcers_of(tx_hash), *self.swarms.sources_of(tx_hash))
