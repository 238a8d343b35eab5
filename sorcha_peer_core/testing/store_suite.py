"""The behaviour of a store: subclass a suite, say how to open your store, and pytest runs every test of it.

class TestMyStore(StoreSuite, PersistenceSuite):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path):
        self.directory = tmp_path

    def open_store(self):
        store = MyStore(self.directory)
        store.open()
        return store
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import TYPE_CHECKING

from sorcha_peer_core.model.ban import Ban
from sorcha_peer_core.model.ids import PeerId, tx_hash_of
from sorcha_peer_core.model.messages import Cursor
from sorcha_peer_core.model.transaction import QueueTotals
from sorcha_peer_core.testing.store_audit_suite import AuditSuite, BansSuite
from sorcha_peer_core.testing.store_log_suite import ArrivalLogSuite
from sorcha_peer_core.testing.store_opened import OpenedStore, assert_refused
from sorcha_peer_core.testing.store_outbox_suite import EMPTY, OutboxSuite
from sorcha_peer_core.testing.store_peers_suite import PeerTableSuite
from sorcha_peer_core.testing.store_pruning_suite import PruningSuite
from sorcha_peer_core.testing.store_samples import NOW_MS, arrival_of, arrivals_of, peer_row_of, submissions_of

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.store import Store


class LifecycleSuite(OpenedStore):
    """Opening and closing."""

    def test_closing_twice_is_closing_once(self) -> None:
        self.store.close()
        self.store.close()

    def test_a_closed_store_says_so(self) -> None:
        self.store.close()

        assert_refused(lambda: self.store.append(arrivals_of(b"a")))
        assert_refused(lambda: self.store.put(submissions_of(b"a"), NOW_MS))
        assert_refused(self.store.peers)
        assert_refused(self.store.bans)
        assert_refused(lambda: self.store.audit(None, 10))


class StoreSuite(ArrivalLogSuite, PruningSuite, OutboxSuite, PeerTableSuite, BansSuite, AuditSuite, LifecycleSuite):
    """All that any store does."""


class PersistenceSuite(OpenedStore):
    """For stores that outlive the process: ``open_store`` opens the same place again during one test."""

    @contextmanager
    def reopened(self) -> Iterator[Store]:
        """The same data, seen by a new store."""
        self.store.close()
        with closing(self.open_store()) as store:
            yield store

    def test_everything_is_there_after_reopening(self) -> None:
        epoch = self.store.log_epoch
        arrivals = arrivals_of(b"a", b"b")
        self.store.append(arrivals)
        self.store.put(submissions_of(b"waiting"), NOW_MS)
        self.store.save_peers([peer_row_of(1)])
        self.store.save_cursors({PeerId("a" * 40): Cursor(7, 10)})
        self.store.save_anchors([PeerId("b" * 40)])
        ban = Ban(PeerId("c" * 40), "it floods us", "operator", 5, None)
        self.store.save_ban(ban)
        self.store.add_audit(5, "anna", "peer.ban", "c" * 40, "ok", 10)
        secret = self.store.peer_table_secret()

        with self.reopened() as store:
            assert store.log_epoch == epoch
            assert store.peer_table_secret() == secret
            assert store.anchors() == [PeerId("b" * 40)]
            assert store.load([tx_hash_of(b"a"), tx_hash_of(b"b")]) == [arrival.transaction for arrival in arrivals]
            assert [row.submission.payload for row in store.queued(0, 10, 1000)] == [b"waiting"]
            assert store.peers() == [peer_row_of(1)]
            assert store.cursors() == {PeerId("a" * 40): Cursor(7, 10)}
            assert store.bans() == [ban]
            assert [entry.action for entry in store.audit(None, 10)] == ["peer.ban"]

    def test_totals_are_right_after_reopening(self) -> None:
        self.store.append(arrivals_of(b"a", b"b"))
        self.store.put(submissions_of(b"waiting", b"more"), NOW_MS)

        with self.reopened() as store:
            assert store.totals() == (2, 2)
            assert store.queue_totals() == EMPTY._replace(pending=2, waiting_bytes=11)

    def test_rows_of_every_state_are_there_after_reopening(self) -> None:
        names = [b"pending", b"inflight", b"retry", b"dead"]
        self.store.put(submissions_of(*names), NOW_MS)
        self.store.append([arrival_of(payload, own=True) for payload in names[1:]])
        self.store.postpone({tx_hash_of(b"retry"): 3}, NOW_MS + 5.5, "1 of 2 receipts")
        self.store.give_up({tx_hash_of(b"dead"): "nobody takes it"}, NOW_MS)
        rows = [self.store.queue_row(tx_hash_of(payload)) for payload in names]

        with self.reopened() as store:
            assert [store.queue_row(tx_hash_of(payload)) for payload in names] == rows
            assert store.queue_totals() == QueueTotals(1, 1, 1, 1, 20)
            assert store.next_due_ms() == NOW_MS + 5.5
            assert store.lapse() == 1

    def test_what_lost_its_payload_is_known_after_reopening(self) -> None:
        self.store.append(arrivals_of(b"aa", b"bb"))
        self.store.prune(0, 2, 10)

        with self.reopened() as store:
            assert (store.totals(), store.log_bytes(), store.oldest_seq()) == ((2, 2), 2, 2)
            assert store.known([tx_hash_of(b"aa")]) == {tx_hash_of(b"aa")}
            assert store.append(arrivals_of(b"aa")) == [1]

    def test_a_number_is_not_given_again_after_all_was_forgotten_and_the_store_reopened(self) -> None:
        self.store.append(arrivals_of(b"a", b"b"))
        self.store.prune(NOW_MS + 100, 0, 10)

        with self.reopened() as store:
            assert store.totals() == (0, 2)
            assert store.append(arrivals_of(b"c")) == [3]

    def test_numbering_goes_on_after_reopening(self) -> None:
        self.store.append(arrivals_of(b"a", b"b"))

        with self.reopened() as store:
            assert store.append(arrivals_of(b"c", b"a")) == [3, 1]


class FailureSuite(OpenedStore):
    """For stores whose disk can fail: ``failing_writes`` makes every commit of ``store`` fail until it is left."""

    def failing_writes(self) -> AbstractContextManager[None]:
        """Overridden by the author of the store."""
        raise NotImplementedError("say in failing_writes() how to make the disk of the store under test fail")

    def test_an_append_that_fails_leaves_nothing_behind(self) -> None:
        self.store.append(arrivals_of(b"a"))
        self.store.put(submissions_of(b"own"), NOW_MS)

        with self.failing_writes():
            assert_refused(lambda: self.store.append([arrival_of(b"b" * 100_000), arrival_of(b"own", own=True)]))
            assert self.store.totals() == (1, 1)
            assert self.store.queue_totals() == EMPTY._replace(pending=1, waiting_bytes=3)

        assert self.store.known([tx_hash_of(b"b" * 100_000), tx_hash_of(b"own")]) == set()
        assert self.store.payload(tx_hash_of(b"own")) == b"own"

    def test_a_submission_that_could_not_be_committed_is_not_queued(self) -> None:
        with self.failing_writes():
            assert_refused(lambda: self.store.put(submissions_of(b"b" * 100_000), NOW_MS))
            assert self.store.queue_totals() == EMPTY

        assert self.store.queued(0, 10, 1000) == []

    def test_a_step_of_a_row_that_could_not_be_committed_was_not_made(self) -> None:
        names = [b"inflight", b"retry", b"dead"]
        self.store.put(submissions_of(*names), NOW_MS)
        self.store.append([arrival_of(payload, own=True) for payload in names])
        self.store.postpone({tx_hash_of(b"retry"): 1}, NOW_MS, "late")
        self.store.give_up({tx_hash_of(b"dead"): "nobody takes it"}, NOW_MS)
        hashes = [tx_hash_of(payload) for payload in names]
        before = [self.store.queue_row(tx_hash) for tx_hash in hashes]

        with self.failing_writes():
            assert_refused(lambda: self.store.postpone(dict.fromkeys(hashes, 2), NOW_MS + 9, "x" * 100_000))
            assert_refused(lambda: self.store.give_up(dict.fromkeys(hashes, "x" * 100_000), NOW_MS))

        assert [self.store.queue_row(tx_hash) for tx_hash in hashes] == before
        assert self.store.queue_totals() == QueueTotals(0, 1, 1, 1, 13)
        assert self.store.next_due_ms() == NOW_MS

    def test_a_ban_that_could_not_be_committed_is_none(self) -> None:
        ban = Ban(PeerId("a" * 40), "x" * 100_000, "operator", 5, None)

        with self.failing_writes():
            assert_refused(lambda: self.store.save_ban(ban))
            assert_refused(lambda: self.store.add_audit(5, "anna", "peer.ban", "", "x" * 100_000, 10))

        assert (self.store.bans(), self.store.audit(None, 10)) == ([], [])

    def test_reading_goes_on_while_writing_fails(self) -> None:
        self.store.append(arrivals_of(b"a"))

        with self.failing_writes():
            assert self.store.payload(tx_hash_of(b"a")) == b"a"
            assert [entry.seq for entry in self.store.after(0, 10)] == [1]

    def test_writing_works_again_when_the_failure_is_over(self) -> None:
        with self.failing_writes():
            assert_refused(lambda: self.store.append([arrival_of(b"b" * 100_000)]))

        assert self.store.append([arrival_of(b"b" * 100_000)]) == [1]
        assert self.store.put(submissions_of(b"c"), NOW_MS) == [True]
        assert self.store.totals() == (1, 1)
        assert self.store.queue_totals() == EMPTY._replace(pending=1, waiting_bytes=1)
