"""Verification, off the hub when there is more than a little: while one batch is being checked, the next one gathers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gevent.event import Event as Signal

if TYPE_CHECKING:
    from sorcha_peer_core.model.transaction import Transaction
    from sorcha_peer_core.services.native import NativeThread
    from sorcha_peer_core.services.security import TransactionRules

_MOST_AT_ONCE = 64
"""About 4 ms of work: more would make the first of a batch wait for the last."""
_ON_HUB_BYTES = 64 * 1024
"""And hashing them must not take longer than checking their signatures."""
_ON_HUB = 2
"""So few cost the hub 0.1 ms; the trip to the other thread and back takes longer (docs/adr/0004)."""


class Verifier:
    """A queue of transactions and the greenlet that has them checked."""

    def __init__(
        self,
        rules: TransactionRules,
        thread: NativeThread,
        done: Callable[[Sequence[Transaction], Sequence[str | None]], None],
        unix_ms: Callable[[], float],
    ) -> None:
        self._rules = rules
        self._thread = thread
        self._done = done
        self._unix_ms = unix_ms
        self._waiting: list[Transaction] = []
        self._signal = Signal()
        self._stopping = False

    def add(self, transaction: Transaction) -> None:
        """Have it checked; does not block."""
        self._waiting.append(transaction)
        self._signal.set()

    def run(self) -> None:
        """Check what comes until ``stop``; the body of a greenlet."""
        while not self._stopping:
            self._signal.wait()
            self._signal.clear()
            while self._waiting and not self._stopping:
                batch, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
                check = self._rules.flaws if _is_little(batch) else self._check_off_hub
                self._done(batch, check(batch, self._unix_ms()))

    def stop(self) -> None:
        """End after the batch that is being checked."""
        self._stopping = True
        self._signal.set()

    def _check_off_hub(self, batch: Sequence[Transaction], now_ms: float) -> list[str | None]:
        return self._thread.call(self._rules.flaws, batch, now_ms)


def _is_little(batch: Sequence[Transaction]) -> bool:
    return len(batch) <= _ON_HUB and sum(len(transaction.payload) for transaction in batch) <= _ON_HUB_BYTES
