"""Sync: cursors move only over what is here, and logs are read a few at a time."""

from __future__ import annotations

import pytest

from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.messages import Announced, Cursor, SyncPage, SyncSince
from sorcha_peer_core.protocol.sync import Sync
from sorcha_peer_core.testing.recording_host import RecordingHost

ANN, BOB, CAT, DAN = 1, 2, 3, 4
H = [tx_hash_of(b"%d" % number) for number in range(10)]
START = Cursor(7, 0)


def page(*hashes: bytes, next_seq: int, more: bool = False, log_epoch: int = 7) -> SyncPage:
    return SyncPage(log_epoch, tuple(Announced(tx_hash, 10) for tx_hash in hashes), next_seq, more)


@pytest.fixture
def sync(host: RecordingHost) -> Sync:
    return Sync(host, at_once=2, patience_s=30.0)


def test_a_linked_peers_log_is_read_from_the_cursor(sync: Sync, host: RecordingHost):
    sync.link_up(ANN, Cursor(7, 42), now=0.0)

    assert host.take_sent() == [(ANN, SyncSince(7, 42))]


def test_only_a_few_logs_are_read_at_once_and_the_next_one_when_a_place_is_free(sync: Sync, host: RecordingHost):
    for peer in (ANN, BOB, CAT):
        sync.link_up(peer, START, now=0.0)
    first = host.take_sent()

    sync.page(ANN, page(next_seq=0), (), now=1.0)

    assert [peer for peer, _ in first] == [ANN, BOB]
    assert [peer for peer, _ in host.take_sent()] == [CAT]


def test_the_cursor_moves_when_everything_on_the_page_is_here(sync: Sync, host: RecordingHost):
    sync.link_up(ANN, START, now=0.0)
    sync.page(ANN, page(*H[:3], next_seq=3), H[:2], now=1.0)

    before = list(host.remembered)
    waited = [sync.resolved(H[0], now=2.0), sync.resolved(H[2], now=2.0), sync.resolved(H[1], now=2.0)]

    assert before == []
    assert waited == [True, False, True]
    assert host.remembered == [(ANN, Cursor(7, 3))]


def test_the_next_page_is_asked_for_from_where_the_last_one_ended(sync: Sync, host: RecordingHost):
    sync.link_up(ANN, START, now=0.0)
    host.take_sent()

    sync.page(ANN, page(*H[:3], next_seq=3, more=True), (), now=1.0)

    assert host.take_sent() == [(ANN, SyncSince(7, 3))]
    assert sync.expects(ANN)


def test_the_cursor_takes_over_the_epoch_of_a_new_log(sync: Sync, host: RecordingHost):
    sync.link_up(ANN, Cursor(7, 500), now=0.0)

    sync.page(ANN, page(H[0], next_seq=1, log_epoch=8), (), now=1.0)

    assert host.remembered == [(ANN, Cursor(8, 1))]


def test_one_hash_that_two_logs_wait_for_moves_both(sync: Sync, host: RecordingHost):
    for peer in (ANN, BOB):
        sync.link_up(peer, START, now=0.0)
        sync.page(peer, page(H[0], next_seq=1), [H[0]], now=1.0)

    sync.resolved(H[0], now=2.0)

    assert host.remembered == [(ANN, Cursor(7, 1)), (BOB, Cursor(7, 1))]


def test_a_page_nobody_asked_for_is_passed_over(sync: Sync, host: RecordingHost):
    sync.page(ANN, page(H[0], next_seq=1), [H[0]], now=1.0)
    sync.link_up(ANN, START, now=1.0)
    sync.page(ANN, page(H[0], next_seq=1), [H[0]], now=1.0)
    sync.page(ANN, page(next_seq=99), (), now=1.0)

    assert host.remembered == []


@pytest.mark.parametrize("more", [True, False])
def test_a_page_that_lists_a_hash_twice_is_read_like_any_other(sync: Sync, host: RecordingHost, more: bool):
    sync.link_up(ANN, START, now=0.0)

    sync.page(ANN, page(H[0], H[0], next_seq=2, more=more), [H[0], H[0]], now=1.0)
    sync.resolved(H[0], now=2.0)

    assert host.remembered == [(ANN, Cursor(7, 2))]


def test_what_is_refused_from_the_owner_of_a_log_holds_up_only_the_logs_of_others(sync: Sync, host: RecordingHost):
    for peer in (ANN, BOB):
        sync.link_up(peer, START, now=0.0)
        sync.page(peer, page(*H[:2], next_seq=2), H[:2], now=1.0)

    sync.refused(ANN, H[0], now=2.0)
    sync.refused(CAT, H[0], now=2.0)
    sync.resolved(H[1], now=3.0)

    assert host.remembered == [(ANN, Cursor(7, 2))]
    assert sync.resolved(H[0], now=4.0)
    assert host.remembered[1:] == [(BOB, Cursor(7, 2))]


def test_a_hash_that_cannot_be_got_ends_the_reading_and_leaves_the_cursor(sync: Sync, host: RecordingHost):
    for peer in (ANN, BOB, CAT):
        sync.link_up(peer, START, now=0.0)
    sync.page(ANN, page(*H[:2], next_seq=2), H[:2], now=1.0)
    host.take_sent()

    sync.gave_up(H[0], now=2.0)
    late = sync.resolved(H[1], now=3.0)

    assert (host.remembered, late) == ([], False)
    assert [peer for peer, _ in host.take_sent()] == [CAT]


def test_a_log_whose_reading_ended_is_read_again_from_its_cursor_later(sync: Sync, host: RecordingHost):
    sync.link_up(ANN, START, now=0.0)
    sync.page(ANN, page(H[0], next_seq=1), [H[0]], now=1.0)
    sync.gave_up(H[0], now=2.0)
    host.take_sent()

    sync.again(now=30.0)

    assert host.take_sent() == [(ANN, SyncSince(7, 0))]


def test_linked_peers_come_round_in_turn(sync: Sync, host: RecordingHost):
    for peer in (ANN, BOB, CAT):
        sync.link_up(peer, START, now=0.0)
    for peer in (ANN, BOB, CAT):
        sync.page(peer, page(next_seq=0), (), now=0.0)
    host.take_sent()
    asked = []

    for turn in range(1, 7):
        sync.again(now=turn * 30.0)
        [(peer, _)] = host.take_sent()
        sync.page(peer, page(next_seq=0), (), now=turn * 30.0)
        asked.append(peer)

    assert asked == [ANN, BOB, CAT] * 2


def test_a_peer_that_does_not_answer_loses_its_place(sync: Sync, host: RecordingHost):
    for peer in (ANN, BOB, CAT):
        sync.link_up(peer, START, now=0.0)
    host.take_sent()

    sync.again(now=31.0)

    assert CAT in [peer for peer, _ in host.take_sent()]


def test_a_reading_whose_transactions_arrive_keeps_its_place(sync: Sync, host: RecordingHost):
    sync.link_up(ANN, START, now=0.0)
    sync.page(ANN, page(*H[:2], next_seq=2), H[:2], now=0.0)

    sync.resolved(H[0], now=25.0)
    sync.again(now=40.0)
    sync.resolved(H[1], now=45.0)

    assert host.remembered == [(ANN, Cursor(7, 2))]


def test_a_log_that_goes_on_without_going_on_loses_its_place(sync: Sync, host: RecordingHost):
    for peer in (ANN, BOB, CAT):
        sync.link_up(peer, Cursor(7, 5), now=0.0)
    host.take_sent()

    sync.page(ANN, page(next_seq=5, more=True), (), now=1.0)

    assert [peer for peer, _ in host.take_sent()] == [CAT]


def test_a_lost_link_frees_its_place(sync: Sync, host: RecordingHost):
    for peer in (ANN, BOB, CAT, DAN):
        sync.link_up(peer, START, now=0.0)
    sync.page(ANN, page(H[0], next_seq=1), [H[0]], now=1.0)
    host.take_sent()

    sync.link_down(CAT, now=2.0)
    sync.link_down(ANN, now=2.0)

    assert [peer for peer, _ in host.take_sent()] == [DAN]
    assert sync.resolved(H[0], now=3.0) is False


def test_a_cursor_is_not_moved_back_into_another_reading_of_the_same_peer(sync: Sync, host: RecordingHost):
    sync.link_up(ANN, START, now=0.0)
    sync.page(ANN, page(H[0], next_seq=1), [H[0]], now=1.0)
    sync.link_down(ANN, now=2.0)
    sync.link_up(ANN, START, now=3.0)

    sync.resolved(H[0], now=4.0)

    assert host.remembered == []
    assert sync.expects(ANN)


def test_a_log_counts_as_read_when_all_of_it_is_here(sync: Sync, host: RecordingHost):
    sync.link_up(ANN, START, now=0.0)
    sync.page(ANN, page(H[0], next_seq=1, more=True), (), now=1.0)
    assert sync.logs_read == 0
    sync.page(ANN, page(H[1], next_seq=2), (H[1],), now=2.0)
    assert sync.logs_read == 0

    sync.resolved(H[1], now=3.0)

    assert sync.logs_read == 1


def test_a_log_that_does_not_differ_counts_as_read(host: RecordingHost):
    sync = Sync(host, at_once=2, patience_s=30.0, compare=lambda peer, log_epoch: True)
    sync.link_up(ANN, START, now=0.0)
    sync.page(ANN, page(H[0], next_seq=1), (H[0],), now=1.0)
    sync.gave_up(H[0], now=2.0)
    sync.again(now=3.0)

    sync.end(ANN, page(next_seq=9))

    assert sync.logs_read == 1


def test_a_log_that_was_read_is_read_anew_after_the_link_was_lost(sync: Sync, host: RecordingHost):
    sync.link_up(ANN, START, now=0.0)
    sync.page(ANN, page(next_seq=0), (), now=1.0)
    assert sync.logs_read == 1

    sync.link_down(ANN, now=2.0)
    sync.link_up(ANN, START, now=3.0)

    assert sync.logs_read == 0


def test_lines_that_are_gone_before_a_log_was_read_on_are_told_once(sync: Sync, host: RecordingHost):
    sync.link_up(ANN, Cursor(7, 100), now=0.0)

    sync.page(ANN, page(next_seq=300, more=True), (), now=1.0)
    sync.page(ANN, page(*H[:3], next_seq=410, more=True), (), now=2.0)
    sync.page(ANN, page(*H[3:5], next_seq=500), (), now=3.0)

    assert host.gaps == [(ANN, 200 + 110 - 3)]


def test_a_log_of_which_nothing_is_left_has_a_gap_to_its_end(sync: Sync, host: RecordingHost):
    sync.link_up(ANN, Cursor(7, 100), now=0.0)

    sync.page(ANN, page(next_seq=300), (), now=1.0)

    assert host.gaps == [(ANN, 200)]
    assert host.remembered == [(ANN, Cursor(7, 300))]


@pytest.mark.parametrize(
    ("cursor", "answer"),
    [
        (Cursor(7, 100), page(*H[:3], next_seq=103)),
        (Cursor(7, 0), page(*H[:3], next_seq=400)),
        (Cursor(7, 100), page(*H[:3], next_seq=400, log_epoch=8)),
    ],
    ids=["all is there", "it is read for the first time", "it is another log"],
)
def test_there_is_no_gap_where_nothing_was_missed(sync: Sync, host: RecordingHost, cursor, answer):
    sync.link_up(ANN, cursor, now=0.0)

    sync.page(ANN, answer, (), now=1.0)

    assert host.gaps == []
