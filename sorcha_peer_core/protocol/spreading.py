"""Passing on what was verified, as the strategy says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.interfaces.strategy import Spread, Strategy, View
from sorcha_peer_core.model import messages as m
from sorcha_peer_core.protocol.announce import AnnounceQueue
from sorcha_peer_core.protocol.awareness import LATE_S
from sorcha_peer_core.protocol.host import Host, Priority
from sorcha_peer_core.protocol.uplink import ENVELOPE_BYTES

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.protocol.config import CoreConfig
    from sorcha_peer_core.protocol.mesh_links import MeshLinks
    from sorcha_peer_core.protocol.probing import Probing
    from sorcha_peer_core.protocol.uplink import Uplink

NOBODY = Spread((), (), 0.0)
"""Where there is nobody to pass it on to."""

_LATE_FACTOR = 4.0
_MOST_APART_S = 0.5
_LAZY_FACTOR = 20.0
_MOST_LAZY_S = 1.0
"""A node that is late gathers more into a batch: each one costs it more than what is in it, and gathering makes up for it."""


class Spreading:
    """Pushes now, announces a little later: hashes gather so that many travel in one frame."""

    def __init__(
        self,
        config: CoreConfig,
        host: Host,
        strategy: Strategy,
        rng: Random,
        *,
        mesh: MeshLinks,
        uplink: Uplink,
        probing: Probing,
    ) -> None:
        self._config = config
        self._host = host
        self._strategy = strategy
        self._mesh = mesh
        self._uplink = uplink
        self._probing = probing
        self._rng = rng
        self._queue = AnnounceQueue(config.announce_items)
        self.heard = self._queue.heard
        self._flush_is_set = False
        self._linked = 0
        self._known = 0
        self.rounds = 0
        """Times that gathered announcements went out."""

    @property
    def batches_apart_s(self) -> float:
        """How long frames for one link may gather: under load a batch costs little more than a frame alone."""
        late_s = self._late_s(_LATE_FACTOR, _MOST_APART_S)
        if not self._mesh.wanted:
            return late_s
        per_s = self._uplink.per_s
        return max(late_s, 0.0 if per_s < 100.0 else 0.005 if per_s < 500.0 else 0.01)

    def _late_s(self, factor: float, most_s: float) -> float:
        return min(max(factor * (self._probing.lag_s - LATE_S), 0.0), most_s)

    def view(self, linked: int, known: int) -> None:
        """How many peers are linked and known."""
        self._linked = linked
        self._known = max(known, linked)
        self._mesh.wanted = self._strategy.eager_links(linked, self._known)

    def pull_wait_s(self, size: int) -> float:
        """How long the push of something just announced may take; 0 when none is to be expected."""
        return self._strategy.pull_wait_s(size, self._linked, self._known)

    def link_down(self, peer: int) -> None:
        """It need not be told any more."""
        self._queue.forget(peer)

    def spread(self, push: m.Push, peers: Sequence[int], now: float, reach: int = 0) -> Spread:
        """Pass on a verified transaction to those of ``peers`` that the strategy names, and say who; hop 0 is an own one.

        ``reach``: how many peers it was sent from, as whoever sent it says; 0 when it does not.
        """
        size = len(push.transaction.payload)
        self._uplink.passed(size, now)
        if not peers:
            return NOBODY
        view = View(
            peers, self._linked, self._known, reach, self._mesh.takers(peers), self._uplink.use, sparing=self._probing.sparing
        )
        if push.hop == 0:
            spread, priority = self._strategy.originate(view, size, self._rng), Priority.OWN
            spread = spread._replace(push=self._far_first(spread.push))
        else:
            spread, priority = self._strategy.relay(view, size, push.hop, self._rng), Priority.RELAY
        # One object for all of them: it is encoded once.
        mine = push._replace(reach=self._linked)
        for peer in spread.push:
            self._host.send(peer, mine, priority)
        self._uplink.spent(len(spread.push) * (size + ENVELOPE_BYTES))
        if spread.announce:
            after_s = max(spread.announce_after_s, self.batches_apart_s, self._late_s(_LAZY_FACTOR, _MOST_LAZY_S))
            self._announce(m.Announced(push.transaction.hash, size), spread.announce, after_s)
        return spread

    def hand(self, push: m.Push, peer: int, now: float) -> Spread:
        """Push an own one to one peer alone, which passes it on as if it were the origin."""
        size = len(push.transaction.payload)
        self._uplink.passed(size, now)
        self._uplink.spent(size + ENVELOPE_BYTES)
        self._host.send(peer, push._replace(reach=1), Priority.OWN)
        return Spread((peer,), (), 0.0)

    def _far_first(self, peers: Sequence[int]) -> Sequence[int]:
        """Many pushes leave one after the other: whoever is far away must not have to wait for it as well."""
        return sorted(peers, key=lambda peer: -(self._probing.rtt_s(peer) or 0.0))

    def ask(self, peers: Iterable[int], items: Sequence[m.Announced]) -> None:
        """Ask these peers for receipts of own transactions."""
        most = self._config.announce_items
        announces = [m.Announce(tuple(items[at : at + most]), asks=True) for at in range(0, len(items), most)]
        for peer in peers:
            for announce in announces:
                self._host.send(peer, announce, Priority.OWN)

    def announce_to(self, peer: int, pushes: Iterable[m.Push]) -> None:
        """Announce these to one peer, at once."""
        items = tuple(m.Announced(push.transaction.hash, len(push.transaction.payload)) for push in pushes)
        for at in range(0, len(items), self._config.announce_items):
            self._host.send(peer, m.Announce(items[at : at + self._config.announce_items]), Priority.LAZY)

    def due(self) -> None:
        """The time for announcements to gather is over."""
        self._flush_is_set = False
        self._flush()

    def _announce(self, item: m.Announced, peers: Sequence[int], after_s: float) -> None:
        if after_s == 0.0 and not self._queue:
            self.rounds += 1
            # One object for all of them here, too.
            announce = m.Announce((item,))
            for peer in peers:
                self._host.send(peer, announce, Priority.LAZY)
            return
        self._queue.add(item, peers)
        if after_s == 0.0:
            self._flush()
        elif not self._flush_is_set:
            self._flush_is_set = True
            # Jitter, so that neighbours do not tell each other the same at the same moment.
            self._host.set_timer(after_s * (0.5 + self._rng.random()), m.FlushAnnouncements())

    def _flush(self) -> None:
        if not self._queue:
            return
        self.rounds += 1
        for peer, announce in self._queue.flush():
            self._host.send(peer, announce, Priority.LAZY)
