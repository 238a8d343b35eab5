"""Fetching: who is asked for what, when, and what happens when the answer does not come."""

from __future__ import annotations

import pytest

from sorcha_peer_core.model.events import FetchFailed
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.messages import Announced, Chunk, FetchDue, Want, WantChunks
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.fetch import Fetcher
from sorcha_peer_core.testing.network_node import make_transaction
from sorcha_peer_core.testing.recording_host import RecordingHost

ANN, BOB, CAT = 1, 2, 3
SMALL, MIDDLE, LARGE = 100, 50_000, 300_000


class Fetching:
    """A fetcher with three peers."""

    def __init__(self, host: RecordingHost, **config) -> None:
        self.host = host
        self.given_up: list[bytes] = []
        self.fetcher = Fetcher(CoreConfig(**config), host, self.given_up.append)
        for peer in (ANN, BOB, CAT):
            self.fetcher.link_up(peer)

    def announce(self, peer: int, *hashes: bytes, size: int = MIDDLE, at_once: bool = True) -> None:
        self.fetcher.announced(peer, [Announced(tx_hash, size) for tx_hash in hashes], at_once)

    def asked(self) -> list[tuple[int, tuple[bytes, ...]]]:
        return [(peer, message.hashes) for peer, message in self.host.take_sent() if isinstance(message, Want)]

    def late(self) -> None:
        """The youngest timer of each hash is due."""
        timers = {timer.hash: timer for _, timer in self.host.take_timers(FetchDue)}
        for timer in timers.values():
            self.fetcher.due(timer)


@pytest.fixture
def fetching(host: RecordingHost) -> Fetching:
    return Fetching(host)


H = [tx_hash_of(b"%d" % number) for number in range(2000)]


def test_a_small_one_is_asked_for_only_after_the_wait_for_its_push(fetching: Fetching):
    fetching.announce(ANN, H[0], size=SMALL, at_once=False)
    before = fetching.asked()
    [(delay_s, timer)] = fetching.host.take_timers(FetchDue)

    fetching.fetcher.due(timer)

    assert (before, delay_s) == ([], 0.05)
    assert fetching.asked() == [(ANN, (H[0],))]


def test_what_is_too_large_to_be_pushed_is_asked_for_at_once(fetching: Fetching):
    fetching.announce(ANN, H[0], size=MIDDLE, at_once=False)

    assert fetching.asked() == [(ANN, (H[0],))]


def test_only_one_announcer_is_asked(fetching: Fetching):
    fetching.announce(ANN, H[0])
    fetching.announce(BOB, H[0])

    assert fetching.asked() == [(ANN, (H[0],))]


def test_the_next_announcer_is_asked_when_the_first_is_late(fetching: Fetching):
    fetching.announce(ANN, H[0])
    fetching.announce(BOB, H[0])
    fetching.asked()

    fetching.late()

    assert fetching.asked() == [(BOB, (H[0],))]


def test_a_stale_timer_changes_nothing(fetching: Fetching):
    fetching.announce(ANN, H[0])
    fetching.announce(BOB, H[0])
    [(_, stale)] = fetching.host.take_timers(FetchDue)
    fetching.fetcher.absent(ANN, [H[0]])
    fetching.asked()

    fetching.fetcher.due(stale)

    assert fetching.asked() == []


def test_who_has_it_not_is_not_asked_again(fetching: Fetching):
    fetching.announce(ANN, H[0])
    fetching.fetcher.absent(ANN, [H[0]])

    assert (len(fetching.fetcher), fetching.given_up) == (0, [H[0]])


def test_the_only_announcer_is_asked_a_few_times_with_growing_patience_and_then_left_to_sync(host: RecordingHost):
    fetching = Fetching(host, fetch_rounds=3)
    fetching.announce(ANN, H[0])
    delays = []

    for _ in range(3):
        delays.append(host.timers[-1].delay_s)
        fetching.late()

    assert delays == [1.0, 2.0, 3.0]
    assert host.events == [FetchFailed(H[0], 1)]
    assert (len(fetching.fetcher), fetching.given_up) == (0, [H[0]])


def test_what_a_lost_peer_owed_is_asked_of_others_at_once(fetching: Fetching):
    fetching.announce(ANN, H[0], H[1])
    fetching.announce(BOB, H[0])
    fetching.asked()

    fetching.fetcher.link_down(ANN)

    assert fetching.asked() == [(BOB, (H[0],))]
    assert fetching.given_up == [H[1]]


def test_more_than_a_window_waits_until_answers_come(host: RecordingHost):
    fetching = Fetching(host, want_items=2)
    fetching.announce(ANN, *H[:3])
    first = fetching.asked()

    fetching.fetcher.arrived(H[0])

    assert first == [(ANN, (H[0], H[1]))]
    assert fetching.asked() == [(ANN, (H[2],))]


def test_a_window_is_bounded_by_bytes_too(host: RecordingHost):
    fetching = Fetching(host, want_bytes=100_000)
    fetching.announce(ANN, *H[:4], size=60_000)

    assert fetching.asked() == [(ANN, (H[0], H[1]))]


def test_many_are_asked_for_in_frames_of_64(host: RecordingHost):
    Fetching(host, want_items=128).announce(ANN, *H[:128], size=10)

    assert [len(message.hashes) for _, message in host.take_sent()] == [64, 64]


@pytest.mark.parametrize("end", ["verified", "arrived", "absent", "link_down of another", "late and gone"])
def test_every_way_to_an_end_frees_its_place_in_the_window(host: RecordingHost, end: str):
    fetching = Fetching(host, want_items=1, fetch_rounds=1)
    fetching.announce(ANN, H[0])
    fetching.announce(ANN, H[1])
    fetching.asked()

    match end:
        case "verified":
            fetching.fetcher.verified(H[0])
        case "arrived":
            fetching.fetcher.arrived(H[0])
            fetching.fetcher.verified(H[0])
        case "absent":
            fetching.fetcher.absent(ANN, [H[0]])
        case "late and gone":
            fetching.late()
        case _:
            fetching.fetcher.link_down(BOB)
            fetching.fetcher.arrived(H[0])

    assert fetching.asked() == [(ANN, (H[1],))]


def test_a_hash_that_waited_only_in_a_lost_peers_queue_is_asked_of_who_was_late_before(host: RecordingHost):
    fetching = Fetching(host, want_items=1)
    fetching.announce(BOB, H[9])
    fetching.announce(ANN, H[0])
    fetching.announce(BOB, H[0])
    [timer] = [timer for _, timer in host.take_timers(FetchDue) if timer.hash == H[0]]
    fetching.fetcher.due(timer)  # Ann is late; Bob is next but his window is full
    fetching.asked()

    fetching.fetcher.link_down(BOB)

    assert fetching.asked() == [(ANN, (H[0],))]


def test_a_hash_that_waited_only_for_a_peer_that_has_it_not_is_asked_of_who_was_late_before(host: RecordingHost):
    fetching = Fetching(host, want_items=1)
    fetching.announce(BOB, H[9])
    fetching.announce(ANN, H[0])
    fetching.announce(BOB, H[0])
    [timer] = [timer for _, timer in host.take_timers(FetchDue) if timer.hash == H[0]]
    fetching.fetcher.due(timer)
    fetching.asked()

    fetching.fetcher.absent(BOB, [H[0]])

    assert fetching.asked() == [(ANN, (H[0],))]


def test_a_late_absent_of_the_last_announcer_ends_the_search(host: RecordingHost):
    fetching = Fetching(host, want_items=1)
    fetching.announce(ANN, H[0])
    fetching.announce(ANN, H[1])

    fetching.fetcher.absent(ANN, [H[1]])

    assert fetching.given_up == [H[1]]
    assert H[1] not in fetching.fetcher


def test_announcing_the_same_again_does_not_grow_anything(host: RecordingHost):
    fetching = Fetching(host, want_items=1)
    fetching.announce(ANN, H[0])

    for _ in range(100):
        fetching.announce(ANN, H[1])

    assert len(fetching.fetcher._windows[ANN].queue) == 1


def test_one_peer_cannot_make_the_list_grow_without_end(host: RecordingHost):
    fetching = Fetching(host, want_items=1, queue_items=100)

    for tx_hash in H:
        fetching.announce(ANN, tx_hash, at_once=False)
    fetching.announce(BOB, H[-1], at_once=False)

    assert len(fetching.fetcher) == 102
    assert H[-1] in fetching.fetcher


def test_a_log_that_lists_it_makes_its_owner_an_announcer_however_many_there_are(host: RecordingHost):
    fetching = Fetching(host, announcers_max=1)
    fetching.announce(ANN, H[0])
    fetching.announce(BOB, H[0], at_once=False)
    fetching.announce(CAT, H[0], at_once=True)

    assert fetching.fetcher.announcers_of(H[0]) == (ANN, CAT)


def test_what_did_not_verify_is_asked_of_the_others_and_not_of_the_forger(fetching: Fetching):
    fetching.announce(ANN, H[0])
    fetching.announce(BOB, H[0])
    fetching.asked()
    fetching.fetcher.arrived(H[0])

    fetching.fetcher.forged(H[0], ANN)

    assert fetching.asked() == [(BOB, (H[0],))]
    assert fetching.fetcher.announcers_of(H[0]) == (BOB,)


def test_while_it_is_being_verified_nobody_is_asked(fetching: Fetching):
    fetching.announce(ANN, H[0])
    fetching.fetcher.arrived(H[0])
    fetching.asked()

    fetching.announce(BOB, H[0])
    fetching.late()
    fetching.fetcher.link_down(ANN)

    assert fetching.asked() == []


# Large ones.


def chunks_of(payload: bytes, step: int, tx_hash: bytes | None = None) -> list[Chunk]:
    tx = make_transaction(payload)
    first = Chunk(tx.hash, 0, payload[:step], tx.header, tx.header_bytes, tx.signature, 1)
    rest = [Chunk(tx.hash, at, payload[at : at + step]) for at in range(step, len(payload), step)]
    return [chunk._replace(hash=tx_hash or tx.hash) for chunk in (first, *rest)]


def test_a_large_one_is_asked_for_window_by_window(host: RecordingHost):
    fetching = Fetching(host, chunk_bytes=100_000, chunk_window=2)
    payload = b"p" * LARGE
    chunks = chunks_of(payload, 100_000)
    tx_hash = chunks[0].hash

    fetching.announce(ANN, tx_hash, size=LARGE)
    answers = [fetching.fetcher.chunk(ANN, chunk) for chunk in chunks]

    assert host.take_sent() == [(ANN, WantChunks(tx_hash, 0, 2)), (ANN, WantChunks(tx_hash, 200_000, 2))]
    assert answers[:2] == [None, None]
    assert answers[2] is not None
    assert answers[2].push().transaction.payload == payload


def test_chunks_of_somebody_who_was_not_asked_are_passed_over(host: RecordingHost):
    fetching = Fetching(host)
    chunks = chunks_of(b"p" * LARGE, 32 * 1024)
    fetching.announce(ANN, chunks[0].hash, size=LARGE)

    answers = [fetching.fetcher.chunk(BOB, chunk) for chunk in chunks]

    assert answers == [None] * len(chunks)


def test_a_transfer_goes_on_at_its_offset_with_the_next_announcer(host: RecordingHost):
    fetching = Fetching(host, chunk_bytes=100_000, chunk_window=3)
    chunks = chunks_of(b"p" * LARGE, 100_000)
    fetching.announce(ANN, chunks[0].hash, size=LARGE)
    fetching.announce(BOB, chunks[0].hash, size=LARGE)
    fetching.fetcher.chunk(ANN, chunks[0])
    host.take_sent()

    fetching.fetcher.link_down(ANN)

    assert host.take_sent() == [(BOB, WantChunks(chunks[0].hash, 100_000, 3))]


def test_a_transfer_begins_anew_with_an_announcer_that_says_another_size(host: RecordingHost):
    fetching = Fetching(host, chunk_bytes=100_000, chunk_window=3)
    chunks = chunks_of(b"p" * LARGE, 100_000)
    fetching.announce(ANN, chunks[0].hash, size=LARGE + 5)
    fetching.announce(BOB, chunks[0].hash, size=LARGE)
    fetching.fetcher.chunk(ANN, chunks[0])
    host.take_sent()

    fetching.fetcher.link_down(ANN)

    assert host.take_sent() == [(BOB, WantChunks(chunks[0].hash, 0, 3))]


def test_a_peer_that_delivers_slowly_is_not_given_up(host: RecordingHost):
    fetching = Fetching(host, chunk_bytes=100_000, chunk_window=3)
    chunks = chunks_of(b"p" * LARGE, 100_000)
    fetching.announce(ANN, chunks[0].hash, size=LARGE)
    fetching.announce(BOB, chunks[0].hash, size=LARGE)
    host.take_sent()

    fetching.fetcher.chunk(ANN, chunks[0])
    fetching.late()
    while_it_came = host.take_sent()
    fetching.late()

    assert while_it_came == []
    assert host.take_sent() == [(BOB, WantChunks(chunks[0].hash, 100_000, 3))]


def test_a_peer_that_delivers_drop_by_drop_is_passed_over(host: RecordingHost):
    fetching = Fetching(host, chunk_bytes=100_000, chunk_window=3)
    [first, *_] = chunks_of(b"p" * LARGE, 100)
    fetching.announce(ANN, first.hash, size=LARGE)
    fetching.announce(BOB, first.hash, size=LARGE)
    host.take_sent()

    fetching.fetcher.chunk(ANN, first)
    fetching.late()

    assert host.take_sent() == [(BOB, WantChunks(first.hash, 100, 3))]


def test_a_large_one_on_its_way_leaves_room_for_others(host: RecordingHost):
    fetching = Fetching(host, want_bytes=1_000_000)

    fetching.announce(ANN, H[0], size=9_000_000)
    fetching.announce(ANN, H[1], size=SMALL)

    assert fetching.asked() == [(ANN, (H[1],))]


def test_a_transfer_that_was_forged_begins_anew_with_another(host: RecordingHost):
    fetching = Fetching(host, chunk_bytes=100_000, chunk_window=3)
    chunks = chunks_of(b"p" * LARGE, 100_000)
    tx_hash = chunks[0].hash
    fetching.announce(ANN, tx_hash, size=LARGE)
    fetching.announce(BOB, tx_hash, size=LARGE)
    for chunk in chunks:
        fetching.fetcher.chunk(ANN, chunk)
    host.take_sent()

    fetching.fetcher.forged(tx_hash, ANN)

    assert host.take_sent() == [(BOB, WantChunks(tx_hash, 0, 3))]
