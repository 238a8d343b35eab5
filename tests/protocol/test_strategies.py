"""The shipped strategies: who gets the payload, who only the hash."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.interfaces.strategy import Spread, View
from sorcha_peer_core.protocol.strategies import (
    FIRST_PUSH_MOST_BYTES,
    FIRST_PUSHES,
    REPAIR_FANOUT,
    SPARING_AFTER_S,
    SPARING_FANOUT,
    Flood,
    Mesh,
    Sqrt,
    view_size,
)
from sorcha_peer_core.protocol.view import most_kept, wanted_for_good
from sorcha_peer_core.testing.strategy_suite import StrategySuite

PEERS = tuple(range(10))
EAGER = (1, 4, 5)
OTHERS = (0, 2, 3, 6, 7, 8, 9)
ALL_LINKED = View(PEERS, linked=11, known=11, eager=EAGER)
SOME_LINKED = View(PEERS, linked=11, known=12, eager=EAGER)


class TestMesh(StrategySuite):
    """As configured by default."""

    def build(self) -> Mesh:
        return Mesh()


class TestMeshThatIsAlwaysAView(StrategySuite):
    """The view form, however small the network."""

    def build(self) -> Mesh:
        return Mesh(full_mesh_max_peers=0)


class TestSqrt(StrategySuite):
    """As configured by default."""

    def build(self) -> Sqrt:
        return Sqrt()


class TestFlood(StrategySuite):
    """As configured by default."""

    def build(self) -> Flood:
        return Flood()


def test_an_origin_pushes_what_is_small_and_announces_what_is_large():
    small, large = (Mesh().originate(ALL_LINKED, size, Random(1)) for size in (16_384, FIRST_PUSH_MOST_BYTES))

    assert (tuple(small.push), tuple(small.announce)) == (PEERS, ())
    assert (tuple(large.push), tuple(large.announce), large.announce_after_s) == ((), PEERS, 0.0)


@pytest.mark.parametrize("size", [16_385, FIRST_PUSH_MOST_BYTES - 1])
def test_what_is_between_is_pushed_to_a_few_close_to_its_origin_and_announced_to_the_rest(size: int):
    origin = Mesh().originate(SOME_LINKED, size, Random(1))
    relays = [Mesh().relay(SOME_LINKED, size, hop, Random(1)) for hop in (1, 2)]

    assert [len(spread.push) for spread in (origin, *relays)] == [*FIRST_PUSHES, 0]
    assert set(relays[0].push) <= set(EAGER)
    assert all(sorted([*spread.push, *spread.announce]) == list(PEERS) for spread in (origin, *relays))


def test_what_is_between_is_only_announced_while_the_line_is_in_use():
    busy = SOME_LINKED._replace(line_use=0.4)

    assert not Mesh().originate(busy, 16_385, Random(1)).push
    assert not Mesh().relay(busy, 16_385, 1, Random(1)).push


def test_of_many_links_more_hear_the_hash_so_that_hardly_anybody_hears_it_from_nobody():
    many = View(tuple(range(31)), linked=31, known=31)

    assert len(set(Mesh().relay(many, 100, 1, Random(1)).announce)) == 7


def test_where_everybody_is_linked_nobody_relays_payloads_and_a_few_hear_the_hash():
    spread = Mesh().relay(ALL_LINKED, 100, 1, Random(1))

    assert tuple(spread.push) == ()
    assert len(set(spread.announce)) == REPAIR_FANOUT
    assert set(spread.announce) <= set(PEERS)


@pytest.mark.parametrize("mesh", [Mesh(full_mesh_max_peers=0), Mesh()])
def test_where_somebody_is_not_linked_a_relay_pushes_to_who_takes_it_and_announces_to_the_rest(mesh: Mesh):
    spread = mesh.relay(SOME_LINKED, 100, 1, Random(1))

    assert (tuple(spread.push), tuple(spread.announce)) == (EAGER, OTHERS)


@pytest.mark.parametrize("size", [100, 5000])
def test_what_came_from_somebody_with_fewer_links_is_passed_on_as_its_origin_would(size: int):
    spread = Mesh().relay(ALL_LINKED._replace(reach=10), size, 1, Random(1))

    assert spread == Mesh().originate(ALL_LINKED, size, Random(1))


@pytest.mark.parametrize("reach", [0, 11, 12])
def test_what_came_from_somebody_with_as_many_links_or_who_does_not_say_needs_no_relay(reach: int):
    assert tuple(Mesh().relay(ALL_LINKED._replace(reach=reach), 100, 1, Random(1)).push) == ()


def test_in_a_large_network_fewer_links_are_no_reason_to_push_to_all():
    view = View(PEERS, linked=11, known=100, reach=3, eager=EAGER)

    assert tuple(Mesh().relay(view, 100, 1, Random(1)).push) == EAGER


@pytest.mark.parametrize(
    ("size", "line_use", "pushed"),
    [(4096, 0.7, True), (4097, 0.2, True), (4097, 0.4, False), (16_384, 0.2, True)],
)
def test_what_is_a_little_larger_is_pushed_by_relays_while_the_line_is_quiet(size: int, line_use: float, pushed: bool):
    spread = Mesh().relay(SOME_LINKED._replace(line_use=line_use), size, 1, Random(1))

    assert tuple(spread.push) == (EAGER if pushed else ())


@pytest.mark.parametrize(("eager_max_bytes", "most"), [(0, 0), (1000, 4000), (8192, 16_384), (100_000, 100_000)])
def test_nothing_beyond_16_kib_is_pushed_to_all_but_what_the_configuration_says(eager_max_bytes: int, most: int):
    mesh = Mesh(eager_max_bytes=eager_max_bytes)

    assert [bool(mesh.originate(ALL_LINKED, size, Random(1)).announce) for size in (most, most + 1)] == [False, True]


def test_nothing_at_all_is_pushed_where_the_configuration_says_so():
    assert not Mesh(eager_max_bytes=0).originate(ALL_LINKED, 20_000, Random(1)).push


def test_what_claims_to_have_come_from_very_far_is_only_announced():
    assert tuple(Mesh().relay(SOME_LINKED, 100, 33, Random(1)).push) == ()


@settings(derandomize=True, deadline=None)
@given(
    peers=st.lists(st.integers(0, 200), unique=True, min_size=1).map(sorted),
    size=st.integers(1, 10_000),
    data=st.data(),
    seed=st.integers(0, 99),
)
def test_nobody_is_left_out_where_relays_carry_the_payload(peers, size, data, seed):
    eager = [peer for peer in peers if data.draw(st.booleans())]
    view = View(peers, len(peers), len(peers) + 1, eager=eager)

    spread = Mesh().relay(view, size, 2, Random(seed))

    assert sorted([*spread.push, *spread.announce]) == peers


def test_fast_links_are_chosen_in_the_view_form_only():
    assert (Mesh().eager_links(11, 11), Mesh().eager_links(11, 12), Mesh(0).eager_links(5, 5)) == (0, 3, 3)


def test_a_small_network_links_everybody_and_a_large_one_a_view():
    assert [Mesh().links_wanted(known) for known in (0, 5, 32, 33, 10_000)] == [0, 5, 32, 12, 14]


@pytest.mark.parametrize(("known", "linked", "fast"), [(33, 33, 0), (40, 40, 0), (40, 39, 3), (41, 41, 3)])
def test_where_all_are_still_linked_the_direct_form_goes_on_until_the_network_is_clearly_too_large(known, linked, fast):
    assert Mesh(full_mesh_max_peers=32).eager_links(linked, known) == fast


def test_links_of_a_network_that_has_just_outgrown_the_direct_form_are_kept():
    mesh = Mesh(full_mesh_max_peers=32)

    assert all(most_kept(wanted_for_good(mesh.links_wanted, known)) >= known for known in range(33, 41))


def test_a_view_grows_with_the_logarithm():
    sizes = [view_size(known) for known in (10, 100, 1000, 10_000, 100_000)]

    assert sizes == [12, 12, 12, 14, 18]


@pytest.mark.parametrize("strategy", [Mesh, Sqrt])
def test_a_fanout_of_nothing_is_refused(strategy):
    with pytest.raises(ConfigError, match=r"transaction_distribution\.fanout is 0"):
        strategy(fanout=0)


def test_sqrt_tells_the_hash_to_the_square_root_of_the_network_and_nobody_pushes():
    view = View(tuple(range(64)), linked=64, known=399)
    spread = Sqrt().relay(view, 10, 3, Random(1))

    assert (tuple(spread.push), len(set(spread.announce)), spread.announce_after_s) == ((), 20, 0.0)
    assert Sqrt(fanout=7).originate(view, 10, Random(1)).announce == Random(1).sample(view.peers, 7)
    assert Sqrt().pull_wait_s(10, 64, 399) == 0.0


def test_flood_pushes_to_everybody_who_may_not_have_it_whatever_they_asked_for():
    assert Flood().relay(SOME_LINKED, 100_000, 9, Random(1)) == Spread(PEERS, (), 0.0)
    assert Flood().relay(SOME_LINKED, 300_000, 9, Random(1)) == Spread((), PEERS, 0.0)


def test_where_messages_are_to_be_saved_a_relay_announces_to_a_few_and_not_at_once():
    view = View(PEERS, linked=11, known=12, eager=EAGER, sparing=True)

    spread = Mesh().relay(view, 100, 2, Random(1))

    assert tuple(spread.push) == EAGER
    assert len(spread.announce) == SPARING_FANOUT
    assert set(spread.announce) < set(OTHERS)
    assert spread.announce_after_s == SPARING_AFTER_S


def test_everybody_has_the_same_chance_to_hear_of_what_only_a_few_are_told():
    view, rng = View(PEERS, linked=11, known=12, eager=EAGER, sparing=True), Random(1)

    told = Counter(peer for _ in range(7000) for peer in Mesh().relay(view, 100, 2, rng).announce)

    assert set(told) == set(OTHERS)
    assert max(told.values()) - min(told.values()) < 300
