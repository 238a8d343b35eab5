"""What peers found who dialled back, whom to ask for it, and for whom to do it."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorcha_peer_core.model.hosts import Scope
from sorcha_peer_core.model.messages import DialledBack
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.protocol.reachability import (
    LOCAL,
    PRIVATE,
    PUBLIC,
    UNKNOWN,
    Check,
    DialBackQuota,
    Proofs,
    Verdict,
    Witness,
    ask_whom,
    objection,
)

PUBLIC_PLACE = Endpoint("grpc", "8.8.4.4", 5001)
REST_PLACE = Endpoint("rest", "8.8.4.4", 5002)
HOME_PLACE = Endpoint("grpc", "192.168.1.5", 5001)
PLACES = (PUBLIC_PLACE, REST_PLACE, HOME_PLACE)


def reached(scope: Scope = Scope.GLOBAL) -> Verdict:
    return Verdict(scope, {}, 2)


def failed(*peers: str, able: int = 2) -> Verdict:
    return Verdict(None, dict.fromkeys(peers, "no answer"), able)


def proofs_of(*places: Endpoint) -> Proofs:
    made = Proofs()
    made.keep(places or PLACES, 0.0)
    return made


# What is known.


@pytest.mark.parametrize(
    ("verdicts", "reachability"),
    [
        ([], UNKNOWN),
        ([(PUBLIC_PLACE, reached())], PUBLIC),
        ([(HOME_PLACE, reached(Scope.PRIVATE))], LOCAL),
        ([(HOME_PLACE, reached(Scope.PRIVATE)), (PUBLIC_PLACE, reached())], PUBLIC),
        ([(HOME_PLACE, reached(Scope.PRIVATE)), (PUBLIC_PLACE, failed("a", "b"))], LOCAL),
        ([(PUBLIC_PLACE, failed("a", "b"))], PRIVATE),
        ([(PUBLIC_PLACE, failed("a", "b")), (REST_PLACE, reached())], PUBLIC),
        # One of two that were asked is not enough.
        ([(PUBLIC_PLACE, failed("a"))], UNKNOWN),
        ([(PUBLIC_PLACE, failed("a")), (PUBLIC_PLACE, failed("a"))], UNKNOWN),
        ([(PUBLIC_PLACE, failed("a")), (PUBLIC_PLACE, failed("b"))], PRIVATE),
        # Nobody else could have been asked.
        ([(PUBLIC_PLACE, failed("a", able=1))], PRIVATE),
        # Nobody could say anything.
        ([(PUBLIC_PLACE, failed(able=0))], UNKNOWN),
        ([(PUBLIC_PLACE, failed("a", "b")), (PUBLIC_PLACE, reached())], PUBLIC),
        ([(PUBLIC_PLACE, reached()), (PUBLIC_PLACE, failed("a"))], PUBLIC),
        ([(PUBLIC_PLACE, reached()), (PUBLIC_PLACE, failed("a")), (PUBLIC_PLACE, failed("b"))], PRIVATE),
    ],
)
def test_a_node_is_as_reachable_as_its_best_endpoint(verdicts, reachability):
    proofs = proofs_of()

    for endpoint, verdict in verdicts:
        proofs.checked(endpoint, verdict, 1.0)

    assert proofs.reachability == reachability


def test_a_proof_says_since_when_and_why_not():
    proofs = proofs_of()

    proofs.checked(PUBLIC_PLACE, failed("a", "b"), 5.0)
    proofs.checked(REST_PLACE, reached(), 6.0)
    proofs.checked(REST_PLACE, reached(), 9.0)

    bad, good, unproved = (proofs.of(place) for place in PLACES)
    assert (bad.state, bad.since_s, bad.reason) == ("not reached", 5.0, "no answer")
    assert (good.state, good.since_s, good.reason) == ("reached", 9.0, "")
    assert (unproved.state, unproved.since_s) == ("unproved", 0.0)


def test_what_was_found_out_about_an_old_address_is_forgotten():
    proofs = proofs_of()
    proofs.checked(PUBLIC_PLACE, reached(), 1.0)
    proofs.checked(REST_PLACE, reached(), 1.0)

    proofs.keep([REST_PLACE], 2.0)
    proofs.checked(PUBLIC_PLACE, reached(), 3.0)
    proofs.keep(PLACES, 4.0)

    assert [proofs.is_reached(place) for place in PLACES] == [False, True, False]


# A check.


def answer(endpoint: Endpoint, is_reached: bool, nonce: int = 7, **more) -> DialledBack:
    return DialledBack(nonce, endpoint, is_reached, **more)


def test_a_check_is_complete_when_everybody_has_answered_everything():
    check = Check(7, {"anna": PLACES, "bert": [HOME_PLACE]})

    for place in PLACES:
        check.answered("anna", answer(place, True))
    before = check.is_complete
    check.answered("bert", answer(HOME_PLACE, False))

    assert (before, check.is_complete) == (False, True)


@pytest.mark.parametrize(
    ("peer", "message"),
    [
        ("carl", answer(HOME_PLACE, True)),
        ("bert", answer(PUBLIC_PLACE, True)),
        ("bert", answer(HOME_PLACE, True, nonce=8)),
    ],
)
def test_an_answer_that_nobody_asked_for_counts_for_nothing(peer, message):
    check = Check(7, {"anna": [PUBLIC_PLACE], "bert": [HOME_PLACE]})

    assert not check.answered(peer, message)
    assert check.verdict(PLACES) == Verdict(None, {}, 2)


@settings(derandomize=True, max_examples=60, deadline=None, database=None)
@given(st.permutations(["reached", "failed", "refused", "silent"]), st.randoms(use_true_random=False))
def test_one_peer_that_gets_through_decides_in_whatever_order_the_answers_come(kinds, rng):
    peers = list(enumerate(kinds))
    check = Check(7, {f"peer {place}": [PUBLIC_PLACE] for place, _ in peers})
    rng.shuffle(peers)

    for place, kind in peers:
        if kind != "silent":
            check.answered(f"peer {place}", answer(PUBLIC_PLACE, kind == "reached", reason=kind, refused=kind == "refused"))

    verdict = check.verdict([PUBLIC_PLACE])
    assert (verdict.scope, set(verdict.failed.values()), verdict.able) == (Scope.GLOBAL, {"failed"}, 3)


def test_whoever_sees_the_node_elsewhere_has_no_say():
    check = Check(7, {"anna": [PUBLIC_PLACE], "bert": [PUBLIC_PLACE]})

    check.answered("anna", answer(PUBLIC_PLACE, False, reason="not where I see you", refused=True))
    check.answered("bert", answer(PUBLIC_PLACE, False, reason="no answer"))

    assert check.verdict([PUBLIC_PLACE]) == Verdict(None, {"bert": "no answer"}, 1)


# Whom to ask.


def witness(name: str, sees: str | None = "8.8.4.4", group: str = "", is_dialled: bool = True) -> Witness:
    return Witness(name, group or name, is_dialled, sees)


def asked_of(*witnesses: Witness, places=(PUBLIC_PLACE,), asked_last=(), seed: int = 1):
    return ask_whom(places, witnesses, asked_last, Random(seed))


def test_two_peers_are_asked_that_see_the_node_there():
    asked = asked_of(witness("a"), witness("b"), witness("c"), witness("home", "192.168.1.5"), places=PLACES)

    assert asked.pop("home") == (HOME_PLACE,)
    assert len(asked) == 2
    assert set(asked.values()) == {(PUBLIC_PLACE, REST_PLACE)}


def test_peers_that_do_not_say_where_they_see_it_are_asked_when_there_are_no_others():
    assert asked_of(witness("mute", None), witness("a"), witness("b")).keys() == {"a", "b"}
    assert asked_of(witness("mute", None), witness("a")).keys() == {"a", "mute"}
    assert asked_of(witness("elsewhere", "9.9.9.9")) == {}
    assert asked_of() == {}


@pytest.mark.parametrize("seed", range(10))
def test_they_are_of_two_networks_where_there_are_two(seed):
    same = [witness(name, group="one") for name in "abcdef"]

    assert "other" in asked_of(*same, witness("other"), seed=seed)
    assert len(asked_of(*same, seed=seed)) == 2


@pytest.mark.parametrize("seed", range(10))
def test_peers_that_this_node_chose_are_asked_before_those_that_came(seed):
    came = [witness(name, is_dialled=False) for name in "abcdef"]

    assert asked_of(*came, witness("x"), witness("y"), seed=seed).keys() == {"x", "y"}


@pytest.mark.parametrize("seed", range(10))
def test_others_are_asked_than_the_last_time(seed):
    peers = [witness(name) for name in "abcd"]

    assert asked_of(*peers, asked_last={"a", "b"}, seed=seed).keys() == {"c", "d"}


def test_in_the_long_run_everybody_is_asked():
    peers = [witness(name) for name in "abcdef"]
    rng = Random(4)

    counts = Counter(name for _ in range(300) for name in ask_whom([PUBLIC_PLACE], peers, (), rng))

    assert min(counts.values()) > 60


def test_nobody_is_asked_for_more_than_a_message_holds():
    places = [Endpoint("grpc", "8.8.4.4", 5000 + number) for number in range(20)]

    assert {len(endpoints) for endpoints in asked_of(witness("a"), witness("b"), places=places).values()} == {8}


# For whom to do it.


@pytest.mark.parametrize(
    ("endpoint", "seen_at", "is_fine"),
    [
        (PUBLIC_PLACE, {"8.8.4.4"}, True),
        (PUBLIC_PLACE, {"8.8.4.5"}, False),
        (PUBLIC_PLACE, set(), False),
        (Endpoint("grpc", "::ffff:8.8.4.4", 5001), {"8.8.4.4"}, True),
        (Endpoint("grpc", "2A00:1450:0::5", 5001), {"2a00:1450::5"}, True),
        (Endpoint("grpc", "127.0.0.1", 5001), {"127.0.0.1"}, True),
        (Endpoint("grpc", "127.0.0.1", 5001), {"8.8.4.4"}, False),
        (Endpoint("grpc", "127.0.0.2", 5001), {"127.0.0.1"}, False),
        (Endpoint("grpc", "localhost", 5001), {"127.0.0.1"}, False),
        (Endpoint("grpc", "node.example", 5001), {"node.example", "8.8.4.4"}, True),
        (Endpoint("grpc", "fe80::1", 5001), {"fe80::1"}, False),
        (Endpoint("grpc", "0.0.0.0", 5001), {"0.0.0.0"}, False),
        (PUBLIC_PLACE._replace(port=443), {"8.8.4.4"}, True),
        (PUBLIC_PLACE._replace(port=80), {"8.8.4.4"}, True),
        (PUBLIC_PLACE._replace(port=1024), {"8.8.4.4"}, True),
        (PUBLIC_PLACE._replace(port=1023), {"8.8.4.4"}, False),
        (PUBLIC_PLACE._replace(port=25), {"8.8.4.4"}, False),
    ],
)
def test_a_peer_is_dialled_where_it_is_seen_and_nowhere_else(endpoint, seen_at, is_fine):
    assert (objection(endpoint, seen_at) == "") is is_fine


def test_a_refusal_says_where_the_peer_is_seen():
    assert objection(PUBLIC_PLACE, {"9.9.9.9"}) == "not where I see you: 9.9.9.9"
    assert "ports below 1024" in objection(PUBLIC_PLACE._replace(port=25), {"8.8.4.4"})


def test_one_peer_gets_twelve_dials_a_minute():
    quota = DialBackQuota()

    granted = [quota.grant("anna", now) for now in range(20)]

    assert granted == [True] * 12 + [False] * 8
    assert quota.grant("bert", 20.0)
    assert not quota.grant("anna", 59.9)
    assert quota.grant("anna", 60.0)


def test_all_peers_together_get_sixty_dials_a_minute():
    quota = DialBackQuota()

    granted = [quota.grant(f"peer {number}", 0.0) for number in range(100)]

    assert sum(granted) == 60
    assert not quota.grant("another", 59.9)
    assert quota.grant("another", 60.0)
