"""Looks after the store: says that it cannot be written, tries until it can, has it mended when it is damaged."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from sorcha_peer_core.errors import RowRefused, StoreDamaged, StoreError
from sorcha_peer_core.interfaces.store import MendingStore
from sorcha_peer_core.model.events import StoreFailed, StoreMended, StoreRecovered
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.services.native import NativeThread

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.store import Store
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.services.events import EventBus
    from sorcha_peer_core.services.supervisor import Supervisor

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

CHECKED_EVERY_S = 2.0
_MOST_MENDED = 3
_MENDED_WITHIN_S = 3600.0
"""A disk that damages its files faster than that is not mended by new ones, and every one of them takes room."""


class StoreThread(NativeThread):
    """The thread of the store. Whoever calls it, ``on_error`` hears of each StoreError."""

    def __init__(self) -> None:
        super().__init__()
        self.on_error: Callable[[StoreError], None] = lambda error: None

    def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it there and wait; only the calling greenlet blocks. Raises what it raises."""
        try:
            return super().call(function, *args, **kwargs)
        except StoreError as error:
            self.on_error(error)
            raise


class StoreCare:
    """What is wrong with the store, and what is done about it."""

    def __init__(
        self,
        store: Store,
        thread: StoreThread,
        events: EventBus,
        supervisor: Supervisor,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._thread = thread
        self._events = events
        self._supervisor = supervisor
        self._clock = clock
        self._failed_at_s = 0.0
        self._damage: StoreDamaged | None = None
        self._is_mending = False
        self._mended_at_s: deque[float] = deque(maxlen=_MOST_MENDED)
        self.failure = ""
        """Why the store cannot be written, empty when it can."""
        self.notices: list[str] = []
        """What damage was found and mended, for whoever looks after the node."""
        self.on_new_log: Callable[[str], None] = lambda reason: None
        """Called with a sentence when the arrival log has another epoch than before: the node has to begin anew."""

    def open(self) -> None:
        """Open the store, mended if need be. Raises StoreError."""
        try:
            self._thread.call(self._store.open)
        except StoreDamaged as error:
            if not isinstance(self._store, MendingStore):
                raise
            self._mend(error, self._store)
        self._thread.on_error = self.saw

    def close(self) -> None:
        """Close the store, as well as it can be closed."""
        self._thread.on_error = lambda error: None
        try:
            self._thread.call(self._store.close)
        except StoreError as error:
            log.warning("%s; what was committed is there all the same", error)

    def saw(self, error: StoreError) -> None:
        """Something failed; must not block."""
        if isinstance(error, RowRefused):
            return
        if not self.failure:
            self._failed_at_s = self._clock()
            self._events.emit(StoreFailed(str(error)))
        self.failure = str(error)
        if isinstance(error, StoreDamaged) and isinstance(self._store, MendingStore):
            self._damage = error
            if not self._is_mending:
                self._is_mending = True
                self._supervisor.spawn("mending of the store", self._try_to_mend, self._store)

    def check(self) -> None:
        """Every so often: whether the files are where they were; and if the store failed, whether it works again. Blocks."""
        if self._is_mending:
            return
        if self._damage is not None and isinstance(self._store, MendingStore):
            self._is_mending = True
            self._try_to_mend(self._store)
        else:
            # What fails, ``saw`` is told.
            with suppress(StoreError):
                self._thread.call(self._look)
                self._recovered()

    def _look(self) -> None:
        if not isinstance(self._store, MendingStore):
            if self.failure:
                self._store.save_anchors(self._store.anchors())
        elif self.failure:
            self._store.probe()
        else:
            self._store.check()

    def _recovered(self) -> None:
        if self.failure:
            self.failure = ""
            self._events.emit(StoreRecovered(round(self._clock() - self._failed_at_s, 1)))

    def _try_to_mend(self, store: MendingStore) -> None:
        error = self._damage
        try:
            if error is not None and not self._is_hopeless():
                self._mend(error, store)
                self._recovered()
        except StoreError as failed:
            # Said by ``saw`` already; tried again at the next check.
            self.failure = str(failed)
        finally:
            self._is_mending = False

    def _is_hopeless(self) -> bool:
        since_s = self._clock() - _MENDED_WITHIN_S
        if len(self._mended_at_s) < _MOST_MENDED or self._mended_at_s[0] < since_s:
            return False
        self.failure = (
            f"{self._damage}. It was mended {_MOST_MENDED} times within an hour, and is left as it is now: "
            "the disk, or the memory of this machine, seems to fail"
        )
        return True

    def _mend(self, error: StoreDamaged, store: MendingStore) -> None:
        mended = self._thread.call(store.mend)
        self._damage = None
        sentence = mended.sentence(str(error))
        self.notices.append(sentence)
        self._events.emit(StoreMended(sentence))
        for tx_hash in mended.lost_submissions:
            log.warning("the submission %s was accepted here and is lost: submit it again", tx_hash)
        if mended.is_new_log:
            self._mended_at_s.append(self._clock())
            self.on_new_log("the store was damaged and has a new log, which everything has to begin with")


def payload_of(store: Store, tx_hash: TxHash) -> bytes | None:
    """A payload, as its hash says it is. Raises StoreDamaged when it is not that any more. Runs on the store's thread."""
    payload = store.payload(tx_hash)
    if payload is not None and tx_hash_of(payload) != tx_hash:
        raise not_what_it_was(tx_hash)
    return payload


def not_what_it_was(tx_hash: TxHash) -> StoreDamaged:
    """The error for a row that no longer holds what was written into it."""
    return StoreDamaged(f"what the store has of the transaction {tx_hash.hex()} is not what was written")
