"""One linked peer: its send queue and the greenlet that empties it."""

from __future__ import annotations

import gevent
import pytest
from service_parts import RecordingLink, identity_of, let_others_run, record_of

from sorcha_peer_core.model.messages import Graft
from sorcha_peer_core.protocol.host import Priority
from sorcha_peer_core.services.peer_link import BATCH_BYTES, PeerLink
from sorcha_peer_core.wire.bounds import MOST_FRAMES
from sorcha_peer_core.wire.codec import encode_frame


@pytest.fixture
def running():
    greenlets = []

    def run(link: RecordingLink) -> tuple[PeerLink, gevent.Greenlet]:
        peer = PeerLink(1, record_of(identity_of(1)), link, 1)
        greenlet = gevent.spawn(peer.run)
        greenlets.append(greenlet)
        return peer, greenlet

    yield run
    gevent.killall(greenlets)


def put(peer: PeerLink, *frames: bytes, priority: Priority = Priority.RELAY, apart_s: float = 0.0) -> None:
    for frame in frames:
        peer.queue.put(frame, len(frame), priority)
    peer.wake(apart_s)


def test_a_frame_goes_out_at_once_when_the_pipe_is_idle(running):
    link = RecordingLink()
    peer, _ = running(link)

    put(peer, b"frame")
    let_others_run()

    assert link.batches == [b"frame"]
    assert peer.sent_bytes == 5


def test_frames_that_gather_while_the_pipe_is_full_travel_together(running):
    link = RecordingLink(room=0)
    peer, _ = running(link)
    put(peer, b"first")
    let_others_run()

    for frame in (b"a", b"b", b"c"):
        put(peer, frame)
        let_others_run()
    link.make_room(None)
    let_others_run()

    assert link.batches == [b"first", b"abc"]


def test_under_load_frames_gather_until_a_batch_is_due_or_full(running):
    link = RecordingLink()
    peer, _ = running(link)
    put(peer, b"first", apart_s=60.0)
    let_others_run()
    for frame in (b"a", b"b"):
        put(peer, frame, apart_s=60.0)
        let_others_run()
    gathering = list(link.batches)

    put(peer, b"c" * 16 * 1024, apart_s=60.0)
    let_others_run()

    assert gathering == [b"first"]
    assert link.batches == [b"first", b"ab" + b"c" * 16 * 1024]


def test_when_there_is_little_to_do_again_what_gathered_goes_out(running):
    link = RecordingLink()
    peer, _ = running(link)
    for frame in (b"first", b"a"):
        put(peer, frame, apart_s=60.0)
        let_others_run()

    peer.wake(0.0)
    let_others_run()

    assert link.batches == [b"first", b"a"]


def test_a_batch_is_bounded(running):
    link = RecordingLink()
    peer, _ = running(link)
    frame = bytes(BATCH_BYTES // 2 - 1)

    put(peer, *[frame] * 5)
    let_others_run()

    assert [len(batch) // len(frame) for batch in link.batches] == [2, 2, 1]


def test_urgent_frames_overtake(running):
    link = RecordingLink(room=0)
    peer, _ = running(link)
    put(peer, b"first")
    let_others_run()

    put(peer, b"lazy", priority=Priority.LAZY)
    put(peer, b"relay", priority=Priority.RELAY)
    put(peer, b"control", priority=Priority.CONTROL)
    link.make_room(None)
    let_others_run()

    assert link.batches == [b"first", b"controlrelaylazy"]


def test_a_batch_that_a_closed_link_may_have_lost_goes_over_the_one_that_takes_its_place(running):
    old, new = RecordingLink(room=0), RecordingLink()
    peer, _ = running(old)
    put(peer, b"frame")
    let_others_run()

    old.close("gone")
    let_others_run()
    peer.switch(new)
    let_others_run()

    assert new.batches == [b"frame"]
    assert peer.sent_bytes == 5


def test_frames_wait_while_there_is_no_link(running):
    old, new = RecordingLink(), RecordingLink()
    old.close("gone")
    peer, _ = running(old)
    put(peer, b"a")
    let_others_run()
    put(peer, b"b")
    let_others_run()

    peer.switch(new)
    let_others_run()

    assert b"".join(new.batches) == b"ab"


def test_a_replaced_link_is_used_no_more(running):
    old, new = RecordingLink(), RecordingLink()
    peer, _ = running(old)

    peer.switch(new)
    put(peer, b"frame")
    let_others_run()

    assert (old.batches, new.batches) == ([], [b"frame"])


def test_last_words_come_behind_what_waits_and_nothing_comes_after_them(running):
    link = RecordingLink(room=0)
    peer, greenlet = running(link)
    left = []
    peer.on_left = lambda: left.append(list(link.batches))
    put(peer, b"first")
    let_others_run()
    put(peer, b"second")

    peer.leave(b"goodbye")
    put(peer, b"too late")
    link.make_room(None)
    greenlet.join(timeout=1.0)

    assert greenlet.dead
    assert link.batches[0] == b"first"
    assert link.batches[-1] == b"goodbye"
    assert left == [link.batches]


def test_only_the_first_of_last_words_count(running):
    link = RecordingLink()
    peer, greenlet = running(link)

    peer.leave(b"goodbye")
    peer.leave(b"see you later")
    greenlet.join(timeout=1.0)

    assert link.batches == [b"goodbye"]


def test_a_peer_that_is_gone_is_told_nothing(running):
    link = RecordingLink()
    peer, greenlet = running(link)

    peer.end()
    peer.leave(b"goodbye")
    greenlet.join(timeout=1.0)

    assert link.batches == []


def test_the_end_wakes_an_idle_sender(running):
    peer, greenlet = running(RecordingLink())
    let_others_run()

    peer.end()
    greenlet.join(timeout=1.0)

    assert greenlet.dead


def test_the_end_wakes_a_sender_that_waits_for_another_link(running):
    link = RecordingLink()
    link.close("gone")
    peer, greenlet = running(link)
    put(peer, b"frame")
    let_others_run()

    peer.end()
    greenlet.join(timeout=1.0)

    assert greenlet.dead


def test_a_closed_link_wakes_a_blocked_sender(running):
    link = RecordingLink(room=0)
    peer, greenlet = running(link)
    put(peer, b"frame")
    let_others_run()

    peer.close("the operator says so")
    peer.end()
    greenlet.join(timeout=1.0)

    assert greenlet.dead
    assert link.batches == []


def test_who_is_given_up_is_told_before_the_link_is_closed(running):
    link = RecordingLink()
    peer, _ = running(link)
    told = []
    peer.on_given_up = lambda reason: told.append((reason, link.closed))

    peer.close("no answer to probes")

    assert told == [("no answer to probes", "")]
    assert link.closed == "no answer to probes"


def test_a_link_that_takes_the_place_of_another_has_its_own_rung_and_age(running):
    peer, _ = running(RecordingLink())
    peer.since_s -= 60.0
    before = peer.since_s

    peer.switch(RecordingLink(), rung=2)

    assert peer.rung == 2
    assert peer.since_s >= before + 60.0


def test_no_batch_has_more_frames_than_a_receiver_takes():
    assert BATCH_BYTES // len(encode_frame(Graft())) < MOST_FRAMES
