"""The mesh: who gets the payload, who only the hash."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.interfaces.strategy import View
from sorcha_peer_core.protocol.strategies import REPAIR_FANOUT, Mesh, view_size

PEERS = tuple(range(10))
ALL_LINKED = View(PEERS, linked=11, known=11)
SOME_LINKED = View(PEERS, linked=11, known=12)


def test_an_origin_pushes_what_is_small_and_announces_what_is_large():
    small, large = (Mesh().originate(ALL_LINKED, size, Random(1)) for size in (4096, 4097))

    assert (tuple(small.push), tuple(small.announce)) == (PEERS, ())
    assert (tuple(large.push), tuple(large.announce), large.announce_after_s) == ((), PEERS, 0.0)


def test_where_everybody_is_linked_nobody_relays_payloads_and_a_few_hear_the_hash():
    spread = Mesh().relay(ALL_LINKED, 100, 1, Random(1))

    assert tuple(spread.push) == ()
    assert len(set(spread.announce)) == REPAIR_FANOUT
    assert set(spread.announce) <= set(PEERS)


@pytest.mark.parametrize("mesh", [Mesh(full_mesh_max_peers=0), Mesh()])
def test_where_somebody_is_not_linked_a_relay_pushes_to_a_few_and_announces_to_the_rest(mesh: Mesh):
    spread = mesh.relay(SOME_LINKED, 100, 1, Random(1))

    assert len(spread.push) == 4
    assert sorted([*spread.push, *spread.announce]) == list(PEERS)


@pytest.mark.parametrize("size", [100, 5000])
def test_what_came_from_somebody_with_fewer_links_is_passed_on_as_its_origin_would(size: int):
    spread = Mesh().relay(ALL_LINKED._replace(reach=10), size, 1, Random(1))

    assert spread == Mesh().originate(ALL_LINKED, size, Random(1))


@pytest.mark.parametrize("reach", [0, 11, 12])
def test_what_came_from_somebody_with_as_many_links_or_who_does_not_say_needs_no_relay(reach: int):
    assert tuple(Mesh().relay(ALL_LINKED._replace(reach=reach), 100, 1, Random(1)).push) == ()


def test_in_a_large_network_fewer_links_are_no_reason_to_push_to_all():
    view = View(PEERS, linked=11, known=100, reach=3)

    assert len(Mesh().relay(view, 100, 1, Random(1)).push) == 4


def test_a_large_one_is_only_announced_by_relays():
    assert tuple(Mesh().relay(SOME_LINKED, 5000, 1, Random(1)).push) == ()


@settings(derandomize=True, deadline=None)
@given(
    peers=st.lists(st.integers(0, 200), unique=True).map(sorted),
    unlinked=st.integers(0, 50),
    size=st.integers(1, 10_000),
    full=st.integers(0, 64),
    seed=st.integers(0, 99),
)
def test_push_and_announce_share_out_the_view_and_are_the_same_for_the_same_seed(peers, unlinked, size, full, seed):
    mesh, view = Mesh(full_mesh_max_peers=full), View(peers, len(peers), len(peers) + unlinked)

    for spread, again in (
        (mesh.originate(view, size, Random(seed)), mesh.originate(view, size, Random(seed))),
        (mesh.relay(view, size, 2, Random(seed)), mesh.relay(view, size, 2, Random(seed))),
    ):
        told = sorted([*spread.push, *spread.announce])
        assert told == sorted(set(told) & set(peers))
        assert spread == again


@settings(derandomize=True, deadline=None)
@given(
    peers=st.lists(st.integers(0, 200), unique=True, min_size=1).map(sorted), size=st.integers(1, 10_000), seed=st.integers(0, 99)
)
def test_nobody_is_left_out_where_relays_carry_the_payload(peers, size, seed):
    view = View(peers, len(peers), len(peers) + 1)

    spread = Mesh().relay(view, size, 2, Random(seed))

    assert sorted([*spread.push, *spread.announce]) == peers


def test_a_small_network_links_everybody_and_a_large_one_a_view():
    assert [Mesh().links_wanted(known) for known in (0, 5, 32, 33, 10_000)] == [0, 5, 32, 12, 16]


def test_a_view_grows_with_the_logarithm():
    sizes = [view_size(known) for known in (10, 100, 1000, 10_000, 100_000)]

    assert sizes == [12, 12, 12, 16, 20]


def test_a_fanout_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="at least 1"):
        Mesh(relay_fanout=0)
