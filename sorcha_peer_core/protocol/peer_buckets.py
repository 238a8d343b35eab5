"""Where the entries of a peer table lie: in buckets of a fixed size, and in the order in which they go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.protocol.peer_entry import PeerEntry

BUCKET_PEERS = 32


class Buckets:
    """Entries in numbered buckets of ``BUCKET_PEERS``; ``entry.bucket`` is the number."""

    def __init__(self) -> None:
        self._buckets: dict[int, dict[PeerId, PeerEntry]] = {}

    def of(self, number: int) -> Collection[PeerEntry]:
        """What is in one bucket, in the order in which it came."""
        bucket = self._buckets.get(number)
        return bucket.values() if bucket else ()

    def has_room(self, number: int) -> bool:
        """Whether one more fits."""
        return len(self.of(number)) < BUCKET_PEERS

    def put(self, entry: PeerEntry) -> None:
        """Into its bucket, which has room."""
        self._buckets.setdefault(entry.bucket, {})[entry.peer_id] = entry

    def take(self, entry: PeerEntry) -> None:
        """Out of its bucket."""
        bucket = self._buckets[entry.bucket]
        del bucket[entry.peer_id]
        if not bucket:
            del self._buckets[entry.bucket]


class Orders:
    """Every entry in one of three orders: the untried since they came, the failed since they failed, the proved since they
    were seen. The first of each is the next of its kind to go, found without looking at the others. Whoever changes an
    entry takes it out before and puts it in after.
    """

    def __init__(self) -> None:
        self._untried: dict[PeerId, PeerEntry] = {}
        self._failed: dict[PeerId, PeerEntry] = {}
        self._proved: dict[PeerId, PeerEntry] = {}
        self.told: Counter[PeerId] = Counter()
        """Of each source, how many are here and not proved."""

    def put(self, entry: PeerEntry) -> None:
        """At the end of its order."""
        self._order_of(entry)[entry.peer_id] = entry
        if entry.teller is not None:
            self.told[entry.teller] += 1

    def take(self, entry: PeerEntry) -> None:
        """Out of its order."""
        del self._order_of(entry)[entry.peer_id]
        if entry.teller is not None:
            self.told[entry.teller] -= 1
            if not self.told[entry.teller]:
                del self.told[entry.teller]

    def first(self) -> list[PeerEntry]:
        """The first of each order."""
        return [next(iter(order.values())) for order in (self._failed, self._untried, self._proved) if order]

    def _order_of(self, entry: PeerEntry) -> dict[PeerId, PeerEntry]:
        if not entry.is_hearsay:
            return self._proved
        return self._failed if entry.failures else self._untried
