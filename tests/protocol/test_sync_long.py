"""Logs that go on for more than a page: one is read, the others are compared."""

from __future__ import annotations

import pytest

from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.messages import Announced, Cursor, SyncPage, SyncSince
from sorcha_peer_core.protocol.sync import Sync
from sorcha_peer_core.testing.recording_host import RecordingHost

ANN, BOB, CAT, DAN = 1, 2, 3, 4
H = [tx_hash_of(b"%d" % number) for number in range(10)]
START = Cursor(7, 5)


def page(*hashes: bytes, next_seq: int, more: bool = False, log_epoch: int = 7) -> SyncPage:
    return SyncPage(log_epoch, tuple(Announced(tx_hash, 10) for tx_hash in hashes), next_seq, more)


@pytest.fixture
def asked() -> list[tuple[int, int]]:
    """Who was asked for a comparison, with the epoch of its log."""
    return []


@pytest.fixture
def sync(host: RecordingHost, asked) -> Sync:
    sync = Sync(host, 2, 30.0, lambda peer, log_epoch: asked.append((peer, log_epoch)) is None)
    for peer in (ANN, BOB, CAT, DAN):
        sync.link_up(peer, START, now=0.0)
    host.take_sent()
    return sync


def put_aside(sync: Sync, host: RecordingHost) -> None:
    """Ann's log is long and goes on being read; all others wait."""
    sync.page(ANN, page(next_seq=10, more=True), (), now=1.0)
    sync.page(BOB, page(next_seq=10, more=True), (), now=1.0)
    assert host.take_sent() == [(ANN, SyncSince(7, 10))]


def test_while_a_long_log_is_read_the_others_wait(sync: Sync, host: RecordingHost, asked):
    put_aside(sync, host)

    sync.page(ANN, page(next_seq=15, more=True), (), now=2.0)

    assert host.take_sent() == [(ANN, SyncSince(7, 15))]
    assert asked == []


def test_when_it_is_at_its_end_the_others_are_compared(sync: Sync, host: RecordingHost, asked):
    put_aside(sync, host)

    sync.page(ANN, page(next_seq=15), (), now=2.0)

    assert sorted(asked) == [(BOB, 7), (CAT, 7), (DAN, 7)]
    assert host.take_sent() == []


def test_a_peer_that_has_the_same_moves_its_cursor_to_the_end_of_its_log(sync: Sync, host: RecordingHost, asked):
    put_aside(sync, host)
    sync.page(ANN, page(next_seq=15), (), now=2.0)
    host.remembered.clear()

    sync.end(BOB, page(next_seq=999))
    sync.end(BOB, page(next_seq=9999))

    assert host.remembered == [(BOB, Cursor(7, 999))]


@pytest.mark.parametrize(
    "answer", [page(next_seq=4), page(next_seq=99, log_epoch=8), page(H[0], next_seq=99)], ids=["back", "epoch", "items"]
)
def test_an_end_that_says_something_else_moves_nothing(sync: Sync, host: RecordingHost, asked, answer: SyncPage):
    put_aside(sync, host)
    sync.page(ANN, page(next_seq=15), (), now=2.0)
    host.remembered.clear()

    sync.end(CAT, answer)

    assert host.remembered == []


def test_an_end_that_nobody_asked_for_moves_nothing(sync: Sync, host: RecordingHost):
    put_aside(sync, host)
    host.remembered.clear()

    sync.end(CAT, page(next_seq=99))

    assert host.remembered == []


def test_who_was_compared_in_vain_twice_is_read(sync: Sync, host: RecordingHost, asked):
    put_aside(sync, host)
    sync.page(ANN, page(next_seq=15), (), now=2.0)
    sync.link_down(CAT, now=3.0)
    sync.link_down(DAN, now=3.0)
    sync.end(BOB, page(next_seq=20, log_epoch=8))
    asked.clear()

    for turn in range(1, 5):
        sync.again(now=30.0 * turn)

    assert asked.count((BOB, 7)) == 1
    assert (BOB, SyncSince(7, 10)) in host.take_sent()


@pytest.mark.parametrize("ends", ["gives up", "is lost", "stalls"])
def test_when_the_long_reading_comes_to_nothing_the_next_one_is_read(sync: Sync, host: RecordingHost, ends: str):
    put_aside(sync, host)
    sync.page(ANN, page(H[0], next_seq=15, more=True), [H[0]], now=2.0)
    host.take_sent()

    match ends:
        case "gives up":
            sync.gave_up(H[0], now=3.0)
        case "is lost":
            sync.link_down(ANN, now=3.0)
        case "stalls":
            sync.again(now=10.0)

    assert len(host.take_sent()) == 1


def test_a_log_without_end_holds_the_others_up_for_a_while_only(sync: Sync, host: RecordingHost):
    put_aside(sync, host)
    read = []

    for second in range(2, 200):
        sync.page(ANN, page(next_seq=10 + second, more=True), (), now=float(second))
        if second % 30 == 0:
            sync.again(now=float(second))
        read += [peer for peer, _ in host.take_sent() if peer != ANN]

    assert read
