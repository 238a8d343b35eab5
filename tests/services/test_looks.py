"""Looks: who is there, how far away, whom it knows. Nothing else comes of them, on either side."""

from __future__ import annotations

from time import monotonic

import gevent
import pytest
from link_parts import Rung, wait_until_linked
from service_parts import identities, identity_of, let_others_run, local_side, record_of, wait_until

from sorcha_peer_core.builtin.memory_transport import MemoryTransport
from sorcha_peer_core.errors import LinkClosed, LinkTimeout, PeerUnreachable
from sorcha_peer_core.model import events as e
from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.handshake import Form, Purpose
from sorcha_peer_core.services import handshakes, visits
from sorcha_peer_core.services.session import DialledItself, Handshake, HandshakeRefused
from sorcha_peer_core.wire.codec import decode_batch, encode_frame
from sorcha_peer_core.wire.compress import compressed

OTHERS = [record_of(identity_of(number)) for number in range(100, 160)]


def nothing_is_left(*sides):
    """Whether no side has a link, a session or a timer."""
    return not any(side.sessions or side.links.peers or len(side.supervisor._not_begun) for side in sides)


def test_a_look_shows_who_answers_and_how_far_away_it_is(side):
    alice, bob = side(0), side(1)

    looked = alice.look(bob)

    assert looked.record == bob.record
    assert 0 < looked.rtt_s < 1.0
    assert looked.records == ()


def test_a_look_leaves_nothing_behind_and_nobody_hears_of_it(side):
    alice, bob = side(0), side(1)
    bob.links.newcomers = lambda: OTHERS

    alice.look(bob, ask=5)

    wait_until(lambda: nothing_is_left(alice, bob), "everything is gone")
    for each in (alice, bob):
        assert (each.driver.ups, each.driver.heard, each.events, each.unlinked) == (0, [], [], [])


def test_a_look_does_not_disturb_the_link_to_the_same_peer(side):
    alice, bob = side(0), side(1)
    alice.dial(bob)
    wait_until_linked(alice, bob)
    links = alice.link_to(bob), bob.link_to(alice)

    for one, other in ((alice, bob), (bob, alice)):
        assert one.look(other).record.peer_id == other.peer_id

    wait_until(lambda: len(alice.sessions) == len(bob.sessions) == 1, "only the link is left")
    assert (alice.link_to(bob), bob.link_to(alice)) == links
    assert alice.driver.ups == bob.driver.ups == 1
    alice.say(bob, 1)
    wait_until(lambda: bob.pings == [1], "the link is in use")


@pytest.mark.parametrize(("ask", "told"), [(3, 3), (50, 50), (1000, 50)])
def test_who_is_asked_tells_of_others_in_one_frame(side, ask, told):
    alice, bob = side(0), side(1)
    bob.links.newcomers = lambda: OTHERS

    looked = alice.look(bob, ask=ask)

    assert looked.records == tuple(OTHERS[:told])


def test_who_knows_nobody_says_so_at_once(side):
    alice, bob = side(0), side(1)

    with gevent.Timeout(1.0):
        assert alice.look(bob, ask=10).records == ()


def test_nobody_is_told_of_itself(side):
    alice, bob = side(0), side(1)
    bob.links.newcomers = lambda: [alice.record, OTHERS[0]]

    assert alice.look(bob, ask=2).records == (OTHERS[0],)


def test_nobody_is_asked_by_a_look_that_only_wants_to_know_who_is_there(side):
    alice, bob = side(0), side(1)
    bob.links.newcomers = lambda: pytest.fail("nobody has asked")

    alice.look(bob)


def test_both_sides_hear_where_they_are_seen(side, network):
    alice = side(0, transports=[Rung(network, host="192.0.2.7")])
    bob = side(1, transports=[Rung(network, host="::ffff:198.51.100.4")])

    looked = alice.look(bob)

    wait_until(lambda: bob.observed, "both have heard")
    assert looked.observed_host == "192.0.2.7"
    assert alice.observed == [(bob.peer_id, "192.0.2.7", True)]
    assert bob.observed == [(alice.peer_id, "198.51.100.4", False)]


def test_a_name_says_nothing_about_where_somebody_is_seen(side):
    alice, bob = side(0), side(1)

    assert alice.look(bob).observed_host == ""

    assert alice.observed == bob.observed == []


def test_somebody_else_at_the_address_is_not_taken_for_the_peer(side):
    alice, bob, carol = side(0), side(1), side(2)

    with pytest.raises(HandshakeRefused, match="answers there, not"):
        alice.links.look(bob.endpoints, carol.peer_id, timeout_s=2.0)

    wait_until(lambda: nothing_is_left(alice, bob), "everything is gone")


def test_whoever_answers_will_do_when_nobody_is_expected(side):
    alice, bob = side(0), side(1)

    assert alice.links.look(bob.endpoints, None, timeout_s=2.0).record.peer_id == bob.peer_id


def test_a_node_that_looks_at_itself_notices(side):
    alice = side(0)

    with pytest.raises(DialledItself):
        alice.links.look(alice.endpoints, None, timeout_s=2.0)

    wait_until(lambda: nothing_is_left(alice), "both ends are gone")


def test_where_nobody_listens_there_is_nothing_to_see(side):
    alice, bob = side(0), side(1)
    bob.stop()

    with pytest.raises(PeerUnreachable):
        alice.look(bob)


def test_a_look_takes_the_next_transport_when_one_fails_and_holds_it_against_nobody(side, network):
    alice, bob = (side(number, transports=[Rung(network, "good"), Rung(network, "poor")]) for number in (0, 1))
    alice.transports[0].failure = PeerUnreachable("a firewall")

    for _ in range(10):
        assert alice.look(bob).record.peer_id == bob.peer_id

    assert {rung.last_error for rung in alice.links.rungs(bob.peer_id)} == {""}
    assert alice.links.connection_errors == {("good", "PeerUnreachable"): 10}
    assert alice.told(e.DialFailed) == []


class Silent:
    """Listens, and answers nothing."""

    opened = received = closed = lambda *_: None


def test_a_look_ends_in_time_when_nobody_speaks(side, network):
    alice, [endpoint] = side(0), MemoryTransport(network, "mute").listen(Silent())
    begin_s = monotonic()

    with pytest.raises(LinkTimeout, match="the handshake was not finished in time"):
        alice.links.look([endpoint], None, timeout_s=0.05)

    assert monotonic() - begin_s < 1.0
    assert not alice.sessions


class Scripted:
    """A listener that shakes hands and then does what it is told with each frame."""

    def __init__(self, network, answer):
        self.identity = identities(9)[8]
        self._answer = answer
        self._shakes = {}
        self.heard = []
        [self.endpoint] = MemoryTransport(network, "scripted").listen(self)

    def opened(self, link):
        side = local_side(self.identity, lambda: record_of(self.identity))
        self._shakes[link] = Handshake(side, False, b"")

    def received(self, link, batch):
        shake = self._shakes[link]
        for message in decode_batch(batch):
            if not shake.done:
                answers = [shake.receive(message)]
            else:
                self.heard.append(type(message))
                answers = self._answer(message)
            for answer in filter(None, answers):
                link.send(encode_frame(answer))

    def closed(self, link, reason):
        pass


def test_a_look_ends_in_time_when_a_question_is_not_answered(side, network):
    alice, deaf = side(0), Scripted(network, lambda message: [])
    begin_s = monotonic()

    with pytest.raises(LinkTimeout, match="the look was not answered in time"):
        alice.links.look([deaf.endpoint], None, timeout_s=0.1)

    assert 0.1 <= monotonic() - begin_s < 1.0
    wait_until(lambda: nothing_is_left(alice), "everything is gone")


def test_a_look_ends_when_the_other_side_says_goodbye(side, network):
    alice, busy = side(0), Scripted(network, lambda message: [m.Goodbye("not now")])

    with pytest.raises(HandshakeRefused, match="it says goodbye: not now"):
        alice.links.look([busy.endpoint], None, timeout_s=2.0)


def test_only_an_answer_to_the_own_question_counts(side, network):
    def answer(message):
        match message:
            case m.Ping(nonce):
                return [m.Pong(nonce ^ 1), m.SyncSince(1, 1), m.Pong(nonce), m.Pong(nonce)]
            case m.PeersRequest():
                return [m.Peers((OTHERS[0],)), m.Peers((OTHERS[1],))]
        return []

    alice, chatty = side(0), Scripted(network, answer)

    looked = alice.links.look([chatty.endpoint], None, ask=1, timeout_s=2.0)

    assert looked.records == (OTHERS[0],)
    wait_until(lambda: m.Goodbye in chatty.heard, "it heard a goodbye")
    assert chatty.heard == [m.Ping, m.PeersRequest, m.Goodbye]


def test_garbage_ends_a_look(side, network):
    class Garbling(Scripted):
        def received(self, link, batch):
            if self._shakes[link].remote:
                link.send(b"\xff\xff\xff")
            else:
                super().received(link, batch)

    alice, garbling = side(0), Garbling(network, None)

    with pytest.raises(LinkClosed, match="cannot be read"):
        alice.links.look([garbling.endpoint], None, timeout_s=2.0)

    wait_until(lambda: nothing_is_left(alice), "everything is gone")


class Visitor:
    """Somebody who looks at a node and says what it is told to."""

    def __init__(self, network, number=0, host="visitor"):
        self.identity = identities(9)[number]
        self._transport = MemoryTransport(network, host)
        self.answers = []
        self.reason = ""

    def received(self, link, batch):
        self.answers += decode_batch(batch)

    def closed(self, link, reason):
        self.reason = reason

    def visit(self, side, *messages, purpose=Purpose.LOOK):
        shake = Handshake(local_side(self.identity, lambda: record_of(self.identity)), True, b"")
        link = self._transport.dial(side.endpoint, self, 1.0)
        link.send(encode_frame(shake.first(purpose=purpose)))
        wait_until(lambda: self.answers, "the listener has answered")
        frames = [encode_frame(message) for message in (shake.receive(self.answers.pop(0)), *messages)]
        link.send(b"".join(frames))
        return link


def test_nothing_is_expanded_for_a_visitor(side, network):
    bob, visitor = side(1, forms=(Form.ZLIB,)), Visitor(network)
    link = visitor.visit(bob)

    link.send(compressed(encode_frame(m.Ping(1)) * 100, Form.ZLIB))

    wait_until(lambda: visitor.reason, "the look has ended")
    assert visitor.answers == [m.Goodbye("a batch compressed in form 1, which was not agreed upon")]
    assert bob.links.compression.refused == 1


def test_a_visitor_is_answered_what_may_be_asked(side, network):
    bob, visitor = side(1), Visitor(network)
    bob.links.newcomers = lambda: OTHERS

    visitor.visit(bob, m.Ping(1), m.PeersRequest(2), m.Ping(2))

    wait_until(lambda: len(visitor.answers) == 3, "all is answered")
    assert visitor.answers == [m.Pong(1), m.Peers(tuple(OTHERS[:2])), m.Pong(2)]


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([m.PeersRequest(1), m.PeersRequest(1)], "a PeersRequest frame in a look"),
        ([m.SyncSince(1, 0)], "a SyncSince frame in a look"),
        ([m.Announce(())], "a Announce frame in a look"),
        ([m.Pong(1)], "a Pong frame in a look"),
    ],
)
def test_a_visitor_that_wants_more_is_sent_away(side, network, messages, reason):
    bob, visitor = side(1), Visitor(network)

    visitor.visit(bob, *messages)

    wait_until(lambda: visitor.reason, "the link has ended")
    assert visitor.answers[-1] == m.Goodbye(reason)
    assert [event.reason for event in bob.told(e.HandshakeRefused)] == [reason]
    assert bob.driver.heard == []
    wait_until(lambda: nothing_is_left(bob), "everything is gone")


def test_a_visitor_that_introduces_itself_twice_is_sent_away(side, network):
    bob, visitor = side(1), Visitor(network)
    hello = Handshake(local_side(visitor.identity, lambda: record_of(visitor.identity)), True, b"").first()

    visitor.visit(bob, hello)

    wait_until(lambda: visitor.answers, "it is told")
    assert visitor.answers == [m.Goodbye("a Hello frame after the handshake")]


def test_a_visitor_that_does_not_leave_is_made_to(side, network, monkeypatch):
    monkeypatch.setattr(visits, "LIFE_S", 0.05)
    bob, visitor = side(1), Visitor(network)

    visitor.visit(bob, m.Ping(1))

    wait_until(lambda: visitor.reason, "the link has ended")
    wait_until(lambda: nothing_is_left(bob), "everything is gone")


def test_a_visitor_that_says_goodbye_is_gone_at_once(side, network):
    bob, visitor = side(1), Visitor(network)

    visitor.visit(bob, m.Goodbye("seen"))

    wait_until(lambda: nothing_is_left(bob), "everything is gone")


def test_a_node_without_room_for_links_can_be_looked_at(side):
    alice, bob, carol = side(0), side(1, max_connections=1), side(2)
    alice.dial(bob)
    wait_until_linked(alice, bob)

    assert carol.look(bob).record.peer_id == bob.peer_id
    assert list(bob.links.peers) == [alice.peer_id]


def test_looks_take_no_place_of_a_link(side, network):
    bob, alice = side(1, max_connections=1), side(0)
    for number in range(2, 8):
        Visitor(network, number, f"visitor {number}").visit(bob)

    alice.dial(bob)

    wait_until_linked(alice, bob)


def test_those_who_find_no_place_to_look_are_refused_and_asked_to_come_later(side, network, monkeypatch):
    monkeypatch.setattr(visits, "MOST_AT_ONCE", 1)
    bob, carol = side(1), side(2)
    Visitor(network).visit(bob)
    wait_until(lambda: len(bob.links.visits._places) == 1, "the place is taken")

    with pytest.raises(HandshakeRefused, match=handshakes.NO_ROOM) as refused:
        carol.look(bob)

    assert refused.value.farewell is m.Farewell.ENOUGH
    assert [event.reason for event in bob.told(e.HandshakeRefused)] == ["too many look at this node"]


def test_a_place_to_look_is_free_when_a_look_is_over(side, monkeypatch):
    monkeypatch.setattr(visits, "MOST_AT_ONCE", 1)
    alice, bob = side(0), side(1)

    for _ in range(3):
        alice.look(bob)
        wait_until(lambda: nothing_is_left(bob), "it is over")
    let_others_run()

    assert len(bob.links.visits._places) == 0


def test_a_listener_that_does_not_know_looks_still_shows_who_it_is(side, network):
    """It takes the dialler for a link, and says so: the dialler looks all the same."""

    def answer(message):
        return [m.PeersRequest(1), m.Pong(message.nonce)] if isinstance(message, m.Ping) else []

    alice, older = side(0), Scripted(network, answer)

    looked = alice.links.look([older.endpoint], older.identity.peer_id, timeout_s=2.0)

    assert looked.record.peer_id == older.identity.peer_id
