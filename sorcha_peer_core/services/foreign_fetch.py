"""Fetching what foreign clients notified: from them alone, checked by its hash, and then submitted as this node's own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from sorcha_peer_core.errors import LinkClosed, RemoteProtocolError, StoreError, SubmissionRefused, TransportError
from sorcha_peer_core.model.events import ForeignFetchFailed
from sorcha_peer_core.model.transaction import Submission, submission_of

if TYPE_CHECKING:
    from gevent import Greenlet

    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.services.dial_back import DialBack
    from sorcha_peer_core.services.events import EventBus
    from sorcha_peer_core.services.registrations import Registration
    from sorcha_peer_core.services.supervisor import Supervisor

AT_ONCE = 4
MOST_WAITING = 1000
MOST_OF_ONE = 100
MOST_SOURCES = 4
"""Clients that are asked for one transaction, one after the other."""
_LEAST_TIME_S = 10.0
_SLOWEST_BYTES_PER_S = 128 * 1024


class Offer(NamedTuple):
    """A client says that it has a transaction."""

    registration: Registration
    size_bytes: int
    register_id: str


class ForeignFetch:
    """A queue of hashes and the few greenlets that work it off; each hash stands in it once."""

    def __init__(
        self,
        dial_back: DialBack,
        submit: Callable[[Submission], object],
        events: EventBus,
        supervisor: Supervisor,
        max_transaction_bytes: int,
    ) -> None:
        self._dial_back = dial_back
        self._submit = submit
        self._events = events
        self._supervisor = supervisor
        self._max_transaction_bytes = max_transaction_bytes
        self._offers: dict[TxHash, deque[Offer]] = {}
        self._queue: deque[TxHash] = deque()
        self._workers: set[Greenlet[..., object]] = set()
        self._working = 0
        self._stopping = False

    def prepare(self, registration: Registration) -> None:
        """Begin to see whether a client that registered can be fetched from."""
        self._dial_back.begin(registration)

    def take(self, tx_hash: TxHash, offer: Offer) -> bool:
        """Whether the transaction will be asked for, of this client or of another one that was first.

        Blocks while the client is dialled back.
        """
        registration = offer.registration
        if not 0 < offer.size_bytes <= self._max_transaction_bytes or registration.offers >= MOST_OF_ONE:
            return False
        if self._stopping or self._dial_back.way_to(registration) is None:
            return False
        offers = self._offers.get(tx_hash)
        if offers is None:
            if len(self._offers) >= MOST_WAITING:
                return False
            offers = self._offers[tx_hash] = deque()
            self._queue.append(tx_hash)
        elif any(known.registration is registration for known in offers):
            return True
        if len(offers) >= MOST_SOURCES:
            return False
        offers.append(offer)
        registration.offers += 1
        self._employ()
        return True

    def stop(self) -> None:
        """Fetch no more; what waits is forgotten, since nobody was promised it."""
        self._stopping = True
        self._dial_back.stop()
        self._queue.clear()
        for worker in self._workers:
            worker.kill(block=False)

    def _employ(self) -> None:
        if self._queue and self._working < AT_ONCE:
            self._working += 1
            worker = self._supervisor.spawn("fetch from foreign clients", self._work)
            self._workers.add(worker)
            worker.link(self._workers.discard)

    def _work(self) -> None:
        try:
            while self._queue:
                self._fetch(self._queue.popleft())
        finally:
            self._working -= 1

    def _fetch(self, tx_hash: TxHash) -> None:
        offers = self._offers[tx_hash]
        try:
            # Others may offer it while one is asked; the one that is asked stays in front until it is done with.
            while offers and not self._is_settled(tx_hash, offers[0]):
                offers.popleft().registration.offers -= 1
        finally:
            for offer in offers:
                offer.registration.offers -= 1
            del self._offers[tx_hash]

    def _is_settled(self, tx_hash: TxHash, offer: Offer) -> bool:
        """Whether nobody else need be asked."""
        registration = offer.registration
        try:
            submission = self._fetched(tx_hash, offer)
        except (TransportError, RemoteProtocolError, SubmissionRefused) as error:
            self._dial_back.failed(registration)
            self._failed(tx_hash, offer, error)
            return False
        self._dial_back.fetched(registration)
        try:
            self._submit(submission)
        except (StoreError, SubmissionRefused) as error:
            # Nothing that another client could do better.
            self._failed(tx_hash, offer, error)
        return True

    def _fetched(self, tx_hash: TxHash, offer: Offer) -> Submission:
        way = self._dial_back.way_to(offer.registration)
        if way is None:
            raise LinkClosed("it no longer answers")
        size_bytes = offer.size_bytes
        timeout_s = _LEAST_TIME_S + size_bytes / _SLOWEST_BYTES_PER_S
        payload = way.client.fetch(way.endpoint, tx_hash, size_bytes, timeout_s)
        submission = submission_of(payload, max_bytes=size_bytes, register_id=offer.register_id)
        if submission.tx_hash != tx_hash:
            raise RemoteProtocolError(f"what it sent has the hash {submission.tx_hash.hex()}")
        return submission

    def _failed(self, tx_hash: TxHash, offer: Offer, error: Exception) -> None:
        self._events.emit(ForeignFetchFailed(tx_hash, offer.registration.peer.peer_id, offer.registration.caller, str(error)))
