"""Which sources of the own address are asked, and what of their answers is told to others."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorcha_peer_core.model.hosts import IPV4, IPV6, Scope
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.protocol.addresses import Addresses, told
from sorcha_peer_core.protocol.reachability import Proofs, Verdict

ORDER = ("manual", "interface", "stun", "http")
EVERYWHERE = Endpoint("grpc", "::", 5001)
GLOBAL, OTHER_GLOBAL, THIRD_GLOBAL = "8.8.4.4", "9.9.9.9", "1.1.1.1"
GLOBAL6 = "2a00:1450::5"
HOME, HOME6 = "192.168.1.5", "fd00::5"
BOTH = frozenset({IPV4, IPV6})


def addresses(*listening: Endpoint, order=ORDER, preferred=IPV4, **said) -> Addresses:
    made = Addresses(order, preferred)
    made.listens_on(listening or (EVERYWHERE,))
    for source in order:
        if source in said:
            made.said(source, said[source])
    return made


def hosts_told(found: Addresses, *reached: str) -> list[str]:
    """The hosts in the record, when those are reached that say so."""
    candidates, proofs = found.candidates(), Proofs()
    proofs.keep([candidate.endpoint for candidate in candidates], 0.0)
    for candidate in candidates:
        if candidate.endpoint.host in reached:
            proofs.checked(candidate.endpoint, Verdict(Scope.GLOBAL, {}, 1), 0.0)
    return [endpoint.host for endpoint in told(candidates, proofs)]


def see(found: Addresses, host: str, *peers: str, voter: str = "", linked=()) -> None:
    for peer in peers:
        found.votes.heard(peer, host, voter or f"network of {peer}", linked)


# Whom to ask.


@pytest.mark.parametrize(
    ("said", "stun", "http"),
    [
        ({"interface": [HOME]}, {IPV4}, {IPV4}),
        ({"interface": [HOME, HOME6]}, BOTH, BOTH),
        ({"interface": [GLOBAL]}, set(), set()),
        ({"interface": [GLOBAL, HOME6]}, {IPV6}, {IPV6}),
        ({"interface": [HOME], "manual": ["203.0.113.9"]}, set(), set()),
        ({"interface": [HOME, HOME6], "manual": ["203.0.113.9"]}, {IPV6}, {IPV6}),
        ({"interface": [HOME, HOME6], "manual": ["node.example"]}, set(), set()),
        ({"interface": [HOME], "stun": [GLOBAL]}, {IPV4}, set()),
        ({"interface": [HOME, HOME6], "stun": [GLOBAL]}, BOTH, {IPV6}),
        ({"interface": [HOME], "stun": []}, {IPV4}, {IPV4}),
        # What cannot be dialled from outside is no answer.
        ({"interface": [HOME], "stun": [HOME, "127.0.0.1", "0.0.0.0"]}, {IPV4}, {IPV4}),
        # Nobody outside knows a machine that has no network.
        ({"interface": ["127.0.0.1", "::1"]}, set(), set()),
        # Without a look at the interfaces there may be both.
        ({}, BOTH, BOTH),
    ],
)
def test_a_source_is_asked_for_what_those_before_it_did_not_find(said, stun, http):
    found = addresses(**said)

    assert (found.open_families("stun"), found.open_families("http")) == (stun, http)


def test_sources_are_asked_in_the_configured_order():
    found = addresses(order=("interface", "http", "stun"), interface=[HOME], http=[GLOBAL])

    assert (found.open_families("http"), found.open_families("stun")) == ({IPV4}, set())


@pytest.mark.parametrize(
    ("listener", "families"),
    [
        ("::", BOTH),
        ("0.0.0.0", {IPV4}),
        (HOME, {IPV4}),
        # Already where it is reached, reached from this machine only, and somebody else's.
        (GLOBAL, set()),
        ("127.0.0.1", set()),
        ("node.example", set()),
        ("10.9.9.9", set()),
    ],
)
def test_nobody_is_asked_for_what_no_listener_hears(listener, families):
    found = addresses(Endpoint("grpc", listener, 5001), interface=[HOME, HOME6])

    assert found.open_families("stun") == families


def test_a_node_that_listens_on_nothing_asks_nobody_and_tells_nothing():
    found = Addresses(ORDER)
    found.said("manual", ["node.example"])
    found.said("stun", [GLOBAL])

    assert (found.open_families("stun"), found.candidates()) == (set(), [])


# What is told.


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"manual": ["203.0.113.9"], "interface": [HOME]}, ["203.0.113.9", HOME]),
        ({"manual": ["node.example"], "interface": [GLOBAL, HOME]}, ["node.example", GLOBAL]),
        # The operator chose one of several.
        ({"manual": ["203.0.113.9"], "interface": [GLOBAL, GLOBAL6]}, ["203.0.113.9", GLOBAL6]),
        ({"interface": [GLOBAL, OTHER_GLOBAL, HOME]}, [GLOBAL, OTHER_GLOBAL]),
        # Where there is nothing global in a family, neighbours may still find it.
        ({"interface": [HOME, GLOBAL6, HOME6]}, [GLOBAL6, HOME]),
        ({"interface": [HOME, HOME6]}, [HOME, HOME6]),
        ({"interface": ["127.0.0.1", "::1"]}, ["127.0.0.1", "::1"]),
        ({"interface": [HOME], "stun": [GLOBAL]}, [HOME]),
        ({"interface": [HOME], "http": [GLOBAL]}, [HOME]),
        ({}, []),
    ],
)
def test_what_is_certain_is_told_at_once_and_nothing_else(said, expected):
    assert hosts_told(addresses(**said)) == expected


@pytest.mark.parametrize("source", ["stun", "http"])
def test_an_address_that_was_found_outside_is_told_once_a_peer_got_through_and_before_the_private_ones(source):
    found = addresses(interface=[HOME], **{source: [GLOBAL]})

    assert hosts_told(found, GLOBAL) == [GLOBAL, HOME]


def test_every_listener_is_told_with_its_own_port_the_best_host_first():
    rest = Endpoint("rest", "0.0.0.0", 5002)
    found = addresses(EVERYWHERE, rest, interface=[HOME, GLOBAL6])

    assert told(found.candidates(), Proofs()) == (
        Endpoint("grpc", GLOBAL6, 5001),
        Endpoint("grpc", HOME, 5001),
        # It hears no IPv6.
        Endpoint("rest", HOME, 5002),
    )


def test_the_preferred_family_comes_first_among_equals():
    said = {"interface": [GLOBAL, GLOBAL6]}

    assert hosts_told(addresses(preferred=IPV4, **said)) == [GLOBAL, GLOBAL6]
    assert hosts_told(addresses(preferred=IPV6, **said)) == [GLOBAL6, GLOBAL]
    assert hosts_told(addresses(preferred=IPV6, interface=[GLOBAL, HOME6])) == [GLOBAL, HOME6]


def test_a_listener_on_one_address_is_told_as_it_is_behind_the_operators_word():
    listener = Endpoint("grpc", HOME, 5001)

    assert hosts_told(addresses(listener, interface=[HOME, HOME6])) == [HOME]
    assert hosts_told(addresses(listener, manual=["node.example"], interface=[HOME])) == ["node.example", HOME]
    assert hosts_told(addresses(listener, interface=[HOME], stun=[GLOBAL, GLOBAL6]), GLOBAL, GLOBAL6) == [GLOBAL, HOME]


def test_a_mailbox_at_somebody_elses_host_is_told_as_it_is():
    mailbox = Endpoint("mailbox", "relay.example", 17)

    assert hosts_told(addresses(mailbox, interface=[HOME], stun=[GLOBAL]), GLOBAL) == ["relay.example"]


def test_an_address_that_is_found_twice_is_told_once():
    found = addresses(manual=[GLOBAL], interface=[GLOBAL, GLOBAL])

    assert hosts_told(found) == [GLOBAL]


def test_no_more_is_told_than_a_record_can_hold():
    assert len(hosts_told(addresses(interface=[f"8.8.4.{number}" for number in range(20)]))) == 8


@pytest.mark.parametrize("useless", ["0.0.0.0", "::", "fe80::1%eth0", "224.0.0.1", "169.254.1.1", ""])
def test_what_nobody_can_dial_is_passed_over(useless):
    assert hosts_told(addresses(manual=[useless], interface=[useless, HOME])) == [HOME]


def test_a_source_that_is_not_configured_does_not_count():
    found = Addresses(("manual",))
    found.listens_on([EVERYWHERE])
    found.said("interface", [HOME])

    assert found.candidates() == []


# What peers fail to reach.


def failing(found: Addresses, *peers: str) -> tuple[Endpoint, ...]:
    """What is told when these peers reached nothing, each of them the only one that could be asked."""
    candidates, proofs = found.candidates(), Proofs()
    proofs.keep([candidate.endpoint for candidate in candidates], 0.0)
    for peer in peers:
        for candidate in candidates:
            proofs.checked(candidate.endpoint, Verdict(None, {peer: "no answer"}, 1), 0.0)
    return told(candidates, proofs)


def test_a_global_address_that_two_peers_cannot_reach_is_left_out():
    found = addresses(interface=[GLOBAL, HOME6])

    assert [endpoint.host for endpoint in failing(found, "anna")] == [GLOBAL, HOME6]
    assert [endpoint.host for endpoint in failing(found, "anna", "anna")] == [GLOBAL, HOME6]
    assert [endpoint.host for endpoint in failing(found, "anna", "bert")] == [HOME6]


def test_the_operators_word_and_private_addresses_stand_whatever_peers_say():
    found = addresses(manual=[GLOBAL], interface=[HOME])

    assert [endpoint.host for endpoint in failing(found, "anna", "bert")] == [GLOBAL, HOME]


# What peers see.


def test_what_three_peers_see_is_a_candidate_and_told_once_proved():
    found = addresses(interface=[HOME])

    see(found, GLOBAL, "anna", "bert")
    two = hosts_told(found, GLOBAL)
    see(found, GLOBAL, "carl")

    assert (two, hosts_told(found), hosts_told(found, GLOBAL)) == ([HOME], [HOME], [GLOBAL, HOME])


def test_two_liars_among_three_voters_move_nothing():
    found = addresses(interface=[HOME])
    see(found, GLOBAL, "anna")

    see(found, OTHER_GLOBAL, "liar", "other liar")

    assert hosts_told(found, GLOBAL, OTHER_GLOBAL) == [HOME]


def test_three_liars_of_one_network_have_one_voice_where_others_are():
    found = addresses(interface=[HOME])
    see(found, OTHER_GLOBAL, "liar", "other liar", "third liar", voter="one network")
    alone = hosts_told(found, OTHER_GLOBAL)

    see(found, GLOBAL, "anna")

    assert alone == [OTHER_GLOBAL, HOME]
    assert hosts_told(found, GLOBAL, OTHER_GLOBAL) == [HOME]


def test_of_two_addresses_the_one_counts_that_more_peers_see():
    found = addresses(interface=[HOME])
    see(found, OTHER_GLOBAL, "a", "b", "c")
    see(found, GLOBAL, "d", "e", "f", "g")

    assert hosts_told(found, GLOBAL, OTHER_GLOBAL) == [GLOBAL, HOME]


def test_a_peer_has_one_vote_its_latest():
    found = addresses(interface=[HOME])

    see(found, GLOBAL, "anna", "anna", "anna")
    see(found, OTHER_GLOBAL, "bert", "carl", "anna")

    assert found.votes.seen_by("anna") == OTHER_GLOBAL
    assert hosts_told(found, GLOBAL, OTHER_GLOBAL) == [OTHER_GLOBAL, HOME]


def test_old_votes_give_way_to_new_ones():
    found = addresses(interface=[HOME])
    see(found, GLOBAL, *(f"peer {number}" for number in range(70)))

    assert found.votes.counts() == {GLOBAL: 64}
    assert found.votes.seen_by("peer 5") is None


def test_what_gone_peers_saw_is_forgotten_when_one_that_is_linked_sees_something_else():
    found = addresses(interface=[HOME])
    see(found, GLOBAL, "a", "b", "c", "d")
    see(found, GLOBAL6, "e")
    before = hosts_told(found, GLOBAL)

    see(found, OTHER_GLOBAL, "f", linked={"a", "f"})

    assert before == [GLOBAL, HOME]
    assert found.votes.counts() == {GLOBAL: 1, GLOBAL6: 1, OTHER_GLOBAL: 1}


def test_peers_in_the_same_network_confirm_what_is_known_already():
    found = addresses(interface=[HOME])
    see(found, HOME, "a", "b", "c", "d")
    see(found, GLOBAL, "e", "f", "g")

    # They are more, and say nothing of how others see this node.
    assert hosts_told(found, GLOBAL) == [GLOBAL, HOME]


def test_loopback_is_no_address_to_others_however_many_see_it():
    found = addresses(interface=[HOME])
    see(found, "127.0.0.1", "a", "b", "c")

    assert [candidate.endpoint.host for candidate in found.candidates()] == [HOME]


def test_behind_a_router_in_a_private_network_what_peers_see_counts_as_long_as_nothing_global_is_known():
    found = addresses(interface=["172.17.0.2"])
    see(found, HOME, "a", "b", "c")
    alone = hosts_told(found, HOME)

    found.said("stun", [GLOBAL])

    assert alone == [HOME, "172.17.0.2"]
    assert HOME not in hosts_told(found, HOME)


def test_peers_are_not_believed_against_an_address_of_the_machine_or_the_operators_word():
    for said in ({"interface": [GLOBAL]}, {"manual": [GLOBAL], "interface": [HOME]}):
        found = addresses(**said)
        see(found, OTHER_GLOBAL, "a", "b", "c")

        assert OTHER_GLOBAL not in hosts_told(found, OTHER_GLOBAL)


@pytest.mark.parametrize(
    ("host", "is_expected"),
    [(GLOBAL, True), (f"::ffff:{GLOBAL}", True), (OTHER_GLOBAL, False), (HOME, True), ("127.0.0.1", True), (GLOBAL6, True)],
)
def test_only_another_global_address_is_a_reason_to_search_again(host, is_expected):
    found = addresses(interface=[HOME], stun=[GLOBAL])

    assert found.expects(host) is is_expected


# Over time.


def test_an_address_still_counts_while_all_servers_are_silent():
    found = addresses(interface=[HOME], stun=[GLOBAL])
    found.candidates()

    found.said("stun", [])
    found.said("http", [])

    assert hosts_told(found, GLOBAL) == [GLOBAL, HOME]
    assert found.open_families("http") == {IPV4}


def test_another_answer_takes_its_place():
    found = addresses(interface=[HOME], stun=[GLOBAL])
    found.candidates()

    found.said("stun", [])
    found.said("http", [OTHER_GLOBAL])

    assert hosts_told(found, GLOBAL, OTHER_GLOBAL) == [OTHER_GLOBAL, HOME]


def test_a_peer_that_sees_the_node_elsewhere_ends_it_too():
    found = addresses(interface=[HOME], stun=[GLOBAL])
    found.candidates()
    found.said("stun", [])

    see(found, OTHER_GLOBAL, "anna")

    assert hosts_told(found, GLOBAL, OTHER_GLOBAL) == [HOME]


def test_in_another_network_everything_is_found_anew():
    found = addresses(interface=[HOME], stun=[GLOBAL])
    see(found, GLOBAL, "a", "b", "c")
    found.candidates()

    found.said("interface", ["10.0.0.9"])
    found.moved()

    assert hosts_told(found, GLOBAL) == ["10.0.0.9"]
    assert found.open_families("stun") == {IPV4}


# Whatever happens.

OUTSIDE = [GLOBAL, OTHER_GLOBAL, THIRD_GLOBAL, GLOBAL6, "2a00:1450::6"]
REPORTS = st.lists(
    st.one_of(
        st.tuples(st.just("said"), st.sampled_from(["stun", "http"]), st.lists(st.sampled_from(OUTSIDE), max_size=3)),
        st.tuples(st.just("seen"), st.sampled_from("abcdefgh"), st.sampled_from([*OUTSIDE, HOME])),
        st.tuples(st.just("interface"), st.lists(st.sampled_from([HOME, HOME6, "10.0.0.9", "127.0.0.1"]), max_size=3)),
        st.tuples(st.just("moved")),
        st.tuples(st.just("reached"), st.sampled_from(OUTSIDE)),
        st.tuples(st.just("failed"), st.sampled_from(OUTSIDE), st.sampled_from("abcdefgh")),
    ),
    max_size=40,
)


@settings(derandomize=True, max_examples=300, deadline=None, database=None)
@given(REPORTS)
def test_no_order_of_reports_puts_an_unproved_outside_address_into_the_record(reports):
    found, proofs = addresses(), Proofs()
    proved: set[str] = set()
    for kind, *what in reports:
        if kind == "said":
            found.said(*what)
        elif kind == "seen":
            found.votes.heard(what[0], what[1], what[0], "abcd")
        elif kind == "interface":
            found.said("interface", what[0])
        elif kind == "moved":
            found.moved()
        else:
            endpoint = EVERYWHERE._replace(host=what[0])
            verdict = Verdict(Scope.GLOBAL, {}, 1) if kind == "reached" else Verdict(None, {what[1]: "no answer"}, 1)
            proofs.checked(endpoint, verdict, 0.0)
            if proofs.of(endpoint):
                (proved.add if kind == "reached" else proved.discard)(what[0])
        candidates = found.candidates()
        proofs.keep([candidate.endpoint for candidate in candidates], 0.0)
        proved &= {candidate.endpoint.host for candidate in candidates}

        record = told(candidates, proofs)

        assert {endpoint.host for endpoint in record} & set(OUTSIDE) <= proved
        assert len(record) <= 8
