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

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING

from sorcha_peer_core.errors import StoreError
from sorcha_peer_core.model.ids import PeerId, TxHash, peer_id_of, tx_hash_of
from sorcha_peer_core.model.messages import Created, Cursor
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.model.transaction import Arrival, submission_of
from sorcha_peer_core.testing.store_samples import (
    LARGEST_SIGNED,
    LARGEST_UNSIGNED,
    NOW_MS,
    ORIGIN_KEY,
    arrival_of,
    arrivals_of,
    peer_row_of,
    submissions_of,
    transaction_of,
)

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.store import Store


class OpenedStore:
    """Opens a store for each test when it is first used, and closes it afterwards."""

    def open_store(self) -> Store:
        """Return a store that is open, and empty when the test begins. Overridden by the author of the store."""
        raise NotImplementedError("say in open_store() how to open the store under test")

    # Opened late, so that fixtures which say where to keep the data have run by then.
    @cached_property
    def store(self) -> Store:
        """The store under test."""
        return self.open_store()

    def teardown_method(self) -> None:
        """Close it."""
        if "store" in vars(self):
            self.store.close()


class ArrivalLogSuite(OpenedStore):
    """The role TransactionStore."""

    def test_an_empty_log_says_so(self) -> None:
        assert self.store.totals() == (0, 0)
        assert self.store.oldest_seq() == 0
        assert self.store.after(0, 10) == []
        assert list(self.store.recent_hashes(10)) == []

    def test_the_log_epoch_is_a_positive_number_of_63_bits(self) -> None:
        assert 0 < self.store.log_epoch < 1 << 63

    def test_arrivals_are_numbered_from_one_in_the_order_given(self) -> None:
        assert self.store.append(arrivals_of(b"a", b"b")) == [1, 2]
        assert self.store.append(arrivals_of(b"c")) == [3]
        assert [entry.hash for entry in self.store.after(0, 10)] == [tx_hash_of(p) for p in (b"a", b"b", b"c")]

    def test_nothing_at_all_can_be_appended(self) -> None:
        assert self.store.append([]) == []

    def test_a_transaction_that_is_already_there_keeps_its_first_row_and_place(self) -> None:
        self.store.append([arrival_of(b"a", received_ms=NOW_MS, hops=1)])

        assert self.store.append([arrival_of(b"b"), arrival_of(b"a", received_ms=NOW_MS + 5, hops=7)])[1] == 1
        [first, _] = self.store.after(0, 10)
        assert (first.seq, first.received_ms, first.hops) == (1, NOW_MS, 1)

    def test_new_arrivals_beside_known_ones_get_higher_places(self) -> None:
        self.store.append(arrivals_of(b"a", b"b"))

        seqs = self.store.append(arrivals_of(b"c", b"a", b"d", b"b"))

        assert (seqs[1], seqs[3]) == (1, 2)
        assert 2 < seqs[0] < seqs[2]
        assert self.store.totals() == (4, seqs[2])

    def test_a_transaction_twice_in_one_batch_gets_one_place(self) -> None:
        seqs = self.store.append(arrivals_of(b"a", b"b", b"a"))

        assert seqs[0] == seqs[2]
        assert self.store.totals()[0] == 2

    def test_a_large_batch_is_numbered_without_mistakes(self) -> None:
        payloads = [b"%d" % number for number in range(2500)]
        self.store.append(arrivals_of(*payloads[::3]))

        seqs = self.store.append(arrivals_of(*payloads))

        assert sorted(seqs) == [entry.seq for entry in self.store.after(0, 3000)]
        for payload, seq in zip(payloads, seqs, strict=True):
            assert self.store.after(seq - 1, 1)[0].hash == tx_hash_of(payload)
        assert self.store.totals() == (2500, max(seqs))

    def test_a_line_of_the_log_tells_everything_but_the_payload(self) -> None:
        transaction = transaction_of(b"payload", content_type="text/plain", register_id="land", created_ms=NOW_MS - 0.875)

        [seq] = self.store.append([Arrival(transaction, NOW_MS, 3, False)])

        [entry] = self.store.after(0, 1)
        assert entry.seq == seq
        assert entry.hash == transaction.hash
        assert entry.size == len(b"payload")
        assert (entry.content_type, entry.register_id) == ("text/plain", "land")
        assert entry.origin == peer_id_of(ORIGIN_KEY)
        assert (entry.created_ms, entry.received_ms, entry.hops) == (NOW_MS - 0.875, NOW_MS, 3)

    def test_the_log_is_read_page_by_page(self) -> None:
        self.store.append(arrivals_of(*[b"%d" % number for number in range(7)]))

        pages, seq = [], 0
        while page := self.store.after(seq, 3):
            pages.append([entry.seq for entry in page])
            seq = page[-1].seq

        assert pages == [[1, 2, 3], [4, 5, 6], [7]]

    def test_a_register_shows_only_its_own_transactions(self) -> None:
        for payload, register_id in ((b"a", "land"), (b"b", "ships"), (b"c", ""), (b"d", "land")):
            self.store.append([arrival_of(payload, register_id=register_id)])

        assert [entry.seq for entry in self.store.after(0, 10, "land")] == [1, 4]
        assert [entry.seq for entry in self.store.after(1, 10, "land")] == [4]
        assert [entry.seq for entry in self.store.after(0, 1, "land")] == [1]
        assert [entry.seq for entry in self.store.after(0, 10, "")] == [3]
        assert self.store.after(0, 10, "cars") == []

    def test_known_names_those_in_the_log_and_no_others(self) -> None:
        self.store.append(arrivals_of(b"a", b"b"))

        assert self.store.known([tx_hash_of(b"x"), tx_hash_of(b"b")]) == {tx_hash_of(b"b")}
        assert self.store.known([]) == set()

    def test_what_is_queued_is_not_known_yet(self) -> None:
        self.store.put(submissions_of(b"a"), NOW_MS)

        assert self.store.known([tx_hash_of(b"a")]) == set()

    def test_thousands_of_hashes_are_looked_up_at_once(self) -> None:
        payloads = [b"%d" % number for number in range(3000)]
        self.store.append(arrivals_of(*payloads[:1500]))

        assert self.store.known([tx_hash_of(p) for p in payloads]) == {tx_hash_of(p) for p in payloads[:1500]}

    def test_transactions_come_back_whole_and_in_the_order_asked(self) -> None:
        arrivals = arrivals_of(b"a", b"b", b"c")
        self.store.append(arrivals)

        loaded = self.store.load([tx_hash_of(b"c"), tx_hash_of(b"missing"), tx_hash_of(b"a")])

        assert loaded == [arrivals[2].transaction, arrivals[0].transaction]

    def test_the_signed_bytes_come_back_unchanged_with_fields_nobody_knows(self) -> None:
        transaction = transaction_of(b"a")
        # Field 100, a varint: what a later version may have signed.
        odd = transaction._replace(header_bytes=transaction.header_bytes + b"\xa0\x06\x01")
        self.store.append([Arrival(odd, NOW_MS, 1, False)])

        assert self.store.load([odd.hash]) == [odd]

    def test_a_payload_of_ten_megabytes_comes_back_byte_for_byte(self) -> None:
        payload = Random(1).randbytes(10 * 1024 * 1024)

        self.store.append([arrival_of(payload)])

        assert self.store.payload(tx_hash_of(payload)) == payload
        assert self.store.after(0, 1)[0].size == len(payload)
        assert self.store.load([tx_hash_of(payload)])[0].payload == payload

    def test_payloads_may_hold_any_bytes(self) -> None:
        payloads = [b"\x00", b"\x00\xff\x00", bytes(range(256)), b"'; DROP TABLE transactions; --"]

        self.store.append(arrivals_of(*payloads))

        assert [self.store.payload(tx_hash_of(p)) for p in payloads] == payloads

    def test_a_payload_that_is_nowhere_is_none(self) -> None:
        assert self.store.payload(tx_hash_of(b"nowhere")) is None

    def test_totals_and_oldest_follow_the_log(self) -> None:
        self.store.append(arrivals_of(b"a", b"b", b"a"))

        assert self.store.totals() == (2, 2)
        assert self.store.oldest_seq() == 1

    def test_what_was_created_in_some_time_comes_by_time_and_hash(self) -> None:
        times = {b"late": NOW_MS + 5, b"early": NOW_MS, b"between": NOW_MS + 0.5, b"beyond": NOW_MS + 10}
        self.store.append([Arrival(transaction_of(p, created_ms=ms), NOW_MS, 1, False) for p, ms in times.items()])

        found = self.store.created(NOW_MS, NOW_MS + 10, 10)

        assert found == [Created(tx_hash_of(p), len(p), times[p]) for p in (b"early", b"between", b"late")]
        assert self.store.created(NOW_MS + 11, NOW_MS + 20, 10) == []

    def test_what_was_created_is_read_page_by_page_also_when_it_was_all_at_once(self) -> None:
        payloads = [b"%d" % number for number in range(7)]
        self.store.append([Arrival(transaction_of(p, created_ms=NOW_MS), NOW_MS, 1, False) for p in payloads])

        pages: list[int] = []
        found: list[bytes] = []
        start, after = NOW_MS, b""
        while page := self.store.created(start, NOW_MS + 1, 3, after):
            pages.append(len(page))
            found += [line.hash for line in page]
            start, after = page[-1].created_ms, page[-1].hash

        assert pages == [3, 3, 1]
        assert found == sorted(map(tx_hash_of, payloads))

    def test_recent_hashes_come_newest_first(self) -> None:
        self.store.append(arrivals_of(b"a", b"b", b"c"))

        assert list(self.store.recent_hashes(2)) == [(tx_hash_of(b"c"), NOW_MS + 2), (tx_hash_of(b"b"), NOW_MS + 1)]
        assert [tx_hash for tx_hash, _ in self.store.recent_hashes(100)] == [tx_hash_of(p) for p in (b"c", b"b", b"a")]
        assert list(self.store.recent_hashes(0)) == []

    def test_recent_hashes_of_a_long_log_are_all_there_once(self) -> None:
        payloads = [b"%d" % number for number in range(4500)]
        self.store.append(arrivals_of(*payloads))

        assert [tx_hash for tx_hash, _ in self.store.recent_hashes(4400)] == [tx_hash_of(p) for p in payloads[:99:-1]]

    def test_a_submission_that_waited_is_recent_as_of_its_release(self) -> None:
        transaction = transaction_of(b"a", created_ms=NOW_MS)

        self.store.append([Arrival(transaction, NOW_MS - 3_600_000, 0, True)])

        assert list(self.store.recent_hashes(1)) == [(transaction.hash, NOW_MS)]


class OutboxSuite(OpenedStore):
    """The role Outbox."""

    def test_a_submission_waits_with_all_that_was_said_about_it(self) -> None:
        submission = submission_of(b"a", max_bytes=10, content_type="text/plain; charset=utf-8", register_id="Grundbuch Köln")

        assert self.store.put([submission], NOW_MS) == [True]

        [row] = self.store.queued(0, 10)
        assert (row.submission, row.queued_ms) == (submission, NOW_MS)

    def test_nothing_at_all_can_be_put(self) -> None:
        assert self.store.put([], NOW_MS) == []

    def test_the_queue_is_read_oldest_first_and_page_by_page(self) -> None:
        self.store.put(submissions_of(b"a", b"b"), NOW_MS)
        self.store.put(submissions_of(b"c"), NOW_MS + 1)

        first = self.store.queued(0, 2)
        rest = self.store.queued(first[-1].row_id, 2)

        assert [row.submission.payload for row in first + rest] == [b"a", b"b", b"c"]
        assert self.store.queued(rest[-1].row_id, 2) == []

    def test_a_payload_that_is_already_queued_is_refused(self) -> None:
        self.store.put(submissions_of(b"a"), NOW_MS)

        assert self.store.put(submissions_of(b"b", b"a", b"c"), NOW_MS) == [True, False, True]
        assert self.store.queue_totals() == (3, 3)

    def test_a_payload_twice_in_one_batch_is_queued_once(self) -> None:
        assert self.store.put(submissions_of(b"a", b"b", b"a"), NOW_MS) == [True, True, False]
        assert self.store.queue_totals() == (2, 2)

    def test_a_payload_that_is_in_the_log_is_refused(self) -> None:
        self.store.append(arrivals_of(b"a"))

        assert self.store.put(submissions_of(b"a"), NOW_MS) == [False]
        assert self.store.queue_totals() == (0, 0)

    def test_an_own_arrival_takes_its_row_out_of_the_queue(self) -> None:
        self.store.put(submissions_of(b"aaa", b"bb"), NOW_MS)

        self.store.append([arrival_of(b"aaa", own=True)])

        assert [row.submission.payload for row in self.store.queued(0, 10)] == [b"bb"]
        assert self.store.queue_totals() == (1, 2)

    def test_an_arrival_from_a_peer_leaves_the_queue_alone(self) -> None:
        self.store.put(submissions_of(b"a"), NOW_MS)

        self.store.append([arrival_of(b"a", own=False)])

        assert self.store.queue_totals() == (1, 1)

    def test_an_own_arrival_that_is_already_in_the_log_still_ends_its_row(self) -> None:
        self.store.put(submissions_of(b"a"), NOW_MS)
        self.store.append([arrival_of(b"a", own=False)])

        assert self.store.append([arrival_of(b"a", own=True)]) == [1]
        assert self.store.queue_totals() == (0, 0)

    def test_an_own_arrival_without_a_row_is_an_arrival_like_any_other(self) -> None:
        assert self.store.append([arrival_of(b"a", own=True)]) == [1]
        assert self.store.queue_totals() == (0, 0)

    def test_a_row_number_is_never_given_twice(self) -> None:
        self.store.put(submissions_of(b"a"), NOW_MS)
        [first] = self.store.queued(0, 1)
        self.store.append([arrival_of(b"a", own=True)])

        self.store.put(submissions_of(b"b"), NOW_MS)

        assert [row.submission.payload for row in self.store.queued(first.row_id, 10)] == [b"b"]

    def test_the_payload_of_a_queued_submission_can_be_read(self) -> None:
        self.store.put(submissions_of(b"waiting"), NOW_MS)

        assert self.store.payload(tx_hash_of(b"waiting")) == b"waiting"

    def test_queue_totals_count_rows_and_bytes(self) -> None:
        assert self.store.queue_totals() == (0, 0)

        self.store.put(submissions_of(b"a" * 1000, b"b" * 24), NOW_MS)

        assert self.store.queue_totals() == (2, 1024)

    def test_a_long_backlog_leaves_the_queue_in_one_batch(self) -> None:
        payloads = [b"%04d" % number for number in range(1300)]
        self.store.put(submissions_of(*payloads), NOW_MS)

        self.store.append([arrival_of(payload, own=True) for payload in payloads[:1200]])

        assert self.store.queue_totals() == (100, 400)
        assert self.store.totals() == (1200, 1200)


class PeerTableSuite(OpenedStore):
    """The role PeerStore."""

    def test_a_peer_comes_back_as_it_was_saved(self) -> None:
        endpoints = (Endpoint("rest", "node.example", 5002), Endpoint("grpc", "2001:db8::1", 5001))
        seen = peer_row_of(1, last_seen_at=1_767_225_600, seq=LARGEST_SIGNED, endpoints=endpoints)
        row = replace(
            seen,
            failures=4,
            is_bootstrap=True,
            proved_at=1_767_225_500,
            last_attempt_at=1_767_225_700,
            source=PeerId("a" * 40),
            source_host="192.0.2.1",
            seen_host="2001:db8::1",
            rtt_ms=12.5,
        )

        self.store.save_peers([row])

        assert self.store.peers() == [row]

    def test_a_record_comes_back_with_all_that_its_peer_signed(self) -> None:
        row = peer_row_of(1)
        # Field 100, a varint: what a later version may have signed.
        odd = replace(row.record, signed=row.record.signed + b"\xa0\x06\x01", signature=bytes(range(64)))
        self.store.save_peers([replace(row, record=odd)])

        [read] = self.store.peers()

        assert read.record == odd
        assert read.record.tls_keys == row.record.tls_keys != ()

    def test_a_peer_without_endpoints_is_kept_too(self) -> None:
        self.store.save_peers([peer_row_of(1)])

        assert self.store.peers() == [peer_row_of(1)]

    def test_peers_come_most_recently_seen_first(self) -> None:
        self.store.save_peers([peer_row_of(1, last_seen_at=5), peer_row_of(2, last_seen_at=0), peer_row_of(3, last_seen_at=9)])

        assert [row.record.name for row in self.store.peers()] == ["node 3", "node 1", "node 2"]

    def test_a_peer_saved_again_is_replaced(self) -> None:
        self.store.save_peers([peer_row_of(1, seq=1), peer_row_of(2)])

        self.store.save_peers([peer_row_of(1, seq=2, last_seen_at=7)])

        assert self.store.peers() == [peer_row_of(1, seq=2, last_seen_at=7), peer_row_of(2)]

    def test_forgotten_peers_are_gone_and_unknown_ones_are_ignored(self) -> None:
        self.store.save_peers([peer_row_of(1), peer_row_of(2)])

        self.store.forget_peers([peer_row_of(1).record.peer_id, PeerId("f" * 40)])

        assert self.store.peers() == [peer_row_of(2)]

    def test_the_secret_of_the_peer_table_is_long_and_stays_the_same(self) -> None:
        secret = self.store.peer_table_secret()

        assert len(secret) == 32
        assert self.store.peer_table_secret() == secret != bytes(32)

    def test_anchors_are_remembered_in_their_order_and_replaced(self) -> None:
        assert self.store.anchors() == []
        self.store.save_anchors([PeerId("b" * 40), PeerId("a" * 40)])
        assert self.store.anchors() == [PeerId("b" * 40), PeerId("a" * 40)]

        self.store.save_anchors([PeerId("c" * 40)])

        assert self.store.anchors() == [PeerId("c" * 40)]

    def test_cursors_are_remembered_and_moved(self) -> None:
        self.store.save_cursors({PeerId("a" * 40): Cursor(7, 10), PeerId("b" * 40): Cursor(8, 20)})

        self.store.save_cursors({PeerId("a" * 40): Cursor(9, 11)})

        assert self.store.cursors() == {PeerId("a" * 40): Cursor(9, 11), PeerId("b" * 40): Cursor(8, 20)}

    def test_a_peer_may_number_its_log_up_to_the_largest_number_of_the_wire(self) -> None:
        far = Cursor(LARGEST_UNSIGNED, LARGEST_UNSIGNED - 1)

        self.store.save_cursors({PeerId("a" * 40): far})

        assert self.store.cursors() == {PeerId("a" * 40): far}

    def test_an_empty_table_has_no_peers_and_no_cursors(self) -> None:
        self.store.save_peers([])
        self.store.forget_peers([])
        self.store.save_cursors({})

        assert (self.store.peers(), self.store.cursors()) == ([], {})


class LifecycleSuite(OpenedStore):
    """Opening and closing."""

    def test_closing_twice_is_closing_once(self) -> None:
        self.store.close()
        self.store.close()

    def test_a_closed_store_says_so(self) -> None:
        self.store.close()

        _assert_refused(lambda: self.store.append(arrivals_of(b"a")))
        _assert_refused(lambda: self.store.put(submissions_of(b"a"), NOW_MS))
        _assert_refused(self.store.peers)


class StoreSuite(ArrivalLogSuite, OutboxSuite, PeerTableSuite, LifecycleSuite):
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
        secret = self.store.peer_table_secret()

        with self.reopened() as store:
            assert store.log_epoch == epoch
            assert store.peer_table_secret() == secret
            assert store.anchors() == [PeerId("b" * 40)]
            assert store.load([tx_hash_of(b"a"), tx_hash_of(b"b")]) == [arrival.transaction for arrival in arrivals]
            assert [row.submission.payload for row in store.queued(0, 10)] == [b"waiting"]
            assert store.peers() == [peer_row_of(1)]
            assert store.cursors() == {PeerId("a" * 40): Cursor(7, 10)}

    def test_totals_are_right_after_reopening(self) -> None:
        self.store.append(arrivals_of(b"a", b"b"))
        self.store.put(submissions_of(b"waiting", b"more"), NOW_MS)

        with self.reopened() as store:
            assert store.totals() == (2, 2)
            assert store.queue_totals() == (2, 11)

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
            _assert_refused(lambda: self.store.append([arrival_of(b"b" * 100_000), arrival_of(b"own", own=True)]))
            assert self.store.totals() == (1, 1)
            assert self.store.queue_totals() == (1, 3)

        assert self.store.known([_hash_of_many(b"b"), tx_hash_of(b"own")]) == set()
        assert self.store.payload(tx_hash_of(b"own")) == b"own"

    def test_a_submission_that_could_not_be_committed_is_not_queued(self) -> None:
        with self.failing_writes():
            _assert_refused(lambda: self.store.put(submissions_of(b"b" * 100_000), NOW_MS))
            assert self.store.queue_totals() == (0, 0)

        assert self.store.queued(0, 10) == []

    def test_reading_goes_on_while_writing_fails(self) -> None:
        self.store.append(arrivals_of(b"a"))

        with self.failing_writes():
            assert self.store.payload(tx_hash_of(b"a")) == b"a"
            assert [entry.seq for entry in self.store.after(0, 10)] == [1]

    def test_writing_works_again_when_the_failure_is_over(self) -> None:
        with self.failing_writes():
            _assert_refused(lambda: self.store.append([arrival_of(b"b" * 100_000)]))

        assert self.store.append([arrival_of(b"b" * 100_000)]) == [1]
        assert self.store.put(submissions_of(b"c"), NOW_MS) == [True]
        assert (self.store.totals(), self.store.queue_totals()) == ((1, 1), (1, 1))


def _hash_of_many(byte: bytes) -> TxHash:
    return tx_hash_of(byte * 100_000)


def _assert_refused(call: Callable[[], object]) -> None:
    import pytest

    with pytest.raises(StoreError):
        call()
