"""The behaviour of an outbox."""

from __future__ import annotations

from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.transaction import QueueRow, QueueState, QueueTotals, submission_of
from sorcha_peer_core.testing.store_opened import OpenedStore
from sorcha_peer_core.testing.store_samples import (
    NOW_MS,
    TTL_S,
    arrival_of,
    resealed,
    submissions_of,
    transaction_of,
)

EMPTY = QueueTotals(0, 0, 0, 0, 0)
_MANY_BYTES = 1 << 30
_ALL = list(QueueState)


class QueueingStore(OpenedStore):
    """Steps on the way of a row."""

    def put(self, *payloads: bytes) -> None:
        """Pending rows."""
        assert all(self.store.put(submissions_of(*payloads), NOW_MS))

    def release(self, *payloads: bytes) -> None:
        """Rows in flight."""
        self.put(*payloads)
        self.store.append([arrival_of(payload, own=True) for payload in payloads])

    def postpone(self, *payloads: bytes, attempts: int = 1, not_before_ms: float = NOW_MS + 5000, reason: str = "late") -> None:
        """Rows in flight are to be offered again."""
        self.store.postpone({tx_hash_of(payload): attempts for payload in payloads}, not_before_ms, reason)

    def bury(self, *payloads: bytes, reason: str = "nobody takes it") -> int:
        """Rows of any state become dead letters."""
        return self.store.give_up({tx_hash_of(payload): reason for payload in payloads}, NOW_MS + 9000)

    def payloads_pending(self, after_row_id: int = 0) -> list[bytes]:
        """In the order of the queue."""
        return [row.submission.payload for row in self.store.queued(after_row_id, 1000, _MANY_BYTES)]

    def states(self) -> dict[bytes, QueueState]:
        """Of all rows, by the payload's hash, in the order of their numbers."""
        return {row.hash: row.state for row in self.store.queue_rows(_ALL, 0, 1000)}

    def row(self, payload: bytes) -> QueueRow:
        """The row of a payload that has one."""
        row = self.store.queue_row(tx_hash_of(payload))
        assert row is not None
        return row


class PendingSuite(QueueingStore):
    """Submissions that wait for their release."""

    def test_a_submission_waits_with_all_that_was_said_about_it(self) -> None:
        submission = submission_of(b"a", max_bytes=10, content_type="text/plain; charset=utf-8", register_id="Grundbuch Köln")

        assert self.store.put([submission], NOW_MS) == [True]

        [row] = self.store.queued(0, 10, 100)
        assert (row.submission, row.queued_ms) == (submission, NOW_MS)

    def test_people_see_a_pending_row_without_its_payload(self) -> None:
        self.store.put([submission_of(b"abc", max_bytes=10, content_type="text/plain", register_id="land")], NOW_MS)

        row = self.row(b"abc")

        assert row == QueueRow(
            row.row_id, tx_hash_of(b"abc"), 3, "text/plain", "land", QueueState.PENDING, NOW_MS, 0, None, None, ""
        )
        assert self.store.queue_rows([QueueState.PENDING], 0, 10) == [row]
        assert self.store.queue_row(tx_hash_of(b"another")) is None

    def test_nothing_at_all_can_be_put(self) -> None:
        assert self.store.put([], NOW_MS) == []

    def test_the_queue_is_read_oldest_first_and_page_by_page(self) -> None:
        self.put(b"a", b"b")
        self.put(b"c")

        first = self.store.queued(0, 2, _MANY_BYTES)
        rest = self.store.queued(first[-1].row_id, 2, _MANY_BYTES)

        assert [row.submission.payload for row in first + rest] == [b"a", b"b", b"c"]
        assert self.store.queued(rest[-1].row_id, 2, _MANY_BYTES) == []

    def test_a_page_of_the_queue_has_as_many_rows_as_fit_and_one_at_least(self) -> None:
        self.put(b"aaaa", b"bbbb", b"cccc")

        assert [row.submission.payload for row in self.store.queued(0, 10, 8)] == [b"aaaa", b"bbbb"]
        assert [row.submission.payload for row in self.store.queued(0, 10, 7)] == [b"aaaa"]
        assert [row.submission.payload for row in self.store.queued(0, 10, 1)] == [b"aaaa"]

    def test_a_payload_that_is_already_queued_is_refused(self) -> None:
        self.put(b"a")

        assert self.store.put(submissions_of(b"b", b"a", b"c"), NOW_MS) == [True, False, True]
        assert self.store.queue_totals() == EMPTY._replace(pending=3, waiting_bytes=3)

    def test_a_payload_that_is_in_flight_postponed_or_dead_is_refused(self) -> None:
        self.release(b"inflight", b"retry", b"dead")
        self.postpone(b"retry")
        self.bury(b"dead")

        assert self.store.put(submissions_of(b"inflight", b"retry", b"dead"), NOW_MS) == [False] * 3

    def test_a_payload_twice_in_one_batch_is_queued_once(self) -> None:
        assert self.store.put(submissions_of(b"a", b"b", b"a"), NOW_MS) == [True, True, False]
        assert self.store.queue_totals() == EMPTY._replace(pending=2, waiting_bytes=2)

    def test_a_payload_that_is_in_the_log_is_refused(self) -> None:
        self.store.append([arrival_of(b"a")])

        assert self.store.put(submissions_of(b"a"), NOW_MS) == [False]
        assert self.store.queue_totals() == EMPTY

    def test_a_row_number_is_never_given_twice(self) -> None:
        self.put(b"a")
        [first] = self.store.queued(0, 1, _MANY_BYTES)
        self.store.delivered([tx_hash_of(b"a")])

        self.put(b"b")

        assert self.payloads_pending(first.row_id) == [b"b"]

    def test_the_payload_of_a_queued_submission_can_be_read(self) -> None:
        self.put(b"waiting")

        assert self.store.payload(tx_hash_of(b"waiting")) == b"waiting"

    def test_totals_count_rows_and_bytes(self) -> None:
        assert self.store.queue_totals() == EMPTY

        self.put(b"a" * 1000, b"b" * 24)

        assert self.store.queue_totals() == EMPTY._replace(pending=2, waiting_bytes=1024)


class ReleaseSuite(QueueingStore):
    """What an append does to the outbox."""

    def test_an_own_arrival_makes_its_row_in_flight_with_one_attempt(self) -> None:
        self.put(b"aaa", b"bb")

        self.store.append([arrival_of(b"aaa", own=True)])

        assert self.payloads_pending() == [b"bb"]
        row = self.row(b"aaa")
        assert (row.state, row.attempts, row.last_attempt_ms) == (QueueState.INFLIGHT, 1, NOW_MS)
        assert (row.queued_ms, row.size, row.not_before_ms, row.reason) == (NOW_MS, 3, None, "")
        assert self.store.queue_totals() == QueueTotals(1, 1, 0, 0, 5)
        assert self.store.payload(tx_hash_of(b"aaa")) == b"aaa"

    def test_an_append_that_is_tried_again_changes_nothing_more(self) -> None:
        self.release(b"a")
        self.postpone(b"a", attempts=3)

        assert self.store.append([arrival_of(b"a", own=True)]) == [1]

        assert (self.row(b"a").state, self.row(b"a").attempts) == (QueueState.RETRY, 3)

    def test_a_pending_row_is_delivered_when_its_payload_comes_from_a_peer(self) -> None:
        self.put(b"a")

        self.store.append([arrival_of(b"a", own=False)])

        assert self.states() == {}
        assert self.store.queue_totals() == EMPTY

    def test_a_pending_row_is_delivered_when_a_peer_was_faster_within_one_batch(self) -> None:
        self.put(b"a", b"b")

        self.store.append([arrival_of(b"a"), arrival_of(b"a", own=True), arrival_of(b"b", own=True), arrival_of(b"b")])

        assert self.states() == {tx_hash_of(b"b"): QueueState.INFLIGHT}
        assert self.store.queue_totals() == QueueTotals(0, 1, 0, 0, 1)

    def test_a_dead_letter_that_was_never_released_is_delivered_when_its_payload_comes_from_a_peer(self) -> None:
        self.put(b"a")
        self.bury(b"a")

        self.store.append([arrival_of(b"a")])

        assert self.store.queue_totals() == EMPTY

    def test_what_is_in_flight_stays_when_it_comes_back_from_a_peer(self) -> None:
        self.release(b"a")

        assert self.store.append([arrival_of(b"a", hops=2)]) == [1]

        assert self.states() == {tx_hash_of(b"a"): QueueState.INFLIGHT}

    def test_an_own_arrival_without_a_row_is_an_arrival_like_any_other(self) -> None:
        assert self.store.append([arrival_of(b"a", own=True)]) == [1]
        assert self.store.queue_totals() == EMPTY

    def test_what_was_sealed_anew_gets_its_new_envelope_and_keeps_its_place(self) -> None:
        for number, payload in enumerate((b"inflight", b"retry", b"dead")):
            self.release(payload)
            if payload != b"inflight":
                (self.postpone if payload == b"retry" else self.bury)(payload)
            again = resealed(payload, NOW_MS + 86_400_000)

            [seq] = self.store.append([arrival_of(payload, own=True, received_ms=NOW_MS + 7)._replace(transaction=again)])

            assert seq == number + 1
            assert self.store.load([again.hash]) == [again]
            [entry] = self.store.after(seq - 1, 1)
            assert (entry.seq, entry.received_ms, entry.created_ms) == (seq, NOW_MS, NOW_MS + 86_400_000)
        found = self.store.created(NOW_MS + 86_400_000, NOW_MS + 86_400_001, 10)
        assert {line.hash for line in found} == {tx_hash_of(payload) for payload in (b"inflight", b"retry", b"dead")}
        assert self.store.created(NOW_MS, NOW_MS + 1, 10) == []
        assert list(self.states().values()) == [QueueState.INFLIGHT, QueueState.RETRY, QueueState.DEAD]

    def test_an_envelope_of_what_has_no_row_any_more_or_is_not_own_does_not_displace_the_first(self) -> None:
        self.release(b"delivered", b"inflight")
        self.store.delivered([tx_hash_of(b"delivered")])

        self.store.append(
            [
                arrival_of(b"delivered", own=True)._replace(transaction=resealed(b"delivered", NOW_MS + 5)),
                arrival_of(b"inflight", own=False)._replace(transaction=resealed(b"inflight", NOW_MS + 5)),
            ]
        )

        assert [entry.created_ms for entry in self.store.after(0, 10)] == [NOW_MS, NOW_MS]

    def test_a_long_backlog_is_released_and_delivered_in_large_batches(self) -> None:
        payloads = [b"%04d" % number for number in range(1300)]
        self.put(*payloads)

        self.store.append([arrival_of(payload, own=True) for payload in payloads[:1200]])
        assert self.store.queue_totals() == QueueTotals(100, 1200, 0, 0, 5200)

        assert self.store.delivered([tx_hash_of(payload) for payload in payloads[:1100]]) == 1100
        assert self.store.queue_totals() == QueueTotals(100, 100, 0, 0, 800)
        assert self.store.totals() == (1200, 1200)


class RetrySuite(QueueingStore):
    """Rows that got too few receipts."""

    def test_a_postponed_row_says_when_how_often_and_why(self) -> None:
        self.release(b"a")

        self.postpone(b"a", attempts=2, not_before_ms=NOW_MS + 5000.5, reason="1 of 2 receipts")

        row = self.row(b"a")
        assert (row.state, row.attempts, row.not_before_ms, row.reason) == (
            QueueState.RETRY, 2, NOW_MS + 5000.5, "1 of 2 receipts",
        )  # fmt: skip
        assert self.store.queue_totals() == QueueTotals(0, 0, 1, 0, 1)

    def test_only_rows_in_flight_are_postponed(self) -> None:
        self.put(b"pending")
        self.release(b"dead", b"retry")
        self.bury(b"dead")
        self.postpone(b"retry", attempts=1)

        self.postpone(b"pending", b"dead", b"retry", b"unknown", attempts=9)

        assert list(self.states().values()) == [QueueState.PENDING, QueueState.DEAD, QueueState.RETRY]
        assert self.row(b"retry").attempts == 1

    def test_what_is_due_is_in_flight_again_and_comes_once(self) -> None:
        self.release(b"abc")
        self.postpone(b"abc", attempts=2, not_before_ms=NOW_MS + 10)

        assert self.store.due(NOW_MS + 9, 10) == []
        [due] = self.store.due(NOW_MS + 10, 10)

        assert (due.hash, due.size, due.attempts) == (tx_hash_of(b"abc"), 3, 2)
        assert due.expires_ms == NOW_MS + TTL_S * 1000
        row = self.row(b"abc")
        assert (row.state, row.attempts, row.last_attempt_ms) == (QueueState.INFLIGHT, 2, NOW_MS + 10)
        assert (row.not_before_ms, row.reason) == (None, "")
        assert self.store.due(NOW_MS + 99, 10) == []

    def test_the_longest_overdue_come_first(self) -> None:
        self.release(b"a", b"b", b"c", b"d")
        for payload, wait_ms in ((b"a", 30), (b"b", 10), (b"c", 20), (b"d", 10)):
            self.postpone(payload, not_before_ms=NOW_MS + wait_ms)

        first = self.store.due(NOW_MS + 100, 3)
        rest = self.store.due(NOW_MS + 100, 3)

        assert [due.hash for due in first + rest] == [tx_hash_of(payload) for payload in (b"b", b"d", b"c", b"a")]

    def test_the_envelope_that_counts_is_the_one_it_was_sealed_in_last(self) -> None:
        self.release(b"a")
        again = resealed(b"a", NOW_MS + 50_000)
        self.store.append([arrival_of(b"a", own=True)._replace(transaction=again)])
        self.postpone(b"a", not_before_ms=NOW_MS)

        assert [due.expires_ms for due in self.store.due(NOW_MS, 10)] == [NOW_MS + 50_000 + TTL_S * 1000]

    def test_the_next_time_something_is_due_is_known(self) -> None:
        assert self.store.next_due_ms() is None
        self.release(b"a", b"b", b"c")
        assert self.store.next_due_ms() is None
        self.postpone(b"a", not_before_ms=NOW_MS + 10)
        self.postpone(b"b", b"c", not_before_ms=NOW_MS + 5)
        assert self.store.next_due_ms() == NOW_MS + 5

        self.store.due(NOW_MS + 5, 1)
        assert self.store.next_due_ms() == NOW_MS + 5
        self.store.due(NOW_MS + 5, 10)
        assert self.store.next_due_ms() == NOW_MS + 10
        self.store.delivered([tx_hash_of(b"a")])
        assert self.store.next_due_ms() is None

    def test_what_was_in_flight_when_the_node_ended_is_offered_again_at_once(self) -> None:
        self.put(b"pending")
        self.release(b"a", b"b", b"later")
        self.postpone(b"later", not_before_ms=NOW_MS + 5000)

        assert self.store.lapse() == 2
        assert self.store.lapse() == 0

        assert self.store.queue_totals() == QueueTotals(1, 0, 3, 0, 14)
        due_ms = self.store.next_due_ms()
        assert due_ms is not None
        assert due_ms <= NOW_MS
        assert {due.hash for due in self.store.due(NOW_MS, 10)} == {tx_hash_of(b"a"), tx_hash_of(b"b")}

    def test_a_lapse_counts_no_attempt(self) -> None:
        self.release(b"a")
        self.store.lapse()

        assert [due.attempts for due in self.store.due(NOW_MS, 10)] == [1]


class DeliverySuite(QueueingStore):
    """Rows that have their receipts."""

    def test_what_is_delivered_has_no_row_any_more_and_stays_in_the_log(self) -> None:
        self.release(b"a", b"bb")

        assert self.store.delivered([tx_hash_of(b"bb"), tx_hash_of(b"unknown")]) == 1

        assert self.states() == {tx_hash_of(b"a"): QueueState.INFLIGHT}
        assert self.store.queue_totals() == QueueTotals(0, 1, 0, 0, 1)
        assert self.store.payload(tx_hash_of(b"bb")) == b"bb"
        assert self.store.put(submissions_of(b"bb"), NOW_MS) == [False]

    def test_receipts_that_come_late_deliver_too(self) -> None:
        self.release(b"retry", b"dead")
        self.postpone(b"retry")
        self.bury(b"dead")

        assert self.store.delivered([tx_hash_of(b"retry"), tx_hash_of(b"dead")]) == 2

        assert self.store.queue_totals() == EMPTY
        assert self.store.next_due_ms() is None

    def test_nothing_is_delivered_twice(self) -> None:
        self.release(b"a")

        assert self.store.delivered([tx_hash_of(b"a"), tx_hash_of(b"a")]) == 1
        assert self.store.delivered([tx_hash_of(b"a")]) == 0
        assert self.store.delivered([]) == 0


class DeadLetterSuite(QueueingStore):
    """Rows that nobody takes."""

    def test_a_dead_letter_says_why_and_does_not_wait(self) -> None:
        self.release(b"a", b"bb")

        assert self.bury(b"a", b"unknown", reason="2 peers refused it: too large") == 1

        row = self.row(b"a")
        assert (row.state, row.reason, row.attempts, row.not_before_ms) == (
            QueueState.DEAD, "2 peers refused it: too large", 1, None,
        )  # fmt: skip
        totals = self.store.queue_totals()
        assert totals == QueueTotals(0, 1, 0, 1, 2)
        assert totals.waiting == 1

    def test_each_has_its_own_reason_and_keeps_the_first(self) -> None:
        self.release(b"a", b"b")

        assert self.store.give_up({tx_hash_of(b"a"): "first", tx_hash_of(b"b"): "second"}, NOW_MS) == 2
        assert self.bury(b"a", reason="another") == 0

        assert (self.row(b"a").reason, self.row(b"b").reason) == ("first", "second")

    def test_a_row_of_any_state_can_be_given_up(self) -> None:
        self.put(b"pending")
        self.release(b"retry")
        self.postpone(b"retry")

        assert self.bury(b"pending", b"retry") == 2

        assert self.store.queue_totals() == QueueTotals(0, 0, 0, 2, 0)
        assert self.payloads_pending() == []
        assert self.store.next_due_ms() is None
        assert self.store.payload(tx_hash_of(b"pending")) == b"pending"

    def test_a_revived_letter_is_offered_again_at_once_with_no_attempts_counted(self) -> None:
        self.release(b"a", b"b")
        self.bury(b"a", b"b")

        assert self.store.revive([tx_hash_of(b"a"), tx_hash_of(b"unknown")]) == 1

        assert list(self.states().values()) == [QueueState.RETRY, QueueState.DEAD]
        assert self.row(b"a").reason == ""
        assert [(due.hash, due.attempts) for due in self.store.due(NOW_MS, 10)] == [(tx_hash_of(b"a"), 0)]
        assert self.store.queue_totals() == QueueTotals(0, 1, 0, 1, 1)

    def test_a_revived_letter_that_was_never_released_waits_for_its_release_again(self) -> None:
        self.put(b"a", b"b")
        last = self.row(b"b").row_id
        self.bury(b"a")

        assert self.store.revive(None) == 1

        assert self.payloads_pending(last) == [b"a"]
        assert self.row(b"a").queued_ms == NOW_MS
        assert self.store.queue_totals() == QueueTotals(2, 0, 0, 0, 2)
        self.store.append([arrival_of(b"a", own=True)])
        assert self.row(b"a").state is QueueState.INFLIGHT

    def test_all_dead_letters_are_revived_or_dropped_at_once_and_nothing_else(self) -> None:
        self.put(b"pending")
        self.release(b"inflight", b"a", b"b", b"c")
        self.bury(b"a", b"b", b"c")

        assert self.store.drop([tx_hash_of(b"a"), tx_hash_of(b"inflight"), tx_hash_of(b"pending")]) == 1
        assert self.store.revive(None) == 2
        assert self.store.revive(None) == 0
        assert self.store.drop(None) == 0
        self.bury(b"b")
        assert self.store.drop(None) == 1

        assert self.store.queue_totals() == QueueTotals(1, 1, 1, 0, 16)

    def test_what_the_outbox_drops_stays_in_the_log(self) -> None:
        self.release(b"a")
        self.bury(b"a")

        self.store.drop(None)

        assert self.store.queue_row(tx_hash_of(b"a")) is None
        assert self.store.payload(tx_hash_of(b"a")) == b"a"

    def test_rows_of_some_states_are_listed_page_by_page_in_the_order_of_their_numbers(self) -> None:
        self.release(*[b"%d" % number for number in range(9)])
        self.bury(b"1", b"4", b"7")
        self.postpone(b"2", b"5")

        pages, row_id = [], 0
        while page := self.store.queue_rows([QueueState.DEAD, QueueState.RETRY], row_id, 2):
            pages.append([row.hash for row in page])
            row_id = page[-1].row_id

        assert pages == [
            [tx_hash_of(b"1"), tx_hash_of(b"2")], [tx_hash_of(b"4"), tx_hash_of(b"5")], [tx_hash_of(b"7")],
        ]  # fmt: skip
        assert self.store.queue_rows([], 0, 10) == []
        assert len(self.store.queue_rows([QueueState.DEAD, QueueState.DEAD], 0, 10)) == 3


class OutboxSuite(PendingSuite, ReleaseSuite, RetrySuite, DeliverySuite, DeadLetterSuite):
    """The role Outbox."""

    def test_the_way_of_a_row_from_its_commit_to_its_receipts(self) -> None:
        self.put(b"a")
        self.store.append([arrival_of(b"a", own=True)])
        self.postpone(b"a", attempts=1, not_before_ms=NOW_MS + 1)
        self.store.due(NOW_MS + 1, 10)
        self.bury(b"a")
        self.store.revive(None)
        self.store.due(NOW_MS + 1, 10)
        self.store.delivered([tx_hash_of(b"a")])

        assert (self.store.queue_totals(), self.store.totals()) == (EMPTY, (1, 1))
        assert self.store.load([tx_hash_of(b"a")]) == [transaction_of(b"a")]
