"""Own submissions: committed first, released to the network in order, never faster than the links can take them."""

from __future__ import annotations

import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event as Signal

from sorcha_peer_core.errors import QueueFull, StoreError
from sorcha_peer_core.model.chunks import chunk_bytes_for, chunk_list, chunk_root
from sorcha_peer_core.model.transaction import Header, Queued, Submission, Transaction
from sorcha_peer_core.services.security import MAX_TTL_S, TRANSACTION_DOMAIN
from sorcha_peer_core.wire.codec import encode_header

if TYPE_CHECKING:
    from sorcha_peer_core.config import OfflineModeSection
    from sorcha_peer_core.interfaces.store import Store
    from sorcha_peer_core.services.driver import Driver
    from sorcha_peer_core.services.identity import Identity
    from sorcha_peer_core.services.native import NativeThread

log = logging.getLogger(__name__)

_ROWS_AT_ONCE = 128
_READ_BYTES = 16 * 1024 * 1024
_SIGN_ON_HUB = 4
_MOST_IN_FLIGHT = 512
"""Released and not yet in the log: bounds what memory holds beside the queue on disk."""
_FULL_QUEUE_BYTES = 1024 * 1024
"""Of the fullest send queue; above it the release pauses, but not for long: one slow peer must not hold up all."""
_PATIENCE_S = 0.5
_RETRY_S = 1.0


class Outbox:
    """Takes submissions in and feeds them to the core. A row leaves the outbox with the commit to the arrival log."""

    def __init__(
        self,
        config: OfflineModeSection,
        identity: Identity,
        network_id: str,
        ttl_s: int,
        *,
        store: Store,
        store_thread: NativeThread,
        signer: NativeThread,
        driver: Driver,
    ) -> None:
        self._config = config
        self._identity = identity
        self._network_id = network_id
        self._ttl_s = min(ttl_s, MAX_TTL_S)
        self._store = store
        self._store_thread = store_thread
        self._signer = signer
        self._driver = driver
        self._read_row_id = 0
        """Rows up to here were read for release; belongs to the store's thread."""
        self._ready: deque[Queued] = deque()
        self._signal = Signal()
        self._stopping = False
        self.clock_is_off: Callable[[], bool] = lambda: False
        """Whether peers would refuse what is sealed now: then it waits."""

    def put(self, submissions: Sequence[Submission]) -> list[bool]:
        """Commit submissions; False where the payload was known already. Blocks until they are durable.

        Raises:
            QueueFull: none was accepted.
            StoreError: none was accepted.
        """
        totals = self._store.queue_totals()
        waiting, size = totals.waiting, totals.waiting_bytes
        more = sum(len(submission.payload) for submission in submissions)
        if waiting + len(submissions) > self._config.max_queue_size or size + more > self._config.max_queue_bytes:
            raise QueueFull(
                f"{waiting} submissions ({size} bytes) wait already; at most {self._config.max_queue_size} "
                f"and {self._config.max_queue_bytes} bytes may; try again when peers have taken some"
            )
        fresh = self._store_thread.call(self._commit, submissions)
        self._signal.set()
        return fresh

    def wake(self) -> None:
        """Something changed that may let rows go: a peer was linked, a queue emptied."""
        self._signal.set()

    def stop(self) -> None:
        """Release no more; what waits stays committed."""
        self._stopping = True
        self._signal.set()

    def run(self) -> None:
        """Release rows while there is somebody to release them to; the body of a greenlet."""
        while not self._stopping:
            if self._driver.linked == 0 or self.clock_is_off() or not self._release_some():
                # Without links not for ever: the news of one may come here before the core, and ``linked``, have heard of it.
                self._signal.wait(None if self._driver.linked else _RETRY_S)
                self._signal.clear()

    def _release_some(self) -> bool:
        if not self._ready:
            try:
                self._store_thread.call(self._read)
            except StoreError:
                gevent.sleep(_RETRY_S)
                return True
        rows = [self._ready.popleft() for _ in range(min(len(self._ready), _ROWS_AT_ONCE))]
        if not rows:
            return False
        # A trip to another thread costs more than a few signatures.
        few = len(rows) <= _SIGN_ON_HUB
        transactions = self._seal(rows) if few else self._signer.call(self._seal, rows)
        self._wait_for_room()
        if not self._stopping:
            self._driver.submit(transactions, [row.queued_ms for row in rows])
        return True

    def _commit(self, submissions: Sequence[Submission]) -> list[bool]:
        """On the store's thread: commit, and when nothing else waits bring the rows back at once for release."""
        now_ms = time.time() * 1000
        fresh = self._store.put(submissions, now_ms)
        if self._driver.linked == 0 or self._ready:
            return fresh
        try:
            # Rows that waited from before keep their time; these ones count from their commit.
            self._read(put_ms=now_ms, committed_ms=time.time() * 1000)
        except StoreError as error:
            # They are accepted all the same; the greenlet reads them when the store lets it.
            log.warning("submissions were committed and could not be read back yet: %s", error)
        return fresh

    def _read(self, put_ms: float = 0.0, committed_ms: float = 0.0) -> None:
        """On the store's thread, so that rows stay in order and whoever gives up waiting takes none with him."""
        rows = self._store.queued(self._read_row_id, _ROWS_AT_ONCE, _READ_BYTES)
        if rows:
            self._read_row_id = rows[-1].row_id
        self._ready.extend(row._replace(queued_ms=committed_ms) if row.queued_ms == put_ms else row for row in rows)

    def _wait_for_room(self) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not self._stopping and (
            self._driver.own_in_flight > _MOST_IN_FLIGHT
            or (self._driver.send_backlog_bytes > _FULL_QUEUE_BYTES and time.monotonic() < deadline)
        ):
            gevent.sleep(0.002)

    def _seal(self, rows: Sequence[Queued]) -> list[Transaction]:
        """Sign what is released now: the life of a transaction begins here, however long it waited."""
        now_ms = time.time_ns() / 1e6
        return [self._seal_one(row.submission, now_ms) for row in rows]

    def _seal_one(self, submission: Submission, now_ms: float) -> Transaction:
        chunk_bytes = chunk_bytes_for(len(submission.payload))
        header = Header(
            network_id=self._network_id,
            payload_hash=submission.tx_hash,
            payload_size=len(submission.payload),
            content_type=submission.content_type,
            register_id=submission.register_id,
            origin_key=self._identity.public_key,
            created_ms=now_ms,
            ttl_s=self._ttl_s,
            nonce=secrets.randbits(64),
            chunk_bytes=chunk_bytes,
            chunk_root=chunk_root(chunk_list(submission.payload, chunk_bytes)) if chunk_bytes else b"",
        )
        header_bytes = encode_header(header)
        return Transaction(header, header_bytes, self._identity.sign(TRANSACTION_DOMAIN + header_bytes), submission.payload)
