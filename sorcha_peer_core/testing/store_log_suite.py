"""The behaviour of an arrival log."""

from __future__ import annotations

from random import Random

from sorcha_peer_core.model.ids import peer_id_of, tx_hash_of
from sorcha_peer_core.model.messages import Created
from sorcha_peer_core.model.transaction import Arrival
from sorcha_peer_core.testing.store_opened import OpenedStore
from sorcha_peer_core.testing.store_samples import NOW_MS, ORIGIN_KEY, arrival_of, arrivals_of, submissions_of, transaction_of


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

    def test_the_log_is_read_backwards_page_by_page(self) -> None:
        self.store.append(arrivals_of(*[b"%d" % number for number in range(7)]))

        pages, seq = [], 100
        while page := self.store.before(seq, 3):
            pages.append([entry.seq for entry in page])
            seq = page[-1].seq

        assert pages == [[7, 6, 5], [4, 3, 2], [1]]
        assert self.store.before(3, 1) == self.store.after(1, 1)

    def test_a_register_shows_only_its_own_transactions_backwards(self) -> None:
        for payload, register_id in ((b"a", "land"), (b"b", "ships"), (b"c", ""), (b"d", "land")):
            self.store.append([arrival_of(payload, register_id=register_id)])

        assert [entry.seq for entry in self.store.before(9, 10, "land")] == [4, 1]
        assert [entry.seq for entry in self.store.before(4, 10, "land")] == [1]
        assert [entry.seq for entry in self.store.before(9, 1, "land")] == [4]
        assert [entry.seq for entry in self.store.before(9, 10, "")] == [3]
        assert self.store.before(9, 10, "cars") == []

    def test_lines_are_found_between_two_hashes_with_both_ends(self) -> None:
        hashes = sorted(tx_hash_of(b"%d" % number) for number in range(20))
        self.store.append(arrivals_of(*[b"%d" % number for number in range(20)]))

        assert [entry.hash for entry in self.store.between(hashes[3], hashes[6], 10)] == hashes[3:7]
        assert [entry.hash for entry in self.store.between(hashes[3], hashes[6], 2)] == hashes[3:5]
        assert self.store.between(tx_hash_of(b"missing"), tx_hash_of(b"missing"), 2) == []

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
