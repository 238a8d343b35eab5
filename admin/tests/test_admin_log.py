"""Listing and following the arrival log, and reading payloads."""

from __future__ import annotations

import json
from itertools import islice

import pytest
from admin_fakes import LOG_EPOCH, FakeNode, entry

from sorcha_peer_admin.follow import KEEP_ALIVE, KEEP_ALIVE_S, WAIT_S, Followers
from sorcha_peer_admin.lines import PAGE_ENTRIES, line_of
from sorcha_peer_core.errors import StoreError
from sorcha_peer_core.interfaces.views import LogSlice
from sorcha_peer_core.model.ids import TxHash

LOG = "/manage/v1/transactions"


def seqs_of(body: bytes) -> list[int]:
    return [json.loads(line)["seq"] for line in body.splitlines() if line.strip()]


def test_a_line_has_what_the_contract_names(client, node: FakeNode):
    node.append(register_id="r-1")

    answer = client.get(LOG)

    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert json.loads(answer.data) == {
        "seq": 1, "hash": "00" * 31 + "01", "size": 3, "content_type": "text/plain", "register_id": "r-1",
        "origin": "ef" * 20, "created_ms": 1_700_000_000_000.125, "received_ms": 1_700_000_000_001.5, "hops": 2,
    }  # fmt: skip


def test_times_have_three_decimals():
    assert '"created_ms":1700000000000.125,"received_ms":1700000000001.500,' in line_of(entry(1))


def test_text_in_a_line_is_escaped():
    odd = entry(1)._replace(content_type='a"b\\c', register_id="münchen")

    assert json.loads(line_of(odd))["content_type"] == 'a"b\\c'
    assert json.loads(line_of(odd))["register_id"] == "münchen"


def test_the_headers_say_which_log_it_is_and_where_it_begins(client, node: FakeNode):
    node.append()

    headers = client.get(LOG).headers

    assert (headers["X-Log-Epoch"], headers["X-Oldest-Seq"]) == (str(LOG_EPOCH), "1")


def test_an_empty_log_has_no_lines(client):
    answer = client.get(LOG)

    assert (answer.status_code, answer.data) == (200, b"")


def test_a_listing_begins_after_the_asked_place_and_ends_at_its_limit(client, node: FakeNode):
    for _ in range(10):
        node.append()

    assert seqs_of(client.get(f"{LOG}?after=3&limit=4").data) == [4, 5, 6, 7]


def test_a_listing_has_a_thousand_lines_unless_told_otherwise(client, node: FakeNode):
    node.entries = [entry(seq) for seq in range(1, 1502)]

    assert seqs_of(client.get(LOG).data) == list(range(1, 1001))


@pytest.mark.parametrize("limit", [PAGE_ENTRIES + 1, 2 * PAGE_ENTRIES, 10_000])
def test_a_long_listing_is_read_in_pages_without_a_gap(client, node: FakeNode, limit):
    node.entries = [entry(seq) for seq in range(1, 3002)]

    assert seqs_of(client.get(f"{LOG}?limit={limit}").data) == list(range(1, min(limit, 3001) + 1))


def test_a_page_has_a_length_so_the_connection_can_stay(client, node: FakeNode):
    node.append()

    assert client.get(LOG).headers["Content-Length"] == str(len(line_of(node.entries[0])))


def test_a_listing_can_be_of_one_register(client, node: FakeNode):
    for register_id in ("a", "b", "a"):
        node.append(register_id=register_id)

    assert seqs_of(client.get(f"{LOG}?register_id=a").data) == [1, 3]
    assert seqs_of(client.get(f"{LOG}?register_id=a&limit=5000").data) == [1, 3]


@pytest.mark.parametrize(("query", "says"), [
    ("after=-1", "after is '-1'; it is a whole number from 0"),
    ("after=9223372036854775808", "from 0 to 9223372036854775807"),
    ("after=" + "9" * 5000, "after is"),
    ("after=٣", "after is"),
    ("limit=0", "limit is '0'; it is a whole number from 1 to 10000"),
    ("limit=10001", "limit is '10001'"),
    ("limit=", "limit is ''"),
    ("follow=maybe", "follow is 'maybe'; it is 1 or 0"),
])  # fmt: skip
def test_a_wrong_parameter_is_named(client, query, says):
    answer = client.get(f"{LOG}?{query}")

    assert answer.status_code == 400
    assert says in answer.get_json()["error"]["message"]


def test_the_largest_place_is_a_place(client):
    assert client.get(f"{LOG}?after=9223372036854775807").status_code == 200


def test_a_payload_comes_back_byte_for_byte_as_a_download(client):
    tx_hash = client.post(LOG, data=b"<script>\x00", content_type="text/html").get_json()["hash"]

    answer = client.get(f"{LOG}/{tx_hash}")

    assert answer.data == b"<script>\x00"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{tx_hash}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_payload_that_is_not_here_is_404(client):
    answer = client.get(f"{LOG}/{'0' * 64}")

    assert answer.status_code == 404
    assert "0" * 64 in answer.get_json()["error"]["message"]


@pytest.mark.parametrize("name", ["xyz", "0" * 63, "batch"])
def test_what_is_no_hash_is_400(client, name):
    assert client.get(f"{LOG}/{name}").status_code == 400


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class TimedNode(FakeNode):
    """Its waits take no time but move a clock; ``script`` maps the number of a wait to what happens in it."""

    def __init__(self, data_dir, clock: Clock) -> None:
        super().__init__(data_dir)
        self.clock = clock
        self.script: dict[int, object] = {}

    def wait_for_transactions(self, after: int, timeout_s: float) -> bool:
        self.waits.append((after, timeout_s))
        act = self.script.get(len(self.waits))
        if callable(act):
            act()
        if len(self.entries) > after:
            return True
        self.clock.now_s += timeout_s
        return False


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(tmp_path, clock) -> TimedNode:
    return TimedNode(tmp_path, clock)


def test_a_followed_log_goes_on_with_what_arrives(timed: TimedNode, clock):
    timed.append()
    timed.script = {1: timed.append, 3: timed.append}
    followers = Followers(clock=clock)

    stream = followers.stream(timed, 0, None, lambda: len(timed.waits) >= 4)

    assert seqs_of(b"".join(stream)) == [1, 2, 3]


def test_a_followed_log_begins_after_the_asked_place(timed: TimedNode, clock):
    timed.entries = [entry(seq) for seq in range(1, 6)]

    stream = Followers(clock=clock).stream(timed, 3, None, lambda: bool(timed.waits))

    assert seqs_of(b"".join(stream)) == [4, 5]


def test_a_followed_register_passes_over_the_others_and_does_not_spin(timed: TimedNode, clock):
    for register_id in ("a", "b", "a", "b"):
        timed.append(register_id=register_id)

    stream = Followers(clock=clock).stream(timed, 0, "a", lambda: bool(timed.waits))

    assert seqs_of(b"".join(stream)) == [1, 3]
    assert timed.waits == [(4, WAIT_S)]


def test_the_headers_of_a_silent_stream_are_sent_at_once(timed: TimedNode, clock):
    stream = Followers(clock=clock).stream(timed, 0, None, lambda: False)

    assert next(stream) == KEEP_ALIVE
    assert timed.waits == []


def test_a_silent_stream_carries_a_blank_line_now_and_then(timed: TimedNode, clock):
    stream = Followers(clock=clock).stream(timed, 0, None, lambda: False)

    beats = []
    for beat in islice(stream, 3):
        beats.append((beat, clock.now_s))

    assert beats == [(KEEP_ALIVE, 0.0), (KEEP_ALIVE, KEEP_ALIVE_S), (KEEP_ALIVE, 2 * KEEP_ALIVE_S)]


def test_closing_ends_a_stream(timed: TimedNode, clock):
    followers = Followers(clock=clock)
    timed.script = {2: followers.close}

    assert list(followers.stream(timed, 0, None, lambda: False)) == [KEEP_ALIVE]


def test_a_stream_ends_when_the_store_fails(timed: TimedNode, clock, caplog):
    def fail() -> None:
        timed.failure = StoreError("the disk is gone")

    timed.script = {1: fail}

    assert list(Followers(clock=clock).stream(timed, 0, None, lambda: False)) == [KEEP_ALIVE]
    assert "the disk is gone" in caplog.text


class LargeLog(FakeNode):
    """Many lines of which the first may be gone; counts the pages that were asked for."""

    def __init__(self, data_dir, lines: int) -> None:
        super().__init__(data_dir)
        self.lines, self.oldest_seq, self.pages = lines, 1, 0

    def transactions(self, after: int, limit: int, register_id: str | None = None) -> LogSlice:
        self.pages += 1
        first = max(after + 1, self.oldest_seq)
        return LogSlice([entry(seq) for seq in range(first, min(self.lines, first + limit - 1) + 1)], self.oldest_seq, self.epoch)


def test_a_slow_reader_is_waited_for_and_no_more_than_a_page_is_held_for_it(tmp_path, clock):
    node = LargeLog(tmp_path, 10 * PAGE_ENTRIES)
    stream = Followers(clock=clock).stream(node, 0, None, lambda: False)

    seqs = seqs_of(b"".join(islice(stream, 2)))

    assert (len(seqs) <= PAGE_ENTRIES, node.pages) == (True, 1)


def test_a_stream_ends_when_what_its_reader_lacks_is_taken_out_of_the_log(tmp_path, clock):
    node = LargeLog(tmp_path, 10 * PAGE_ENTRIES)
    stream = Followers(clock=clock).stream(node, 0, None, lambda: False)
    next(stream)
    begun = next(stream)
    node.oldest_seq = 5 * PAGE_ENTRIES

    assert seqs_of(begun + b"".join(stream)) == list(range(1, PAGE_ENTRIES + 1))


def test_a_stream_goes_on_when_only_what_its_reader_has_is_taken_out(tmp_path, clock):
    node = LargeLog(tmp_path, 3 * PAGE_ENTRIES)
    stream = Followers(clock=clock).stream(node, 0, None, lambda: node.pages >= 3)
    next(stream)
    begun = next(stream)
    node.oldest_seq = PAGE_ENTRIES + 1

    assert seqs_of(begun + b"".join(stream)) == list(range(1, 3 * PAGE_ENTRIES + 1))


def test_a_stream_ends_when_the_node_begins_a_new_log(timed: TimedNode, clock):
    def begin_anew() -> None:
        timed.epoch += 1
        timed.entries = [entry(1), entry(2), entry(3)]

    timed.append()
    timed.script = {1: begin_anew}

    assert seqs_of(b"".join(Followers(clock=clock).stream(timed, 0, None, lambda: False))) == [1]


def test_no_stream_begins_while_the_service_stops(node: FakeNode, client_of):
    followers = Followers()
    followers.close()

    answer = client_of(followers).get(f"{LOG}?follow=1")

    assert answer.status_code == 503
    assert answer.get_json()["error"]["message"] == "the node is stopping"


def test_streams_beyond_the_most_are_503_until_one_ends(node: FakeNode, client_of):
    client = client_of(Followers(most=1))
    first = client.get(f"{LOG}?follow=1")

    refused = client.get(f"{LOG}?follow=1")
    first.close()
    second = client.get(f"{LOG}?follow=1")

    assert [first.status_code, refused.status_code, second.status_code] == [200, 503, 200]
    second.close()


def test_a_head_request_takes_no_place(node: FakeNode, client_of):
    followers = Followers(most=1)

    client_of(followers).head(f"{LOG}?follow=1").close()

    assert followers.open == 0


def test_a_payload_that_only_waits_is_served_too(client, node: FakeNode):
    node.payloads[TxHash(b"\x01" * 32)] = b"queued"

    assert client.get(f"{LOG}/{'01' * 32}").data == b"queued"
