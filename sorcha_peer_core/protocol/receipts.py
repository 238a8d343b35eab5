"""Which own transactions await receipts, of whom, and for how long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.model.messages import Announced, LeasesDue
from sorcha_peer_core.protocol.retry import backoff_s

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.protocol.config import CoreConfig
    from sorcha_peer_core.protocol.host import Host

MOST_DELAY_S = 300.0
"""Between two offers."""
_LEAST_WAIT_S = 0.01
"""Timers are not early, but sums of floats may be."""


class _Offer:
    """One attempt to hand a transaction to the network."""

    __slots__ = ("attempts", "givers", "refusals", "since", "size")

    def __init__(self, size: int, attempts: int, since: float) -> None:
        self.size = size
        self.attempts = attempts
        """This one included."""
        self.since = since
        self.givers: list[int] = []
        """Peers that gave a receipt,"""
        self.refusals: dict[int, str] = {}
        """and those that refused it, with their reasons."""


class Receipts:
    """Own transactions from their release to their outcome: delivered, postponed or given up. Time is given, never read.

    A transaction is delivered with the receipts of ``min_receipts`` peers, or of all linked ones while there are fewer, but of
    one at least. An attempt ends after a lease, which only passes while somebody is linked. What is refused by
    everybody who is linked is given up at once. What is postponed is forgotten here until it is offered again.
    """

    def __init__(self, config: CoreConfig, host: Host, rng: Random) -> None:
        self._config = config
        self._host = host
        self._rng = rng
        self._offers: dict[TxHash, _Offer] = {}
        """The earliest first."""
        self._linked: dict[int, None] = {}
        self._online_since = 0.0
        self.needed = 1
        """Of how many peers a transaction needs receipts now: fewer than configured where fewer are linked."""
        self._is_watching = False

    def __contains__(self, tx_hash: TxHash) -> bool:
        return tx_hash in self._offers

    def __len__(self) -> int:
        return len(self._offers)

    def given(self, tx_hash: TxHash) -> int:
        """How many peers gave a receipt for it in this attempt."""
        offer = self._offers.get(tx_hash)
        return len(offer.givers) if offer is not None else 0

    def lacks(self, tx_hash: TxHash) -> int:
        """How many more it takes; 0 for one that does not await any."""
        offer = self._offers.get(tx_hash)
        return 0 if offer is None else self.needed - len(offer.givers)

    def link_up(self, peer: int, now: float) -> None:
        """``peer`` may give receipts. After a time without any link all leases begin anew."""
        if not self._linked:
            self._online_since = now
        self._linked[peer] = None
        self._count_needed()
        self._watch(now)

    def link_down(self, peer: int) -> None:
        """It is gone; the receipts it gave count all the same."""
        self._linked.pop(peer, None)
        self._count_needed()
        self._deliver([tx_hash for tx_hash, offer in self._offers.items() if self._is_enough(offer)])

    @property
    def awaited(self) -> list[Announced]:
        """What was offered and has not enough receipts."""
        return [Announced(tx_hash, offer.size) for tx_hash, offer in self._offers.items()]

    def begin(self, item: Announced, attempts: int, now: float) -> None:
        """It is offered to the network, for the ``attempts``-th time."""
        self._offers.pop(item.hash, None)
        self._offers[item.hash] = _Offer(item.size, attempts, now)
        self._watch(now)

    def received(self, peer: int, hashes: Iterable[TxHash]) -> None:
        """``peer`` has committed these."""
        enough: list[TxHash] = []
        for tx_hash in hashes:
            offer = self._offers.get(tx_hash)
            if offer is None or peer in offer.givers:
                continue
            offer.givers.append(peer)
            offer.refusals.pop(peer, None)
            if self._is_enough(offer):
                enough.append(tx_hash)
        self._deliver(enough)

    def refused(self, peer: int, tx_hash: TxHash, reason: str) -> None:
        """``peer`` says it is not valid."""
        offer = self._offers.get(tx_hash)
        if offer is None or peer in offer.givers:
            return
        offer.refusals[peer] = reason
        if offer.givers:
            # One less of whom a receipt can be expected.
            if self._is_enough(offer):
                self._deliver([tx_hash])
        elif all(other in offer.refusals for other in self._linked):
            self._give_up(tx_hash, _words_of(offer.refusals))

    def due(self, now: float) -> None:
        """End the leases that are over."""
        self._is_watching = False
        if self._linked:
            begun = now - self._config.retry_delay_s
            over = []
            for tx_hash, offer in self._offers.items():
                if max(offer.since, self._online_since) > begun:
                    break
                over.append(tx_hash)
            self._end(over)
        self._watch(now)

    def _is_enough(self, offer: _Offer) -> bool:
        needed = self.needed
        if offer.refusals:
            willing = len(self._linked) - sum(peer in self._linked for peer in offer.refusals)
            needed = max(1, min(needed, willing))
        return len(offer.givers) >= needed

    def _count_needed(self) -> None:
        self.needed = max(1, min(self._config.min_receipts, len(self._linked)))

    def _deliver(self, hashes: Sequence[TxHash]) -> None:
        for tx_hash in hashes:
            del self._offers[tx_hash]
        if hashes:
            self._host.delivered(hashes)

    def _give_up(self, tx_hash: TxHash, reason: str) -> None:
        del self._offers[tx_hash]
        self._host.give_up(tx_hash, reason)

    def _end(self, hashes: Sequence[TxHash]) -> None:
        again: dict[tuple[int, str], list[TxHash]] = {}
        for tx_hash in hashes:
            offer = self._offers[tx_hash]
            if self._is_enough(offer):
                self._deliver([tx_hash])
            elif not offer.givers and len(offer.refusals) >= self.needed:
                self._give_up(tx_hash, _words_of(offer.refusals))
            elif offer.attempts >= self._config.max_attempts:
                self._give_up(tx_hash, f"{self._shortfall(offer)}; it was offered {offer.attempts} times")
            else:
                again.setdefault((offer.attempts, self._shortfall(offer)), []).append(tx_hash)
                del self._offers[tx_hash]
        for (attempts, reason), some in again.items():
            self._host.postpone(some, self._delay_s(attempts), attempts, reason)

    def _delay_s(self, attempts: int) -> float:
        return backoff_s(attempts - 1, self._config.retry_delay_s, MOST_DELAY_S, self._rng)

    def _shortfall(self, offer: _Offer) -> str:
        if offer.refusals and not offer.givers:
            return _words_of(offer.refusals)
        return f"{len(offer.givers)} of {self.needed} receipts came within {self._config.retry_delay_s:g} s"

    def _watch(self, now: float) -> None:
        if self._is_watching or not self._linked or not self._offers:
            return
        self._is_watching = True
        first = next(iter(self._offers.values()))
        over_at = max(first.since, self._online_since) + self._config.retry_delay_s
        self._host.set_timer(max(_LEAST_WAIT_S, over_at - now), LeasesDue())


def _words_of(refusals: dict[int, str]) -> str:
    reasons = list(dict.fromkeys(refusals.values()))
    more = f" (and {len(reasons) - 1} other reasons)" if len(reasons) > 1 else ""
    return f"refused by {len(refusals)} peers: {reasons[0]}{more}" if len(refusals) > 1 else f"refused by a peer: {reasons[0]}"
