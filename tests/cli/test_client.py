"""The client for programs: a log that is followed over whatever happens, and the queue."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import contextmanager
from hashlib import sha256
from itertools import islice
from pathlib import Path

import pytest

from sorcha_peer_core.client import Gap, LogLines, NodeClient, Place, Refused, Subscription, find_node
from sorcha_peer_core.errors import LogGap, NodeUnreachable, PeerError
from sorcha_peer_core.testing.manual_clock import ManualClock


class Streams:
    """One connection after the other; each is (oldest, epoch, lines, what it ends with)."""

    def __init__(self, *streams):
        self.streams = list(streams)
        self.asked = []
        self.open = 0

    @contextmanager
    def __call__(self, after):
        self.asked.append(after)
        stream = self.streams.pop(0)
        if isinstance(stream, Exception):
            raise stream
        oldest_seq, log_epoch, seqs, end = stream
        self.open += 1
        try:
            yield LogLines(oldest_seq, log_epoch, self._lines(seqs, end))
        finally:
            self.open -= 1

    def _lines(self, seqs, end):
        for seq in seqs:
            yield {"seq": seq}
        if end is not None:
            raise end


class Waits:
    """Sleeps on a clock that stands still otherwise."""

    def __init__(self):
        self.clock = ManualClock()
        self.slept = []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.clock.advance(seconds)


GONE = NodeUnreachable("the node broke off its answer")
AWAY = NodeUnreachable("no node answers")


START = Place(7, 0)


def subscription_of(streams, place=START, **options):
    waits = Waits()
    made = Subscription(streams, place, clock=waits.clock, sleep=waits.sleep, **options)
    made.waits = waits
    return made


def seqs(subscription, count):
    return [line["seq"] for line in islice(subscription, count)]


def test_a_broken_connection_is_made_again_where_it_broke():
    streams = Streams((1, 7, [1, 2], GONE), AWAY, AWAY, (1, 7, [3, 4], None))

    assert seqs(subscription_of(streams), 4) == [1, 2, 3, 4]
    assert streams.asked == [0, 2, 2, 2]


def test_pauses_grow_and_begin_anew_with_the_next_line():
    streams = Streams(*[AWAY] * 7, (1, 7, [1], GONE), AWAY, (1, 7, [2], None))
    subscription = subscription_of(streams)

    seqs(subscription, 2)

    assert subscription.waits.slept == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 0.2, 0.4]


def test_trouble_is_told_once_until_lines_come_again():
    told = []
    streams = Streams(AWAY, AWAY, (1, 7, [1], GONE), AWAY, (1, 7, [2], None))

    seqs(subscription_of(streams, on_trouble=told.append), 2)

    assert told == [AWAY, GONE]


def test_the_place_moves_with_each_line_so_that_nothing_is_lost_between_two_readers():
    first = subscription_of(Streams((1, 7, [1, 2, 3], None)))
    seqs(first, 2)

    assert first.place == Place(7, 2)


def test_who_stops_reading_lets_go_of_the_connection():
    streams = Streams((1, 7, [1, 2, 3], None))
    lines = iter(subscription_of(streams))
    next(lines)

    lines.close()

    assert streams.open == 0


def test_what_retention_took_away_is_told_before_the_line_behind_it():
    told = []
    subscription = subscription_of(Streams((5, 7, [5, 6, 9], None)), Place(7, 2), on_gap=told.append)

    assert seqs(subscription, 3) == [5, 6, 9]
    assert told == [Gap(3, 4), Gap(7, 8)]


def test_a_gap_that_nobody_listens_for_is_an_error_and_reading_on_goes_on_behind_it():
    streams = Streams((5, 7, [5, 6], None), (5, 7, [5, 6], None))
    subscription = subscription_of(streams, Place(7, 3))

    with pytest.raises(LogGap, match="place 4 of the log is gone"):
        seqs(subscription, 1)

    assert seqs(subscription, 2) == [5, 6]
    assert streams.asked == [3, 4]


def test_of_one_register_the_places_of_others_are_no_gaps():
    told = []
    streams = Streams((1, 7, [3, 9], GONE), (12, 7, [20], None))

    assert seqs(subscription_of(streams, register_id="r-1", on_gap=told.append), 3) == [3, 9, 20]
    assert told == [Gap(10, 11)], "the log begins behind where this reader was"


def test_another_log_is_told_and_read_from_its_beginning():
    told, troubles = [], []
    streams = Streams((1, 7, [1, 2], GONE), (1, 8, [], None), (1, 8, [1], None))
    subscription = subscription_of(streams, on_gap=told.append, on_trouble=troubles.append)

    assert seqs(subscription, 3) == [1, 2, 1]
    assert troubles == [GONE]
    assert streams.asked == [0, 2, 0]
    assert ([gap.new_log for gap in told], subscription.place) == ([True], Place(8, 1))


def test_a_reader_that_knows_no_log_takes_what_there_is():
    assert seqs(subscription_of(Streams((1, 8, [4], None)), Place(0, 3)), 1) == [4]


def test_a_node_that_has_too_many_readers_is_asked_again():
    busy = Refused("64 streams are open", "unavailable", 503, {})

    assert seqs(subscription_of(Streams(busy, (1, 7, [1], None))), 1) == [1]


def test_a_wrong_token_is_no_trouble_that_passes():
    with pytest.raises(Refused):
        seqs(subscription_of(Streams(Refused("the token is wrong", "unauthorized", 401, {}))), 1)


def test_patience_is_counted_from_the_last_line():
    streams = Streams(AWAY, (1, 7, [1], GONE), *[AWAY] * 20)
    subscription = subscription_of(streams, patience_s=3.0)

    with pytest.raises(NodeUnreachable, match="no node answers"):
        seqs(subscription, 2)

    assert subscription.waits.slept == [0.2, 0.2, 0.4, 0.8, 1.6]


def test_a_connection_that_was_open_for_hours_without_a_line_was_a_good_one():
    waits, streams = Waits(), Streams(AWAY, (1, 7, [], None), AWAY, (1, 7, [1], None))

    @contextmanager
    def follow(after):
        with streams(after) as part:
            yield part._replace(lines=quiet(part.lines))

    def quiet(lines):
        waits.clock.advance(7200.0)
        yield from lines

    subscription = Subscription(follow, START, patience_s=60.0, clock=waits.clock, sleep=waits.sleep)

    assert seqs(subscription, 1) == [1]
    assert waits.slept == [0.2, 0.2, 0.4]


def test_a_reader_that_takes_long_does_not_use_up_the_patience():
    streams = Streams((1, 7, [1], GONE), AWAY, (1, 7, [2], None))
    subscription = subscription_of(streams, patience_s=1.0)

    got = []
    for line in subscription:
        got.append(line["seq"])
        subscription.waits.clock.advance(1000.0)
        if len(got) == 2:
            break

    assert got == [1, 2]


# Over HTTP.


@pytest.fixture
def client(api, data_dir):
    client = NodeClient(*find_node(data_dir))
    yield client
    client.close()


def test_a_log_is_followed_over_connections_that_end(api, client):
    api.payloads = [b"a", b"b"]
    subscription = client.subscribe()
    got = []

    for line in subscription:
        got.append(client.get(line["hash"]))
        if len(got) == 2:
            api.payloads += [b"c", b"d"]
        if len(got) == 4:
            break

    assert got == [b"a", b"b", b"c", b"d"]
    assert subscription.place == Place(7, 4)


def test_a_payload_is_checked_against_its_hash(api, client):
    api.payloads = [b"right"]
    api.spoil = lambda payload: b"wrong"

    with pytest.raises(PeerError, match="is not the payload of"):
        client.get(sha256(b"right").hexdigest())


def test_pages_join_to_the_whole_log(api, client):
    api.payloads = [b"%d" % number for number in range(25)]

    assert [line["seq"] for page in client.pages(page_lines=10) for line in page.lines] == list(range(1, 26))


def test_a_batch_that_was_refused_after_thousands_says_which_were_taken(api, client):
    api.full_after = 3000

    with pytest.raises(Refused) as refusal:
        client.submit_batch([b"%d" % number for number in range(5000)])

    assert (refusal.value.code, len(refusal.value.answer["accepted"]), refusal.value.answer["next_line"]) == (
        "queue_full",
        3000,
        3001,
    )


class Enough(Exception):
    """Ends a loop that has no end."""


def test_the_examples_of_the_documentation_run(api, data_dir, tmp_path, monkeypatch):
    page = Path(__file__).parents[2] / "docs" / "management-api.md"
    submitting, reading = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    data_dir.rename(tmp_path / "sorcha-peer-data")
    monkeypatch.chdir(tmp_path)
    handled = []

    def handle(line, payload):
        handled.append(payload)
        if len(handled) % 2 == 0:
            raise Enough

    names = {"handle": handle}
    exec(submitting, names)
    api.payloads += [b"a", b"b"]
    for _ in range(2):
        with pytest.raises(Enough):
            exec(reading, names)

    assert handled == [b"hello", b"a", b"a", b"b"], "what was handled and not kept comes again"


def test_the_client_needs_no_gevent():
    program = "import sys, sorcha_peer_core.client as c; c.NodeClient('http://127.0.0.1:1', 't'); print('gevent' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "False\n"
