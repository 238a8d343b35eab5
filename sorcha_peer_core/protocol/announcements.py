"""Hashes that peers speak of: what is not here is fetched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.model import messages as m

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.filter import HashFilter
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.protocol.config import CoreConfig
    from sorcha_peer_core.protocol.deeds import Deeds
    from sorcha_peer_core.protocol.fetching import Fetching
    from sorcha_peer_core.protocol.here import Here
    from sorcha_peer_core.protocol.mesh_links import MeshLinks
    from sorcha_peer_core.protocol.owed import Owed

Told = Callable[[int, Sequence[m.Announced], float], None]


class Announcements:
    """Sorts what linked peers say they have into what is here, what may be in the store, and what is to be fetched.

    ``ask_store`` takes what may be in the store; ``old`` hears what a comparison found.
    """

    def __init__(  # noqa: PLR0913 - so many have a say in it
        self,
        config: CoreConfig,
        hash_filter: HashFilter,
        here: Here,
        *,
        fetching: Fetching,
        owed: Owed,
        mesh: MeshLinks,
        ask_store: Callable[[int, TxHash, m.Announced], None],
        old: Told,
        deeds: Deeds,
    ) -> None:
        self._max_transaction_bytes = config.max_transaction_bytes
        self._filter = hash_filter
        self._here = here
        self._fetching = fetching
        self._owed = owed
        self._mesh = mesh
        self._ask_store = ask_store
        self._old = old
        self._deeds = deeds

    def announce(self, peer: int, announce: m.Announce, now: float) -> None:
        """``peer`` has all of these."""
        if announce.asks:
            self._sort(peer, self._owed.asked(peer, announce.items), now, at_once=True)
        elif not announce.old:
            # Most of what is announced is here: then nothing else about the link matters.
            unseen = self._deeds.within_quota(peer, self._here.unseen(peer, announce.items), now)
            if unseen:
                self._sort(peer, unseen, now, at_once=self._mesh.gives(peer))
        else:
            self._old(peer, announce.items, now)

    def have(self, peer: int, have: m.Have, now: float) -> None:
        """``peer`` has some chunks of this one."""
        tx_hash = have.hash
        if tx_hash in self._here or not 0 < have.size <= self._max_transaction_bytes:
            return
        if not self._deeds.within_quota(peer, (m.Announced(tx_hash, have.size),), now):
            return
        # A hash that may be in the store waits until somebody has all of it.
        if tx_hash in self._fetching or self._filter.definitely_new(tx_hash):
            self._fetching.swarms.offered(peer, m.Announced(tx_hash, have.size), have.chunks, now)

    def consider(self, peer: int, items: Sequence[m.Announced], now: float) -> list[TxHash]:
        """``peer`` has had these for a while; returns those that are not here, or not known to be."""
        return self._sort(peer, self._here.unseen(peer, items), now, at_once=True)

    def _sort(self, peer: int, items: Sequence[m.Announced], now: float, *, at_once: bool) -> list[TxHash]:
        """Of those that did not come lately, the ones that are not here, or not known to be."""
        self._deeds.questions.spoke(peer, now)
        fresh: list[m.Announced] = []
        missing: list[TxHash] = []
        for item in items:
            tx_hash = item.hash
            if not 0 < item.size <= self._max_transaction_bytes:
                continue
            missing.append(tx_hash)
            verifying = self._here.verifying(tx_hash)
            if verifying is not None:
                verifying.havers.setdefault(peer, item.size)
            elif tx_hash in self._fetching or self._filter.definitely_new(tx_hash):
                fresh.append(item)
            else:
                self._ask_store(peer, tx_hash, item)
        if fresh:
            self._fetching.announced(peer, fresh, now, at_once=at_once)
        return missing
