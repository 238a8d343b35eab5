"""What no protocol can beat, held against the figures of the gossip study."""

from __future__ import annotations

from math import ceil
from random import Random
from statistics import median

import pytest

from sorcha_peer_core.sim.bounds import direct_s, overlay_s
from sorcha_peer_core.sim.overlay import Wiring
from sorcha_peer_core.sim.places import Places
from sorcha_peer_core.sim.profile import CONTINENT, LAN, WORLD

PUSHED_BYTES = 1024 + 100


def t90_ms(times):
    return times[ceil(0.9 * len(times)) - 1] * 1000


def direct_t90_ms(profile, count, seeds, origins):
    found = []
    for seed in range(seeds):
        rng = Random(seed)
        places = Places(profile, count, rng)
        for _ in range(origins):
            times = direct_s(places, range(count), rng.randrange(count), PUSHED_BYTES / profile.up_bytes_per_s)
            found.append(t90_ms(times))
    return median(found)


@pytest.mark.parametrize(
    ("profile", "count", "seeds", "study_ms"),
    [
        (WORLD, 10, 400, 96),
        (WORLD, 100, 60, 92),
        (WORLD, 1000, 4, 81),
        (CONTINENT, 10, 200, 16.8),
        (CONTINENT, 100, 10, 13.9),
        (CONTINENT, 1000, 1, 12),
        (LAN, 100, 20, 0.36),
    ],
)
def test_the_direct_bound_is_that_of_the_study(profile, count, seeds, study_ms):
    origins = 5 if count < 1000 else 2

    assert direct_t90_ms(profile, count, seeds, origins) == pytest.approx(study_ms, rel=0.05)


@pytest.mark.parametrize(("links", "near", "study_ms"), [(8, 0, 169), (12, 0, 146), (12, 4, 118)])
def test_the_bound_over_links_is_that_of_the_study(links, near, study_ms):
    found = []
    for seed in range(24):
        rng = Random(seed)
        places = Places(WORLD, 1000, rng)
        neighbours = {node: [] for node in range(1000)}
        for one, other in Wiring(links, near / links).pairs(places, rng):
            neighbours[one].append((other, places.base_s(one, other)))
            neighbours[other].append((one, places.base_s(one, other)))
        times = [overlay_s(neighbours, rng.randrange(1000), PUSHED_BYTES / WORLD.up_bytes_per_s) for _ in range(4)]
        found += map(t90_ms, times)

    # The study had few draws for a row, and an origin in Oceania doubles what one in America takes.
    assert median(found) == pytest.approx(study_ms, rel=0.1)


def test_over_links_the_shortest_way_counts_and_who_cannot_be_reached_comes_last():
    links = {0: [(1, 0.010), (2, 0.100)], 1: [(0, 0.010), (2, 0.020)], 2: [(0, 0.100), (1, 0.020)], 3: []}

    times = overlay_s(links, origin=0, serialisation_s=0.001)

    assert times[:3] == pytest.approx([0.0, 0.0102 + 0.0011, 0.0306 + 0.0022])
    assert times[3] == float("inf")


def test_directly_a_slow_pair_is_reached_by_way_of_another_node():
    places = Places(WORLD, 60, Random(1))

    times = direct_s(places, range(60), 0, 0.0)
    slowest = max(places.base_s(0, node) * 1.02 + 0.0001 for node in range(1, 60))

    assert times[0] == 0.0
    assert times[-1] <= slowest
