"""Whether others reach a node: whom it asks, when, and what it makes of the answers."""

from __future__ import annotations

from random import Random

import gevent
import pytest
from address_parts import EVERYWHERE, GLOBAL, HOME, Says, World
from service_parts import let_others_run

from sorcha_peer_core.model.events import PeerLinked, ReachabilityChanged
from sorcha_peer_core.model.messages import DialBack, DialledBack
from sorcha_peer_core.services import reachability as reachability_module
from sorcha_peer_core.services.reachability import AFTER_FAILURE_S, AGAIN_S, FIRST_S, REST_S, Reachability

OUTSIDE, NEAR = EVERYWHERE._replace(host=GLOBAL), EVERYWHERE._replace(host=HOME)


class Asking(World):
    """A node that asks, and peers that answer when the test says so. Its pauses pass in the test's time."""

    def __init__(self, *sources: Says) -> None:
        super().__init__(*sources)
        self.reachability = Reachability(
            self.service,
            self.links,  # type: ignore[arg-type]  # as much of them as is needed
            self.supervisor,
            self.events.append,
            Random(5),
            self.clock,
        )
        self.service.start([EVERYWHERE])
        let_others_run()
        self.reachability.start()
        let_others_run()

    def meet(self, peer: str, sees: str = "", *, host: str = "", outbound: bool = True) -> None:
        self.links.link(peer, host or f"{20 + len(self.links.peers)}.1.1.1", outbound=outbound)
        if sees:
            self.service.observed(peer, sees, outbound)
        self.reachability.happened(PeerLinked(peer, "grpc", outbound, ""))

    def pass_s(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.reachability._rescheduled.set()
        let_others_run()

    @property
    def asked(self) -> dict[str, DialBack]:
        """The open questions."""
        return {peer: message for peer, message in self.links.sent if isinstance(message, DialBack)}

    def answer(self, is_reached: bool, *, refused: bool = False, reason: str = "no answer") -> None:
        """Everybody answers everything alike."""
        questions = self.asked
        self.links.sent.clear()
        for peer, question in questions.items():
            for endpoint in question.endpoints:
                why = "" if is_reached else reason
                self.reachability.received(peer, DialledBack(question.nonce, endpoint, is_reached, why, refused))
        let_others_run()

    @property
    def changes(self) -> list[str]:
        return [event.reachability for event in self.events if isinstance(event, ReachabilityChanged)]

    def stop(self) -> None:
        self.reachability.stop()
        super().stop()


@pytest.fixture
def node():
    nodes = []

    def make(*sources: Says) -> Asking:
        nodes.append(Asking(*(sources or (Says("interface", HOME), Says("stun", GLOBAL)))))
        return nodes[-1]

    yield make
    for each in nodes:
        each.stop()


def met(node, sees: str = GLOBAL, peers: str = "ab") -> Asking:
    """A node that has asked its peers for the first time."""
    made = node()
    for peer in peers:
        made.meet(peer, sees)
    made.pass_s(FIRST_S[1])
    return made


# When.


def test_nobody_is_asked_before_some_seconds_after_somebody_linked(node):
    home = node()
    home.pass_s(1000.0)
    home.meet("a", GLOBAL)

    home.pass_s(FIRST_S[0] - 0.1)
    early = dict(home.asked)
    home.pass_s(FIRST_S[1] - FIRST_S[0] + 0.1)

    assert early == {}
    assert home.asked["a"].endpoints == (OUTSIDE,)


def test_on_a_machine_that_has_too_much_to_do_that_can_wait(node):
    home = node(Says("interface", HOME))
    home.reachability._stretch = lambda: 3.0

    home.meet("a")
    home.pass_s(3 * FIRST_S[0] - 0.1)
    before = home.asked
    home.pass_s(3 * (FIRST_S[1] - FIRST_S[0]) + 0.1)

    assert before == {}
    assert home.asked.keys() == {"a"}


def test_after_a_success_it_is_asked_again_a_quarter_of_an_hour_later(node):
    home = met(node)
    home.answer(True)

    home.pass_s(0.89 * AGAIN_S)
    early = dict(home.asked)
    home.pass_s(0.22 * AGAIN_S)

    assert early == {}
    assert home.asked.keys() == {"a", "b"}


def test_after_a_failure_it_is_asked_again_soon_and_then_less_and_less_often(node):
    home = met(node)
    pauses = []
    for _ in range(7):
        home.answer(False)
        asked_s = home.clock()
        while not home.asked:
            home.pass_s(5.0)
        pauses.append(home.clock() - asked_s)

    expected = [min(AGAIN_S, AFTER_FAILURE_S * 2**number) for number in range(7)]
    assert all(0.9 * wanted <= pause <= 1.1 * wanted + 5.0 for pause, wanted in zip(pauses, expected, strict=True))


def test_when_only_some_endpoints_are_reached_the_others_are_tried_again_soon(node):
    home = met(node)
    home.meet("neighbour", HOME)
    home.answer(True)
    home.pass_s(1.2 * AGAIN_S)
    questions = home.asked
    home.links.sent.clear()
    for peer, question in questions.items():
        for endpoint in question.endpoints:
            home.reachability.received(peer, DialledBack(question.nonce, endpoint, endpoint == OUTSIDE, "no answer"))
    let_others_run()

    home.pass_s(1.2 * AFTER_FAILURE_S)

    assert {endpoint for question in questions.values() for endpoint in question.endpoints} == {OUTSIDE, NEAR}
    assert home.asked


def test_another_address_is_a_reason_to_ask_at_once(node):
    home = met(node, sees=HOME)
    home.answer(True)

    home.service._addresses.said("interface", ["10.0.0.7"])
    for peer in "ab":
        home.service.observed(peer, "10.0.0.7", outbound=True)
    let_others_run()

    assert {question.endpoints for question in home.asked.values()} == {(EVERYWHERE._replace(host="10.0.0.7"),)}


def test_a_newcomer_is_asked_when_the_others_could_not_say_but_not_at_once(node):
    home = met(node)
    home.answer(False, refused=True)

    home.meet("c", GLOBAL)
    home.pass_s(REST_S - 1.0)
    early = dict(home.asked)
    home.pass_s(2.0)

    assert early == {}
    assert "c" in home.asked


def test_a_newcomer_is_no_reason_when_everything_is_known(node):
    home = met(node)
    home.answer(True)

    home.meet("c", GLOBAL)
    home.pass_s(REST_S + FIRST_S[1])

    assert home.asked == {}


def test_a_node_that_lost_everybody_asks_when_somebody_is_there_again(node):
    home = met(node)
    home.answer(True)
    home.links.peers.clear()
    home.pass_s(2 * AGAIN_S)
    alone = dict(home.asked)

    home.meet("c", GLOBAL)
    home.pass_s(FIRST_S[1])

    assert alone == {}
    assert home.asked.keys() == {"c"}


# Whom, and for what.


def test_peers_are_asked_for_the_address_at_which_they_see_the_node(node):
    home = node()
    home.meet("stranger", GLOBAL)
    home.meet("neighbour", HOME)
    home.meet("elsewhere", "9.9.9.9")
    home.meet("mute")
    home.pass_s(FIRST_S[1])

    assert {peer: question.endpoints for peer, question in home.asked.items()} == {
        "stranger": (OUTSIDE,),
        "neighbour": (NEAR,),
        "mute": (OUTSIDE, NEAR),
    }


def test_two_are_asked_and_others_the_next_time(node):
    home = met(node, peers="abcd")
    first = set(home.asked)
    home.answer(False)
    home.pass_s(1.2 * AFTER_FAILURE_S)

    assert len(first) == 2
    assert set(home.asked) == set("abcd") - first


def test_a_name_is_asked_for_as_what_it_stands_for(node, monkeypatch):
    monkeypatch.setattr(reachability_module, "addresses_of", {"node.example": (GLOBAL, "2a00::1")}.__getitem__)
    server = node(Says("manual", "node.example"), Says("interface", HOME))
    server.meet("a", GLOBAL)
    server.pass_s(FIRST_S[1])
    asked = server.asked["a"].endpoints
    server.answer(True)

    assert asked == (OUTSIDE,)
    assert (server.reachability.state, server.service.external) == ("public", "node.example:5001")


def test_a_name_that_nobody_knows_is_asked_for_as_it_is(node, monkeypatch):
    monkeypatch.setattr(reachability_module, "addresses_of", lambda name: ())
    server = node(Says("manual", "node.example"))
    server.meet("a")
    server.pass_s(FIRST_S[1])

    assert server.asked["a"].endpoints == (EVERYWHERE._replace(host="node.example"),)


def test_a_node_that_only_dials_asks_nobody(node):
    dialler = node()
    dialler.service._addresses.listens_on([])
    dialler.service.checked()
    dialler.meet("a", GLOBAL)

    dialler.pass_s(10 * AGAIN_S)

    assert (dialler.asked, dialler.reachability.state) == ({}, "unknown")


# What comes of it.


def test_a_node_that_is_reached_from_outside_is_public_and_says_where(node):
    home = met(node)
    before = (home.reachability.state, home.told)

    home.answer(True)

    assert before == ("unknown", [HOME])
    assert (home.reachability.state, home.told, home.changes) == ("public", [GLOBAL, HOME], ["public"])
    assert home.service.external == f"{GLOBAL}:5001"


def test_a_node_that_only_neighbours_reach_is_local(node):
    home = met(node, sees=HOME)

    home.answer(True)

    assert (home.reachability.state, home.told) == ("local", [HOME])


def test_a_node_that_nobody_reaches_is_private_and_says_why(node):
    home = met(node)

    home.answer(False, reason="no answer within 3 s")

    assert (home.reachability.state, home.told) == ("private", [HOME])
    [event] = [event for event in home.events if isinstance(event, ReachabilityChanged)]
    assert event.cause == (
        f"peers asked to dial back: 2; endpoints reached: 0, not reached: 1; grpc://{GLOBAL}:5001: no answer within 3 s"
    )


def test_not_where_i_see_you_is_no_verdict(node):
    home = met(node)

    home.answer(False, refused=True, reason="not where I see you: 9.9.9.9")

    assert (home.reachability.state, home.changes) == ("unknown", [])


def test_silence_is_no_verdict_either(node, monkeypatch):
    monkeypatch.setattr(reachability_module, "ANSWERS_S", 0.01)
    home = met(node)

    gevent.sleep(0.05)

    assert home.reachability.state == "unknown"
    home.links.sent.clear()
    home.pass_s(1.2 * AFTER_FAILURE_S)
    assert home.asked.keys() == {"a", "b"}


def test_a_mapping_that_is_gone_is_found_out_and_told(node):
    home = met(node)
    home.answer(True)
    home.pass_s(1.2 * AGAIN_S)

    home.answer(False)

    assert (home.reachability.state, home.told, home.changes) == ("private", [HOME], ["public", "private"])


def test_answers_to_another_question_are_passed_over(node):
    home = met(node)
    [question, *_] = home.asked.values()

    for peer in ("a", "b", "c"):
        home.reachability.received(peer, DialledBack(question.nonce + 1, OUTSIDE, True))
        home.reachability.received(peer, DialledBack(question.nonce, NEAR, True))
    let_others_run()
    unmoved = home.reachability.state
    home.answer(True)
    late = DialledBack(question.nonce, OUTSIDE, False)
    home.reachability.received("a", late)

    assert (unmoved, home.reachability.state) == ("unknown", "public")


def test_an_address_that_is_no_more_is_no_longer_reached(node):
    home = met(node, sees=HOME)
    home.answer(True)

    home.service._addresses.said("interface", ["10.0.0.7"])
    home.service.checked()

    assert home.changes == ["local", "unknown"]
