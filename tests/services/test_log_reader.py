"""Reading the arrival log from within the process of a node."""

from __future__ import annotations

from itertools import islice

import gevent
import pytest
from node_parts import Village, submit
from service_parts import wait_until

from sorcha_peer_core.errors import LogGap, StoreError
from sorcha_peer_core.interfaces import log_reader as module
from sorcha_peer_core.interfaces.log_reader import LogReader
from sorcha_peer_core.interfaces.views import LogSlice
from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.model.log_place import Gap, Place
from sorcha_peer_core.model.transaction import LogEntry


class Log:
    """What a reader asks of a node; ``seqs`` are what is in the log now."""

    def __init__(self, *seqs, epoch=7):
        self.seqs = list(seqs)
        self.epoch = epoch
        self.pages = []
        self.waits = 0

    def transactions(self, after, limit, register_id=None):
        self.pages.append((after, limit))
        found = [self._entry(seq) for seq in self.seqs if seq > after]
        return LogSlice(found[:limit], self.seqs[0] if self.seqs else 0, self.epoch)

    def wait_for_transactions(self, after, timeout_s):
        self.waits += 1
        return False

    def _entry(self, seq):
        return LogEntry(seq, TxHash(seq.to_bytes(32, "big")), 3, "", "", "ab", 1.0, 2.0, 1)


def some(reader, count):
    return [entry.seq for entry in islice(reader, count)]


def everything(log, *args, **named):
    """A reader that ends where the log does, and what it reads."""
    reader = LogReader(log, *args, going_on=lambda: not log.waits, **named)
    return reader, [entry.seq for entry in reader]


def test_lines_come_in_order_over_many_pages(monkeypatch):
    monkeypatch.setattr(module, "_PAGE_ENTRIES", 3)

    _, seqs = everything(Log(*range(1, 11)))

    assert seqs == list(range(1, 11))


def test_the_place_that_is_kept_after_a_line_leads_to_the_next_one():
    log = Log(1, 2, 3)
    reader = LogReader(log)
    some(reader, 2)

    kept = reader.place

    assert kept == Place(7, 2)
    assert some(LogReader(log, kept), 1) == [3]


def test_a_slow_reader_is_not_read_ahead_for_but_a_page(monkeypatch):
    monkeypatch.setattr(module, "_PAGE_ENTRIES", 3)
    log = Log(*range(1, 1000))

    some(LogReader(log), 4)

    assert log.pages == [(0, 3), (3, 3)]


def test_what_retention_took_away_is_told_before_the_line_behind_it():
    told = []

    _, seqs = everything(Log(5, 6, 9), Place(7, 2), on_gap=told.append)

    assert seqs == [5, 6, 9]
    assert told == [Gap(3, 4), Gap(7, 8)]
    assert str(told[0]) == "the places 3 to 4 of the log are gone: their retention is over"


def test_a_gap_that_nobody_listens_for_is_an_error_and_reading_on_goes_on_behind_it():
    reader = LogReader(Log(5, 6), Place(7, 3))

    with pytest.raises(LogGap, match="place 4 of the log is gone"):
        some(reader, 1)

    assert some(reader, 2) == [5, 6]


def test_another_log_is_told_and_read_from_its_beginning():
    told = []

    _, seqs = everything(Log(1, 2, epoch=8), Place(7, 40), on_gap=told.append)

    assert seqs == [1, 2]
    assert [gap.new_log for gap in told] == [True]
    assert "new log" in str(told[0])


def test_a_log_that_is_replaced_while_it_is_read_is_noticed():
    log, told = Log(1, 2), []
    reader = LogReader(log, on_gap=told.append)
    some(reader, 2)

    log.seqs, log.epoch = [1], 8

    assert some(reader, 1) == [1]
    assert (len(told), reader.place) == (1, Place(8, 1))


def test_a_reader_of_a_node_gets_what_is_there_and_what_comes_and_hears_of_the_stop(tmp_path):
    village = Village(tmp_path)
    first, second = village.node(1), village.node(2, bootstrap=(1,))
    wait_until(lambda: second.status().peers_connected == 1, "they are linked")
    submit(first, b"a", b"b")
    got, ends = [], []

    def read():
        try:
            for entry in LogReader(second):
                got.append(entry.hash)
        except StoreError as error:
            ends.append(str(error))

    reading = gevent.spawn(read)
    wait_until(lambda: len(got) == 2, "what was there is read")
    submit(first, b"c")
    wait_until(lambda: len(got) == 3, "what comes is read")
    village.stop()

    reading.join(timeout=5.0)
    assert ends == ["the node is stopping"]
