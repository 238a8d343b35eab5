"""Whatever happens, and in whatever order: in the end every log holds every submitted transaction once."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sorcha_peer_core.model.chunks import CHUNK_BYTES_MIN
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.testing.network import Network
from sorcha_peer_core.testing.network_node import World

SIZES = (20, 20, 20, 6_000, 40_000)
CONFIG = CoreConfig(
    eager_max_bytes=1000, swarm_min_bytes=10_000, chunk_bytes=1000, chunk_window=4, sync_page_items=4, want_items=3,
    sync_interval_s=5.0, fetch_rounds=2, seen_entries=10, seen_rotate_s=20.0, recent_bytes=60_000,
)  # fmt: skip

NODES = st.integers(0, 5)
STEP = st.one_of(
    st.tuples(st.just("submit"), NODES, st.sampled_from(SIZES)),
    st.tuples(st.just("crash"), NODES, st.none()),
    st.tuples(st.just("restart"), NODES, st.none()),
    st.tuples(st.just("cut"), NODES, NODES),
    st.tuples(st.just("heal"), NODES, NODES),
    st.tuples(st.just("run"), st.sampled_from((0.001, 0.02, 0.3, 3.0)), st.none()),
)
WORLDS = st.builds(
    World,
    full_mesh_max_peers=st.sampled_from((0, 32)),
    chunk_bytes=st.sampled_from((0, CHUNK_BYTES_MIN)),
    filter_helps=st.booleans(),
    queue_limit_bytes=st.sampled_from((20_000, 4_000_000)),
    bytes_per_s=st.sampled_from((50_000.0, 12_500_000.0)),
    commit_s=st.sampled_from((0.001, 0.4)),
    load_s=st.sampled_from((0.001, 0.4)),
    verify_s=st.sampled_from((0.0, 0.1)),
    config=st.just(CONFIG),
)


def _play(net: Network, steps) -> set[bytes]:
    count, submitted = len(net.nodes), set()
    for number, (what, one, two) in enumerate(steps):
        if what == "run":
            net.run(one)
            continue
        index = one % count
        if what == "submit" and net.nodes[index].core is not None:
            submitted.add(net.submit(index, (b"%d/" % number).ljust(two, b".")))
        elif what == "crash":
            net.crash(index)
        elif what == "restart":
            net.restart(index)
        elif what in ("cut", "heal") and two % count != index:
            (net.cut if what == "cut" else net.link)(index, two % count)
    return submitted


def _heal(net: Network) -> None:
    for node in net.nodes:
        net.restart(node.index)
    for one, two in combinations(range(len(net.nodes)), 2):
        net.link(one, two)


SCHEDULES = {
    "count": st.integers(3, 6),
    "world": WORLDS,
    "seed": st.integers(0, 1000),
    "steps": st.lists(STEP, min_size=5, max_size=60),
}


def _check(count: int, world: World, seed: int, steps) -> None:
    net = Network(count, seed=seed, world=world)
    net.link_all()

    submitted = _play(net, steps)
    _heal(net)
    net.run_until(lambda: all(set(node.disk.log) >= submitted for node in net.nodes), most_s=200.0, step_s=1.0)
    net.run(30.0)

    for node in net.nodes:
        assert set(node.disk.log) == submitted
        assert len(node.disk.log) == len(submitted)
        assert node.disk.outbox == {}
        assert node.alive.fetching == 0


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(**SCHEDULES)
def test_after_any_schedule_all_logs_agree_and_nobody_waits_for_anything(count: int, world: World, seed: int, steps):
    _check(count, world, seed, steps)


@pytest.mark.long
@settings(max_examples=1500, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(**SCHEDULES)
def test_after_a_thousand_and_more_schedules_all_logs_agree(count: int, world: World, seed: int, steps):
    _check(count, world, seed, steps)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=st.integers(0, 1000), steps=st.lists(STEP, min_size=5, max_size=40))
def test_the_same_schedule_and_seed_give_the_same_trace(seed: int, steps):
    def trace() -> list[tuple[float, int, int, str]]:
        net = Network(4, seed=seed, world=World(config=CONFIG, full_mesh_max_peers=0))
        net.link_all()
        _play(net, steps)
        net.run(5.0)
        return net.trace

    assert trace() == trace()
