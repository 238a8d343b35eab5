"""Takes out of the log what is over its time, and what is too much for the disk: in the background, a little at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import gevent

from sorcha_peer_core.model.transaction import Pruned
from sorcha_peer_core.protocol.slices import HOUR_MS, HOURS
from sorcha_peer_core.services.clock import unix_ms
from sorcha_peer_core.services.security import CLOCK_TOLERANCE_MS, MAX_TTL_S

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.store import Store
    from sorcha_peer_core.services.native import NativeThread

PRUNED_EVERY_S = 10.0
SPARE_S = 2 * CLOCK_TOLERANCE_MS / 1000
"""Kept longer than anybody may take it: what was forgotten must not come back."""
COMPARED_S = (HOURS + 2) * HOUR_MS / 1000
"""By the time it was created, peers compare what they have: two that kept it for different times would find no end of that."""
_UNBOUNDED = 1 << 62
_AIM_S = 0.010
_MOST_S = 0.020
"""Of the store's thread in one step: whoever submits waits as long."""
_FEWEST, _FIRST, _MOST = 4, 32, 1024
_MOST_BYTES = 2 * 1024 * 1024
"""Of payloads in one step, as far as their average says: every page of them is taken back."""
_REST = 4
"""Times as long as a step took nothing is pruned after it: the others of the store have most of its time."""
_LEAST_REST_S = 0.005
_NOTHING = Pruned(0, 0, 0)


class _Step(NamedTuple):
    pruned: Pruned
    oldest_seq: int
    took_s: float


def retention_s(transaction_cache_ttl_s: float) -> float:
    """How long transactions are kept at least.

    A node may be set to a shorter time to live than others: theirs are still valid then, and would come back from a peer.
    """
    return max(transaction_cache_ttl_s + SPARE_S, MAX_TTL_S + SPARE_S, COMPARED_S)


class Retention:
    """A job of the node's schedule. It blocks as long as there is something to take out, and holds up nobody."""

    def __init__(
        self,
        store: Store,
        thread: NativeThread,
        ttl_s: float,
        keep_bytes: int,
        *,
        is_sure_of_time: Callable[[], bool],
        unix_ms: Callable[[], float] = unix_ms,
    ) -> None:
        self._store = store
        self._thread = thread
        self._retention_ms = retention_s(ttl_s) * 1000
        self._keep_bytes = keep_bytes or _UNBOUNDED
        self._is_sure_of_time = is_sure_of_time
        self._unix_ms = unix_ms
        self._at_once = _FIRST
        self._stopping = False
        self.pruned: Counter[str] = Counter(age=0, size=0)
        """Transactions, by reason."""
        self.freed_bytes = 0
        self.oldest_seq = 0
        """Of the log with payloads, as of the last look."""
        self.longest_step_s = 0.0

    def run(self) -> None:
        """Prune until nothing is left to prune. Raises StoreError."""
        while not self._stopping:
            most = self._most()
            step = self._thread.call(self._step, self._before_ms(), most)
            self._count(step)
            if step.pruned.forgotten + step.pruned.emptied < most:
                return
            self._adapt(step.took_s)
            gevent.sleep(max(_LEAST_REST_S, _REST * step.took_s))

    def stop(self) -> None:
        """Begin no further step."""
        self._stopping = True

    def _most(self) -> int:
        transactions, _ = self._store.totals()
        average_bytes = self._store.log_bytes() / max(1, transactions)
        return max(1, min(self._at_once, int(_MOST_BYTES / max(1.0, average_bytes))))

    def _before_ms(self) -> float:
        # By a clock that was set to the next year everything would be over its time.
        return self._unix_ms() - self._retention_ms if self._is_sure_of_time() else 0.0

    def _step(self, before_ms: float, most: int) -> _Step:
        begin_s = time.monotonic()
        pruned = self._store.prune(before_ms, self._keep_bytes, most)
        return _Step(pruned, self._store.oldest_seq(), time.monotonic() - begin_s)

    def _count(self, step: _Step) -> None:
        self.pruned["age"] += step.pruned.forgotten
        self.pruned["size"] += step.pruned.emptied
        self.freed_bytes += step.pruned.freed_bytes
        self.oldest_seq = step.oldest_seq
        if step.pruned != _NOTHING:
            self.longest_step_s = max(self.longest_step_s, step.took_s)

    def _adapt(self, took_s: float) -> None:
        if took_s > _MOST_S:
            self._at_once = max(_FEWEST, self._at_once // 2)
        elif took_s < _AIM_S / 2:
            self._at_once = min(_MOST, self._at_once * 2)
