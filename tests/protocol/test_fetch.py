"""Fetching: who is asked for what, when, and what happens when the answer does not come."""

from __future__ import annotations

from random import Random

import pytest

from sorcha_peer_core.model.events import FetchFailed
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.model.messages import Announced, FetchDue, Want
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.fetch import Fetcher
from sorcha_peer_core.testing.recording_host import RecordingHost

ANN, BOB, CAT = 1, 2, 3
SMALL, MIDDLE = 100, 50_000


class Fetching:
    """A fetcher with three peers."""

    def __init__(self, host: RecordingHost, **config) -> None:
        self.host = host
        self.given_up: list[bytes] = []
        self.rtts: dict[int, float] = {}
        self.sparing = True
        self.fetcher = Fetcher(
            CoreConfig(**config),
            host,
            Random(1),
            pull_wait_s=lambda size: 0.05 if size <= SMALL else 0.0,
            rtt_s=self.rtts.get,
            gave_up=self.given_up.append,
            sparing=lambda: self.sparing,
        )
        for peer in (ANN, BOB, CAT):
            self.fetcher.link_up(peer)

    def announce(self, peer: int, *hashes: bytes, size: int = MIDDLE, at_once: bool = True) -> None:
        self.fetcher.announced(peer, [Announced(tx_hash, size) for tx_hash in hashes], 1.0, at_once=at_once)

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


def test_those_that_never_answer_do_not_keep_the_others_from_being_asked(fetching: Fetching):
    for peer in (ANN, BOB, CAT):
        fetching.announce(peer, H[0])

    asked = []
    for _ in range(6):
        asked += [peer for peer, _ in fetching.asked()]
        fetching.late()

    assert asked == [ANN, BOB, CAT, ANN, BOB, CAT]


@pytest.mark.parametrize(("rtt_s", "patience_s"), [(None, 0.4), (0.1, 0.25)])
def test_the_wait_for_an_answer_is_two_round_trips_and_what_a_slow_line_takes_for_it(host, rtt_s, patience_s):
    fetching = Fetching(host)
    if rtt_s is not None:
        fetching.rtts[ANN] = rtt_s
    fetching.announce(ANN, H[0], size=MIDDLE)
    fetching.announce(ANN, H[1], size=MIDDLE)

    waits = [delay_s for delay_s, _ in host.take_timers(FetchDue)]

    for number, wait_s in enumerate(waits, 1):
        least_s = patience_s + number * MIDDLE / 125_000
        assert least_s <= wait_s <= 1.25 * least_s


def test_where_most_is_fetched_anyhow_nobody_waits_long_for_a_push(fetching: Fetching):
    for tx_hash in H[:200]:
        fetching.announce(ANN, tx_hash)
        fetching.fetcher.arrived(tx_hash, ANN)
        fetching.fetcher.verified(tx_hash)
    fetching.host.take_timers(FetchDue)

    fetching.announce(ANN, H[300], size=SMALL, at_once=False)

    [(delay_s, _)] = fetching.host.take_timers(FetchDue)
    assert delay_s < 0.005


@pytest.mark.parametrize(("sparing", "factor"), [(True, 9.0), (False, 1.0)], ids=["close by or late", "far apart"])
def test_where_messages_are_dear_pushes_that_win_over_the_answers_are_waited_for_longer(fetching: Fetching, sparing, factor):
    """Where trips are long, an answer that is quicker than a slow push is worth some that are not."""
    fetching.sparing = sparing
    usual_s = _wait_for_a_push(fetching, H[300])
    for tx_hash in H[:10]:
        fetching.announce(ANN, tx_hash)
        fetching.fetcher.arrived(tx_hash, BOB)
        fetching.fetcher.verified(tx_hash)

    assert _wait_for_a_push(fetching, H[301]) == pytest.approx(factor * usual_s, rel=0.1)


def test_answers_that_come_after_somebody_else_was_asked_are_waited_for_longer(fetching: Fetching):
    usual_s = _wait_for_an_answer(fetching, H[300])
    for tx_hash in H[:10]:
        fetching.announce(ANN, tx_hash)
        fetching.announce(BOB, tx_hash)
        fetching.fetcher.due(fetching.host.take_timers(FetchDue)[0][1])
        fetching.fetcher.arrived(tx_hash, ANN)
        fetching.fetcher.verified(tx_hash)

    assert _wait_for_an_answer(fetching, H[301]) > 3 * usual_s


def test_when_everybody_is_quick_again_so_are_the_questions(fetching: Fetching):
    usual_s = _wait_for_an_answer(fetching, H[300])
    for tx_hash in H[:10]:
        fetching.announce(ANN, tx_hash)
        fetching.announce(BOB, tx_hash)
        fetching.fetcher.due(fetching.host.take_timers(FetchDue)[0][1])
        fetching.fetcher.arrived(tx_hash, ANN)
        fetching.fetcher.verified(tx_hash)
    for tx_hash in H[10:210]:
        fetching.announce(ANN, tx_hash)
        fetching.fetcher.arrived(tx_hash, ANN)
        fetching.fetcher.verified(tx_hash)

    assert _wait_for_an_answer(fetching, H[301]) < 2 * usual_s


def _wait_for_a_push(fetching: Fetching, tx_hash: bytes) -> float:
    return _wait_after(fetching, tx_hash, size=SMALL, at_once=False)


def _wait_for_an_answer(fetching: Fetching, tx_hash: bytes) -> float:
    return _wait_after(fetching, tx_hash)


def _wait_after(fetching: Fetching, tx_hash: bytes, **announced: object) -> float:
    fetching.host.take_timers(FetchDue)
    fetching.announce(ANN, tx_hash, **announced)
    [(delay_s, _)] = fetching.host.take_timers(FetchDue)
    return delay_s


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

    # Each question without an answer makes all further ones wait a twentieth longer, too.
    most = [1.05**number * number for number in (1, 2, 3)]
    assert [0.8 * number <= delay_s <= most[number - 1] for number, delay_s in enumerate(delays, 1)] == [True] * 3
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

    fetching.fetcher.arrived(H[0], ANN)

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
            fetching.fetcher.arrived(H[0], ANN)
            fetching.fetcher.verified(H[0])
        case "absent":
            fetching.fetcher.absent(ANN, [H[0]])
        case "late and gone":
            fetching.late()
        case _:
            fetching.fetcher.link_down(BOB)
            fetching.fetcher.arrived(H[0], ANN)

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
    fetching.fetcher.arrived(H[0], ANN)

    fetching.fetcher.forged(H[0], ANN)

    assert fetching.asked() == [(BOB, (H[0],))]
    assert fetching.fetcher.announcers_of(H[0]) == (BOB,)


def test_while_it_is_being_verified_nobody_is_asked(fetching: Fetching):
    fetching.announce(ANN, H[0])
    fetching.fetcher.arrived(H[0], ANN)
    fetching.asked()

    fetching.announce(BOB, H[0])
    fetching.late()
    fetching.fetcher.link_down(ANN)

    assert fetching.asked() == []


def test_what_a_doubtful_peer_announced_is_asked_of_whoever_else_announces_it(fetching: Fetching):
    fetching.fetcher.doubtful.add(ANN)
    fetching.announce(ANN, H[0])
    assert fetching.asked() == []

    fetching.announce(BOB, H[0])

    assert fetching.asked() == [(BOB, (H[0],))]


def test_what_only_a_doubtful_peer_has_is_asked_of_it_after_a_while(fetching: Fetching):
    fetching.fetcher.doubtful.add(ANN)
    fetching.announce(ANN, H[0])

    fetching.late()

    assert fetching.asked() == [(ANN, (H[0],))]


def test_a_doubtful_peer_is_asked_again_only_when_others_were(fetching: Fetching):
    fetching.fetcher.doubtful.add(ANN)
    fetching.announce(BOB, H[0])
    fetching.announce(ANN, H[0])
    fetching.announce(CAT, H[0])
    assert fetching.asked() == [(BOB, (H[0],))]

    fetching.late()

    assert fetching.asked() == [(CAT, (H[0],))]


def test_every_question_is_told_with_whom_it_goes_to(host: RecordingHost):
    told: list[tuple[int, tuple[bytes, ...]]] = []
    fetcher = Fetcher(
        CoreConfig(),
        host,
        Random(1),
        pull_wait_s=lambda size: 0.0,
        sparing=lambda: False,
        rtt_s=lambda peer: None,
        gave_up=lambda tx_hash: None,
        asked=lambda peer, hashes: told.append((peer, tuple(hashes))),
    )
    fetcher.link_up(ANN)

    fetcher.announced(ANN, [Announced(tx_hash, SMALL) for tx_hash in H[:70]], 1.0, at_once=True)

    assert told == [(ANN, tuple(H[:64])), (ANN, tuple(H[64:70]))]
