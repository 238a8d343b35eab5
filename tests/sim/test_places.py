"""Where nodes are, how far apart, and who is linked to whom."""

from __future__ import annotations

from random import Random
from statistics import fmean, median

import pytest

from sorcha_peer_core.sim.overlay import Wiring
from sorcha_peer_core.sim.places import Places
from sorcha_peer_core.sim.profile import CONTINENT, LAN, WORLD


def pairs_of(places, one, other):
    """Latencies in milliseconds between nodes of two regions."""
    here = [node for node, region in enumerate(places.regions) if region == one]
    there = [node for node, region in enumerate(places.regions) if region == other]
    return [places.base_s(a, b) * 1000 for a in here for b in there if a != b]


def degrees(count, pairs):
    links = [0] * count
    for one, other in pairs:
        links[one] += 1
        links[other] += 1
    return links


def test_nodes_are_spread_over_the_regions_by_their_shares():
    places = Places(WORLD, 20_000, Random(1))

    shares = [places.regions.count(region) / len(places) for region in range(len(WORLD.regions))]

    assert shares == pytest.approx([region.share for region in WORLD.regions], abs=0.01)


@pytest.mark.parametrize(("one", "other", "ms"), [(0, 1, 32), (0, 2, 42), (2, 3, 110), (3, 4, 140), (4, 5, 150), (3, 5, 65)])
def test_between_regions_the_median_is_that_of_the_table_with_fifteen_percent_of_spread(one, other, ms):
    latencies = sorted(pairs_of(Places(WORLD, 800, Random(1)), one, other))

    low, high = latencies[int(len(latencies) * 0.1587)], latencies[int(len(latencies) * 0.8413)]

    assert median(latencies) == pytest.approx(ms, rel=0.02)
    assert high / low == pytest.approx(2.718281828 ** (2 * 0.15), rel=0.03)


@pytest.mark.parametrize(("profile", "low", "high"), [(WORLD, 5, 20), (CONTINENT, 5, 20), (LAN, 0.14, 0.26)])
def test_inside_a_region_latencies_are_uniform(profile, low, high):
    latencies = pairs_of(Places(profile, 400, Random(1)), 0, 0)

    assert low <= min(latencies) < low + 0.01 * (high - low)
    assert high >= max(latencies) > high - 0.01 * (high - low)
    assert fmean(latencies) == pytest.approx((low + high) / 2, rel=0.02)


def test_a_pair_has_one_latency_in_both_directions_which_the_seed_decides():
    one, same, other = (Places(WORLD, 50, Random(seed)) for seed in (1, 1, 2))

    assert one.base_s(3, 17) == one.base_s(17, 3) == same.base_s(3, 17)
    assert one.base_s(3, 17) != other.base_s(3, 17)


def test_a_network_has_as_many_links_as_are_wanted_on_average():
    places = Places(WORLD, 500, Random(1))

    pairs = Wiring(links=12).pairs(places, Random(2))

    assert fmean(degrees(500, pairs)) == pytest.approx(12)
    assert min(degrees(500, pairs)) >= 5
    assert len(set(pairs)) == len(pairs)
    assert all(one < other for one, other in pairs)


def test_the_near_share_of_the_links_is_much_shorter():
    places = Places(WORLD, 500, Random(1))

    lengths = [
        median(places.base_s(*pair) for pair in Wiring(links=12, near_ratio=ratio).pairs(places, Random(2)))
        for ratio in (0.0, 0.4, 1.0)
    ]

    assert lengths[0] > 1.2 * lengths[1] > 2 * lengths[2]


def test_in_a_small_network_everybody_is_linked_to_everybody():
    pairs = Wiring(links=9).pairs(Places(WORLD, 10, Random(1)), Random(2))

    assert len(pairs) == 45


def test_a_node_that_comes_gets_the_links_it_wants():
    places = Places(WORLD, 200, Random(1))

    chosen = Wiring(links=12).others(places, 7, range(200), Random(2))

    assert len(chosen) == len(set(chosen)) == 12
    assert 7 not in chosen
