"""Own transactions from their release to their outcome, whoever answers what, and when."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.model.messages import Announced, LeasesDue
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.receipts import Receipts
from sorcha_peer_core.testing.recording_host import RecordingHost

ANN, BOB, CAT = 1, 2, 3
ONE, TWO = TxHash(b"1" * 32), TxHash(b"2" * 32)
LEASE_S = CoreConfig().retry_delay_s


def receipts_of(host: RecordingHost, *peers: int, **config: int) -> Receipts:
    receipts = Receipts(CoreConfig(**config), host, Random(1))
    for peer in peers:
        receipts.link_up(peer, 0.0)
    return receipts


def end_lease(receipts: Receipts, host: RecordingHost, now: float) -> None:
    assert host.take_timers(LeasesDue), "a timer was set"
    receipts.due(now)


@pytest.mark.parametrize(("linked", "min_receipts", "needed"), [(3, 2, 2), (1, 2, 1), (3, 1, 1), (3, 5, 3), (0, 2, 1)])
def test_it_takes_the_receipts_of_so_many_peers(host, linked, min_receipts, needed):
    receipts = receipts_of(host, *range(linked), min_receipts=min_receipts)
    receipts.begin(Announced(ONE, 7), 1, 0.0)

    for peer in range(needed):
        assert host.deliveries == []
        receipts.received(peer, [ONE])

    assert host.deliveries == [ONE]
    assert len(receipts) == 0


def test_a_peer_counts_once(host):
    receipts = receipts_of(host, ANN, BOB)
    receipts.begin(Announced(ONE, 7), 1, 0.0)

    receipts.received(ANN, [ONE, ONE])
    receipts.received(ANN, [ONE])

    assert host.deliveries == []
    assert receipts.given(ONE) == 1


def test_receipts_that_nobody_waits_for_are_passed_over(host):
    receipts = receipts_of(host, ANN, min_receipts=1)
    receipts.begin(Announced(ONE, 7), 1, 0.0)

    receipts.received(ANN, [TWO, ONE])
    receipts.received(ANN, [ONE])
    receipts.refused(ANN, TWO, "no")

    assert (host.deliveries, host.dead) == ([ONE], {})


def test_what_has_enough_when_a_peer_goes_is_delivered(host):
    receipts = receipts_of(host, ANN, BOB)
    receipts.begin(Announced(ONE, 7), 1, 0.0)
    receipts.begin(Announced(TWO, 7), 1, 0.0)
    receipts.received(ANN, [ONE])

    receipts.link_down(BOB)

    assert host.deliveries == [ONE]
    assert TWO in receipts


def test_a_receipt_counts_although_its_giver_has_gone(host):
    receipts = receipts_of(host, ANN, BOB, CAT)
    receipts.begin(Announced(ONE, 7), 1, 0.0)
    receipts.received(ANN, [ONE])
    receipts.link_down(ANN)
    assert host.deliveries == []

    receipts.received(BOB, [ONE])

    assert host.deliveries == [ONE]


def test_what_gets_too_few_in_time_is_to_be_offered_again_later_and_later(host):
    receipts = receipts_of(host, ANN, BOB)
    delays = []
    for attempt in range(1, 5):
        now = 100.0 * attempt
        receipts.begin(Announced(ONE, 7), attempt, now)
        receipts.received(ANN, [ONE])
        end_lease(receipts, host, now + LEASE_S)
        [postponed] = host.postponements
        host.postponements.clear()
        assert postponed._replace(delay_s=0.0) == ((ONE,), 0.0, attempt, "1 of 2 receipts came within 5 s")
        delays.append(postponed.delay_s)

    for delay_s, ceiling_s in zip(delays, (5.0, 10.0, 20.0, 40.0), strict=True):
        assert ceiling_s / 2 <= delay_s <= ceiling_s


def test_those_whose_time_is_over_together_are_postponed_together_and_the_others_stay(host):
    receipts = receipts_of(host, ANN)
    receipts.begin(Announced(ONE, 7), 1, 0.0)
    receipts.begin(Announced(TWO, 7), 1, 1.0)
    third = TxHash(b"3" * 32)
    receipts.begin(Announced(third, 7), 1, 2.0)

    end_lease(receipts, host, 1.0 + LEASE_S)

    assert [postponed.hashes for postponed in host.postponements] == [(ONE, TWO)]
    assert third in receipts
    [(delay_s, _)] = host.take_timers(LeasesDue)
    assert delay_s == pytest.approx(1.0)


def test_after_so_many_offers_it_is_given_up(host):
    receipts = receipts_of(host, ANN, max_attempts=3)
    receipts.begin(Announced(ONE, 7), 3, 0.0)

    end_lease(receipts, host, LEASE_S)

    assert host.dead == {ONE: "0 of 1 receipts came within 5 s; it was offered 3 times"}
    assert host.postponements == []


def test_time_without_links_does_not_count(host):
    receipts = receipts_of(host, ANN)
    receipts.begin(Announced(ONE, 7), 1, 0.0)
    receipts.link_down(ANN)

    end_lease(receipts, host, 1000.0)
    assert host.postponements == []
    assert host.take_timers(LeasesDue) == []

    receipts.link_up(BOB, 2000.0)
    [(delay_s, _)] = host.take_timers(LeasesDue)
    assert delay_s == LEASE_S
    receipts.due(2000.0 + LEASE_S)
    assert len(host.postponements) == 1


def test_a_link_that_comes_up_after_none_gets_the_whole_lease(host):
    receipts = receipts_of(host, ANN)
    receipts.begin(Announced(ONE, 7), 1, 0.0)
    receipts.link_down(ANN)
    receipts.link_up(ANN, LEASE_S - 0.1)

    end_lease(receipts, host, LEASE_S)

    assert host.postponements == []
    [(delay_s, _)] = host.take_timers(LeasesDue)
    assert delay_s == pytest.approx(LEASE_S - 0.1)


def test_what_is_begun_offline_waits_for_a_link(host):
    receipts = receipts_of(host)
    receipts.begin(Announced(ONE, 7), 1, 0.0)
    assert host.take_timers(LeasesDue) == []

    receipts.link_up(ANN, 50.0)

    assert [delay_s for delay_s, _ in host.take_timers(LeasesDue)] == [LEASE_S]


def test_what_still_awaits_receipts_is_known_with_its_size(host):
    receipts = receipts_of(host, ANN)
    receipts.begin(Announced(ONE, 7), 1, 0.0)
    receipts.begin(Announced(TWO, 8), 1, 0.0)

    receipts.received(ANN, [ONE])

    assert receipts.awaited == [Announced(TWO, 8)]


def test_what_everybody_refuses_is_dead_at_once_with_their_reason(host):
    receipts = receipts_of(host, ANN, BOB)
    receipts.begin(Announced(ONE, 7), 1, 0.0)

    receipts.refused(ANN, ONE, "too large")
    assert host.dead == {}
    receipts.refused(BOB, ONE, "too large")

    assert host.dead == {ONE: "refused by 2 peers: too large"}


def test_different_reasons_are_counted(host):
    receipts = receipts_of(host, ANN, BOB)
    receipts.begin(Announced(ONE, 7), 1, 0.0)

    receipts.refused(ANN, ONE, "too large")
    receipts.refused(BOB, ONE, "too old")

    assert host.dead == {ONE: "refused by 2 peers: too large (and 1 other reasons)"}


def test_what_one_refuses_and_others_have_is_delivered(host):
    receipts = receipts_of(host, ANN, BOB)
    receipts.begin(Announced(ONE, 7), 1, 0.0)
    receipts.begin(Announced(TWO, 7), 1, 0.0)

    receipts.refused(ANN, ONE, "no")
    receipts.received(BOB, [ONE, TWO])
    receipts.refused(ANN, TWO, "no")

    assert (host.deliveries, host.dead) == ([ONE, TWO], {})


def test_few_who_refuse_among_many_who_say_nothing_decide_nothing(host):
    receipts = receipts_of(host, ANN, BOB, CAT)
    receipts.begin(Announced(ONE, 7), 1, 0.0)
    receipts.refused(ANN, ONE, "no")

    end_lease(receipts, host, LEASE_S)

    [postponed] = host.postponements
    assert postponed.reason == "refused by a peer: no"
    assert host.dead == {}


def test_as_many_who_refuse_as_would_do_for_a_delivery_decide_when_the_lease_ends(host):
    receipts = receipts_of(host, ANN, BOB, CAT)
    receipts.begin(Announced(ONE, 7), 1, 0.0)
    receipts.refused(ANN, ONE, "no")
    receipts.refused(BOB, ONE, "no")
    assert host.dead == {}

    end_lease(receipts, host, LEASE_S)

    assert host.dead == {ONE: "refused by 2 peers: no"}


def test_who_refused_it_may_have_it_later(host):
    receipts = receipts_of(host, ANN, BOB, CAT)
    receipts.begin(Announced(ONE, 7), 1, 0.0)

    receipts.refused(ANN, ONE, "created in the future")
    receipts.received(ANN, [ONE])
    receipts.received(BOB, [ONE])

    assert host.deliveries == [ONE]


PEERS = st.integers(0, 3)
HASHES = st.integers(0, 7).map(lambda number: TxHash(bytes([number]) * 32))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), HASHES, st.just(0)),
        st.tuples(st.just("receipt"), HASHES, PEERS),
        st.tuples(st.just("refusal"), HASHES, PEERS),
        st.tuples(st.just("up"), st.just(None), PEERS),
        st.tuples(st.just("down"), st.just(None), PEERS),
        st.tuples(st.just("wait"), st.just(None), st.sampled_from((0.1, 3.0, 6.0))),
    ),
    max_size=80,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(STEPS, st.integers(1, 3), st.integers(1, 3))
def test_whatever_happens_nothing_is_forgotten_and_nothing_delivered_without_a_receipt(  # noqa: C901, PLR0912
    steps, min_receipts, max_attempts
):
    host = RecordingHost()
    receipts = Receipts(CoreConfig(min_receipts=min_receipts, max_attempts=max_attempts), host, Random(1))
    now, linked = 0.0, set()
    attempts: dict[TxHash, int] = {}
    given_by: dict[TxHash, set[int]] = {}
    waiting: set[TxHash] = set()
    settled: set[TxHash] = set()

    def collect() -> None:
        for tx_hash in host.deliveries:
            assert given_by[tx_hash]
        out = [*host.deliveries, *host.dead]
        for postponed in host.postponements:
            assert postponed.attempts < max_attempts
            assert linked, "time without links burns no attempts"
            for tx_hash in postponed.hashes:
                out.append(tx_hash)
        assert len(out) == len(set(out)), "one outcome for each attempt"
        assert set(out) <= waiting
        settled.update(host.deliveries, host.dead)
        waiting.difference_update(out)
        host.deliveries.clear()
        host.dead.clear()
        host.postponements.clear()

    for what, tx_hash, number in steps:
        if what == "begin" and tx_hash not in waiting and tx_hash not in settled:
            attempts[tx_hash] = attempts.get(tx_hash, 0) + 1
            given_by[tx_hash] = set()
            waiting.add(tx_hash)
            receipts.begin(Announced(tx_hash, 7), attempts[tx_hash], now)
        elif what == "receipt" and number in linked:
            if tx_hash in waiting:
                given_by[tx_hash].add(number)
            receipts.received(number, [tx_hash])
        elif what == "refusal" and number in linked:
            receipts.refused(number, tx_hash, "no")
        elif what == "up" and number not in linked:
            linked.add(number)
            receipts.link_up(number, now)
        elif what == "down" and number in linked:
            linked.remove(number)
            receipts.link_down(number)
        elif what == "wait":
            now += number
            if host.take_timers(LeasesDue):
                receipts.due(now)
        collect()
        assert {tx_hash for tx_hash in given_by if tx_hash in receipts} == waiting

    linked.add(9)
    receipts.link_up(9, now)
    for _ in range(3):
        now += 6.0
        assert host.take_timers(LeasesDue) or not waiting
        receipts.due(now)
        collect()
    assert not waiting, "with a link every attempt ends"
