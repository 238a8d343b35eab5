"""A node that is full: whom it lets in, what it tells the others, and that strangers cannot fill it."""

from __future__ import annotations

import pytest
from link_parts import linked, wait_until_linked
from node_parts import everywhere, submit
from service_parts import identities, identity_of, local_side, record_of, wait_until

from sorcha_peer_core.builtin.memory_transport import MemoryTransport
from sorcha_peer_core.model import events as e
from sorcha_peer_core.model import messages as m
from sorcha_peer_core.services import handshakes
from sorcha_peer_core.services.session import EnoughLinks, Handshake, HandshakeRefused
from sorcha_peer_core.wire.codec import decode_batch, encode_frame

OTHERS = [record_of(identity_of(number)) for number in range(100, 160)]


@pytest.fixture
def full(side):
    """Bob, who has room for one link and has it, and Carol, who comes too late."""
    alice, bob, carol = side(0), side(1, max_connections=1), side(2)
    alice.dial(bob)
    wait_until_linked(alice, bob)
    bob.links.newcomers = lambda: OTHERS
    return alice, bob, carol


def test_a_newcomer_is_told_that_there_is_no_room_and_whom_else_to_dial(full):
    _, bob, carol = full

    with pytest.raises(EnoughLinks, match="it has no room for a link: this node has as many links as it allows") as enough:
        carol.dial(bob)

    assert enough.value.farewell is m.Farewell.ENOUGH
    assert enough.value.record == bob.record
    assert enough.value.records == tuple(OTHERS[:50])


def test_a_newcomer_without_room_is_linked_on_neither_side_and_no_failure_on_any(full):
    alice, bob, carol = full

    with pytest.raises(EnoughLinks):
        carol.dial(bob)

    wait_until(lambda: not carol.sessions and len(bob.sessions) == 1, "the link is closed")
    assert list(bob.links.peers) == [alice.peer_id]
    assert (carol.driver.ups, carol.events, carol.unlinked) == (0, [], [])
    assert carol.links.connection_errors == {}
    assert bob.told(e.TurnedAway) == [e.TurnedAway(carol.peer_id, str(bob.told(e.TurnedAway)[0].address))]
    assert bob.told(e.HandshakeRefused) == []


def test_there_is_room_again_when_somebody_leaves(full):
    alice, bob, carol = full
    alice.links.peers[bob.peer_id].close("bye")
    wait_until(lambda: not bob.sessions, "there is room")

    assert carol.dial(bob) == bob.peer_id


def test_the_places_for_a_nodes_own_dials_are_not_given_to_others(side):
    alice, bob = side(0), side(1, max_connections=2)
    bob.links.coming = lambda: 2

    with pytest.raises(EnoughLinks):
        alice.dial(bob)
    bob.links.coming = lambda: 1
    alice.dial(bob)

    wait_until_linked(alice, bob)


def test_a_full_node_links_to_whom_it_dials_itself(full):
    _, bob, carol = full

    bob.dial(carol)

    wait_until_linked(bob, carol)


def test_a_peer_that_is_linked_may_replace_its_link_at_a_full_node(full):
    """It may have lost the one that the full node still believes in."""
    alice, bob, _ = full

    alice.dial(bob)

    wait_until(lambda: len(bob.sessions) == 2, "the other link is up")
    assert linked(alice, bob)


def test_a_newcomer_that_knows_no_better_is_told_by_everything_it_needs(full, network):
    """A dialler may take no notice of what the listener's Hello says of the link: the goodbye says it again."""
    _, bob, _ = full
    heard, reasons = [], []

    class Older:
        def received(self, link, batch):
            heard.extend(decode_batch(batch))

        def closed(self, link, reason):
            reasons.append(reason)

    older = identities(9)[5]
    shake = Handshake(local_side(older, lambda: record_of(older)), True, b"")
    link = MemoryTransport(network, "older").dial(bob.endpoint, Older(), 1.0)
    link.send(encode_frame(shake.first()))
    wait_until(lambda: heard, "the listener has answered")
    link.send(encode_frame(shake.receive(heard.pop())) + encode_frame(m.SyncSince(1, 0)))

    wait_until(lambda: reasons, "the link has ended")
    assert heard == [m.Peers(tuple(OTHERS[:50])), m.Goodbye("this node has as many links as it allows", m.Farewell.ENOUGH)]


def test_the_last_place_is_not_given_twice_to_those_who_shake_hands_at_the_same_time(side, monkeypatch):
    """Both are promised a link; the second is told when it has proved itself, and its side unlinks it without a failure."""
    bob, alice, carol = side(1, max_connections=1), side(0), side(2)
    bob.links.newcomers = lambda: OTHERS[:2]
    # Carol's Hello is answered before Alice is linked, her Proof comes after it.
    monkeypatch.setattr(bob.links._handshakes, "_admits", lambda peer_id: True)
    alice.dial(bob)
    wait_until_linked(alice, bob)

    carol.dial(bob)

    wait_until(lambda: carol.unlinked, "she is told")
    assert carol.unlinked == [(bob.peer_id, m.Farewell.ENOUGH)]
    assert [message for _, message in carol.driver.heard if isinstance(message, m.Peers)] == [m.Peers(tuple(OTHERS[:2]))]
    assert list(bob.links.peers) == [alice.peer_id]
    assert bob.unlinked == []


def test_a_newcomer_is_refused_where_there_is_no_room_to_tell_it_anything(full, monkeypatch):
    _, bob, carol = full
    monkeypatch.setattr(bob.links.visits._places, "_most", 0)

    with pytest.raises(EnoughLinks, match=handshakes.NO_ROOM) as enough:
        carol.dial(bob)

    assert enough.value.records == ()
    assert [event.reason for event in bob.told(e.HandshakeRefused)] == ["too many look at this node"]


class Dripping:
    """Strangers who dial and never say a word, each from a host of its own or all from one."""

    def __init__(self, network):
        self._network = network
        self.closed_links = []

    def dial(self, side, count, host):
        for number in range(count):
            MemoryTransport(self._network, host.format(number)).dial(side.endpoint, self, 1.0)

    received = lambda *_: None  # noqa: E731

    def closed(self, link, reason):
        self.closed_links.append(link)


def half_open(side):
    return len(side.links._handshakes._places)


def test_strangers_in_their_handshakes_hold_no_place_of_a_link(side, network):
    bob, alice = side(1, max_connections=1), side(0)
    Dripping(network).dial(bob, 8, "stranger {}")
    wait_until(lambda: half_open(bob) == 8, "they are at it")

    alice.dial(bob)

    wait_until_linked(alice, bob)
    assert half_open(bob) == 8


def test_one_stranger_cannot_keep_others_out_by_many_handshakes(side, network):
    bob, alice, dripping = side(1), side(0), Dripping(network)
    dripping.dial(bob, 3 * handshakes.MOST_AT_ONCE, "stranger")
    wait_until(lambda: len(dripping.closed_links) == 2 * handshakes.MOST_AT_ONCE, "most are refused")

    assert alice.dial(bob) == bob.peer_id

    assert half_open(bob) == handshakes.MOST_AT_ONCE - 1
    assert {event.reason for event in bob.told(e.HandshakeRefused)} == {"too many are in their handshakes"}


def test_in_a_crowd_of_many_strangers_who_is_refused_may_try_again_soon(side, network):
    bob, alice = side(1), side(0)
    Dripping(network).dial(bob, handshakes.MOST_AT_ONCE, "stranger {}")
    wait_until(lambda: half_open(bob) == handshakes.MOST_AT_ONCE, "they are at it")

    with pytest.raises(HandshakeRefused, match="try again in a moment") as refused:
        alice.dial(bob)

    assert refused.value.farewell is m.Farewell.UNSAID


def test_silent_strangers_are_gone_when_their_time_is_over(side, network, monkeypatch):
    monkeypatch.setattr(handshakes, "TIMEOUT_S", 0.05)
    bob, dripping = side(1), Dripping(network)

    dripping.dial(bob, 8, "stranger {}")

    wait_until(lambda: len(dripping.closed_links) == 8, "they are sent away")
    assert half_open(bob) == 0
    assert not bob.sessions


def test_links_of_one_peer_that_linger_are_few(side):
    alice, bob = side(0), side(1)

    for _ in range(12):
        alice.dial(bob)

    wait_until(lambda: len(bob.sessions) == len(alice.sessions) == 4, "the oldest are closed")
    assert linked(alice, bob)
    assert not bob.told(e.PeerUnlinked)
    assert not alice.told(e.PeerUnlinked)


def test_a_network_comes_together_around_a_first_contact_that_is_full(village):
    first = village.node(1, communication={"max_connections": 2})
    others = [village.node(number, bootstrap=(1,)) for number in range(2, 7)]

    wait_until(lambda: all(node.status().peers_connected >= 4 for node in others), "the others are linked", 20.0)
    submit(first, b"from the first")
    submit(others[-1], b"from the last")

    wait_until(everywhere([first, *others], [b"from the first", b"from the last"]), "all have all", 10.0)
    assert first.status().peers_connected == 2


def test_a_discouraged_peer_gets_a_place_only_while_a_quarter_of_them_is_left(side):
    alice, bob, carol, dave = side(0), side(1, max_connections=4), side(2), side(3)
    bob.links.discourages = lambda peer_id: peer_id in (carol.peer_id, dave.peer_id)
    alice.dial(bob)
    wait_until_linked(alice, bob)

    assert carol.dial(bob) == bob.peer_id
    other = side(4)
    other.dial(bob)
    wait_until(lambda: len(bob.links.peers) == 3, "three of four places are taken")
    with pytest.raises(EnoughLinks):
        dave.dial(bob)

    assert side(5).dial(bob) == bob.peer_id
