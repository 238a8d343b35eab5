"""How links end that somebody means to end: what is still said, and what the other side makes of it."""

from __future__ import annotations

from time import monotonic

import pytest
from gevent.event import Event
from link_parts import linked, wait_until_linked
from service_parts import NOBODY, RecordingLink, let_others_run, wait_until

from sorcha_peer_core.model import events as e
from sorcha_peer_core.model.messages import Farewell, Goodbye, Ping
from sorcha_peer_core.protocol.host import Priority
from sorcha_peer_core.services import links as module
from sorcha_peer_core.wire.codec import decode_batch, encode_frame


@pytest.fixture
def pair(side):
    alice, bob = side(0), side(1)
    alice.dial(bob)
    wait_until_linked(alice, bob)
    return alice, bob


def wait_until_unlinked(*sides):
    wait_until(lambda: not any(side.links.peers or side.sessions for side in sides), "nobody is linked")


@pytest.mark.parametrize("farewell", list(Farewell))
@pytest.mark.parametrize("dialler_leaves", [True, False])
def test_who_is_left_hears_what_is_asked_of_it(pair, farewell, dialler_leaves):
    leaver, left = pair if dialler_leaves else reversed(pair)

    leaver.links.hang_up(left.peer_id, "enough of it", farewell)

    wait_until_unlinked(leaver, left)
    assert left.unlinked == [(leaver.peer_id, farewell)]
    assert left.told(e.PeerUnlinked) == [e.PeerUnlinked(leaver.peer_id, "it says goodbye: enough of it")]


def test_who_leaves_hears_of_no_farewell(pair):
    alice, bob = pair

    alice.links.hang_up(bob.peer_id, "enough of it", Farewell.ENOUGH)

    wait_until_unlinked(alice, bob)
    assert alice.unlinked == [(bob.peer_id, Farewell.UNSAID)]
    assert alice.told(e.PeerUnlinked) == [e.PeerUnlinked(bob.peer_id, "enough of it")]


def test_what_waits_for_a_peer_goes_before_the_goodbye(pair):
    alice, bob = pair
    numbers = list(range(3000))

    alice.say(bob, *numbers)
    alice.links.hang_up(bob.peer_id, "enough of it")

    wait_until_unlinked(alice, bob)
    assert bob.pings == numbers


def test_what_comes_after_the_goodbye_is_not_sent(pair):
    alice, bob = pair

    alice.links.hang_up(bob.peer_id, "enough of it")
    alice.say(bob, 1)

    wait_until_unlinked(alice, bob)
    assert bob.pings == []


def test_a_peer_that_does_not_read_is_left_all_the_same(pair, monkeypatch):
    monkeypatch.setattr(module, "_FAREWELL_S", 0.05)
    alice, bob = pair
    blocked = Event()
    alice.link_to(bob).send = lambda batch: blocked.wait()
    alice.say(bob, 1)
    let_others_run()

    alice.links.hang_up(bob.peer_id, "enough of it", Farewell.ENOUGH)

    wait_until_unlinked(alice, bob)
    assert alice.unlinked == [(bob.peer_id, Farewell.UNSAID)]
    assert bob.unlinked == [(alice.peer_id, Farewell.UNSAID)]
    blocked.set()


def test_to_leave_somebody_who_is_not_linked_is_nothing(pair):
    alice, bob = pair

    alice.links.hang_up(NOBODY, "enough of it")
    let_others_run()

    assert linked(alice, bob)


def test_a_second_goodbye_changes_nothing(pair):
    alice, bob = pair

    alice.links.hang_up(bob.peer_id, "enough of it", Farewell.ENOUGH)
    alice.links.hang_up(bob.peer_id, "once more", Farewell.STOPPING)

    wait_until_unlinked(alice, bob)
    assert bob.unlinked == [(alice.peer_id, Farewell.ENOUGH)]


def test_a_goodbye_ends_all_links_to_a_peer(pair):
    alice, bob = pair
    alice.dial(bob)
    wait_until(lambda: len(bob.sessions) == 2, "there are two")

    bob.links.hang_up(alice.peer_id, "enough of it", Farewell.ENOUGH)

    wait_until_unlinked(alice, bob)
    assert alice.unlinked == [(bob.peer_id, Farewell.ENOUGH)]
    assert bob.unlinked == [(alice.peer_id, Farewell.UNSAID)]


def test_a_goodbye_is_taken_at_its_word_though_the_link_stays_open(pair):
    alice, bob = pair

    alice.link_to(bob).send(encode_frame(Ping(1)) + encode_frame(Goodbye("I am off", Farewell.STOPPING)))

    wait_until_unlinked(alice, bob)
    assert bob.pings == [1]
    assert bob.unlinked == [(alice.peer_id, Farewell.STOPPING)]


def test_a_link_that_breaks_says_nothing(pair):
    alice, bob = pair

    alice.links.peers[bob.peer_id].close("no sign of life")

    wait_until_unlinked(alice, bob)
    assert bob.unlinked == [(alice.peer_id, Farewell.UNSAID)]


def test_a_farewell_is_forgotten_with_the_link_it_ended(pair):
    alice, bob = pair
    alice.links.hang_up(bob.peer_id, "enough of it", Farewell.ENOUGH)
    wait_until_unlinked(alice, bob)
    alice.dial(bob)
    wait_until_linked(alice, bob)

    alice.links.peers[bob.peer_id].close("it broke")

    wait_until_unlinked(alice, bob)
    assert bob.unlinked[1:] == [(alice.peer_id, Farewell.UNSAID)]


def test_a_goodbye_does_not_count_against_the_way_to_the_peer(pair):
    alice, bob = pair

    alice.links.hang_up(bob.peer_id, "enough of it")
    wait_until_unlinked(alice, bob)

    assert [rung.last_error for rung in alice.links.rungs(bob.peer_id)] == [""]


def test_a_node_that_stops_says_so_to_everybody(side):
    alice, bob, carol = side(0), side(1), side(2)
    alice.dial(bob)
    bob.dial(carol)
    wait_until_linked(alice, bob)
    wait_until_linked(bob, carol)

    bob.links.stop(1.0)

    wait_until_unlinked(alice, bob, carol)
    assert alice.unlinked == carol.unlinked == [(bob.peer_id, Farewell.STOPPING)]


def test_a_node_stops_in_time_also_with_a_peer_that_does_not_read(pair):
    alice, bob = pair
    alice.links.peers[bob.peer_id].switch(RecordingLink(room=0))
    alice.say(bob, 1)
    let_others_run()
    begin_s = monotonic()

    alice.links.stop(0.2)

    assert monotonic() - begin_s < 1.0


def test_a_node_that_stops_says_so_to_whoever_dials(side):
    bob, latecomer = side(1), RecordingLink(outbound=False)
    bob.links.stop(0.1)

    bob.links.opened(latecomer)

    assert decode_batch(latecomer.batches[0]) == [Goodbye("this node stops", Farewell.STOPPING)]
    assert latecomer.closed


def test_what_may_be_dropped_is_owed_no_more_than_what_was_there(pair):
    """A peer that is talked to without a break is left as well."""
    alice, bob = pair
    peer = alice.links.peers[bob.peer_id]
    frame = encode_frame(Ping(1))
    through = peer.link.send

    def refill(batch):
        through(batch)
        peer.queue.put(frame, len(frame), Priority.RELAY)

    peer.link.send = refill
    alice.say(bob, *range(10))

    alice.links.hang_up(bob.peer_id, "enough of it", Farewell.ENOUGH)

    wait_until_unlinked(alice, bob)
    assert bob.unlinked == [(alice.peer_id, Farewell.ENOUGH)]
