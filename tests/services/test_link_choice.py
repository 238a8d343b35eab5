"""Which of two links to one peer stays, and which link may not be at all: both sides come to the same answer."""

from __future__ import annotations

from random import Random

import gevent
import pytest
from link_parts import Rung, linked, wait_until_linked
from service_parts import identities, let_others_run, local_side, record_of, wait_until

from sorcha_peer_core.builtin.memory_transport import MemoryTransport
from sorcha_peer_core.errors import PeerUnreachable
from sorcha_peer_core.model import events as e
from sorcha_peer_core.services import links as module
from sorcha_peer_core.services.session import Handshake, HandshakeRefused
from sorcha_peer_core.wire.codec import decode_batch, encode_frame

LONG_AGO_S = 60.0
LINGER_S = 0.02


@pytest.fixture
def two_rungs(side, network, monkeypatch):
    """Makes the links of a node with the transports ``good`` and ``poor``."""
    monkeypatch.setattr(module, "_LINGER_S", LINGER_S)
    return lambda number: side(number, transports=[Rung(network, "good"), Rung(network, "poor")])


def dial_poorly(one, other):
    one.transports[0].failure = PeerUnreachable("not now")
    one.dial(other, expected=other.peer_id)
    one.transports[0].failure = None


def transports(*sides):
    """What each side uses towards the other."""
    return [peer.link.transport for each in sides for peer in each.links.peers.values()]


@pytest.mark.parametrize("pair", [(0, 1), (1, 0)])
def test_the_better_rung_takes_over_whoever_dialled_the_lesser_one(two_rungs, pair):
    one, other = (two_rungs(number) for number in pair)
    dial_poorly(one, other)
    wait_until_linked(one, other)
    assert transports(one, other) == ["poor", "poor"]

    other.dial(one, expected=one.peer_id)

    wait_until(lambda: len(one.sessions) == len(other.sessions) == 1, "one link is left")
    assert transports(one, other) == ["good", "good"]
    assert one.driver.ups == other.driver.ups == 1


@pytest.mark.parametrize("pair", [(0, 1), (1, 0)])
def test_the_better_rung_stays_whoever_dials_by_a_lesser_one(two_rungs, pair):
    one, other = (two_rungs(number) for number in pair)
    one.dial(other, expected=other.peer_id)
    wait_until_linked(one, other)

    dial_poorly(other, one)

    wait_until(lambda: len(one.sessions) == len(other.sessions) == 1, "one link is left")
    assert transports(one, other) == ["good", "good"]


@pytest.mark.parametrize("pair", [(0, 1), (1, 0)])
def test_of_two_links_of_one_rung_both_sides_keep_the_one_dialled_by_the_smaller_id(two_rungs, pair):
    one, other = (two_rungs(number) for number in pair)
    one.dial(other, expected=other.peer_id)
    wait_until_linked(one, other)

    other.dial(one, expected=one.peer_id)

    wait_until(lambda: len(one.sessions) == len(other.sessions) == 1, "one link is left")
    smaller, greater = sorted((one, other), key=lambda each: each.peer_id)
    assert (smaller.link_to(greater).outbound, greater.link_to(smaller).outbound) == (True, False)


@pytest.mark.parametrize("seed", range(12))
def test_however_dials_of_both_sides_meet_one_pipe_is_left_and_it_is_the_best_that_came_up(two_rungs, seed):
    rng = Random(seed)
    alice, bob = two_rungs(0), two_rungs(1)
    by_good = []

    def dial(one, other, pause_s, poorly):
        gevent.sleep(pause_s)
        endpoint = other.endpoints[poorly]
        one.links.dial([endpoint], other.peer_id)
        by_good.append(not poorly)

    dials = [
        (*rng.choice([(alice, bob), (bob, alice)]), rng.choice([0.0, 0.0, 0.001, 0.003]), rng.random() < 0.6) for _ in range(4)
    ]
    gevent.joinall([gevent.spawn(dial, *each) for each in dials], raise_error=True)

    wait_until(lambda: len(alice.sessions) == len(bob.sessions) == 1, "one link is left")
    here, there = alice.link_to(bob), bob.link_to(alice)
    assert here._outgoing is there._incoming, "both use the same pipe"
    assert here.transport == ("good" if any(by_good) else "poor")
    assert not alice.told(e.PeerUnlinked)
    assert not bob.told(e.PeerUnlinked)


def test_both_sides_know_the_rung_of_the_link_in_use(two_rungs):
    alice, bob = two_rungs(0), two_rungs(1)

    dial_poorly(alice, bob)

    wait_until_linked(alice, bob)
    assert (alice.links.peers[bob.peer_id].rung, bob.links.peers[alice.peer_id].rung) == (1, 1)


class Dialler:
    """A peer that says what it is told to, and forgets its links without closing them."""

    opened = closed = lambda *_: None

    def __init__(self, network, number):
        self.identity = identities(9)[number]
        self.peer_id = self.identity.peer_id
        self._transport = MemoryTransport(network, "half open")
        self._answers = []

    def received(self, link, batch):
        self._answers += decode_batch(batch)

    def dial(self, side, *, rung, linked):
        handshake = Handshake(local_side(self.identity, lambda: record_of(self.identity)), True, b"")
        self._answers.clear()
        link = self._transport.dial(side.endpoint, self, 1.0)
        link.send(encode_frame(handshake.first(rung, linked)))
        wait_until(lambda: self._answers, "the listener has answered")
        before = len(side.sessions)
        link.send(encode_frame(handshake.receive(self._answers[0])))
        wait_until(lambda: all(session.peer for session in side.sessions.values()), "the handshake is over")
        assert len(side.sessions) == before

    def stop(self):
        self._transport.stop(1.0)


@pytest.fixture
def dialler(network):
    made = []

    def make(number):
        made.append(Dialler(network, number))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.mark.parametrize("number", [0, 2])
def test_a_dialler_that_lost_its_link_replaces_a_half_open_one_at_once_even_by_a_lesser_rung(side, dialler, number):
    bob, lost = side(1), dialler(number)
    lost.dial(bob, rung=0, linked=False)
    peer = bob.links.peers[lost.peer_id]
    half_open, peer.since_s = peer.link, peer.since_s - LONG_AGO_S

    lost.dial(bob, rung=2, linked=False)

    assert bob.links.peers[lost.peer_id].link is not half_open
    assert peer.rung == 2


def test_the_core_begins_anew_with_a_peer_that_lost_its_link(side, dialler):
    """It may have been restarted: what was asked of it before is never answered."""
    bob, lost, linked = side(1), dialler(0), []
    bob.links.on_linked = lambda peer: linked.append(peer.peer_id)
    lost.dial(bob, rung=0, linked=False)
    bob.links.peers[lost.peer_id].since_s -= LONG_AGO_S

    lost.dial(bob, rung=0, linked=False)

    assert (bob.driver.ups, len(bob.driver.up)) == (2, 1)
    assert linked == [lost.peer_id] * 2, "it has a new record, and may have forgotten whom it knew"
    assert not bob.told(e.PeerUnlinked)


def test_a_dialler_that_believes_in_its_old_link_does_not_lose_it_to_a_lesser_rung(side, dialler):
    bob, climber = side(1), dialler(0)
    climber.dial(bob, rung=0, linked=False)
    peer = bob.links.peers[climber.peer_id]
    old, peer.since_s = peer.link, peer.since_s - LONG_AGO_S

    climber.dial(bob, rung=2, linked=True)

    assert peer.link is old
    assert bob.driver.ups == 1


def test_two_dials_at_the_same_time_are_no_lost_link(side, dialler):
    """Neither of them knew of the other when it said hello."""
    bob, eager = side(1), dialler(0)
    eager.dial(bob, rung=0, linked=False)
    old = bob.links.peers[eager.peer_id].link

    eager.dial(bob, rung=1, linked=False)

    assert bob.links.peers[eager.peer_id].link is old
    assert bob.driver.ups == 1


class Trust:
    """Objects to whom it is told to; remembers what it was asked."""

    def __init__(self):
        self.revoked = set()
        self.asked = []

    def objection(self, peer_id, tls_keys, remote_certificate_der, outbound):
        self.asked.append((peer_id, outbound))
        return "its certificate is revoked" if peer_id in self.revoked else None


def test_a_dialler_does_not_link_to_whom_it_does_not_trust(side):
    trust, bob = Trust(), side(1)
    alice = side(0, trust=trust)
    trust.revoked.add(bob.peer_id)

    with pytest.raises(HandshakeRefused, match="its certificate is revoked"):
        alice.dial(bob)

    assert trust.asked == [(bob.peer_id, True)]
    wait_until(lambda: not alice.sessions and not bob.sessions, "the link is closed")
    assert not alice.links.peers
    assert not bob.links.peers


def test_a_listener_does_not_link_to_whom_it_does_not_trust(side):
    trust, alice = Trust(), side(0)
    bob = side(1, trust=trust)
    trust.revoked.add(alice.peer_id)

    with pytest.raises(HandshakeRefused, match="it was refused there: its certificate is revoked"):
        alice.dial(bob)

    assert trust.asked == [(alice.peer_id, False)]
    assert [event.reason for event in bob.told(e.HandshakeRefused)] == ["its certificate is revoked"]
    wait_until(lambda: not alice.sessions and not bob.sessions, "the link is closed")


@pytest.mark.parametrize("dialled_by", ["the one who looks", "the one who is revoked"])
def test_the_open_link_of_a_peer_that_is_revoked_is_closed(side, dialled_by):
    trust, bob, carol = Trust(), side(1), side(2)
    alice = side(0, trust=trust)
    alice.dial(carol)
    if dialled_by == "the one who looks":
        alice.dial(bob)
    else:
        bob.dial(alice)
    wait_until_linked(alice, bob)
    wait_until_linked(alice, carol)
    trust.revoked.add(bob.peer_id)

    alice.links.recheck()

    wait_until(lambda: not bob.links.peers and bob.peer_id not in alice.links.peers, "the link is closed")
    assert [event.reason for event in alice.told(e.HandshakeRefused)] == ["its certificate is revoked"]
    assert alice.told(e.PeerUnlinked) == [e.PeerUnlinked(bob.peer_id, "its certificate is revoked")]
    assert linked(alice, carol)


def test_a_look_at_links_that_are_all_right_changes_nothing(side):
    alice, bob = side(0, trust=Trust()), side(1)
    alice.dial(bob)
    wait_until_linked(alice, bob)

    alice.links.recheck()
    let_others_run()

    assert linked(alice, bob)


class TakesAndForgets:
    """Listens, and never says a word."""

    opened = received = closed = lambda *_: None


def test_a_transport_that_takes_the_dial_and_carries_nothing_is_passed_over_in_the_time_of_a_rung(side, network):
    """A proxy that kills streams, for instance."""
    [dead_end] = Rung(network).listen(TakesAndForgets())
    alice, bob = side(0, transports=[Rung(network), Rung(network, "poor")]), side(1, transports=[Rung(network, "poor")])
    alice.links._rung_timeout_s = 0.02

    with gevent.Timeout(2.0):
        alice.links.dial([dead_end, bob.endpoint], bob.peer_id)

    assert alice.link_to(bob).transport == "poor"
    assert [rung.last_error for rung in alice.links.rungs(bob.peer_id)] == ["the handshake was not finished in time", ""]


def test_the_newest_record_of_a_linked_peer_counts_whatever_came_last(side):
    alice, bob = side(0), side(1)
    alice.dial(bob)
    peer = alice.links.peers[bob.peer_id]
    newest, old = (record_of(bob.identity, (bob.endpoint,), seq=seq) for seq in (9, 5))

    alice.links.learned([newest, old, record_of(identities(9)[7])])

    assert peer.record is newest
