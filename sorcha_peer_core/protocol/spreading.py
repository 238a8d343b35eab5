"""Passing on what was verified, as the strategy says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.interfaces.strategy import Spread, Strategy, View
from sorcha_peer_core.model import messages as m
from sorcha_peer_core.protocol.announce import AnnounceQueue
from sorcha_peer_core.protocol.host import Host, Priority

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.protocol.config import CoreConfig


class Spreading:
    """Pushes now, announces a little later: hashes gather so that many travel in one frame."""

    def __init__(self, config: CoreConfig, host: Host, strategy: Strategy, rng: Random) -> None:
        self._config = config
        self._host = host
        self._strategy = strategy
        self._rng = rng
        self._queue = AnnounceQueue(config.announce_items)
        self._linked: Sequence[int] = ()
        self._known = 0
        self.rounds = 0
        """Times that gathered announcements went out."""

    @property
    def pull_wait_s(self) -> float:
        """How long the push of something just announced may take, in the network as it is seen now."""
        return self._strategy.pull_wait_s(len(self._linked), self._known)

    def view(self, linked: Sequence[int], known: int) -> None:
        """Who is linked (ascending), and how many are known."""
        self._linked = linked
        self._known = max(known, len(linked))

    def heard(self, peer: int, tx_hash: TxHash) -> None:
        """``peer`` has it already and need not be told."""
        self._queue.heard(peer, tx_hash)

    def spread(self, push: m.Push, peers: Sequence[int], reach: int = 0) -> None:
        """Pass on a verified transaction to those of ``peers`` that the strategy names; hop 0 is an own one.

        ``reach``: how many peers it was sent from, as whoever sent it says; 0 when it does not.
        """
        if not peers:
            return
        size = len(push.transaction.payload)
        view = View(peers, len(self._linked), self._known, reach)
        if push.hop == 0:
            spread, priority = self._strategy.originate(view, size, self._rng), Priority.OWN
        else:
            spread, priority = self._strategy.relay(view, size, push.hop, self._rng), Priority.RELAY
        # One object for all of them: it is encoded once.
        mine = push._replace(reach=len(self._linked))
        for peer in spread.push:
            self._host.send(peer, mine, priority)
        if spread.announce:
            self._announce(push.transaction.hash, size, spread)

    def announce_to(self, peer: int, pushes: Iterable[m.Push]) -> None:
        """Announce these to one peer, at once."""
        items = tuple(m.Announced(push.transaction.hash, len(push.transaction.payload)) for push in pushes)
        for at in range(0, len(items), self._config.announce_items):
            self._host.send(peer, m.Announce(items[at : at + self._config.announce_items]), Priority.LAZY)

    def flush(self) -> None:
        """Announce what has gathered."""
        if not self._queue:
            return
        self.rounds += 1
        for peer, announce in self._queue.flush(self._linked):
            self._host.send(peer, announce, Priority.LAZY)

    def _announce(self, tx_hash: TxHash, size: int, spread: Spread) -> None:
        first = not self._queue
        self._queue.add(tx_hash, size, spread.announce)
        if spread.announce_after_s == 0.0:
            self.flush()
        elif first:
            # Jitter, so that neighbours do not tell each other the same at the same moment.
            delay_s = spread.announce_after_s * (0.5 + self._rng.random())
            self._host.set_timer(delay_s, m.FlushAnnouncements())
