"""What nodes do together, in virtual time: every transaction gets everywhere, whatever happens on the way."""

from __future__ import annotations

import pytest

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.ids import tx_hash_of
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.host import Priority
from sorcha_peer_core.testing.network import Network
from sorcha_peer_core.testing.network_node import World, make_transaction

LARGE = bytes(range(256)) * 5600  # 1.4 MB


def everywhere(net: Network, hashes) -> bool:
    return all(len(net.holders(tx_hash)) == len(net.nodes) for tx_hash in hashes)


def full_mesh(count: int, **world) -> Network:
    net = Network(count, seed=7, world=World(**world))
    net.link_all()
    net.run(1.0)
    return net


def assert_logs_agree(net: Network) -> None:
    sets = {frozenset(node.disk.log) for node in net.nodes}
    assert len(sets) == 1
    assert all(len(node.disk.log) == len(set(node.disk.log)) for node in net.nodes)
    assert [node.alive.fetching for node in net.nodes] == [0] * len(net.nodes)


@pytest.mark.parametrize("full_mesh_max_peers", [32, 0])
@pytest.mark.parametrize("count", [2, 5, 33])
def test_a_transaction_reaches_everybody_who_is_linked_to_everybody(count: int, full_mesh_max_peers: int):
    net = full_mesh(count, full_mesh_max_peers=full_mesh_max_peers)

    tx_hash = net.submit(0, b"one")
    net.run(1.0)

    assert everywhere(net, [tx_hash])
    assert_logs_agree(net)


@pytest.mark.parametrize("count", [33, 60])
def test_a_transaction_reaches_everybody_over_a_few_links_each(count: int):
    net = Network(count, seed=5)
    net.link_some(8)
    net.run(1.0)

    tx_hash = net.submit(3, b"one")
    net.run(2.0)

    assert everywhere(net, [tx_hash])
    assert_logs_agree(net)


def test_in_a_small_network_each_node_gets_one_copy():
    net = full_mesh(5)

    for number in range(50):
        net.submit(number % 5, b"payload %d" % number)
    net.run(5.0)

    assert [node.alive.counters.received for node in net.nodes] == [40] * 5
    assert [node.alive.counters.duplicates for node in net.nodes] == [0] * 5


@pytest.mark.parametrize("each", [None, 4])
def test_a_large_transaction_travels_in_chunks(each: int | None):
    net = Network(8, seed=2)
    if each:
        net.link_some(each)
    else:
        net.link_all()
    net.run(1.0)

    tx_hash = net.submit(0, LARGE)
    net.run(10.0)

    assert everywhere(net, [tx_hash])
    assert {node.disk.transactions[tx_hash].payload for node in net.nodes} == {LARGE}
    assert "Chunk" in {kind for _, _, _, kind in net.trace}
    assert_logs_agree(net)


def test_middle_sized_transactions_are_fetched_whole():
    net = full_mesh(5)

    hashes = [net.submit(number % 5, bytes([number]) * 100_000) for number in range(20)]
    net.run(5.0)

    assert everywhere(net, hashes)
    assert_logs_agree(net)


def test_everybody_alive_gets_what_a_dying_origin_pushed_to_only_one():
    net = full_mesh(5)
    sent = 0

    def watch(source: int, target: int, message: m.Message) -> None:
        nonlocal sent
        if source == 0 and isinstance(message, m.Push):
            sent += 1
            if sent == 1:
                net.after(0.0, lambda: net.crash(0))

    net.on_deliver = watch
    tx_hash = net.submit(0, b"last words")
    net.run(2.0)

    assert sent == 1
    assert net.holders(tx_hash) == [1, 2, 3, 4] or net.holders(tx_hash) == [0, 1, 2, 3, 4]


def test_a_submission_whose_origin_died_before_its_commit_is_released_after_its_restart():
    net = full_mesh(5, commit_s=0.5)
    tx_hash = net.submit(0, b"not committed")
    net.crash(0)
    net.run(5.0)

    net.restart(0)
    net.run(5.0)

    assert everywhere(net, [tx_hash])
    assert net.nodes[0].disk.outbox == {}


def test_a_node_that_was_away_gets_all_it_missed_and_reads_few_hashes_twice():
    net = full_mesh(5)
    net.crash(4)
    hashes = []
    for number in range(500):
        hashes.append(net.submit(number % 4, b"payload %d" % number))
        net.run(0.002)
    net.run(1.0)  # nothing is under way any more: what is missed can only be synced
    read = 0

    def count_hashes(source: int, target: int, message: m.Message) -> None:
        nonlocal read
        if target == 4 and isinstance(message, m.SyncPage):
            read += len(message.items)

    net.on_deliver = count_hashes
    net.restart(4)
    net.run(5.0)

    assert everywhere(net, hashes)
    assert_logs_agree(net)
    assert read <= 4 * 500  # once from each peer
    # The very last ones were still on their way when it came back, and were pushed on to it.
    assert 480 <= net.nodes[4].alive.counters.synced <= 500
    assert net.nodes[4].alive.counters.received <= 510


def test_a_second_restart_reads_nothing_again():
    net = full_mesh(5)
    for number in range(300):
        net.submit(number % 5, b"payload %d" % number)
    net.run(200.0)
    read = 0

    def count_hashes(source: int, target: int, message: m.Message) -> None:
        nonlocal read
        if target == 4 and isinstance(message, m.SyncPage):
            read += len(message.items)

    net.on_deliver = count_hashes
    net.crash(4)
    net.run(1.0)
    net.restart(4)
    net.run(5.0)

    assert read == 0


def test_a_new_node_reads_many_pages():
    net = full_mesh(3, config=CoreConfig(sync_page_items=64))
    net.crash(2)
    hashes = [net.submit(number % 2, b"payload %d" % number) for number in range(1000)]
    net.run(2.0)

    net.restart(2)
    net.run(5.0)

    assert everywhere(net, hashes)
    assert_logs_agree(net)


def test_two_halves_that_were_apart_agree_again():
    net = full_mesh(10)
    halves = range(5), range(5, 10)
    for one in halves[0]:
        for two in halves[1]:
            net.cut(one, two)
    hashes = []
    for number in range(200):
        hashes.append(net.submit(number % 10, b"payload %d" % number))
        net.run(0.01)
    net.run(2.0)
    apart = len(net.holders(hashes[0])), len(net.holders(hashes[-1]))

    net.link_all()
    net.run(5.0)

    assert apart == (5, 5)
    assert everywhere(net, hashes)
    assert_logs_agree(net)


@pytest.mark.parametrize("forged_first", [True, False])
def test_a_forged_push_does_not_suppress_the_true_one(forged_first: bool):
    net = Network(4, seed=11, world=World(verify_s=0.02))
    forger = net.add_script(lambda sender, message: ())
    net.link_all()
    net.run(1.0)
    forged = m.Push(make_transaction(b"true", 0, signature=b"bad"), 0)

    for target in range(1, 4):
        if forged_first:
            net.say(forger, target, forged)
    net.run(0.0 if forged_first else 0.01)
    tx_hash = net.submit(0, b"true")
    if not forged_first:
        net.run(0.005)
        for target in range(1, 4):
            net.say(forger, target, forged)
    net.run(3.0)

    assert everywhere(net, [tx_hash])
    assert all(peer == forger for node in net.nodes for peer, _, _ in node.rejections)
    assert_logs_agree(net)


def test_a_forged_payload_under_a_true_header_does_not_suppress_the_true_one():
    net = Network(3, seed=11)
    forger = net.add_script(lambda sender, message: ())
    net.link_all()
    net.run(1.0)
    true = make_transaction(b"true", 0)

    for target in (1, 2):
        net.say(forger, target, m.Push(true._replace(payload=b"else"), 0))
    net.submit(0, b"true")
    net.run(3.0)

    assert {node.disk.transactions[true.hash].payload for node in net.nodes} == {b"true"}


def _silent(sender: int, message: m.Message):
    return [m.Pong(message.nonce)] if isinstance(message, m.Ping) else []


def _absent(sender: int, message: m.Message):
    match message:
        case m.Want(hashes):
            return [m.Absent(hashes)]
        case m.WantChunks(tx_hash):
            return [m.Absent((tx_hash,))]
    return _silent(sender, message)


@pytest.mark.parametrize("payload", [b"x" * 100, b"x" * 50_000, LARGE], ids=["small", "middle", "large"])
@pytest.mark.parametrize("claimed_size", [None, 1, 9_000_000])
@pytest.mark.parametrize("liar", [_silent, _absent])
def test_an_announcer_that_lies_delays_but_never_prevents(liar, claimed_size: int | None, payload: bytes):
    net = Network(3, seed=4)
    liars = [net.add_script(liar), net.add_script(liar)]
    net.link_all()
    net.run(1.0)
    lie = m.Announce((m.Announced(tx_hash_of(payload), claimed_size or len(payload)),))

    for one in liars:
        for target in (1, 2):
            net.say(one, target, lie)
    net.run(0.3)
    tx_hash = net.submit(0, payload)

    assert net.run_until(lambda: everywhere(net, [tx_hash]), most_s=20.0)
    net.run(1.0)
    assert [node.alive.fetching for node in net.nodes] == [0, 0, 0]


def test_a_thousand_lies_do_not_hold_up_what_is_true():
    net = Network(3, seed=4)
    liar = net.add_script(_silent)
    net.link_all()
    net.run(1.0)
    lies = tuple(m.Announced(tx_hash_of(b"lie %d" % number), 5000) for number in range(1000))

    for target in range(3):
        net.say(liar, target, m.Announce(lies))
    net.run(0.3)
    tx_hash = net.submit(0, b"x" * 50_000)

    assert net.run_until(lambda: everywhere(net, [tx_hash]), most_s=1.0)


def test_lies_that_nobody_delivers_are_forgotten():
    net = Network(2, seed=4)
    liar = net.add_script(_silent)
    net.link_all()
    net.run(1.0)

    net.say(liar, 0, m.Announce(tuple(m.Announced(tx_hash_of(b"lie %d" % number), 5000) for number in range(200))))
    net.run(200.0)

    assert net.nodes[0].alive.fetching == 0
    assert len(net.nodes[0].events) == 200


def test_what_a_dead_announcer_owed_is_asked_of_the_next():
    net = full_mesh(4)
    payload = b"y" * 100_000

    def watch(source: int, target: int, message: m.Message) -> None:
        if isinstance(message, m.Want) and target == 0 and source != 1:
            net.crash(0)

    tx_hash = net.submit(0, payload)
    assert net.run_until(lambda: len(net.holders(tx_hash)) >= 2, most_s=2.0, step_s=0.001)
    net.on_deliver = watch
    net.run(3.0)

    assert set(net.holders(tx_hash)) >= {1, 2, 3}
    assert [node.alive.fetching for node in net.nodes[1:]] == [0, 0, 0]


def test_a_transfer_whose_sender_died_goes_on_at_its_offset():
    net = full_mesh(3, bytes_per_s=2_000_000.0)
    net.cut(0, 2)
    tx_hash = net.submit(0, LARGE)
    assert net.run_until(lambda: net.holders(tx_hash) == [0, 1], most_s=5.0)
    net.link(0, 2)
    offsets: list[tuple[int, int]] = []

    def watch(source: int, target: int, message: m.Message) -> None:
        if target == 2 and isinstance(message, m.Chunk):
            offsets.append((source, message.offset))
            if len(offsets) == 20:
                first = offsets[0][0]
                net.after(0.0, lambda: net.crash(first))

    net.on_deliver = watch
    net.run(10.0)

    senders = list(dict.fromkeys(source for source, _ in offsets))
    assert tx_hash in net.nodes[2].disk.transactions
    assert len(senders) == 2
    by_first = [offset for source, offset in offsets if source == senders[0]]
    assert min(offset for source, offset in offsets if source == senders[1]) == max(by_first) + 32 * 1024


def test_a_slow_store_holds_up_nothing_for_good():
    net = full_mesh(5, commit_s=2.0, load_s=3.0, filter_helps=False)

    hashes = [net.submit(number % 5, b"payload %d" % number) for number in range(20)]
    hashes.append(net.submit(0, LARGE))
    net.run(40.0)

    assert everywhere(net, hashes)
    assert_logs_agree(net)


def test_a_filter_that_rules_nothing_out_costs_time_only():
    net = full_mesh(6, filter_helps=False, full_mesh_max_peers=0)

    hashes = [net.submit(number % 6, b"payload %d" % number) for number in range(60)]
    net.run(5.0)

    assert everywhere(net, hashes)
    assert_logs_agree(net)


def test_a_hash_that_is_long_forgotten_is_found_in_the_store():
    net = full_mesh(3, config=CoreConfig(seen_rotate_s=5.0))
    tx_hash = net.submit(0, b"old")
    net.run(20.0)
    received = [node.alive.counters.duplicates for node in net.nodes]

    net.send(1, 2, m.Push(make_transaction(b"old", 0), 1), Priority.RELAY)
    net.run(1.0)

    assert everywhere(net, [tx_hash])
    assert [node.alive.counters.duplicates for node in net.nodes] == [received[0], received[1], received[2] + 1]
    assert_logs_agree(net)


def test_the_same_payload_submitted_at_two_nodes_is_one_transaction():
    net = full_mesh(5, verify_s=0.02)

    hashes = {net.submit(origin, b"the same") for origin in range(5)}
    net.run(2.0)

    assert everywhere(net, hashes)
    assert [len(node.disk.log) for node in net.nodes] == [1] * 5
    assert [node.disk.outbox for node in net.nodes] == [{}] * 5
    assert_logs_agree(net)


def test_what_was_on_its_way_into_a_peers_log_when_a_link_came_up_does_not_wait_for_the_next_sync():
    net = Network(3, seed=1, world=World(commit_s=1.0, latency_s=(0.001, 0.002)))
    net.link(0, 1)
    net.run(3.0)

    tx_hash = net.submit(0, b"between")
    net.run(0.1)
    net.link(0, 2)
    net.run(2.5)

    assert everywhere(net, [tx_hash])


def test_a_transfer_over_a_slow_link_asks_for_nothing_twice():
    net = full_mesh(2, bytes_per_s=100_000.0, batch_bytes=32 * 1024)
    sent = 0

    def watch(source: int, target: int, message: m.Message) -> None:
        nonlocal sent
        sent += len(message.data) if isinstance(message, m.Chunk) else 0

    net.on_deliver = watch
    tx_hash = net.submit(0, LARGE)

    assert net.run_until(lambda: everywhere(net, [tx_hash]), most_s=20.0)
    assert sent == len(LARGE)


def test_a_transfer_in_batches_that_take_seconds_gets_through_too():
    net = full_mesh(3, bytes_per_s=50_000.0)

    tx_hash = net.submit(0, LARGE)

    assert net.run_until(lambda: everywhere(net, [tx_hash]), most_s=120.0)


def test_what_a_full_send_queue_dropped_comes_by_sync():
    net = full_mesh(
        3, bytes_per_s=200_000.0, queue_limit_bytes=2000, full_mesh_max_peers=0, config=CoreConfig(sync_interval_s=5.0)
    )

    hashes = [net.submit(0, b"%d" % number * 1000) for number in range(200)]
    net.run(120.0)

    assert everywhere(net, hashes)
    assert_logs_agree(net)


@pytest.mark.parametrize("full_mesh_max_peers", [32, 0])
def test_the_same_seed_gives_the_same_trace(full_mesh_max_peers: int):
    def trace() -> list[tuple[float, int, int, str]]:
        net = full_mesh(6, full_mesh_max_peers=full_mesh_max_peers)
        for number in range(40):
            net.submit(number % 5, b"payload %d" % number * (1 + 40 * (number % 10)))
            net.run(0.01)
            if number == 20:
                net.crash(5)
        net.restart(5)
        net.run(3.0)
        return net.trace

    assert trace() == trace()
