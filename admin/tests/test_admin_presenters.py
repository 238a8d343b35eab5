"""What pages make of payloads, events and traces, before any template."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from admin_fakes import LINKED, OWN_ID, FakeNode, event_entry
from hypothesis import given
from hypothesis import strategies as st

from sorcha_peer_admin.pages.axis import Axis
from sorcha_peer_admin.pages.event_sentences import EventFilter, Piece, newest_first, page_of, pieces_of
from sorcha_peer_admin.pages.journey import MOST_LANES, journey_of
from sorcha_peer_admin.pages.names import MOST_CHARS, Names
from sorcha_peer_admin.pages.preview import PREVIEW_BYTES, preview_of, set_out
from sorcha_peer_core.interfaces.views import CopyView, PassedView, TraceView
from sorcha_peer_core.model.ids import PeerId, TxHash

TX = "5e" * 32
BEN = LINKED.peer_id
_LETTER_PX = 6.5


@pytest.fixture
def names(tmp_path: Path) -> Names:
    return Names(FakeNode(tmp_path))


def trace(copies=(), passed_on=(), **more) -> TraceView:
    told = TraceView(
        tx_hash=TxHash(bytes(32)), size=3, origin=PeerId("ef" * 20), created_ms=1.0, hops=1, first_ms=2.0, verified_after_ms=0.5,
        stored_after_ms=2.0, copies_received=len(copies), copies=copies, passed_on=passed_on,
    )  # fmt: skip
    return replace(told, **more)


# Payloads


def test_json_is_set_out_whatever_the_content_type_says():
    preview = preview_of(b'{"a":[1,{"b":null}],"c":{}}')

    assert (preview.kind, preview.complete) == ("JSON", True)
    assert preview.text.splitlines() == ["{", '  "a": [', "    1,", "    {", '      "b": null', "    }", "  ],", '  "c": {}', "}"]


def test_setting_out_changes_no_digit_and_drops_no_key():
    assert "".join(set_out('{"n":1.50e+03,"n":"a, b: {c}"}').split()) == '{"n":1.50e+03,"n":"a,b:{c}"}'


@given(
    st.recursive(
        st.none() | st.floats(allow_nan=False) | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_that_is_set_out_says_the_same(value):
    assert json.loads(set_out(json.dumps(value))) == value


@pytest.mark.parametrize("payload", [b"[" * 3000, b'{"a":', b"{'a': 1}", b"[1]" + b" " * PREVIEW_BYTES, b"9" * 4096])
def test_what_is_no_short_json_is_text(payload):
    assert preview_of(payload).kind == "text"


def test_json_nested_deeper_than_anybody_reads_is_cut():
    preview = preview_of(b"[" * 900 + b"]" * 900)

    assert len(preview.text) < 20_000


def test_text_is_cut_at_a_whole_character():
    preview = preview_of("ä".encode() * 2048 + b"\xc3")
    odd = preview_of(b"x" + "ä".encode() * 4000)

    assert preview.kind == "text"
    assert (odd.kind, odd.text[-1], odd.shown_bytes, odd.complete) == ("text", "ä", PREVIEW_BYTES - 1, False)


@pytest.mark.parametrize("payload", [b"\x00text", b"\xff\xfe", b"text\x1b[31m", b"\x7f", b"caf\xc3"])
def test_what_is_no_text_is_shown_byte_by_byte(payload):
    preview = preview_of(payload)

    assert preview.kind == "bytes"
    assert preview.text.startswith("00000000  " + payload[:4].hex(" "))


def test_characters_that_turn_text_around_are_shown_by_their_number():
    assert preview_of("abc\u202edef\u200b".encode()).text == "abc\u2039U+202E\u203adef\u2039U+200B\u203a"


@given(st.binary(min_size=1, max_size=10_000))
def test_any_payload_has_a_preview_of_bounded_length(payload):
    preview = preview_of(payload)

    assert preview.shown_bytes <= PREVIEW_BYTES
    assert preview.complete == (preview.shown_bytes == len(payload))
    assert "\x00" not in preview.text


# Names


def test_peers_are_called_by_their_names_and_this_node_by_itself(names: Names):
    assert names.of(BEN)[1:] == ("ben", True, False)
    assert names.of(OWN_ID)[1:] == ("this node", False, True)
    assert names.of(PeerId("12" * 20))[1:] == ("12121212", False, False)
    assert names.of(PeerId("12" * 20), "dora").label == "dora"
    assert names.of(None).label == "a peer nobody remembers"


def test_naming_somebody_does_not_read_all_peers(tmp_path: Path, monkeypatch):
    node = FakeNode(tmp_path)
    monkeypatch.delattr(FakeNode, "peers")

    assert Names(node).of(BEN).label == "ben"


def test_a_long_name_is_cut(names: Names):
    assert len(names.of("12" * 20, "n" * 1000).label) == MOST_CHARS


# Events


def test_a_sentence_names_peers_and_links_to_them_and_to_transactions(names: Names):
    entry = event_entry(1, "TransactionRejected", "warning", tx_hash=TX, peer_id=BEN, reason="<b>")
    entry = entry._replace(sentence=f"rejected transaction {TX[:8]} from peer {BEN[:8]}: <b>")

    assert pieces_of(entry, names) == [
        Piece("rejected transaction "),
        Piece(TX[:8], f"/admin/transactions/{TX}", TX),
        Piece(" from "),
        Piece("ben", f"/admin/peers/{BEN}", BEN),
        Piece(": <b>"),
    ]


def test_a_peer_that_is_not_known_any_more_has_no_link(names: Names):
    entry = event_entry(1, peer_id="12" * 20)._replace(sentence="lost the link to peer 12121212: gone")

    assert pieces_of(entry, names)[1] == Piece("12121212", "", "12" * 20)


def test_a_sentence_that_names_nobody_is_one_piece(names: Names):
    assert pieces_of(event_entry(7), names) == [Piece("PeerLinked number 7")]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (EventFilter(), [4, 3, 2, 1]),
        (EventFilter(level="info"), [4, 3, 1]),
        (EventFilter(level="warning"), [4]),
        (EventFilter(kind="DialFailed"), [2]),
        (EventFilter(text="NUMBER 3"), [3]),
        (EventFilter(text=TX[:20]), [4]),
        (EventFilter(text="nothing like it"), []),
    ],
)
def test_events_are_picked_out_by_level_kind_and_words(wanted, ids):
    entries = [
        event_entry(1),
        event_entry(2, "DialFailed", "debug"),
        event_entry(3, "PeerUnlinked"),
        event_entry(4, "DeadLetter", "warning", tx_hash=TX, reason="too few"),
    ]

    assert [entry.event_id for entry in page_of(entries[::-1], 10, wanted)[0]] == ids


def test_pages_of_events_join_into_the_past(tmp_path: Path):
    node = FakeNode(tmp_path)
    for _ in range(700):
        node.happen()

    before_id, ids, more = 1 << 62, [], True
    while more:
        found, more = page_of(newest_first(node, before_id), 300, EventFilter())
        ids += [entry.event_id for entry in found]
        before_id = ids[-1]

    assert ids == [entry.event_id for entry in reversed(node.event_entries)]


def test_events_that_leave_while_they_are_read_are_no_trouble(tmp_path: Path):
    node = FakeNode(tmp_path)
    for _ in range(600):
        node.happen()
    reading = newest_first(node, 1 << 62)

    first = [next(reading) for _ in range(10)]
    node.event_entries, node.oldest_event_id = node.event_entries[200:], node.event_entries[200].event_id

    ids = [entry.event_id for entry in (*first, *reading)]
    assert ids == sorted(set(ids), reverse=True)
    assert ids[-1] == node.oldest_event_id


# Traces


def test_a_trace_is_told_in_the_order_of_time(names: Names):
    told = trace(
        [CopyView(BEN, "ben", 1, "push", 0.0), CopyView(BEN, "ben", 1, "fetch", 9.0)], [PassedView(OWN_ID, "", "announce", 0.6)]
    )

    steps = journey_of(told, names).steps

    assert [(step.after_ms, step.what) for step in steps] == [
        (0.0, "received"), (0.5, "verified"), (0.6, "passed on"), (2.0, "stored"), (9.0, "received"),
    ]  # fmt: skip
    assert steps[0].how == "pushed; the sender is 1 hop from the origin"


def test_the_picture_has_a_lane_for_each_peer_and_a_mark_for_each_thing_it_did(names: Names):
    told = trace(
        [CopyView(BEN, "ben", 0, "push", 0.0), CopyView(None, "", 3, "chunks", 4.0, [BEN])],
        [PassedView(BEN, "ben", "fetch", 4.0)],
    )

    picture = journey_of(told, names).picture

    assert [(lane.label, [mark.kind for mark in lane.marks]) for lane in picture.lanes] == [
        ("ben", ["first", "fetch"]),
        ("a peer nobody\u2026", ["copy"]),
    ]
    assert (picture.lanes[0].marks[1].x, picture.verified_x, picture.stored_x) == (100.0, 12.5, 50.0)


def test_what_was_submitted_here_has_no_first_copy(names: Names):
    journey = journey_of(trace([CopyView(BEN, "ben", 1, "push", 3.0)], hops=0, origin=OWN_ID, stored_after_ms=None), names)

    assert (journey.steps[0].what, journey.steps[0].who.label) == ("released", "this node")
    assert [mark.kind for lane in journey.picture.lanes for mark in lane.marks] == ["copy"]
    assert journey.picture.stored_x is None


def test_a_picture_of_many_peers_stays_readable_and_says_how_many_are_missing(names: Names):
    told = trace([CopyView(PeerId(f"{number:040x}"), "", 1, "push", float(number)) for number in range(65)])

    picture = journey_of(told, names).picture

    assert (len(picture.lanes), picture.further_lanes) == (MOST_LANES, 65 - MOST_LANES)


def test_times_far_apart_are_on_an_axis_that_grows_by_factors():
    near, far = Axis([0.0, 1.0, 2.0, 5.0]), Axis([0.0, 0.5, 0.7, 2.0, 60_000.0])

    assert (near.grows_by_factors, [tick.label for tick in near.ticks]) == (False, ["0", "1 ms", "2 ms", "3 ms", "4 ms", "5 ms"])
    assert far.grows_by_factors
    assert far.x(2.0) > 5


@pytest.mark.parametrize(("width_px", "all_shown"), [(200, False), (480, True)])
@given(st.lists(st.floats(0, 1e9), min_size=1))
def test_no_label_of_an_axis_covers_another(width_px, all_shown, times):
    shown = [tick for tick in Axis(times).ticks if all_shown or not tick.is_minor]
    places = [(tick.x * width_px / 100, _LETTER_PX * len(tick.label), tick.anchor) for tick in shown]
    begins = [x - {"start": 0, "middle": wide / 2, "end": wide}[anchor] for x, wide, anchor in places]
    ends = [begin + wide for begin, (_, wide, _) in zip(begins, places, strict=True)]

    assert all(begin > end for end, begin in zip(ends, begins[1:], strict=False))


@given(st.lists(st.floats(0, 1e9), min_size=1))
def test_every_time_is_on_the_axis_in_its_order(times):
    axis = Axis(times)
    places = [axis.x(at_ms) for at_ms in sorted(times)]

    assert places == sorted(places)
    assert all(0 <= x <= 100 for x in [*places, *(tick.x for tick in axis.ticks)])
    assert len(axis.ticks) <= 13


@pytest.mark.parametrize(
    ("told", "summary"),
    [
        (
            trace([CopyView(BEN, "ben", 0, "push", 0.0)]),
            "1 copy received, verified after 0.50 ms, stored after 2.00 ms, passed on 0 times.",
        ),
        (
            trace([], [PassedView(BEN, "ben", "push", 0.0)], hops=0, stored_after_ms=None),
            "Submitted here, not stored yet, passed on 1 time.",
        ),
    ],
)
def test_a_trace_has_a_sentence_for_those_who_do_not_see_the_picture(names: Names, told, summary):
    assert journey_of(told, names).picture.summary == summary
