"""Real cores in virtual time: what was lost, late or apart is made good by comparisons."""

from __future__ import annotations

import pytest

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.testing.network import Network
from sorcha_peer_core.testing.network_node import START_MS, World, make_transaction, size_of

NEVER = 1e6


def everywhere(net: Network, hashes) -> bool:
    return all(len(net.holders(tx_hash)) == len(net.nodes) for tx_hash in hashes)


def network(count: int, *, each: int | None = None, seed: int = 3, **world) -> Network:
    net = Network(count, seed=seed, world=World(**world))
    if each:
        net.link_some(each)
    else:
        net.link_all()
    net.run(1.0)
    return net


def lose(net: Network, node: int, tx_hash: bytes) -> None:
    """As if it had never come."""
    disk = net.nodes[node].disk
    del disk.transactions[tx_hash]
    disk.log.remove(tx_hash)


def slip(net: Network, node: int, payload: bytes, created_ms: float) -> bytes:
    """A transaction gets into one log, and no frame about it to anybody."""
    transaction = make_transaction(payload, node, created_ms=created_ms)
    net.nodes[node].disk.append(transaction, own=False, now=net.now)
    net.nodes[node].alive.reconciling.arrived(transaction, net.now)
    return transaction.hash


def test_what_only_one_node_has_is_everywhere_after_a_few_rounds():
    net = network(6, config=CoreConfig(sync_interval_s=NEVER))

    tx_hash = slip(net, 2, b"quiet", START_MS + 500)
    done = net.run_until(lambda: everywhere(net, [tx_hash]), most_s=20.0)

    assert done
    assert sum(node.alive.counters.synced for node in net.nodes) >= 1


def test_what_is_older_than_a_minute_is_found_when_a_day_is_compared():
    net = network(4, config=CoreConfig(digest_interval_s=NEVER, sync_interval_s=5.0))
    net.run(200.0)

    hashes = [slip(net, 1, b"old %d" % number, START_MS + 1000 * number) for number in range(50)]

    assert net.run_until(lambda: everywhere(net, hashes), most_s=60.0)


def test_a_node_that_lost_a_part_of_its_log_is_given_it_back():
    net = network(3)
    hashes = [net.submit(number % 3, b"payload %d" % number) for number in range(300)]
    net.run(10.0)
    net.crash(1)
    for tx_hash in hashes[50:250]:
        lose(net, 1, tx_hash)

    net.restart(1)

    assert net.run_until(lambda: everywhere(net, hashes), most_s=60.0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_with_lost_messages_and_dead_nodes_all_living_have_everything_after_a_few_seconds(seed: int):
    net = network(30, each=10, seed=seed, loss_ratio=0.05)
    for dead in range(0, 30, 10):
        net.crash(dead)
        net.crash(dead + 3)
        net.crash(dead + 6)
    alive = [node.index for node in net.nodes if node.core is not None]

    hashes = [net.submit(alive[number % len(alive)], b"payload %d" % number) for number in range(60)]
    done = net.run_until(lambda: all(len(net.holders(tx_hash)) == len(alive) for tx_hash in hashes), most_s=20.0)

    assert done
    assert net.now - 1.0 <= 8.0


def test_halves_that_were_apart_for_a_minute_are_one_within_ten_seconds():
    net = network(20)
    halves = range(10), range(10, 20)
    for one in halves[0]:
        for two in halves[1]:
            net.cut(one, two)
    hashes = []
    for number in range(300):
        hashes.append(net.submit(number % 20, b"payload %d" % number))
        net.run(0.2)

    net.link_all()

    assert net.run_until(lambda: everywhere(net, hashes), most_s=10.0)


def test_a_bridge_between_two_rings_carries_everything_over():
    net = Network(16, seed=4)
    for ring in (range(8), range(8, 16)):
        for at, one in enumerate(ring):
            net.link(one, ring[(at + 1) % 8])
            net.link(one, ring[(at + 2) % 8])
    net.run(1.0)
    hashes = [net.submit(number % 16, b"payload %d" % number) for number in range(400)]
    net.run(70.0)

    net.link(0, 8)

    assert net.run_until(lambda: everywhere(net, hashes), most_s=15.0)


def test_an_idle_link_costs_little():
    net = network(8)
    sent = dict.fromkeys(range(8), 0)

    def count(source: int, target: int, message: m.Message) -> None:
        if isinstance(message, m.Digest | m.SyncSince | m.SyncPage):
            sent[source] += size_of(message)

    for number in range(100):
        net.submit(number % 8, b"payload %d" % number)
        net.run(0.6)
    net.on_deliver = count
    net.run(60.0)

    assert max(sent.values()) / 60.0 <= 150.0


def test_a_node_that_returns_has_few_bytes_told_twice():
    net = network(8)
    net.crash(7)
    hashes = [net.submit(number % 7, b"%d " % number * 200) for number in range(2000)]
    net.run(100.0)
    took = {kind: 0 for kind in ("Push", "rest")}

    def count(source: int, target: int, message: m.Message) -> None:
        took["Push" if isinstance(message, m.Push) else "rest"] += size_of(message)

    net.on_deliver = count
    net.restart(7)
    done = net.run_until(lambda: everywhere(net, hashes), most_s=60.0)

    missed = sum(size_of(m.Push(net.nodes[0].disk.transactions[tx_hash], 1)) for tx_hash in hashes)
    assert done
    assert took["Push"] <= 1.02 * missed
    assert took["rest"] <= 0.2 * missed


def test_cursors_follow_by_comparison_and_not_by_reading():
    net = network(4, config=CoreConfig(sync_interval_s=5.0))
    for number in range(500):
        net.submit(number % 4, b"payload %d" % number)
    net.run(90.0)
    read = 0

    def count(source: int, target: int, message: m.Message) -> None:
        nonlocal read
        read += len(message.items) if isinstance(message, m.SyncPage) else 0

    net.on_deliver = count
    net.run(60.0)

    assert read == 0
    assert {cursor.seq for node in net.nodes for cursor in node.disk.cursors.values()} == {500}


# A peer that lies.


def _lies(message: m.Message):
    """About what it has."""
    match message:
        case m.Digest(marks=marks):
            return [message._replace(marks=tuple(m.Mark(mark.members + 3, 7) for mark in marks))]
        case m.DigestRange(region):
            return [m.DigestRange(region, tuple(m.Mark(9, number) for number in range(16)))] * 4
        case m.DigestIds(region, ids):
            return [m.DigestIds(region, tuple(short ^ 1 for short in ids)), m.DigestWant(region, ids)]
        case m.DigestWant(ids=ids):
            return [m.Announce(tuple(m.Announced(tx_hash_of(b"%d" % short), 100) for short in ids), old=True)]
    return []


def _says_everything_differs(sender: int, message: m.Message):
    match message:
        case m.Ping(nonce):
            return [m.Pong(nonce)]
        case m.SyncSince(after_seq=after_seq):
            return [m.SyncPage(5, (), after_seq, False)]
        case m.Want(hashes):
            return [m.Absent(hashes)]
    return _lies(message)


def test_a_liar_stops_nobody_and_makes_nobody_give_anything_up():
    net = Network(5, seed=6)
    liar = net.add_script(_says_everything_differs)
    net.link_all()
    net.run(1.0)

    hashes = [net.submit(number % 5, b"payload %d" % number) for number in range(200)]
    net.run(60.0)
    slipped = slip(net, 0, b"quiet", START_MS + net.now * 1000)
    said = sum(source == liar for _, source, _, _ in net.trace)

    assert net.run_until(lambda: everywhere(net, [*hashes, slipped]), most_s=20.0)
    assert {len(node.disk.log) for node in net.nodes} == {201}
    assert not any(node.alive.reconciling.is_partition_suspected for node in net.nodes)
    assert said < 200_000


def test_what_has_expired_for_one_of_two_is_fetched_once_and_hides_nothing():
    net = network(2, config=CoreConfig(sync_interval_s=5.0))
    expired = make_transaction(b"expired", 0, signature=b"too late", created_ms=START_MS + 500)
    net.nodes[0].disk.append(expired, own=False, now=net.now)
    net.nodes[0].alive.reconciling.arrived(expired, net.now)
    net.run(120.0)
    rejections = len(net.nodes[1].rejections)

    slipped = slip(net, 0, b"quiet", START_MS + 700)

    assert net.run_until(lambda: everywhere(net, [slipped]), most_s=30.0)
    assert rejections == 1
