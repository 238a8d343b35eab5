"""The filter in front of the store's index."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pybloom_live import BloomFilter

from sorcha_peer_core.builtin import hash_filter
from sorcha_peer_core.builtin.hash_filter import BloomHashFilter
from sorcha_peer_core.model.ids import TxHash

SALT = b"salt of these tests"
HOUR_MS = 3_600_000.0
TOLERANCE_MS = 120_000.0


def hash_of(number: int) -> TxHash:
    return TxHash(sha256(b"%d" % number).digest())


def filter_of(*numbers: int, entries: int = 3, complete: bool = True) -> BloomHashFilter:
    """A filter after start; the log held these, one a millisecond, the last one newest."""
    bloom = BloomHashFilter(SALT, 3600.0, entries)
    bloom.fill([(hash_of(number), float(at_ms)) for at_ms, number in reversed(list(enumerate(numbers)))], complete)
    return bloom


def test_a_generation_has_ten_million_bits_in_three_slices():
    bits = BloomFilter(hash_filter._CAPACITY, hash_filter._ERROR_RATE)

    assert (bits.num_bits, bits.num_slices) == (9_999_999, 3)


def test_nothing_is_new_before_the_filter_knows_the_log():
    bloom = BloomHashFilter(SALT, 3600.0)

    assert not bloom.definitely_new(hash_of(1))
    assert not bloom.definitely_new(hash_of(1), created_ms=1e15)


def test_with_an_empty_log_everything_is_new_until_it_was_added():
    bloom = filter_of()

    assert bloom.definitely_new(hash_of(1))
    bloom.add(hash_of(1), 0.0)
    assert not bloom.definitely_new(hash_of(1))
    assert bloom.definitely_new(hash_of(2))


def test_what_the_log_held_at_start_is_not_new():
    bloom = filter_of(1, 2, 3, 4, 5, 6)

    assert not any(bloom.definitely_new(hash_of(number), created_ms=1e15) for number in range(1, 7))
    assert bloom.definitely_new(hash_of(7))


def test_a_longer_log_than_two_generations_leaves_old_hashes_open():
    bloom = filter_of(*range(7), entries=3)

    assert not bloom.definitely_new(hash_of(0))
    assert not bloom.definitely_new(hash_of(99))
    assert not bloom.definitely_new(hash_of(99), created_ms=6 + TOLERANCE_MS)
    assert bloom.definitely_new(hash_of(99), created_ms=6 + TOLERANCE_MS + 1)


def test_a_log_that_was_not_read_to_its_end_leaves_old_hashes_open():
    bloom = filter_of(1, 2, complete=False)

    assert not bloom.definitely_new(hash_of(99))
    assert bloom.definitely_new(hash_of(99), created_ms=1 + TOLERANCE_MS + 1)


def test_a_log_of_which_nothing_was_read_leaves_everything_open():
    bloom = filter_of(complete=False)

    assert not bloom.definitely_new(hash_of(99), created_ms=1e15)


def test_a_full_generation_is_followed_by_the_next_and_stays_known():
    bloom = filter_of(entries=2)

    for number in range(4):
        bloom.add(hash_of(number), float(number))

    assert not any(bloom.definitely_new(hash_of(number)) for number in range(4))
    assert bloom.definitely_new(hash_of(99))


def test_after_the_oldest_generation_went_only_later_creations_are_new():
    bloom = filter_of(entries=2)

    for number in range(5):
        bloom.add(hash_of(number), 1000.0 * number)

    assert not bloom.definitely_new(hash_of(0), created_ms=0.0)
    assert not bloom.definitely_new(hash_of(99))
    assert not bloom.definitely_new(hash_of(99), created_ms=1000 + TOLERANCE_MS)
    assert bloom.definitely_new(hash_of(99), created_ms=1000 + TOLERANCE_MS + 1)


def test_the_reset_interval_begins_a_generation_too():
    bloom = filter_of(entries=1000)

    bloom.add(hash_of(0), 0.0)
    bloom.add(hash_of(1), HOUR_MS - 1)
    assert bloom.fill_ratio == 2 / 1000
    bloom.add(hash_of(2), HOUR_MS)

    assert bloom.fill_ratio == 1 / 1000
    assert not bloom.definitely_new(hash_of(0))


def test_the_fill_ratio_goes_from_empty_to_full():
    bloom = filter_of(entries=4)
    ratios = [bloom.fill_ratio]
    for number in range(5):
        bloom.add(hash_of(number), 0.0)
        ratios.append(bloom.fill_ratio)

    assert ratios == [0.0, 0.25, 0.5, 0.75, 1.0, 0.25]


def test_two_salts_mistake_different_hashes():
    first, second = (BloomHashFilter(salt, 3600.0) for salt in (b"one", b"two"))

    assert first._key(hash_of(1)) != second._key(hash_of(1))


def test_a_filter_without_salt_is_refused():
    with pytest.raises(ValueError, match="salt"):
        BloomHashFilter(b"", 3600.0)


def test_a_creation_time_that_is_no_number_proves_nothing():
    bloom = filter_of(1, 2, complete=False)

    assert not bloom.definitely_new(hash_of(99), created_ms=float("nan"))


arrivals = st.lists(
    # A hash, the pause before it arrived, and how much older or (within the tolerance) younger its creation is.
    st.tuples(st.integers(0, 30), st.floats(0, 2 * HOUR_MS), st.floats(-10 * HOUR_MS, TOLERANCE_MS)),
    max_size=40,
)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(at_start=arrivals, later=arrivals, read=st.integers(0, 40))
def test_nothing_that_went_into_the_log_is_ever_called_new(at_start, later, read):
    now_ms, created = 0.0, {}
    log = []
    bloom = BloomHashFilter(SALT, 3600.0, 4)
    for place, (number, pause_ms, age_ms) in enumerate(at_start + later):
        if place == len(at_start):
            bloom.fill(log[::-1][:read], complete=read >= len(log))
        now_ms += pause_ms
        if number not in created:
            created[number] = now_ms + age_ms
            log.append((hash_of(number), now_ms))
            if place >= len(at_start):
                bloom.add(hash_of(number), now_ms)

    if later:
        assert not any(bloom.definitely_new(hash_of(number), created_ms) for number, created_ms in created.items())
        assert not any(bloom.definitely_new(hash_of(number)) for number in created)
