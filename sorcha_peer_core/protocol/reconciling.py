"""What makes certain that a node misses nothing: logs are read, sets are compared, and what differs for long is told."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.protocol.digest import Digests
from sorcha_peer_core.protocol.partition import PartitionWatch
from sorcha_peer_core.protocol.sync import Sync

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.model.transaction import Transaction
    from sorcha_peer_core.protocol.config import CoreConfig
    from sorcha_peer_core.protocol.host import Host

_MOST_AWAITED = 65_536
_MOST_REFUSED = 16_384
_FEW_REPAIRED = 32
_COMPARE_AFTER_S = 1.0
_MUCH = 256
"""Hashes that are being fetched."""
_BUSY_S = 60.0
"""After that a node compares, whatever else it does: who holds it up may do so on purpose."""

Consider = Callable[[int, Sequence[m.Announced], float], Sequence["TxHash"]]


class Reconciling:
    """The rounds of :class:`Sync` and :class:`Digests` with linked peers. ``consider`` sorts what they have."""

    def __init__(self, config: CoreConfig, host: Host, rng: Random, *, consider: Consider, fetching: Callable[[], int]) -> None:
        self._config = config
        self._host = host
        self._rng = rng
        self._consider = consider
        self._fetching = fetching
        """How many hashes are on their way."""
        self._busy_since: float | None = None
        self._linked: list[int] = []
        self._digests = Digests(host, rng)
        self._sync = Sync(host, config.sync_peers, config.sync_interval_s, self._digests.compare_hours)
        self._watch = PartitionWatch(host.emit)
        self._refused: OrderedDict[tuple[int, TxHash], None] = OrderedDict()
        """From whom what was not taken; most of it has expired, and would be found with every comparison."""
        self._repaired = 0
        """Transactions that were missing, since the last comparison with all."""
        self._awaited: OrderedDict[TxHash, None] = OrderedDict()
        """Announced after a comparison, not here yet."""

    @property
    def kinds(self) -> Iterable[type]:
        """The messages that ``receive`` takes."""
        return (m.SyncPage, *self._digests.handlers)

    @property
    def logs_read(self) -> int:
        """Linked peers whose log was read to its end since they were linked, or found to hold nothing that is missing."""
        return self._sync.logs_read

    @property
    def refused(self) -> int:
        """Frames of comparisons that asked for more than a peer may."""
        return self._digests.refused

    @property
    def is_partition_suspected(self) -> bool:
        """Whether the network may have fallen apart."""
        return self._watch.is_suspected

    def start(self) -> None:
        """Set the recurring timers and read what is in the log."""
        self._digests.start()
        self._wait(self._config.sync_interval_s, m.SyncDue())
        self._wait(self._config.digest_interval_s, m.DigestDue())

    def live_peers(self, count: int, now: float) -> None:
        """So many peers are known and not given up."""
        self._watch.live(count, now)

    def link_up(self, peer: int, cursor: m.Cursor, now: float) -> None:
        """``peer`` is linked; its log was read up to ``cursor``."""
        self._linked.append(peer)
        self._sync.link_up(peer, cursor, now)

    def link_down(self, peer: int, now: float) -> None:
        """It is no longer."""
        self._linked.remove(peer)
        self._watch.unlinked(peer)
        self._sync.link_down(peer, now)

    def arrived(self, transaction: Transaction, now: float) -> bool:
        """It is valid; returns whether it was missing until a log or a comparison said so."""
        tx_hash = transaction.hash
        self._digests.add(transaction)
        lacked = tx_hash in self._awaited
        self._awaited.pop(tx_hash, None)
        lacked |= self._sync.resolved(tx_hash, now)
        if lacked:
            self._repaired += 1
            if self._repaired == _FEW_REPAIRED + 1:
                self._host.set_timer(_COMPARE_AFTER_S, m.CompareDue())
        return lacked

    @property
    def many_repaired(self) -> bool:
        """Whether so much was missing that neighbours are compared, instead of telling each of them everything."""
        return self._repaired > _FEW_REPAIRED

    def compare_due(self, timer: m.CompareDue, now: float) -> None:
        """Find out which neighbours miss what this node missed."""
        if self._is_busy(now):
            self._host.set_timer(_COMPARE_AFTER_S, timer)
            return
        self._repaired = 0
        for peer in self._linked:
            self._digests.compare_epochs(peer)
            self._digests.compare_hours(peer, 0)

    def here(self, tx_hash: TxHash, now: float) -> None:
        """The store has it."""
        self._awaited.pop(tx_hash, None)
        self._sync.resolved(tx_hash, now)

    def refused_from(self, peer: int, tx_hash: TxHash, now: float) -> None:
        """What ``peer`` has under this hash is not valid, or not any more."""
        self._refused[peer, tx_hash] = None
        while len(self._refused) > _MOST_REFUSED:
            self._refused.popitem(last=False)
        self._sync.refused(peer, tx_hash, now)

    def gave_up(self, tx_hash: TxHash, now: float) -> None:
        """Nobody delivered it."""
        self._awaited.pop(tx_hash, None)
        self._sync.gave_up(tx_hash, now)

    def announced(self, peer: int, items: Sequence[m.Announced], now: float) -> None:
        """A comparison found these at ``peer``. What is not here is awaited, unless it was refused from it before."""
        worth_fetching = [item for item in items if (peer, item.hash) not in self._refused]
        self._awaited.update(dict.fromkeys(self._consider(peer, worth_fetching, now)))
        while len(self._awaited) > _MOST_AWAITED:
            self._awaited.popitem(last=False)

    def receive(self, peer: int, message: Any, now: float) -> None:
        """A message of one of ``kinds``."""
        if not isinstance(message, m.SyncPage):
            if not self._is_busy(now):
                self._digests.receive(peer, message, now)
        elif self._sync.expects(peer):
            self._sync.page(peer, message, self._consider(peer, message.items, now), now)
        else:
            self._sync.end(peer, message)

    def loaded(self, page: m.CreatedPage, now: float) -> None:
        """The store's answer."""
        self._digests.loaded(page, now)

    def sync_due(self, timer: m.SyncDue, now: float) -> None:
        """The next peer's turn."""
        self._sync.again(now)
        self._wait(self._config.sync_interval_s, timer)

    def digest_due(self, timer: m.DigestDue, now: float) -> None:
        """Compare the last minute with somebody."""
        for peer, compared, lacking in self._digests.differences():
            if peer in self._linked:
                self._watch.compared(peer, compared, lacking, now)
        self._watch.judge(now)
        if self._linked and not self._is_busy(now):
            self._digests.compare_epochs(self._rng.choice(self._linked))
        self._wait(self._config.digest_interval_s, timer)

    def _is_busy(self, now: float) -> bool:
        """Whether so much is on its way that a comparison would have it sent twice. Nobody can make that last."""
        if not self._sync.catches_up(now) and self._fetching() <= _MUCH:
            self._busy_since = None
            return False
        if self._busy_since is None:
            self._busy_since = now
        return now - self._busy_since < _BUSY_S

    def _wait(self, interval_s: float, timer: m.Timer) -> None:
        self._host.set_timer(interval_s * (0.75 + 0.5 * self._rng.random()), timer)
