"""The peer table: who gets in, who gives way, who is forgotten."""

from __future__ import annotations

import pytest
from peer_parts import DAY, HOUR, NOW, SECRET, met, peer_id, record

from sorcha_peer_core.model.peer import PeerRow
from sorcha_peer_core.protocol.peer_buckets import BUCKET_PEERS
from sorcha_peer_core.protocol.peer_table import PeerTable

TELLER = peer_id(10**9)
SHARE = 64
GROUP = "93.184.0.1"


def table_of(most: int = 1000) -> PeerTable:
    return PeerTable(SECRET, most)


def full_bucket(table: PeerTable, at: int = NOW) -> tuple[list[int], int]:
    """Have peers of one group link until one finds no tried place: the numbers of those in its bucket, and its own."""
    for number in range(10_000):
        met(table, number, GROUP, at)
        entry = table.get(peer_id(number))
        assert entry is not None
        if not entry.is_tried:
            full = [e for e in table if e.is_tried and table._tried_bucket(entry) == e.bucket]
            return [int(e.peer_id, 16) for e in full], number
    raise AssertionError("no bucket is ever full")


# Records.


def test_hearsay_is_taken_and_says_nothing_of_when_the_peer_was_seen():
    table = table_of()

    assert table.add(record(1), TELLER, GROUP, NOW)

    [entry] = table
    assert (entry.peer_id, entry.source, entry.source_host, entry.added_at) == (peer_id(1), TELLER, GROUP, NOW)
    assert (entry.is_hearsay, entry.proved_at, entry.last_seen_at) == (True, 0, 0)


def test_a_record_that_says_nothing_new_is_no_news():
    table = table_of()
    table.add(record(1, seq=5), TELLER, GROUP, NOW)

    assert not table.add(record(1, "9.9.9.9", seq=5), TELLER, GROUP, NOW)
    assert not table.add(record(1, "9.9.9.9", seq=4), TELLER, GROUP, NOW)

    assert table.get(peer_id(1)).record == record(1, seq=5)


def test_a_higher_seq_replaces_the_record_and_nothing_that_this_node_saw_itself():
    table = table_of()
    met(table, 1, GROUP, NOW)

    assert table.add(record(1, "9.9.9.9", seq=2), TELLER, "8.8.8.8", NOW + DAY)

    [entry] = table
    assert entry.record == record(1, "9.9.9.9", seq=2)
    assert (entry.source, entry.source_host, entry.seen_host) == (peer_id(1), GROUP, GROUP)
    assert (entry.added_at, entry.proved_at, entry.last_seen_at) == (NOW, NOW, NOW)


@pytest.mark.parametrize(("host", "failures"), [("9.9.9.9", 0), ("127.0.0.1", 2)])
def test_only_a_peer_that_moved_is_forgiven_by_its_new_record(host: str, failures: int):
    table = table_of()
    table.add(record(1), TELLER, GROUP, NOW)
    table.failed(peer_id(1), NOW)
    table.failed(peer_id(1), NOW)

    table.add(record(1, host, seq=2), TELLER, GROUP, NOW)

    assert table.get(peer_id(1)).failures == failures


def test_peers_come_in_the_order_in_which_they_were_heard_of():
    table = table_of()
    for number in (7, 3, 5):
        table.add(record(number), TELLER, GROUP, NOW)
    table.prove(peer_id(3), NOW)

    assert [entry.peer_id for entry in table] == [peer_id(7), peer_id(3), peer_id(5)]
    assert (len(table), peer_id(3) in table, peer_id(4) in table) == (3, True, False)


# Shares.


def test_a_source_has_a_share_and_what_goes_beyond_it_is_refused_and_counted():
    table = table_of(most=500)

    taken = [table.add(record(number), TELLER, GROUP, NOW) for number in range(100)]

    assert taken == [True] * SHARE + [False] * 36
    assert table.refused == {"its source has its share": 36}


def test_in_a_large_table_the_share_is_eight_percent():
    table = PeerTable(SECRET, 10_000)

    taken = sum(table.add(record(number), TELLER, "10.0.0.1", NOW) for number in range(2000))

    assert taken == 800


def test_a_source_regains_its_share_as_its_word_proves_true():
    table = table_of()
    for number in range(80):
        assert table.add(record(number), TELLER, "10.0.0.1", NOW)
    assert not table.add(record(80), TELLER, "10.0.0.1", NOW)

    table.prove(peer_id(0), NOW)

    assert table.add(record(80), TELLER, "10.0.0.1", NOW)
    assert not table.add(record(81), TELLER, "10.0.0.1", NOW)


def test_a_source_regains_its_share_when_what_it_told_is_forgotten():
    table = table_of()
    for number in range(80):
        table.add(record(number), TELLER, "10.0.0.1", NOW)

    table.forget_old(NOW + 8 * DAY)

    assert table.add(record(80), TELLER, "10.0.0.1", NOW)


def test_what_a_trusted_source_tells_has_no_share():
    table = table_of()
    table.trust(TELLER)

    assert all(table.add(record(number, f"93.{number % 250}.0.1"), TELLER, GROUP, NOW) for number in range(1000))


def test_what_no_peer_told_has_no_share():
    table = table_of()

    assert all(table.add(record(number), None, "", NOW) for number in range(1000))


def test_a_thousand_peers_on_one_machine_told_by_one_first_contact_all_fit_and_stay_when_they_are_proved():
    table = table_of(most=1000)
    table.trust(TELLER)
    met(table, int(TELLER, 16), "127.0.0.1")

    for number in range(999):
        assert table.add(record(number), TELLER, "127.0.0.1", NOW)
    suspects = [table.prove(peer_id(number), NOW, "127.0.0.1") for number in range(999)]

    assert len(table) == 1000
    assert all(entry.is_tried for entry in table)
    assert not any(suspects)


def test_peers_that_come_by_themselves_from_one_local_network_all_fit():
    table = table_of(most=1000)

    for number in range(1000):
        met(table, number, f"192.168.{number // 250}.{number % 250}")

    assert (len(table), table.displaced, table.refused) == (1000, 0, {})


def test_a_large_table_is_filled_by_a_large_network():
    table = PeerTable(SECRET, 10_000)
    table.trust(TELLER)

    for number in range(10_000):
        table.add(record(number), TELLER, GROUP, NOW)

    assert len(table) > 9_950


# Giving way.


def test_a_full_table_takes_no_hearsay_while_nobody_in_it_failed():
    table = table_of(most=3)
    for number in range(3):
        table.add(record(number), TELLER, GROUP, NOW)

    assert not table.add(record(9), TELLER, GROUP, NOW)
    assert (len(table), table.refused) == (3, {"nobody in the table is worse": 1})


def test_in_a_full_table_hearsay_displaces_hearsay_that_failed():
    table = table_of(most=3)
    for number in range(3):
        table.add(record(number), TELLER, GROUP, NOW)
    table.failed(peer_id(1), NOW)

    assert table.add(record(9), TELLER, GROUP, NOW)

    assert [entry.peer_id for entry in table] == [peer_id(0), peer_id(2), peer_id(9)]
    assert table.displaced == 1


def test_hearsay_that_was_forgiven_is_not_displaced_by_hearsay():
    table = table_of(most=2)
    for number in range(2):
        table.add(record(number), TELLER, GROUP, NOW)
        table.failed(peer_id(number), NOW)
    table.forgive(peer_id(0))

    assert table.add(record(9), TELLER, GROUP, NOW)

    assert [entry.peer_id for entry in table] == [peer_id(0), peer_id(9)]


def test_in_a_full_table_a_peer_that_comes_itself_displaces_the_oldest_hearsay():
    table = table_of(most=3)
    for number in range(3):
        table.add(record(number), TELLER, GROUP, NOW + number)

    met(table, 9, GROUP)

    assert [entry.peer_id for entry in table] == [peer_id(1), peer_id(2), peer_id(9)]


def test_no_hearsay_ever_displaces_a_proved_peer():
    table = table_of(most=3)
    for number in range(3):
        met(table, number, GROUP)
        table.failed(peer_id(number), NOW + 6 * DAY)

    assert not table.add(record(9), TELLER, GROUP, NOW + 6 * DAY)


@pytest.mark.parametrize(
    ("fails", "later", "gives_way"), [(True, 5 * HOUR, True), (True, 3 * HOUR, False), (False, 5 * HOUR, False)]
)
def test_a_proved_peer_gives_way_to_one_that_comes_itself_only_when_it_fails_and_was_not_seen_for_long(fails, later, gives_way):
    table = table_of(most=2)
    met(table, 1, GROUP)
    met(table, 2, GROUP)
    table.seen(peer_id(2), NOW + later)
    if fails:
        table.failed(peer_id(1), NOW + later)

    table.add(record(9), peer_id(9), GROUP, NOW + later)

    assert (peer_id(1) not in table) == gives_way == (peer_id(9) in table)


def test_a_peer_that_nobody_can_dial_gives_way_when_it_was_not_seen_for_long():
    table = table_of(most=1)
    table.add(record(1, host=""), peer_id(1), GROUP, NOW)
    table.prove(peer_id(1), NOW, GROUP)

    assert not table.add(record(9), peer_id(9), GROUP, NOW + 3 * HOUR)
    assert table.add(record(9), peer_id(9), GROUP, NOW + 5 * HOUR)


# Tried buckets.


def test_a_proved_peer_of_a_full_bucket_is_kept_and_names_who_is_to_be_looked_at():
    table = table_of()
    full, newcomer = full_bucket(table)
    met(table, full[0], GROUP, NOW + HOUR)

    suspect = table.prove(peer_id(newcomer), NOW + 5 * HOUR, GROUP)

    assert suspect == peer_id(full[1])
    assert len(full) == BUCKET_PEERS
    assert all(peer_id(number) in table for number in [*full, newcomer])


def test_whoever_was_seen_lately_need_not_be_looked_at():
    table = table_of()
    _, newcomer = full_bucket(table)

    assert table.prove(peer_id(newcomer), NOW + 3 * HOUR, GROUP) is None


def test_an_incumbent_that_does_not_answer_changes_places_with_the_newcomer():
    table = table_of()
    _, newcomer = full_bucket(table)
    suspect = table.prove(peer_id(newcomer), NOW + 5 * HOUR, GROUP)

    table.failed(suspect, NOW + 5 * HOUR)

    assert table.get(peer_id(newcomer)).is_tried
    assert not table.get(suspect).is_tried


def test_an_incumbent_that_answers_keeps_its_place():
    table = table_of()
    _, newcomer = full_bucket(table)
    suspect = table.prove(peer_id(newcomer), NOW + 5 * HOUR, GROUP)

    table.prove(suspect, NOW + 5 * HOUR, GROUP)
    table.failed(suspect, NOW + 6 * HOUR)

    assert not table.get(peer_id(newcomer)).is_tried
    assert table.get(suspect).is_tried


def test_an_incumbent_that_is_taken_out_leaves_its_place_to_the_newcomer():
    table = table_of()
    _, newcomer = full_bucket(table)
    suspect = table.prove(peer_id(newcomer), NOW + 5 * HOUR, GROUP)

    table.evict(suspect)

    assert suspect not in table
    assert table.get(peer_id(newcomer)).is_tried


def test_a_newcomer_that_is_gone_when_the_incumbent_fails_changes_nothing():
    table = table_of()
    _, newcomer = full_bucket(table)
    suspect = table.prove(peer_id(newcomer), NOW + 5 * HOUR, GROUP)
    table.evict(peer_id(newcomer))

    table.failed(suspect, NOW + 5 * HOUR)

    assert table.get(suspect).is_tried


# Forgetting.


def test_hearsay_is_forgotten_after_three_failures():
    table = table_of()
    table.add(record(1), TELLER, GROUP, NOW)
    for _ in range(2):
        table.failed(peer_id(1), NOW)
    assert table.forget_old(NOW) == []

    table.failed(peer_id(1), NOW)

    assert table.forget_old(NOW) == [peer_id(1)]
    assert len(table) == 0


def test_hearsay_is_forgotten_after_seven_days():
    table = table_of()
    table.add(record(1), TELLER, GROUP, NOW)

    assert table.forget_old(NOW + 7 * DAY) == []
    assert table.forget_old(NOW + 7 * DAY + 1) == [peer_id(1)]


def test_a_proved_peer_is_forgotten_when_it_failed_and_was_not_seen_for_seven_days():
    table = table_of()
    met(table, 1, GROUP)
    met(table, 2, GROUP)
    for number in (1, 2):
        table.failed(peer_id(number), NOW + DAY)
    table.seen(peer_id(2), NOW + 2 * DAY)

    assert table.forget_old(NOW + 7 * DAY) == []
    assert table.forget_old(NOW + 8 * DAY) == [peer_id(1)]


def test_a_node_that_was_away_for_weeks_still_has_its_peers():
    table = table_of()
    met(table, 1, GROUP)

    assert table.forget_old(NOW + 30 * DAY) == []


def test_a_peer_that_nobody_can_dial_is_forgotten_when_it_does_not_come_back():
    table = table_of()
    table.add(record(1, host=""), peer_id(1), GROUP, NOW)
    table.prove(peer_id(1), NOW, GROUP)

    assert table.forget_old(NOW + 8 * DAY) == [peer_id(1)]


def test_what_is_not_known_can_be_proved_seen_failed_forgiven_and_evicted_without_effect():
    table = table_of()

    for happens in (table.prove, table.seen, table.failed):
        happens(peer_id(1), NOW)
    table.forgive(peer_id(1))
    table.evict(peer_id(1))

    assert len(table) == 0


def test_a_peer_that_was_only_heard_of_cannot_be_seen():
    table = table_of()
    table.add(record(1), TELLER, GROUP, NOW)

    table.seen(peer_id(1), NOW)

    assert table.get(peer_id(1)).last_seen_at == 0


def test_a_clock_that_was_set_back_does_not_make_a_peer_older():
    table = table_of()
    met(table, 1, GROUP, NOW)

    table.prove(peer_id(1), NOW - DAY)
    table.seen(peer_id(1), NOW - DAY)

    assert table.get(peer_id(1)).last_seen_at == NOW


# Restarts.


def test_rows_of_an_earlier_run_come_back_as_they_were():
    table = table_of()
    row = PeerRow(
        record(1), NOW - DAY, NOW - HOUR, failures=2, proved_at=NOW - 2 * HOUR, last_attempt_at=NOW, source=TELLER,
        source_host="8.8.8.8", seen_host=GROUP,
    )  # fmt: skip

    assert table.restore(row)

    entry = table.get(peer_id(1))
    assert (entry.record, entry.added_at, entry.last_seen_at) == (record(1), NOW - DAY, NOW - HOUR)
    assert (entry.failures, entry.proved_at, entry.last_attempt_at) == (2, NOW - 2 * HOUR, NOW)
    assert (entry.source, entry.source_host, entry.seen_host, entry.is_tried) == (TELLER, "8.8.8.8", GROUP, True)


def test_hearsay_of_an_earlier_run_counts_against_the_share_of_its_source():
    table = table_of()
    for number in range(80):
        assert table.restore(PeerRow(record(number), NOW, 0, source=TELLER, source_host="10.0.0.1"))

    assert not table.add(record(80), TELLER, "10.0.0.1", NOW)


def test_a_table_takes_no_more_rows_of_an_earlier_run_than_it_holds():
    table = table_of(most=3)

    restored = [table.restore(PeerRow(record(number), NOW, NOW, proved_at=NOW)) for number in (1, 1, 2, 3, 4)]

    assert restored == [True, False, True, True, False]


def test_hardly_anything_that_a_trusted_source_told_is_lost_over_a_restart():
    table = table_of(most=1000)
    table.trust(TELLER)
    for number in range(1000):
        table.add(record(number), TELLER, GROUP, NOW)

    again = table_of(most=1000)
    restored = [again.restore(PeerRow(e.record, e.added_at, 0, source=e.source, source_host=e.source_host)) for e in table]

    assert sum(restored) > 950
