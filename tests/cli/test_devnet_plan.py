"""Who joins through whom, and who can link to whom, where transports differ."""

from __future__ import annotations

from sorcha_peer_core.cli.devnet_plan import cut_off, first_contacts, most_links, schemes_of

REST = schemes_of(["rest"])
GRPC = schemes_of(["grpcstream", "grpc"])
BOTH = schemes_of(["grpcstream", "grpc", "rest"])
OWN = schemes_of(["pigeon"])


def places(nodes):
    return [[contact.place for contact in contacts] for contacts in first_contacts(nodes)]


def test_where_all_have_the_same_transports_all_join_through_the_first():
    assert places([BOTH] * 4) == [[], [0], [0], [0]]


def test_who_has_nothing_in_common_with_the_first_joins_through_another():
    assert places([BOTH, REST, GRPC]) == [[], [0], [0]]
    assert places([REST, BOTH, GRPC]) == [[], [0], [1]]


def test_a_node_that_comes_after_two_separate_ones_joins_them():
    assert places([REST, GRPC, BOTH]) == [[], [], [0, 1]]
    assert cut_off([REST, GRPC, BOTH]) is None


def test_a_contact_is_dialled_by_what_both_speak():
    assert first_contacts([BOTH, REST])[1][0].schemes == REST


def test_links_are_counted_that_can_be():
    assert most_links([REST, REST, GRPC, GRPC, BOTH, BOTH]) == [3, 3, 3, 3, 5, 5]


def test_a_transport_that_is_not_known_here_links_to_its_like():
    assert most_links([OWN, OWN, BOTH]) == [1, 1, 0]
    assert cut_off([OWN, OWN, BOTH]) == 2
