"""Links between nodes, over the transport in memory."""

from __future__ import annotations

import gevent
import pytest
from gevent.event import Event
from link_parts import Rung, linked
from service_parts import RecordingLink, identities, let_others_run, local_side, record_of, wait_until

from sorcha_peer_core.builtin.memory_transport import MemoryNetwork, MemoryTransport
from sorcha_peer_core.errors import LinkClosed, LinkTimeout, PeerUnreachable
from sorcha_peer_core.model import events as e
from sorcha_peer_core.model.messages import Cursor, Goodbye, Ping
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.protocol.host import Priority
from sorcha_peer_core.services import handshakes
from sorcha_peer_core.services import links as module
from sorcha_peer_core.services.session import DialledItself, Handshake, HandshakeRefused
from sorcha_peer_core.wire.bounds import MAX_HANDSHAKE_BYTES
from sorcha_peer_core.wire.codec import decode_batch, encode_frame


def test_a_dial_links_both_sides(side):
    alice, bob = side(0), side(1)

    assert alice.dial(bob) == bob.peer_id

    wait_until(lambda: linked(alice, bob), "both are linked")
    assert alice.told(e.PeerLinked) == [e.PeerLinked(bob.peer_id, "memory", True, str(bob.endpoint))]
    assert [event.outbound for event in bob.told(e.PeerLinked)] == [False]


def test_messages_cross_in_both_directions_and_are_counted(side):
    alice, bob = side(0), side(1)
    alice.dial(bob)
    wait_until(lambda: linked(alice, bob), "both are linked")

    alice.say(bob, 1, 2, 3)
    bob.say(alice, 4)

    wait_until(lambda: bob.pings == [1, 2, 3] and alice.pings == [4], "all have arrived")
    assert alice.links.traffic()[0] == bob.links.traffic()[1] > 0


def test_traffic_is_still_counted_when_the_link_is_gone(side):
    alice, bob = side(0), side(1)
    alice.dial(bob)
    wait_until(lambda: linked(alice, bob), "both are linked")
    alice.say(bob, 1)
    wait_until(lambda: bob.pings == [1], "it has arrived")
    before = alice.links.traffic()

    alice.links.peers[bob.peer_id].close("enough")

    wait_until(lambda: not alice.links.peers and not bob.links.peers, "nobody is linked")
    assert alice.links.traffic() == before


def test_the_end_of_a_link_is_told_on_both_sides(side):
    alice, bob = side(0), side(1)
    alice.dial(bob)
    wait_until(lambda: linked(alice, bob), "both are linked")

    alice.links.peers[bob.peer_id].close("enough")

    wait_until(lambda: bob.told(e.PeerUnlinked) and alice.told(e.PeerUnlinked), "it is told")
    assert alice.told(e.PeerUnlinked) == [e.PeerUnlinked(bob.peer_id, "enough")]
    assert (alice.driver.up, bob.driver.up, alice.sessions, bob.sessions) == ({}, {}, {}, {})


def test_a_peer_that_comes_back_is_somebody_new_to_the_core(side):
    alice, bob = side(0), side(1)
    indexes = []
    for _ in range(2):
        alice.dial(bob)
        indexes += alice.driver.up
        alice.links.peers[bob.peer_id].close("again")
        wait_until(lambda: not alice.links.peers and not bob.links.peers, "nobody is linked")

    assert len(set(indexes)) == 2


def test_reading_goes_on_from_the_remembered_place_of_the_same_log(side):
    bob_id, carol_id = identities(9)[1].peer_id, identities(9)[2].peer_id
    alice = side(0, cursors={bob_id: Cursor(5, 42), carol_id: Cursor(6, 42)})

    alice.dial(side(1))
    alice.dial(side(2))

    assert list(alice.driver.up.values()) == [Cursor(5, 42), Cursor(5, 0)]


def test_nobody_listens_there(side):
    with pytest.raises(PeerUnreachable, match="nobody listens on"):
        side(0).links.dial([Endpoint("memory", "nowhere", 1)], None)


def test_an_address_that_no_transport_can_dial_is_unreachable(side):
    with pytest.raises(PeerUnreachable, match="no transport of this node can dial its addresses"):
        side(0).links.dial([Endpoint("pigeon", "loft", 1)], None)


def test_failed_dials_are_counted_by_transport_and_kind(side):
    alice = side(0)

    with pytest.raises(PeerUnreachable):
        alice.links.dial([Endpoint("memory", "nowhere", 1)], None)

    assert alice.links.connection_errors == {("memory", "PeerUnreachable"): 1}


def test_a_pinned_peer_is_linked_only_if_it_is_the_one(side):
    alice, bob = side(0), side(1)

    with pytest.raises(HandshakeRefused, match="answers there, not"):
        alice.dial(bob, expected=identities(9)[5].peer_id)

    wait_until(lambda: not alice.sessions and not bob.sessions, "the link is closed")
    assert not alice.links.peers
    assert not bob.links.peers


def test_a_stranger_at_one_address_does_not_keep_from_trying_the_next(side):
    alice, bob, carol = side(0), side(1), side(2)

    assert alice.links.dial([bob.endpoint, carol.endpoint], carol.peer_id) == carol.peer_id


def test_the_own_address_is_recognised(side):
    alice = side(0)

    with pytest.raises(DialledItself, match="it is this node itself"):
        alice.dial(alice)

    assert alice.links.is_own(alice.endpoint)
    wait_until(lambda: not alice.sessions, "both ends are closed")


def test_a_node_of_another_network_is_refused_on_both_sides(side):
    alice, bob = side(0), side(1, network_id="other")

    with pytest.raises(HandshakeRefused, match="it was refused there: it belongs to the network 'test', this node to 'other'"):
        alice.dial(bob)

    wait_until(lambda: bob.told(e.HandshakeRefused), "it is told")
    wait_until(lambda: not alice.sessions and not bob.sessions, "the link is closed")


def test_who_is_not_allowed_is_told_so(side):
    alice, bob = side(0), side(1, allowed=[identities(9)[5].peer_id])

    with pytest.raises(HandshakeRefused, match=r"is not among security\.allowed_peers"):
        alice.dial(bob)


def test_a_full_node_has_room_again_when_somebody_leaves(side):
    alice, bob, carol = side(0), side(1, max_connections=1), side(2)
    alice.dial(bob)
    alice.links.peers[bob.peer_id].close("bye")
    wait_until(lambda: not bob.sessions, "there is room")

    assert carol.dial(bob) == bob.peer_id


def test_somebody_who_is_refused_and_does_not_read_is_closed_all_the_same(side, monkeypatch):
    monkeypatch.setattr(handshakes, "TIMEOUT_S", 0.02)
    monkeypatch.setattr(handshakes, "MOST_AT_ONCE", 0)
    bob, deaf = side(1), RecordingLink(room=0, outbound=False)

    refusing = gevent.spawn(bob.links.opened, deaf)
    refusing.join(timeout=2.0)

    assert refusing.dead
    assert deaf.closed == handshakes.CROWDED


def test_a_dial_to_somebody_who_is_silent_after_connecting_is_given_up(side, network, monkeypatch):
    monkeypatch.setattr(handshakes, "TIMEOUT_S", 0.02)

    class Mute:
        opened = received = closed = lambda *_: None

    [endpoint] = MemoryTransport(network, "mute").listen(Mute())
    alice = side(0)

    with pytest.raises(LinkTimeout, match="the handshake was not finished in time"):
        alice.links.dial([endpoint], None)

    assert not alice.sessions


def test_a_silent_dialler_loses_its_link(side, network, monkeypatch):
    monkeypatch.setattr(handshakes, "TIMEOUT_S", 0.02)
    bob, ended = side(1), Event()

    class Silent:
        def received(self, link, batch):
            pass

        def closed(self, link, reason):
            ended.set()

    MemoryTransport(network, "silent").dial(bob.endpoint, Silent(), 1.0)

    assert ended.wait(2.0)
    assert not bob.sessions


def test_a_link_that_has_ended_before_it_is_known_is_forgotten(side):
    """Its ``closed`` came first, so nothing else would ever take it out, and the node would fill up with ghosts."""

    class Ghostly:
        name, schemes = "ghostly", ("ghost",)

        def listen(self, events):
            return []

        def dial(self, endpoint, events, timeout_s):
            link = RecordingLink()
            link.close("gone already")
            events.closed(link, "gone already")
            return link

        def stop(self, grace_s):
            pass

    alice = side(0, transports=[Ghostly()])

    with pytest.raises(LinkClosed):
        alice.links.dial([Endpoint("ghost", "house", 1)], None)

    assert not alice.sessions


def test_the_next_transport_is_tried_when_the_first_cannot_reach(side, network):
    other_network = MemoryNetwork()
    first = MemoryTransport(other_network, "memory")
    first.name = "first"
    alice = side(0, transports=[first, MemoryTransport(network, "memory")])
    bob = side(1)

    assert alice.dial(bob) == bob.peer_id

    assert [(event.transport) for event in alice.told(e.DialFailed)] == ["first"]


def test_a_refusal_is_not_tried_again_over_the_next_transport(side, network):
    alice = side(0, transports=[MemoryTransport(network, "memory"), MemoryTransport(network, "memory")])
    bob = side(1, allowed=[identities(9)[5].peer_id])

    with pytest.raises(HandshakeRefused):
        alice.dial(bob)

    wait_until(lambda: len(bob.told(e.HandshakeRefused)) == 1, "it is told once")
    let_others_run()
    assert len(bob.told(e.HandshakeRefused)) == 1


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff", encode_frame(Ping(1)), encode_frame(Goodbye("x"))])
def test_garbage_before_the_handshake_closes_the_link(side, network, garbage):
    bob, ended = side(1), Event()

    class Rude:
        def received(self, link, batch):
            pass

        def closed(self, link, reason):
            ended.set()

    MemoryTransport(network, "rude").dial(bob.endpoint, Rude(), 1.0).send(garbage)

    assert ended.wait(2.0)
    wait_until(lambda: bob.told(e.HandshakeRefused), "it is told")
    assert not bob.sessions


def test_a_stranger_s_batch_is_not_read_beyond_what_a_handshake_takes(side, network):
    bob, ended = side(1), Event()

    class Rude:
        def received(self, link, batch):
            pass

        def closed(self, link, reason):
            ended.set()

    MemoryTransport(network, "rude").dial(bob.endpoint, Rude(), 1.0).send(bytes(MAX_HANDSHAKE_BYTES + 1))

    assert ended.wait(2.0)
    wait_until(lambda: bob.told(e.HandshakeRefused), "it is told")
    assert bob.told(e.HandshakeRefused)[0].reason == "a batch of 65537 bytes during the handshake; at most 65536 are allowed"


def test_a_garbage_batch_closes_only_the_link_it_came_by(side):
    alice, bob, carol = side(0), side(1), side(2)
    alice.dial(bob)
    carol.dial(bob)
    wait_until(lambda: linked(alice, bob) and linked(bob, carol), "both are linked")

    alice.links.peers[bob.peer_id].link.send(b"\xff\xff\xff")

    wait_until(lambda: alice.peer_id not in bob.links.peers, "the link is closed")
    carol.say(bob, 7)
    wait_until(lambda: bob.pings == [7], "the other link is in use")


def test_a_hello_after_the_handshake_closes_the_link(side):
    alice, bob = side(0), side(1)
    alice.dial(bob)
    wait_until(lambda: linked(alice, bob), "both are linked")
    session = next(iter(alice.sessions.values()))

    session.link.send(encode_frame(session.handshake.first()))

    wait_until(lambda: not bob.links.peers, "the link is closed")
    assert bob.told(e.PeerUnlinked)[0].reason == "a Hello frame after the handshake"


def test_nothing_of_a_batch_with_one_bad_frame_is_used(side):
    alice, bob = side(0), side(1)
    alice.dial(bob)
    wait_until(lambda: linked(alice, bob), "both are linked")
    session = next(iter(alice.sessions.values()))

    session.link.send(encode_frame(Ping(1)) + encode_frame(session.handshake.first()))

    wait_until(lambda: not bob.links.peers, "the link is closed")
    assert bob.pings == []


def test_a_peer_that_breaks_the_rules_while_the_sender_is_blocked_is_closed_and_the_pipe_used_by_one_only(side):
    bob = side(1)
    alice = side(0)
    alice.dial(bob)
    wait_until(lambda: linked(alice, bob), "both are linked")
    link, peer = RecordingLink(room=0, outbound=False), bob.links.peers[alice.peer_id]
    [session] = bob.sessions.values()
    bob.sessions[link] = module.LinkSession(link, session.handshake)
    bob.sessions[link].peer = peer
    peer.switch(link)
    bob.say(alice, 1)
    wait_until(lambda: link.sending == 1, "the sender is blocked")

    bob.links.received(link, b"\xff\xff\xff")

    assert link.closed
    assert link.most_sending == 1
    bob.links.closed(link, "broke the rules")


def test_frames_that_follow_the_proof_in_its_batch_are_not_lost(side, network):
    bob, alice = side(1), identities(9)[0]
    answers = []
    shake = Handshake(local_side(alice, lambda: record_of(alice)), True, b"")

    class Eager:
        def closed(self, link, reason):
            pass

        def received(self, link, batch):
            answers.extend(decode_batch(batch))

    link = MemoryTransport(network, "eager").dial(bob.endpoint, Eager(), 1.0)
    link.send(encode_frame(shake.first()))
    wait_until(lambda: answers, "the listener has answered")
    link.send(encode_frame(shake.receive(answers[0])) + encode_frame(Ping(1)) + encode_frame(Ping(2)))

    wait_until(lambda: bob.pings == [1, 2], "both have arrived")


@pytest.mark.parametrize("pair", [(0, 1), (1, 0)])
def test_simultaneous_dials_end_with_one_link_on_both_sides_and_lose_nothing(side, monkeypatch, pair):
    monkeypatch.setattr(module, "_LINGER_S", 0.02)
    alice, bob = (side(number) for number in pair)
    numbers = list(range(200))

    def chat(one, other):
        one.dial(other)
        for number in numbers:
            one.say(other, number)
            gevent.sleep(0.0005)

    gevent.joinall([gevent.spawn(chat, alice, bob), gevent.spawn(chat, bob, alice)], raise_error=True)

    wait_until(lambda: len(alice.sessions) == len(bob.sessions) == 1, "one link is left")
    wait_until(lambda: sorted(alice.pings) == sorted(bob.pings) == numbers, "all have arrived")
    assert alice.driver.ups == bob.driver.ups == 1
    assert not alice.told(e.PeerUnlinked)
    smaller = min(alice, bob, key=lambda each: each.peer_id)
    [session] = smaller.sessions.values()
    assert session.link.outbound, "the link is the one that the smaller id dialled"


def test_two_dials_of_the_same_node_end_with_one_link_too(side, monkeypatch):
    monkeypatch.setattr(module, "_LINGER_S", 0.02)
    alice, bob = side(0), side(1)

    gevent.joinall([gevent.spawn(alice.dial, bob) for _ in range(3)], raise_error=True)

    wait_until(lambda: len(alice.sessions) == len(bob.sessions) == 1, "one link is left")
    alice.say(bob, 1)
    wait_until(lambda: bob.pings == [1], "it is in use")
    assert not bob.told(e.PeerUnlinked)


def test_two_dials_that_come_up_in_different_orders_leave_a_link(side, monkeypatch):
    """The dialler keeps the one, the listener the other: if each closed the other's choice, none would be left."""
    monkeypatch.setattr(module, "_LINGER_S", 0.02)
    alice, bob = side(0), side(1)
    alice.dial(bob)
    alice.dial(bob)
    wait_until(lambda: len(bob.sessions) == 2, "both links are up")
    peer = bob.links.peers[alice.peer_id]
    first, second = bob.sessions
    bob.supervisor._not_begun.kill()
    peer.switch(first)
    bob.supervisor.spawn_later(2 * module._LINGER_S, "linger", bob.links._retire, peer, second)

    wait_until(lambda: len(alice.sessions) == len(bob.sessions) == 1, "one link is left")
    gevent.sleep(4 * module._LINGER_S)

    assert linked(alice, bob)
    assert peer.link is second


def test_a_replaced_link_that_is_needed_again_is_not_closed(side, monkeypatch):
    monkeypatch.setattr(module, "_LINGER_S", 0.03)
    alice, bob = side(0), side(1)
    alice.dial(bob)
    alice.dial(bob)
    newer = alice.links.peers[bob.peer_id].link

    newer.close("it broke")
    wait_until(lambda: len(alice.sessions) == 1, "the first is in use again")
    gevent.sleep(3 * module._LINGER_S)

    assert linked(alice, bob)
    assert not alice.told(e.PeerUnlinked)


def test_a_link_whose_sender_fails_is_closed(side, caplog):
    alice, bob = side(0), side(1)
    alice.dial(bob)
    wait_until(lambda: linked(alice, bob), "both are linked")
    peer = alice.links.peers[bob.peer_id]

    peer.queue.put(bytes(2 << 20), 2 << 20, Priority.CONTROL)
    peer.wake()

    wait_until(lambda: not alice.links.peers and not bob.links.peers, "nobody is linked")
    assert alice.supervisor.failed == [f"sender to {bob.peer_id[:8]}"]
    assert "failed" in caplog.text
    alice.supervisor.failed.clear()


def test_stop_closes_every_link_and_refuses_new_ones(side):
    alice, bob, carol = side(0), side(1), side(2)
    alice.dial(bob)
    wait_until(lambda: linked(alice, bob), "both are linked")

    bob.links.stop(1.0)

    wait_until(lambda: not alice.links.peers and not bob.links.peers, "nobody is linked")
    with pytest.raises((PeerUnreachable, LinkClosed)):
        carol.dial(bob)


def test_transports_are_stopped_side_by_side(side, network):
    """Each may need all of the grace."""
    begun = [Event(), Event()]

    class Slow(Rung):
        def stop(self, grace_s):
            mine, other = begun if self.name == "first" else reversed(begun)
            mine.set()
            assert other.wait(2.0), "the other one waits for this one"

    alice = side(0, transports=[Slow(network, "first"), Slow(network, "second")])

    alice.links.stop(1.0)


def test_handshakes_that_are_over_leave_no_timer_behind(side):
    alice, bob = side(0), side(1)

    alice.dial(bob)
    wait_until(lambda: linked(alice, bob), "both are linked")
    let_others_run()

    assert len(alice.supervisor._not_begun) == len(bob.supervisor._not_begun) == 0
