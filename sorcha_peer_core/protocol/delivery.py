"""Own transactions on their way to enough peers, and what this node owes to the origins of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.protocol.flush import Ask, Flush, Grants
from sorcha_peer_core.protocol.owed import Owed
from sorcha_peer_core.protocol.receipts import Receipts

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.transaction import Due
    from sorcha_peer_core.protocol.config import CoreConfig
    from sorcha_peer_core.protocol.counters import Counters
    from sorcha_peer_core.protocol.host import Host
    from sorcha_peer_core.protocol.recent import Recent
    from sorcha_peer_core.protocol.seen import Seen


class Delivery:
    """Receipts in both directions, refusals, and the credit for a flush. ``ask`` asks peers for receipts."""

    def __init__(
        self,
        config: CoreConfig,
        host: Host,
        rng: Random,
        *,
        seen: Seen,
        recent: Recent,
        verifying_bytes: Callable[[], int],
        ask: Ask,
        counters: Counters,
    ) -> None:
        self._counters = counters
        self._ask = ask
        self._linked: list[int] = []
        self._now = 0.0
        self.receipts = Receipts(config, host, rng)
        self.owed = Owed(host, seen, recent, config.max_transaction_bytes)
        self.flush = Flush(host, rng, self.receipts, ask)
        self.grants = Grants(host, lambda: verifying_bytes() + recent.uncommitted_bytes)
        self.refused = 0
        """Times that a peer said of an own transaction that it is not valid."""
        self._handlers: dict[type, Callable[[int, Any], None]] = {
            m.Receipt: self._on_receipt,
            m.Refusal: self._on_refusal,
            m.FlushRequest: lambda peer, request: self.grants.asked(peer, request, self._now),
            m.FlushGrant: lambda peer, grant: self.flush.granted(peer, grant, self._now),
        }

    @property
    def kinds(self) -> Sequence[type]:
        """The messages that ``receive`` takes."""
        return tuple(self._handlers)

    def receive(self, peer: int, message: Any, now: float) -> None:
        """A message of one of ``kinds``."""
        self._now = now
        self._handlers[type(message)](peer, message)

    def link_up(self, peer: int, now: float) -> None:
        """``peer`` is linked. The first one after a time without any is asked for what went out before that."""
        if not self._linked and len(self.receipts):
            self._ask((peer,), self.receipts.awaited)
        self._linked.append(peer)
        self.receipts.link_up(peer, now)
        self.flush.link_up(peer)

    def link_down(self, peer: int) -> None:
        """It is no longer."""
        self._linked.remove(peer)
        self.receipts.link_down(peer)
        self.flush.link_down(peer)
        self.grants.link_down(peer)

    def offer_again(self, offers: Sequence[Due], now: float) -> None:
        """Ask all linked peers for receipts of these, once more; who lacks one fetches it."""
        items = [m.Announced(offer.hash, offer.size) for offer in offers]
        for item, offer in zip(items, offers, strict=True):
            self.receipts.begin(item, offer.attempts + 1, now)
        self._ask(self._linked, items)

    def _on_receipt(self, peer: int, receipt: m.Receipt) -> None:
        self._counters.receipts += len(receipt.hashes)
        self.receipts.received(peer, receipt.hashes)
        self.flush.receipted(peer, receipt.hashes)

    def _on_refusal(self, peer: int, refusal: m.Refusal) -> None:
        self.refused += 1
        self.receipts.refused(peer, refusal.hash, refusal.reason)
