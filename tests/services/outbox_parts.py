"""What the tests of the outbox share: a driver that only remembers, and boxes over a store in memory."""

from __future__ import annotations

import time
from types import SimpleNamespace

import gevent
from service_parts import NETWORK_ID, InlineThread, identity_of, submission

from sorcha_peer_core.config import OfflineModeSection
from sorcha_peer_core.model.transaction import Arrival, Due, Transaction
from sorcha_peer_core.services.outbox import Outbox


class FakeDriver:
    """Takes what is released; commits it only when told."""

    def __init__(self) -> None:
        self.linked = 0
        self.online_since = 0.0
        self.logs_read = 0
        self.own_in_flight = self.own_in_flight_bytes = self.awaiting_receipts = 0
        self.send_backlog_bytes = 0
        self.released: list[tuple[object, float]] = []
        self.offered: list[Due] = []
        self.renewed: list[tuple[Transaction, int]] = []
        self.wanted: list[tuple[int, int]] = []
        self.takes = False

    def want_to_flush(self, waiting, waiting_bytes):
        self.wanted.append((waiting, waiting_bytes))
        return self.takes

    def submit(self, transactions, queued_ms):
        self.own_in_flight += len(transactions)
        self.own_in_flight_bytes += sum(len(transaction.payload) for transaction in transactions)
        self.released += zip(transactions, queued_ms, strict=True)

    def offer_again(self, offers):
        self.offered += offers

    def renew(self, transaction, attempts):
        self.renewed.append((transaction, attempts))


class Boxes:
    """Makes outboxes that run, and ends them."""

    def __init__(self, store) -> None:
        self._store = store
        self._running: list[tuple[Outbox, gevent.Greenlet]] = []

    def __call__(self, ttl_s=3600, **config):
        driver = FakeDriver()
        outbox = Outbox(
            OfflineModeSection.model_validate(config), identity_of(1), NETWORK_ID, ttl_s,
            store=self._store, store_thread=InlineThread(), signer=InlineThread(), driver=driver,
        )  # fmt: skip
        greenlet = gevent.spawn(outbox.run)
        self._running.append((outbox, greenlet))
        return SimpleNamespace(outbox=outbox, driver=driver, greenlet=greenlet)

    def stop(self) -> None:
        for outbox, greenlet in self._running:
            outbox.stop()
            greenlet.join(timeout=1.0)
            assert greenlet.dead


def put(box, *payloads):
    return box.outbox.put([submission(payload) for payload in payloads])


def released(box):
    return [transaction.payload for transaction, _ in box.driver.released]


def link(box, peers=1, logs_read=1):
    box.driver.linked, box.driver.logs_read, box.driver.online_since = peers, logs_read, time.monotonic()
    box.outbox.wake()


def commit(box, store):
    """What the storage does with what was released."""
    store.append([Arrival(transaction, queued_ms, 0, True) for transaction, queued_ms in box.driver.released])
    box.driver.own_in_flight = box.driver.own_in_flight_bytes = 0
