"""The behaviour of a log that is pruned."""

from __future__ import annotations

from sorcha_peer_core.model.ids import TxHash, tx_hash_of
from sorcha_peer_core.model.messages import Created
from sorcha_peer_core.model.transaction import Arrival, Pruned
from sorcha_peer_core.testing.store_opened import OpenedStore
from sorcha_peer_core.testing.store_samples import NOW_MS, arrival_of, submissions_of, transaction_of

_ALL_BYTES = 1 << 40
_LONG_AGO_MS = NOW_MS - 1e9


class PruningSuite(OpenedStore):
    """``prune`` of the role TransactionStore."""

    def arrive(self, payload: bytes, *, created_ms: float = 0.0, received_ms: float = 0.0) -> TxHash:
        """A transaction of these times after ``NOW_MS``."""
        transaction = transaction_of(payload, created_ms=NOW_MS + created_ms)
        self.store.append([Arrival(transaction, NOW_MS + received_ms, 1, False)])
        return transaction.hash

    def by_age(self, before_ms: float, most: int = 100) -> Pruned:
        """What is older than this, counted from ``NOW_MS``."""
        return self.store.prune(NOW_MS + before_ms, _ALL_BYTES, most)

    def by_size(self, keep_bytes: int, most: int = 100) -> Pruned:
        """Whatever is above this."""
        return self.store.prune(_LONG_AGO_MS, keep_bytes, most)

    def seqs(self) -> list[int]:
        """Those of the log that can be read."""
        return [entry.seq for entry in self.store.after(0, 1000)]

    def test_the_bytes_of_all_payloads_are_known(self) -> None:
        assert self.store.log_bytes() == 0

        for payload in (b"aaa", b"bb", b"aaa"):
            self.arrive(payload)
        self.store.put(submissions_of(b"queued"), NOW_MS)

        assert self.store.log_bytes() == 5

    def test_nothing_is_pruned_from_an_empty_log_or_from_one_that_is_young_and_small(self) -> None:
        assert self.by_age(0) == Pruned(0, 0, 0)
        self.arrive(b"a")

        assert self.by_age(0) == self.by_size(1) == Pruned(0, 0, 0)
        assert self.store.totals() == (1, 1)

    def test_what_is_over_its_time_is_forgotten(self) -> None:
        old = [self.arrive(b"aaa", received_ms=1), self.arrive(b"bb", received_ms=2)]
        new = self.arrive(b"c", received_ms=3)

        assert self.by_age(3) == Pruned(2, 0, 5)

        assert self.store.known([*old, new]) == {new}
        assert self.store.created(NOW_MS - 1, NOW_MS + 1, 10) == [Created(new, 1, NOW_MS)]
        assert [tx_hash for tx_hash, _ in self.store.recent_hashes(10)] == [new]
        assert (self.store.totals(), self.store.oldest_seq(), self.store.log_bytes()) == ((1, 3), 3, 1)
        assert self.seqs() == [3]
        assert [self.store.payload(tx_hash) for tx_hash in (*old, new)] == [None, None, b"c"]

    def test_it_must_be_received_as_well_as_created_before(self) -> None:
        self.arrive(b"received late", created_ms=0, received_ms=50)
        self.arrive(b"created late", created_ms=50, received_ms=0)
        self.arrive(b"neither", created_ms=0, received_ms=0)

        assert self.by_age(50).forgotten == 1
        assert self.seqs() == [1, 2]
        assert self.by_age(50.5).forgotten == 2

    def test_a_step_takes_no_more_than_it_may_and_the_oldest_first(self) -> None:
        for number in (3, 1, 2, 5, 4):
            self.arrive(b"%d" % number, received_ms=number)

        assert self.by_age(100, most=2) == Pruned(2, 0, 2)
        assert self.seqs() == [1, 4, 5]
        assert self.by_age(100, most=2) == Pruned(2, 0, 2)
        assert self.seqs() == [4]
        assert self.by_age(100, most=0) == Pruned(0, 0, 0)

    def test_what_was_forgotten_can_come_again_and_gets_a_new_place(self) -> None:
        self.arrive(b"a")
        self.by_age(1)
        assert self.store.totals() == (0, 1)
        assert self.store.oldest_seq() == 0

        self.arrive(b"a")

        assert self.seqs() == [2]

    def test_the_oldest_lose_their_payload_while_the_log_is_too_large(self) -> None:
        hashes = [self.arrive(payload) for payload in (b"aaaa", b"bbbb", b"cccc", b"dddd")]

        assert self.by_size(9) == Pruned(0, 2, 8)

        assert self.seqs() == [3, 4]
        assert self.store.load(hashes) == [transaction_of(b"cccc"), transaction_of(b"dddd")]
        assert self.store.payload(hashes[0]) is None
        assert (self.store.oldest_seq(), self.store.log_bytes()) == (3, 8)
        assert self.by_size(0) == Pruned(0, 2, 8)
        assert (self.store.oldest_seq(), self.store.log_bytes(), self.seqs()) == (0, 0, [])

    def test_what_lost_its_payload_stays_known_so_that_nobody_brings_it_back(self) -> None:
        gone = [self.arrive(b"first", created_ms=2), self.arrive(b"second", created_ms=1)]
        kept = self.arrive(b"third")
        self.by_size(5)

        assert self.store.known([*gone, kept]) == {*gone, kept}
        assert self.store.created(NOW_MS, NOW_MS + 10, 10) == [
            Created(kept, 5, NOW_MS), Created(gone[1], 6, NOW_MS + 1), Created(gone[0], 5, NOW_MS + 2),
        ]  # fmt: skip
        assert self.store.created(NOW_MS, NOW_MS + 10, 2, kept) == [
            Created(gone[1], 6, NOW_MS + 1), Created(gone[0], 5, NOW_MS + 2),
        ]  # fmt: skip
        assert list(self.store.recent_hashes(2)) == [(kept, NOW_MS), (gone[1], NOW_MS + 1)]
        assert len(list(self.store.recent_hashes(10))) == 3
        assert self.store.totals() == (3, 3)
        assert self.store.put(submissions_of(b"first"), NOW_MS) == [False]

    def test_what_lost_its_payload_keeps_its_place_and_stays_without_when_it_comes_again(self) -> None:
        tx_hash = self.arrive(b"a")
        self.by_size(0)

        assert self.store.append([arrival_of(b"a"), arrival_of(b"b"), arrival_of(b"a", own=True)]) == [1, 2, 1]

        assert self.store.load([tx_hash]) == []
        assert (self.seqs(), self.store.totals(), self.store.log_bytes()) == ([2], (2, 2), 1)

    def test_what_lost_its_payload_is_forgotten_when_its_time_is_over(self) -> None:
        first, second = self.arrive(b"aa", received_ms=1), self.arrive(b"bb", received_ms=2)
        self.by_size(2)

        assert self.by_age(2) == Pruned(1, 0, 0)
        assert self.store.known([first, second]) == {second}
        assert self.by_age(3) == Pruned(1, 0, 2)
        assert self.store.totals() == (0, 2)

    def test_age_comes_before_size_and_both_share_the_bound_of_a_step(self) -> None:
        for number in range(6):
            self.arrive(b"%d" % number, received_ms=number)

        assert self.store.prune(NOW_MS + 2, 2, 3) == Pruned(2, 1, 3)
        assert self.seqs() == [4, 5, 6]
        assert self.store.prune(NOW_MS + 2, 2, 3) == Pruned(0, 1, 1)
        assert self.store.totals() == (4, 6)

    def test_what_has_a_row_in_the_outbox_is_spared(self) -> None:
        self.store.put(submissions_of(b"own 1", b"own 2"), NOW_MS)
        self.store.append([arrival_of(b"own 1", own=True), arrival_of(b"other"), arrival_of(b"own 2", own=True)])
        self.store.give_up({tx_hash_of(b"own 2"): "nobody takes it"}, NOW_MS)

        assert self.store.prune(NOW_MS + 100, 0, 1) == Pruned(1, 0, 5)
        assert self.store.prune(NOW_MS + 100, 0, 100) == Pruned(0, 0, 0)
        assert self.seqs() == [1, 3]

        self.store.delivered([tx_hash_of(b"own 1")])
        self.store.drop(None)
        assert self.store.prune(NOW_MS + 100, 0, 100) == Pruned(2, 0, 10)

    def test_a_long_log_is_pruned_step_by_step_to_what_it_may_keep(self) -> None:
        self.store.append([arrival_of(b"%04d" % number, received_ms=NOW_MS + number) for number in range(1500)])

        steps = []
        while (pruned := self.store.prune(NOW_MS + 700, 4 * 300, 250)) != Pruned(0, 0, 0):
            steps.append(pruned)

        assert sum(step.forgotten for step in steps) == 700
        assert sum(step.emptied for step in steps) == 500
        assert max(step.forgotten + step.emptied for step in steps) == 250
        assert self.seqs() == list(range(1201, 1501))
        assert (self.store.log_bytes(), self.store.totals()) == (1200, (800, 1500))
