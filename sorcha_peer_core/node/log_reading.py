"""The arrival log as services see it: read forwards and backwards, waited for, looked up in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING

from sorcha_peer_core.errors import NotTraced
from sorcha_peer_core.interfaces.views import LogSlice
from sorcha_peer_core.model.ids import hashes_with_prefix
from sorcha_peer_core.node.running import Running
from sorcha_peer_core.node.tracing import TRACED
from sorcha_peer_core.services.store_care import payload_of

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.store import Store
    from sorcha_peer_core.interfaces.views import TraceView
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.model.transaction import LogEntry, Transaction


class LogReading(Running):
    """The part of a node that is about what is in its arrival log."""

    def transactions(self, after: int, limit: int, register_id: str | None = None) -> LogSlice:
        """A slice of the arrival log."""
        return self._slice(lambda store: store.after(after, limit, register_id))

    def transactions_before(self, seq: int, limit: int, register_id: str | None = None) -> LogSlice:
        """A slice of it read backwards, the newest first."""
        return self._slice(lambda store: store.before(seq, limit, register_id))

    def find_transactions(self, prefix: str, limit: int) -> list[LogEntry]:
        """Lines of the log whose hash begins with these hex digits. Raises ValueError when it is no beginning of a hash."""
        first, last = hashes_with_prefix(prefix)
        ground = self._assembled.ground
        return ground.store_thread.call(ground.store.between, first, last, limit)

    def transaction(self, tx_hash: TxHash) -> Transaction | None:
        """One transaction of the log with its envelope and payload; None when the log does not have both."""
        ground = self._assembled.ground
        found = ground.store_thread.call(ground.store.load, [tx_hash])
        return found[0] if found else None

    def wait_for_transactions(self, after: int, timeout_s: float) -> bool:
        """Block until the log goes beyond ``after``, the time is over or the node stops."""
        driver = self._assembled.driver
        deadline = monotonic() + timeout_s
        while driver.last_seq <= after and self._running:
            if not driver.log_grew.wait(deadline - monotonic()):
                break
        return driver.last_seq > after

    def payload(self, tx_hash: TxHash) -> bytes | None:
        """The payload of a transaction that is stored or queued here."""
        ground = self._assembled.ground
        return ground.store_thread.call(payload_of, ground.store, tx_hash)

    def trace(self, tx_hash: TxHash) -> TraceView:
        """Whom a transaction came from, and who got it from here. Raises NotTraced, saying why there is no trace."""
        parts = self._assembled
        view = parts.tracing.view(tx_hash, self._report.name_of)
        if view is not None:
            return view
        store = parts.ground.store
        if parts.ground.store_thread.call(store.known, [tx_hash]):
            raise NotTraced(
                f"the transaction {tx_hash.hex()} is here, but no longer traced: "
                f"a node keeps traces of the latest {TRACED:,} since it started"
            )
        if parts.ground.store_thread.call(store.payload, tx_hash) is not None:
            raise NotTraced(f"the transaction {tx_hash.hex()} waits in the queue for its release; its trace begins then")
        raise NotTraced(f"the transaction {tx_hash.hex()} is not here")

    def _slice(self, read: Callable[[Store], Sequence[LogEntry]]) -> LogSlice:
        ground = self._assembled.ground
        store = ground.store
        entries, oldest_seq = ground.store_thread.call(lambda: (read(store), store.oldest_seq()))
        return LogSlice(entries, oldest_seq, store.log_epoch)
