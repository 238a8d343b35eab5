"""Dialling back peers that ask for it, and refusing to dial anybody else."""

from __future__ import annotations

import gevent
import pytest
from address_parts import FakeLinks
from gevent.event import Event as Signal
from service_parts import let_others_run

from sorcha_peer_core.errors import LinkTimeout, PeerUnreachable
from sorcha_peer_core.model.messages import DialBack, DialledBack
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.services import dial_back_answers
from sorcha_peer_core.services.dial_back_answers import DialBackAnswers
from sorcha_peer_core.services.session import HandshakeRefused
from sorcha_peer_core.services.supervisor import Supervisor
from sorcha_peer_core.testing.manual_clock import ManualClock

PLACE = Endpoint("grpc", "8.8.4.4", 5001)
REST = Endpoint("rest", "8.8.4.4", 5002)


class Answering:
    """A node that dials back, and peers that ask it."""

    def __init__(self) -> None:
        self.links = FakeLinks()
        self.clock = ManualClock()
        self.supervisor = Supervisor()
        self.answers = DialBackAnswers(self.links, self.supervisor, self.clock)  # type: ignore[arg-type]  # enough of them
        self.answers.can_dial(["grpc", "rest"])

    def asked(self, peer: str, *endpoints: Endpoint, nonce: int = 7) -> list[DialledBack]:
        """The answers to one request."""
        begin = len(self.links.sent)
        self.answers.asked(peer, DialBack(nonce, endpoints))
        let_others_run()
        return [message for sent_to, message in self.links.sent[begin:] if sent_to == peer]

    @property
    def looked_at(self) -> list[Endpoint]:
        return [endpoint for endpoint, _ in self.links.looks]


@pytest.fixture
def node():
    made = Answering()
    made.links.link("anna", "8.8.4.4", outbound=False)
    yield made
    made.supervisor.stop(0.5)
    assert made.supervisor.failed == []


def test_a_peer_is_told_where_it_was_reached_and_where_not(node):
    node.links.failures[REST] = PeerUnreachable("rest://8.8.4.4:5002: connection refused")

    answers = node.asked("anna", PLACE, REST)

    assert answers == [
        DialledBack(7, PLACE, True),
        DialledBack(7, REST, False, "rest://8.8.4.4:5002: connection refused"),
    ]
    assert node.links.looks == [(PLACE, "anna"), (REST, "anna")], "it is proved who answers"
    assert node.answers.answers == {"reached": 1, "unreached": 1, "refused": 0}


@pytest.mark.parametrize("error", [LinkTimeout("no answer"), HandshakeRefused("peer 1234 answers there, not anna")])
def test_whoever_else_answers_does_not_count(node, error):
    node.links.failures[PLACE] = error

    assert node.asked("anna", PLACE) == [DialledBack(7, PLACE, False, str(error))]


@pytest.mark.parametrize("host", ["9.9.9.9", "127.0.0.1", "192.168.1.1", "::1", "bank.example", "8.8.4.5", "0.0.0.0", ""])
def test_nobody_is_made_to_knock_on_the_doors_of_third_parties(node, host):
    third_party = PLACE._replace(host=host)

    [answer] = node.asked("anna", third_party)

    assert (answer.reached, answer.refused, answer.reason) == (False, True, "not where I see you: 8.8.4.4")
    assert node.looked_at == []
    assert node.answers.answers["refused"] == 1


def test_services_that_are_none_of_this_network_are_left_in_peace(node):
    [mail] = node.asked("anna", PLACE._replace(port=25))

    assert (mail.refused, mail.reason) == (True, "ports below 1024 are not dialled back, except 80 and 443")
    assert node.looked_at == []


def test_loopback_is_dialled_for_whoever_is_seen_there_and_what_listens_is_not_said(node):
    here = PLACE._replace(host="127.0.0.1")
    node.links.link("neighbour", "127.0.0.1", outbound=False)
    reached = node.asked("neighbour", here)
    node.links.failures[here] = PeerUnreachable("connection refused")

    assert reached == [DialledBack(7, here, True)]
    assert node.asked("neighbour", here) == [DialledBack(7, here, False, "it was not reached there")]


def test_an_ipv4_address_that_came_to_an_ipv6_socket_is_the_same(node):
    node.links.link("mapped", "::ffff:8.8.4.4", outbound=False)

    assert [answer.reached for answer in node.asked("mapped", PLACE)] == [True]


def test_a_peer_that_was_dialled_by_name_is_seen_at_what_the_name_stands_for(node, monkeypatch):
    monkeypatch.setattr(dial_back_answers, "addresses_of", {"node.example": ("8.8.4.4", "2a00::1")}.__getitem__)
    node.links.link("named", "node.example", outbound=True)
    endpoints = [PLACE, PLACE._replace(host="2a00::1"), PLACE._replace(host="Node.Example"), PLACE._replace(host="9.9.9.9")]

    assert [answer.reached for answer in node.asked("named", *endpoints)] == [True, True, True, False]


def test_whoever_came_through_somebody_in_between_is_seen_nowhere(node):
    node.links.link("proxied", "behind-a-proxy", outbound=False)

    answers = node.asked("proxied", PLACE, PLACE._replace(host="behind-a-proxy"))

    assert [answer.refused for answer in answers] == [True, True]
    assert answers[0].reason == "not where I see you: I cannot say where"
    assert node.looked_at == []


def test_what_this_node_does_not_speak_says_nothing_about_the_peer(node):
    [answer] = node.asked("anna", Endpoint("mailbox", "8.8.4.4", 5001))

    assert (answer.refused, answer.reason) == (True, "this node does not dial mailbox://")


def test_a_stranger_is_not_dialled(node):
    assert node.asked("nobody", PLACE) == []
    assert node.looked_at == []


def test_twelve_endpoints_a_minute_are_dialled_for_one_peer(node):
    for other in ("bert", "carl"):
        node.links.link(other, "8.8.4.4", outbound=False)

    answers = [answer for _ in range(3) for answer in node.asked("anna", *[PLACE] * 5)]
    others = node.asked("bert", PLACE)
    node.clock.advance(60.0)
    later = node.asked("anna", PLACE)

    assert [answer.reached for answer in answers] == [True] * 12 + [False] * 3
    assert answers[-1].reason == "this node has dialled back often enough for a minute"
    assert answers[-1].refused
    assert (others[0].reached, later[0].reached) == (True, True)


def test_sixty_endpoints_a_minute_are_dialled_for_all(node):
    for number in range(20):
        node.links.link(f"peer {number}", "8.8.4.4", outbound=False)

    answers = [answer for number in range(20) for answer in node.asked(f"peer {number}", *[PLACE] * 4)]

    assert sum(answer.reached for answer in answers) == len(node.looked_at) == 60


def test_four_peers_are_served_at_once_and_each_one_dial_at_a_time(node):
    gate, at_once = Signal(), []

    def look(endpoints, expected, *, ask=0, timeout_s):
        at_once.append(expected)
        gate.wait()

    node.links.look = look
    for number in range(6):
        node.links.link(f"peer {number}", "8.8.4.4", outbound=False)
        node.answers.asked(f"peer {number}", DialBack(number, (PLACE, REST)))
    node.answers.asked("peer 0", DialBack(77, (PLACE,)))
    let_others_run()

    refused = [(peer, message.nonce) for peer, message in node.links.sent if message.refused]
    assert at_once == [f"peer {number}" for number in range(4)]
    assert refused == [("peer 4", 4), ("peer 4", 4), ("peer 5", 5), ("peer 5", 5), ("peer 0", 77)]
    gate.set()
    gevent.sleep(0.01)
    assert [answer.reached for answer in node.asked("peer 5", PLACE)] == [True]


def test_a_peer_that_asks_again_before_it_was_answered_is_refused(node):
    gate = Signal()
    node.links.look = lambda *args, **more: gate.wait()

    node.answers.asked("anna", DialBack(1, (PLACE,)))
    node.answers.asked("anna", DialBack(2, (PLACE,)))
    gate.set()
    let_others_run()

    assert [(message.nonce, message.refused) for _, message in node.links.sent] == [(2, True), (1, False)]


def test_a_peer_that_leaves_meanwhile_is_forgotten(node):
    gate = Signal()
    node.links.look = lambda *args, **more: gate.wait()

    node.answers.asked("anna", DialBack(7, (PLACE,)))
    let_others_run()
    node.links.peers.clear()
    gate.set()
    let_others_run()

    assert node.links.sent == []
