"""The simulator says of real nodes what they then do: one protocol, one graph, in virtual time and in processes."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from random import Random
from statistics import median

import pytest
from far_relay import far_away

from sorcha_peer_core.cli.cluster import Cluster, NodeProcess, wait_until
from sorcha_peer_core.cli.devnet_measure import records_of, samples_of
from sorcha_peer_core.cli.devnet_publish import Publisher
from sorcha_peer_core.cli.devnet_report import Run, times_to_share_ms
from sorcha_peer_core.cli.payloads import Sourced
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.strategies import Mesh
from sorcha_peer_core.sim.network import Network
from sorcha_peer_core.sim.profile import MEGABIT_PER_S, Costs, Model, Profile
from sorcha_peer_core.sim.spread import time_to

NODES = 20
WARMUP = 40
MEASURED = 40
RATE_TX_S = 4.0
SEED = 5
CONFIG = {
    "communication": {"transports": ["grpcstream"]},
    "store": {"url": "memory://"},
    "transaction_distribution": {"full_mesh_max_peers": 0},
}
LINE = Profile("relays", jitter=0.0, hop_ms=0.3, up_bytes_per_s=1000 * MEGABIT_PER_S, down_bytes_per_s=1000 * MEGABIT_PER_S)
SHARED = Costs(receive_ms=(1.0, 3.0), verify_ms=0.2)
"""The model has a machine for each node. Here twenty and their relays share a few cores, so a message waits for the others:
without any delay a transaction takes 8 to 17 ms to reach ten to twenty nodes of one machine (benchmarks/README.md)."""

Link = tuple[int, int]
"""Who dialled, and whom."""


class Relays:
    """How far it is to each node, for whoever dials it: 20 to 80 ms one way."""

    def __init__(self, links: list[Link]) -> None:
        self._dialled = {frozenset(link): link[1] for link in links}

    def __len__(self) -> int:
        return NODES

    def base_s(self, one: int, other: int) -> float:
        return one_way_s(self._dialled[frozenset((one, other))])


def one_way_s(node: int) -> float:
    return Random(f"{SEED}/{node}").uniform(0.02, 0.08)


def host_of(node: int) -> str:
    """Where its relay listens, at the port at which the node does."""
    return f"127.0.1.{node + 1}"


def through_relay(node: NodeProcess) -> str:
    return f"{host_of(node.number - 1)}:{node.listen.rpartition(':')[2]}"


def payloads(name: str, count: int) -> list[Sourced]:
    return [Sourced(f"{name} {number}", sha256(f"{name}{number}".encode()).digest() * 32) for number in range(count)]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def links_of(cluster: Cluster) -> list[Link]:
    numbers = {node.peer_id: place for place, node in enumerate(cluster.nodes)}
    found = [
        (place, numbers[peer["id"]])
        for place, node in enumerate(cluster.nodes)
        for peer in node.client.peers()
        if peer["direction"] == "outbound" and peer["link_age_s"] is not None
    ]
    # Of two links between the same two, both sides keep one in the end.
    return list({frozenset(link): link for link in found}.values())


def t90_in_processes(cluster: Cluster) -> float:
    """Milliseconds, the median of those that are measured."""
    published: dict[str, object] = {}
    for name, count in (("warm", WARMUP), ("measured", MEASURED)):
        publisher = Publisher(cluster.nodes, payloads(name, count))
        publisher.publish(RATE_TX_S)
        published = publisher.published
    cluster.wait_until_all_have(WARMUP + MEASURED, 60.0)
    records = records_of(cluster.nodes, samples_of(cluster.nodes), samples_of(cluster.nodes))
    return median(times_to_share_ms(Run(published, records, publisher.first_submission_ms, 0.0, 0.0), 90))


def t90_in_virtual_time(links: list[Link]) -> float:
    """The same of the simulator."""
    net = Network(NODES, model=Model(LINE, SHARED), core=CoreConfig(), strategy=mesh, seed=SEED)
    net.places = Relays(links)
    for machine in net.machines:
        machine.start(mesh())
    net.link(links)
    net.calendar.run(2.0)
    spreads = []
    for number in range(WARMUP + MEASURED):
        spreads.append(net.submit(number % NODES, 1024))
        net.calendar.run(net.calendar.now + 1 / RATE_TX_S)
    net.calendar.run(net.calendar.now + 8.0)
    nodes = range(NODES)
    times_s = [time_to(0.9, spread.reached(nodes, 8.0), NODES) for spread in spreads[WARMUP:]]
    return 1000 * median(at_s for at_s in times_s if at_s is not None)


def mesh() -> Mesh:
    return Mesh(full_mesh_max_peers=0)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_twenty_nodes_that_are_far_from_each_other_are_as_fast_as_the_simulator_says(tmp_path: Path):
    configs = [{**CONFIG, "network_address": {"external_address": host_of(place)}} for place in range(NODES)]
    with Cluster(tmp_path, NODES, configs) as cluster, ExitStack() as relays:
        for place, node in enumerate(cluster.nodes):
            port = free_port()
            node.listen = f"127.0.0.1:{port}"
            relays.enter_context(far_away(("127.0.0.1", port), one_way_s(place), listen=(host_of(place), port)))
        first, *others = cluster.nodes
        first.spawn()
        first.wait_until_ready()
        for node in others:
            node.spawn([through_relay(first)])
        for node in others:
            node.wait_until_ready(120.0)
        wait_until(
            lambda: all(node.status()["peers"]["known"] == NODES - 1 for node in cluster.nodes),
            120.0,
            "everybody to know everybody",
        )
        cluster.wait_until_linked(5, 120.0)
        real_ms = t90_in_processes(cluster)
        links = links_of(cluster)
        dialled = {peer["address"] for node in cluster.nodes for peer in node.client.peers() if peer["direction"] == "outbound"}

    simulated_ms = t90_in_virtual_time(links)
    print(f"{len(links)} links, t90 {real_ms:.0f} ms in processes, {simulated_ms:.0f} ms simulated")
    assert all(address.startswith("127.0.1.") for address in dialled), "somebody found a way around the relays"
    assert simulated_ms == pytest.approx(real_ms, rel=0.25)
