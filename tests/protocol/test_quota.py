"""What a peer may send unasked, and when going on beyond it counts."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sorcha_peer_core.protocol.quota import PERIOD_S, RATES, Kind, Quotas, Rate

ANN, BEN = 1, 2


def quotas() -> Quotas[int]:
    return Quotas({Kind.HASHES: Rate(10.0, 100.0)})


def test_a_burst_is_granted_and_what_goes_beyond_it_is_counted():
    some = quotas()

    assert [some.take(ANN, Kind.HASHES, 60, 0.0), some.take(ANN, Kind.HASHES, 60, 0.0)] == [60, 40]
    assert some.over == {Kind.HASHES: 20}
    assert some.is_spent(ANN, Kind.HASHES, 0.0)


def test_a_bucket_fills_again_and_never_beyond_its_burst():
    some = quotas()
    some.take(ANN, Kind.HASHES, 100, 0.0)

    assert some.take(ANN, Kind.HASHES, 100, 2.0) == 20
    assert some.take(ANN, Kind.HASHES, 1000, 1e6) == 100


def test_each_peer_has_buckets_of_its_own_until_it_leaves():
    some = quotas()
    some.take(ANN, Kind.HASHES, 100, 0.0)

    assert some.take(BEN, Kind.HASHES, 100, 0.0) == 100
    some.forget(ANN)
    assert some.take(ANN, Kind.HASHES, 100, 0.0) == 100


def test_a_moment_of_too_much_is_no_flood_and_what_goes_on_is_one_in_each_period():
    some = quotas()

    told = [some.floods(ANN, Kind.HASHES, float(now)) for now in range(31)]

    assert [now for now, is_flood in enumerate(told) if is_flood] == [PERIOD_S, 2 * PERIOD_S, 3 * PERIOD_S]


def test_two_bursts_long_apart_are_no_flood():
    some = quotas()
    some.floods(ANN, Kind.HASHES, 0.0)

    assert not some.floods(ANN, Kind.HASHES, 3 * PERIOD_S)


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 30)), max_size=30))
@settings(derandomize=True, max_examples=200)
def test_whatever_is_asked_for_no_more_is_granted_than_burst_and_rate_allow(takes):
    some, now, granted = quotas(), 0.0, 0
    for items, pause_s in takes:
        now += pause_s
        granted += some.take(ANN, Kind.HASHES, items, now)

    assert granted <= 100 + 10 * now + 1


def test_every_kind_has_a_rate():
    assert set(RATES) == set(Kind)
