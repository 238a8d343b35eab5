"""Events on their way to whoever wants to hear of them."""

from __future__ import annotations

import json
import logging
from typing import get_args

import gevent
import pytest

from sorcha_peer_core.model import events as e
from sorcha_peer_core.model.ids import PeerId, TxHash
from sorcha_peer_core.services.event_log import MOST_IN_WINDOW, WINDOW_S, EventLog
from sorcha_peer_core.services.events import KEPT, EventBus
from sorcha_peer_core.testing.manual_clock import ManualClock

ALICE = PeerId("ab" * 20)
HASH = TxHash(bytes(32))

ALL = [
    (e.PeerLinked(ALICE, "memory", True, "a:1"), logging.INFO, "linked to peer abababab at a:1 by memory"),
    (e.PeerLinked(ALICE, "memory", False, "a:1"), logging.INFO, "linked from peer abababab at a:1 by memory"),
    (e.PeerUnlinked(ALICE, "bye"), logging.INFO, "lost the link to peer abababab: bye"),
    (e.DialFailed("a:1", "memory", "nobody"), logging.DEBUG, "could not link to a:1 by memory: nobody"),
    (
        e.PeerLost(ALICE, 3),
        logging.INFO,
        "peer abababab did not answer 3 dials in a row and is not counted on any more",
    ),
    (
        e.BootstrapFailed(("a:1: why",)),
        logging.WARNING,
        "the bootstrap node a:1 does not answer (why); trying again until it does",
    ),
    (
        e.BootstrapFailed(("a:1: why", "b:2: who")),
        logging.WARNING,
        "none of the 2 bootstrap nodes answers (a:1: why; b:2: who); trying again until one does",
    ),
    (e.HandshakeRefused("a:1", "why"), logging.WARNING, "refused a link with a:1: why"),
    (e.TurnedAway(ALICE, "a:1"), logging.DEBUG, "had no room for peer abababab at a:1"),
    (e.TransactionRejected(HASH, ALICE, "why"), logging.WARNING, "rejected transaction 00000000 from peer abababab: why"),
    (e.TransactionRejected(HASH, None, "why"), logging.WARNING, "rejected transaction 00000000 from an unknown peer: why"),
    (e.FetchFailed(HASH, 3), logging.DEBUG, "transaction 00000000 was delivered by none of 3 announcers"),
    (
        e.ForeignFetchFailed(HASH, "client-7", "192.0.2.1", "it hung up"),
        logging.INFO,
        "transaction 00000000 was not taken from client client-7 at 192.0.2.1: it hung up",
    ),
    (e.Dropped(ALICE, "full", 4), logging.DEBUG, "dropped 4 frames for peer abababab: full"),
    (e.StateChanged("online", "why"), logging.INFO, "the node is online: why"),
    (
        e.AddressChanged(("grpc://8.8.4.4:5001", "rest://8.8.4.4:5002"), "peers dialled back"),
        logging.INFO,
        "the node tells others to find it at grpc://8.8.4.4:5001, rest://8.8.4.4:5002; peers dialled back",
    ),
    (
        e.AddressChanged((), "why"),
        logging.INFO,
        "the node tells others to find it at no address: it can only dial; why",
    ),
    (e.ReachabilityChanged("public", "why"), logging.INFO, "the reachability of the node is public: why"),
    (
        e.DeadLetter(HASH, "no peer takes it"),
        logging.WARNING,
        "gave up on submission 00000000: no peer takes it; sorcha-peer dead-letters shows what can be done",
    ),
    (
        e.PeerBanned(ALICE, "it floods us", "operator", None),
        logging.INFO,
        "peer abababab is banned until that is lifted: it floods us",
    ),
    (
        e.PeerBanned(ALICE, "", "bad-signatures", 1_767_225_600),
        logging.INFO,
        "peer abababab is banned until 2026-01-01 00:00:00 UTC, by the rule bad-signatures",
    ),
    (
        e.PeerJudged(ALICE, "banned", -89.6, ("first deliveries 2.0 (+0.4)", "forged 3.0 (-90.0)"), 3600, True),
        logging.WARNING,
        "peer abababab is banned for 3600 s, score -90: first deliveries 2.0 (+0.4), forged 3.0 (-90.0)",
    ),
    (
        e.PeerJudged(ALICE, "disconnected", -25.0, ("broken rules 1.0 (-25.0)",), 600, False),
        logging.WARNING,
        "peer abababab would be disconnected for 600 s, score -25: broken rules 1.0 (-25.0)",
    ),
    (e.PeerUnbanned(ALICE, "its time is over"), logging.INFO, "peer abababab is not banned any more: its time is over"),
    (e.QueueFull("9 wait"), logging.WARNING, "submissions are refused: 9 wait"),
    (e.StoreFailed("the disk is full"), logging.WARNING, "the store failed: the disk is full"),
    (e.StoreRecovered(12.3), logging.INFO, "the store can be written again, after 12 s"),
    (e.StoreMended("it was cut off"), logging.WARNING, "the store was damaged and mended: it was cut off"),
    (
        e.NotStored(HASH, False, "it is too big"),
        logging.WARNING,
        "the store does not take transaction 00000000: it is too big",
    ),
    (
        e.NotStored(HASH, True, "it is too big"),
        logging.WARNING,
        "the store does not take transaction 00000000, which is a dead letter now: it is too big",
    ),
    (
        e.ClockOff(45.2, False),
        logging.WARNING,
        "the clock of this machine is 45 s ahead of those of the peers; set it right",
    ),
    (
        e.ClockOff(-3600.0, True),
        logging.WARNING,
        "the clock of this machine is 3600 s behind those of the peers; set it right, own submissions wait until then",
    ),
    (e.ClockRight(-1.2), logging.INFO, "the clock agrees with those of the peers again, to 1 s"),
    (
        e.SyncGap(ALICE, 17),
        logging.WARNING,
        "17 transactions that this node missed are gone from the log of peer abababab: their retention is over",
    ),
    (
        e.PartitionSuspected("of 20 live peers 9 are left"),
        logging.INFO,
        "the network may have fallen apart: of 20 live peers 9 are left",
    ),
    (e.PartitionOver(61.4), logging.INFO, "nothing speaks for a partition any more, after 61 s"),
]


@pytest.mark.parametrize(("event", "level", "words"), ALL, ids=[words for *_, words in ALL])
def test_every_event_is_logged_at_its_level_in_words(caplog, event, level, words):
    caplog.set_level(logging.DEBUG)

    EventLog(ManualClock())(event)

    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == (level, words)


def test_a_flood_of_warnings_is_cut_short_counted_and_written_again_later(caplog):
    clock = ManualClock()
    write = EventLog(clock)

    for _ in range(MOST_IN_WINDOW + 5):
        write(e.HandshakeRefused("a:1", "why"))
    clock.advance(WINDOW_S)
    write(e.HandshakeRefused("a:1", "why"))

    assert [record.getMessage() for record in caplog.records[MOST_IN_WINDOW:]] == [
        "5 more events of the kind HandshakeRefused were not written down",
        "refused a link with a:1: why",
    ]


def test_no_kind_of_event_is_left_out():
    assert {type(event) for event, *_ in ALL} == set(get_args(e.Event))


def test_every_sink_hears_every_event_in_order():
    bus, one, two = EventBus(), [], []
    bus.subscribe(one.append)
    bus.subscribe(two.append)
    events = [e.StateChanged("online", "a"), e.StateChanged("offline", "b")]

    for event in events:
        bus.emit(event)

    assert one == two == events


def test_a_sink_that_fails_does_not_keep_others_from_hearing(caplog):
    bus, heard = EventBus(), []
    bus.subscribe(lambda event: 1 / 0)
    bus.subscribe(heard.append)

    bus.emit(e.StateChanged("online", "a"))

    assert len(heard) == 1
    assert "an event sink failed on StateChanged" in caplog.text


def test_events_are_counted_by_kind_and_the_latest_ones_kept_with_ids_without_gaps():
    bus = EventBus(lambda: 1_700_000_000.0)

    for number in range(KEPT + 100):
        bus.emit(e.Dropped(None, "full", number))

    begin, first = 1_700_000_000_000, bus.after(0, 2)
    assert bus.counts == {"Dropped": KEPT + 100}
    assert (first.oldest_id, first.last_id) == (begin + 100, begin + KEPT + 99)
    assert [(entry.event_id, entry.fields["frames"]) for entry in first.entries] == [(begin + 100, 100), (begin + 101, 101)]
    assert [entry.event_id for entry in bus.after(begin + KEPT + 97, 10).entries] == [begin + KEPT + 98, begin + KEPT + 99]


def test_before_the_first_event_the_oldest_is_the_next_to_come():
    bus = EventBus(lambda: 1_700_000_000.0)

    assert bus.after(0, 10) == ([], 1_700_000_000_000, 1_699_999_999_999)


def test_a_later_process_begins_above_the_ids_of_the_earlier_one():
    earlier = EventBus(lambda: 1_700_000_000.0)
    for _ in range(900):
        earlier.emit(e.ClockRight(0.0))

    later = EventBus(lambda: 1_700_000_001.0)

    assert later.after(0, 1).oldest_id - 1 > earlier.last_id


def test_an_entry_says_what_the_log_says_and_has_its_fields_as_json():
    bus = EventBus(lambda: 1_700_000_000.0)
    bus.emit(e.TransactionRejected(HASH, ALICE, "why"))
    bus.emit(e.AddressChanged(("a:1", "b:2"), "why"))

    rejected, moved = bus.after(0, 10).entries

    assert (rejected.kind, rejected.level, rejected.at_ms) == ("TransactionRejected", "warning", 1_700_000_000_000.0)
    assert rejected.sentence == "rejected transaction 00000000 from peer abababab: why"
    assert rejected.fields == {"tx_hash": "00" * 32, "peer_id": ALICE, "reason": "why"}
    assert moved.fields == {"addresses": ["a:1", "b:2"], "cause": "why"}


@pytest.mark.parametrize("event", [event for event, *_ in ALL], ids=lambda event: type(event).__name__)
def test_every_event_can_be_told_as_json(event):
    bus = EventBus()
    bus.emit(event)

    [entry] = bus.after(0, 1).entries

    assert json.loads(json.dumps(entry.fields)) == entry.fields


def test_whoever_waits_hears_of_the_next_event_and_of_the_end():
    bus = EventBus()
    waiting = [gevent.spawn(bus.wait, bus.last_id, 10.0) for _ in range(3)]
    gevent.idle()

    bus.emit(e.ClockRight(0.0))

    assert [greenlet.get(timeout=5) for greenlet in waiting] == [True, True, True]
    last = gevent.spawn(bus.wait, bus.last_id, 10.0)
    gevent.idle()
    bus.end()
    assert last.get(timeout=5) is False


def test_a_wait_ends_with_its_time():
    bus = EventBus()

    assert bus.wait(bus.last_id, 0.001) is False
