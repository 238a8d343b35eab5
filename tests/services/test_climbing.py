"""Down and up the ladder while messages cross: nothing is lost on the way."""

from __future__ import annotations

import gevent
import pytest
from link_parts import Rung, linked, wait_until_linked
from node_parts import everywhere, submit
from service_parts import record_of, wait_until

from sorcha_peer_core.errors import PeerUnreachable
from sorcha_peer_core.model import events as e
from sorcha_peer_core.services import links as module

NUMBERS = list(range(600))


@pytest.fixture
def pair(side, network, monkeypatch):
    """Two sides with the transports ``good`` and ``poor``, linked by the poor one."""
    monkeypatch.setattr(module, "_LINGER_S", 0.05)
    alice, bob = (side(number, transports=[Rung(network, "good"), Rung(network, "poor")]) for number in (0, 1))
    alice.transports[0].failure = PeerUnreachable("a firewall")
    alice.dial(bob, expected=bob.peer_id)
    wait_until_linked(alice, bob)
    return alice, bob


def chat(one, other):
    for number in NUMBERS:
        one.say(other, number)
        gevent.sleep(0.0001)


def test_a_climb_takes_over_under_load_and_loses_nothing(pair):
    alice, bob = pair
    talking = [gevent.spawn(chat, alice, bob), gevent.spawn(chat, bob, alice)]
    wait_until(lambda: len(bob.pings) > 100, "they talk")

    alice.transports[0].failure = None
    alice.links.climb()

    assert alice.link_to(bob).transport == "good"
    gevent.joinall(talking, raise_error=True)
    wait_until(lambda: sorted(alice.pings) == sorted(bob.pings) == NUMBERS, "all have arrived, once")
    wait_until(lambda: len(alice.sessions) == len(bob.sessions) == 1, "one link is left")
    assert bob.link_to(alice).transport == "good"
    assert alice.driver.ups == bob.driver.ups == 1
    assert not alice.told(e.PeerUnlinked)
    assert not bob.told(e.PeerUnlinked)


def test_a_climb_that_finds_nothing_better_leaves_the_link_alone(pair):
    alice, bob = pair
    link = alice.link_to(bob)

    alice.links.climb()

    assert alice.link_to(bob) is link
    assert linked(alice, bob)


def test_only_the_side_that_dialled_climbs(pair):
    _, bob = pair

    bob.links.climb()

    assert bob.transports[0].dialled == []


def test_a_climb_goes_where_the_peer_says_now_that_it_listens(pair):
    """What it said in its handshake may have been before it listened on everything."""
    alice, bob = pair
    peer = alice.links.peers[bob.peer_id]
    peer.record = record_of(bob.identity)
    alice.transports[0].failure = None
    alice.links.climb()
    assert alice.link_to(bob).transport == "poor"

    alice.links.learned([record_of(bob.identity, tuple(bob.endpoints), seq=2)])
    alice.links.climb()

    assert alice.link_to(bob).transport == "good"


def test_nobody_climbs_from_the_top(pair):
    alice, bob = pair
    alice.transports[0].failure = None
    alice.links.climb()
    tried = len(alice.transports[0].dialled)

    alice.links.climb()

    assert len(alice.transports[0].dialled) == tried
    assert alice.link_to(bob).transport == "good"


def test_a_silent_link_is_followed_by_one_of_the_next_address(pair):
    alice, bob = pair
    alice.transports[0].failure = None
    alice.links.climb()
    wait_until(lambda: len(alice.sessions) == len(bob.sessions) == 1, "the poor link is gone")

    alice.links.peers[bob.peer_id].close("no answer to probes")
    wait_until(lambda: not alice.links.peers and not bob.links.peers, "nobody is linked")
    tried = len(alice.transports[0].dialled)
    alice.dial(bob, expected=bob.peer_id)

    assert alice.link_to(bob).transport == "poor"
    assert len(alice.transports[0].dialled) == tried
    assert alice.links.rungs(bob.peer_id)[0].last_error == "no answer to probes"


def test_a_silent_link_that_came_in_says_nothing_about_the_way_out(pair):
    alice, bob = pair

    bob.links.peers[alice.peer_id].close("no answer to probes")

    assert {rung.last_error for rung in bob.links.rungs(alice.peer_id)} == {""}


@pytest.mark.parametrize("mode", ["open", "insecure"])
def test_nodes_whose_best_transport_is_cut_fall_to_the_next_and_climb_back_and_lose_nothing(village, mode):
    fast = {"link_probe_interval_s": 0.1, "upgrade_probe_interval_s": 0.1}
    sections = {"communication": fast, "security": {"mode": mode}}
    first = village.node(1, rungs=("good", "poor"), **sections)
    second = village.node(2, bootstrap=(1,), rungs=("good", "poor"), **sections)
    payloads = [f"payload {number}".encode() for number in range(60)]

    def both_use(name):
        return lambda: [dict(node.status().links) for node in (first, second)] == [{name: 1}] * 2

    wait_until(both_use("good"), "they are linked by the best")
    submit(first, *payloads[:20])
    village.cables["good"].cut = True
    submit(second, *payloads[20:30])
    wait_until(both_use("poor"), "they fell to the next", 10.0)
    submit(first, *payloads[30:40])
    village.cables["good"].cut = False
    submit(second, *payloads[40:])
    wait_until(both_use("good"), "they climbed back", 10.0)

    wait_until(everywhere([first, second], payloads), "both have all", 10.0)
