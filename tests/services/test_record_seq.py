"""The number of the own record never goes back."""

from __future__ import annotations

import errno
import logging
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sorcha_peer_core.errors import StartError
from sorcha_peer_core.services import record_seq
from sorcha_peer_core.services.record_seq import RecordSeq

NOW_MS = 1_767_225_600_000
HOUR_MS = 3_600_000


def warnings_of(caplog) -> list[str]:
    return [line.getMessage() for line in caplog.records if line.levelno == logging.WARNING]


def test_the_number_is_the_time(tmp_path):
    assert RecordSeq(tmp_path).next(NOW_MS) == NOW_MS


def test_two_records_of_one_moment_have_different_numbers(tmp_path):
    seq = RecordSeq(tmp_path)

    assert [seq.next(NOW_MS) for _ in range(3)] == [NOW_MS, NOW_MS + 1, NOW_MS + 2]


def test_a_clock_that_was_set_back_before_a_restart_gives_a_higher_number_all_the_same(tmp_path):
    RecordSeq(tmp_path).next(NOW_MS)

    assert RecordSeq(tmp_path).next(NOW_MS - HOUR_MS) == NOW_MS + 1


def test_what_was_given_is_on_the_disk_when_it_is_given(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(record_seq, "_sync_directory", synced.append)

    given_out = RecordSeq(tmp_path).next(NOW_MS)

    assert int((tmp_path / "record.seq").read_text()) == given_out
    assert synced == [tmp_path]


@settings(max_examples=50, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=1, max_size=20))
def test_numbers_only_grow_whatever_clock_and_restarts_do(tmp_path_factory, steps):
    data_dir = tmp_path_factory.mktemp("data")
    seq, now_ms, numbers = RecordSeq(data_dir), NOW_MS, []

    for hours, restarts in steps:
        now_ms += hours * HOUR_MS
        seq = RecordSeq(data_dir) if restarts else seq
        numbers.append(seq.next(now_ms))

    assert numbers == sorted(set(numbers))


def test_a_last_record_from_the_far_future_is_said_once_with_what_it_means(tmp_path, caplog):
    RecordSeq(tmp_path).next(NOW_MS)
    seq = RecordSeq(tmp_path)

    with caplog.at_level(logging.WARNING):
        numbers = [seq.next(NOW_MS - 5 * HOUR_MS) for _ in range(3)]

    assert numbers == [NOW_MS + 1, NOW_MS + 2, NOW_MS + 3]
    [said] = warnings_of(caplog)
    assert "signed 5.0 h later than the clock says" in said
    assert f"remove {tmp_path / 'record.seq'}" in said


def test_a_clock_that_is_a_few_minutes_back_is_not_worth_a_word(tmp_path, caplog):
    RecordSeq(tmp_path).next(NOW_MS)

    with caplog.at_level(logging.WARNING):
        RecordSeq(tmp_path).next(NOW_MS - 600_000)

    assert warnings_of(caplog) == []


def test_a_file_that_holds_no_number_is_said_and_replaced(tmp_path, caplog):
    (tmp_path / "record.seq").write_bytes(b"\xff not a number")

    with caplog.at_level(logging.WARNING):
        given_out = RecordSeq(tmp_path).next(NOW_MS)

    assert given_out == NOW_MS == RecordSeq(tmp_path).next(NOW_MS) - 1
    assert warnings_of(caplog) == [
        f"{tmp_path / 'record.seq'} holds no number and is written anew; keep the clock right over the next restart"
    ]


def test_a_file_that_cannot_be_read_keeps_the_node_from_starting(tmp_path):
    (tmp_path / "record.seq").mkdir()

    with pytest.raises(StartError, match=r"record\.seq cannot be read: Is a directory"):
        RecordSeq(tmp_path)


def test_on_a_full_disk_the_number_is_given_and_the_log_says_so_once(tmp_path, caplog, monkeypatch):
    def full(drafts):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    seq = RecordSeq(tmp_path)
    monkeypatch.setattr(record_seq, "replace", full)

    with caplog.at_level(logging.WARNING):
        numbers = [seq.next(NOW_MS) for _ in range(2)]

    assert numbers == [NOW_MS, NOW_MS + 1]
    assert warnings_of(caplog) == [
        f"{tmp_path / 'record.seq'} cannot be written (No space left on device); keep the clock right over the next restart"
    ]
