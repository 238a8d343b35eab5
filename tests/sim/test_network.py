"""What the model does to messages, links and nodes."""

from __future__ import annotations

import pytest
from sim_parts import FREE, STILL, make_line, make_network

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.sim.profile import WORLD, Costs, Loss

UP_BYTES_PER_S = STILL.up_bytes_per_s
WIRE_S = 1 / UP_BYTES_PER_S + 1 / STILL.down_bytes_per_s
"""Of each byte: out of one node and into the other."""


def times_ms(spread):
    """When each node had it."""
    return {node: at * 1000 for node, at in zip(spread.nodes, spread.times_s, strict=True)}


def run(net, for_s=5.0):
    net.calendar.run(net.calendar.now + for_s)


def test_a_message_takes_the_way_and_the_wire():
    net = make_line(2, profile=STILL, costs=FREE)

    spread = net.submit(0, 1000)
    run(net)

    pushed_bytes = net.tally.read().bytes[m.Push]
    assert 1150 < pushed_bytes < 1250
    assert times_ms(spread) == {0: 0.0, 1: pytest.approx(10 + pushed_bytes * WIRE_S * 1000)}


def test_every_hop_costs_the_same_again():
    net = make_line(4, profile=STILL, costs=FREE)

    spread = net.submit(0, 1000)
    run(net)

    once = times_ms(spread)[1]
    assert times_ms(spread) == {0: 0.0, 1: once, 2: pytest.approx(2 * once, abs=0.01), 3: pytest.approx(3 * once, abs=0.01)}
    assert (spread.hops, spread.hops_max) == (0 + 1 + 2 + 3, 3)


def test_receiving_and_sending_cost_time_on_the_cpu_and_are_counted():
    free = make_line(3, profile=STILL, costs=FREE)
    costs = Costs(receive_ms=(2.0, 2.0), entry_ms=0.0, byte_ns=0.0, send_ms=0.5, framing_bytes=0)
    costly = make_line(3, profile=STILL, costs=costs)
    before = costly.machines[1].cpu_s

    quick, slow = free.submit(0, 1000), costly.submit(0, 1000)
    run(free)
    run(costly)

    assert times_ms(slow)[2] - times_ms(quick)[2] == pytest.approx(2 * (2.0 + 0.5), abs=0.01)
    # One in, one on, and a receipt back to its origin.
    assert costly.machines[1].cpu_s - before == pytest.approx(0.003)


def test_what_arrives_at_the_same_time_is_worked_off_one_by_one():
    costs = Costs(receive_ms=(2.0, 2.0), entry_ms=0.0, byte_ns=0.0, send_ms=0.0, framing_bytes=0)
    net = make_network(4, profile=STILL, costs=costs)
    net.link([(0, 3), (1, 3), (2, 3)])
    run(net)

    spreads = [net.submit(origin, 100) for origin in range(3)]
    run(net)

    first, second, third = (times_ms(spread)[3] for spread in spreads)
    assert (second - first, third - second) == (pytest.approx(2.0, abs=0.2), pytest.approx(2.0, abs=0.2))


def test_the_framing_of_every_message_is_sent_too():
    bare = make_line(2, profile=STILL, costs=FREE)
    framed = make_line(2, profile=STILL, costs=Costs(receive_ms=(0.0, 0.0), send_ms=0.0, byte_ns=0.0, framing_bytes=60))
    before = [net.machines[0].sent_bytes for net in (bare, framed)]

    for net in (bare, framed):
        net.submit(0, 1000)
        run(net)

    sent = [net.machines[0].sent_bytes - past for net, past in zip((bare, framed), before, strict=True)]
    assert sent[1] - sent[0] == 60


def test_the_uplink_sends_one_byte_after_the_other():
    machine = make_network(1, profile=STILL, costs=FREE).machines[0]

    first, second = machine.upload(0.0, 100_000, 100_000 / UP_BYTES_PER_S), machine.upload(0.0, 100_000, 100_000 / UP_BYTES_PER_S)

    assert (first, second) == (pytest.approx(100_000 / UP_BYTES_PER_S), pytest.approx(200_000 / UP_BYTES_PER_S))


def test_a_small_message_passes_large_ones_in_the_uplink_and_delays_them():
    machine = make_network(1, profile=STILL, costs=FREE).machines[0]

    machine.upload(0.0, 100_000, 100_000 / UP_BYTES_PER_S)
    small = machine.upload(0.0, 1000, 1000 / UP_BYTES_PER_S)
    large = machine.upload(0.0, 100_000, 100_000 / UP_BYTES_PER_S)

    assert small == pytest.approx(1000 / UP_BYTES_PER_S)
    assert large == pytest.approx(201_000 / UP_BYTES_PER_S)


def test_what_is_said_while_a_batch_leaves_gathers_in_the_send_queue_and_goes_together():
    costs = Costs(receive_ms=(0.0, 0.0), entry_ms=0.0, byte_ns=0.0, send_ms=0.0, framing_bytes=1_000_000)
    net = make_line(2, profile=STILL, costs=costs)
    before = net.tally.read()

    for _ in range(50):
        net.submit(0, 1000)
    run(net, 20.0)

    sent = net.tally.read().since(before)
    assert sent.messages[m.Push] == 50
    # The first goes alone, and with the next batch all that gathered meanwhile.
    assert 2_000_000 < sent.bytes[m.Push] < 3_000_000


def test_a_full_send_queue_drops_relayed_pushes_and_counts_them():
    net = make_network(12, profile=STILL, costs=FREE)
    net.link([(0, 1), *((1, leaf) for leaf in range(2, 12))])
    run(net)

    for _ in range(120):
        net.submit(0, 100_000)
    run(net, 20.0)

    assert net.tally.queue_drops > 0


def test_messages_of_one_link_arrive_in_the_order_in_which_they_were_sent():
    net = make_line(2, profile=WORLD)

    spreads = []
    for _ in range(200):
        spreads.append(net.submit(0, 100))
        net.calendar.run(net.calendar.now + 0.001)
    run(net)

    arrivals = [spread.at + spread.times_s[1] for spread in spreads]
    assert arrivals == sorted(arrivals)


def test_jitter_makes_most_messages_a_little_and_few_much_later():
    net = make_line(2, profile=WORLD, costs=FREE)
    base_ms = net.places.base_s(0, 1) * 1000

    delays = []
    for _ in range(400):
        spread = net.submit(0, 100)
        net.calendar.run(net.calendar.now + 1.0)
        delays.append(times_ms(spread)[1] / base_ms)

    delays.sort()
    assert delays[0] > 1.0
    assert delays[200] == pytest.approx(1.04, abs=0.02)
    assert delays[-1] > 1.2


def test_a_dropped_message_never_arrives_and_is_counted():
    net = make_line(2, profile=STILL, loss=Loss(1.0))

    spread = net.submit(0, 1000)
    run(net, 1.0)

    assert spread.nodes == [0]
    assert net.tally.lost > 0


def test_a_share_of_the_messages_is_dropped():
    net = make_line(2, profile=STILL, loss=Loss(0.2))

    spreads = []
    for _ in range(500):
        spreads.append(net.submit(0, 100))
        net.calendar.run(net.calendar.now + 0.02)

    assert sum(len(spread.nodes) == 2 for spread in spreads) / 500 == pytest.approx(0.8, abs=0.05)


def test_with_tcp_a_lost_message_comes_later_and_holds_up_what_is_behind_it():
    plain = make_line(2, profile=STILL, costs=FREE)
    lossy = make_line(2, profile=STILL, costs=FREE, loss=Loss(1.0, "tcp"))

    in_time = plain.submit(0, 100)
    late = [lossy.submit(0, 100) for _ in range(6)]
    run(plain)
    run(lossy)

    delays_ms = [times_ms(spread)[1] - times_ms(in_time)[1] for spread in late]
    assert all(delay == pytest.approx(30, abs=1) or delay == pytest.approx(200, abs=1) for delay in delays_ms)
    assert delays_ms == sorted(delays_ms)
    assert lossy.tally.lost == 0


def test_a_node_that_falls_silent_neither_relays_nor_is_missed():
    net = make_line(3, profile=STILL)

    net.machines[1].fall_silent()
    spread = net.submit(0, 1000)
    run(net)

    assert spread.nodes == [0]
    assert net.linked(0, 1)
    assert net.linked(2, 1)


def test_a_silent_node_is_found_out_by_probes_where_there_are_any():
    net = make_line(3, profile=STILL, core=CoreConfig(probe_interval_s=2.0, probe_misses=3))
    lost = []
    net.on_link_lost = lambda one, other: lost.append((one, other))

    net.machines[1].fall_silent()
    # A rest of up to 8 s, since no transaction is about, and three probes.
    run(net, 16.0)

    assert sorted(lost) == [(0, 1), (2, 1)]


def test_what_is_under_way_on_a_link_that_ends_is_lost_and_the_other_side_hears_of_it_later():
    net = make_line(2, profile=STILL, costs=FREE)
    there, back = net.pipe(0, 1), net.pipe(1, 0)
    lost = []
    net.on_link_lost = lambda one, other: lost.append((one, round(net.calendar.now, 3)))
    now = net.calendar.now

    spread = net.submit(0, 1000)
    net.calendar.run(now + 0.001)
    net.hang_up(net.calendar.now, there, "enough")
    run(net)

    assert spread.nodes == [0]
    assert [one for one, _ in lost] == [0, 1]
    assert net.pipe(0, 1) is None
    assert net.pipe(1, 0) is None
    assert back.cut


def test_behind_a_blocked_link_nothing_arrives_and_nobody_is_told():
    net = make_line(2, profile=STILL)
    net.pipe(0, 1).block(True)

    spread = net.submit(0, 1000)
    run(net, 1.0)

    assert spread.nodes == [0]
    assert net.linked(0, 1)


def test_the_same_seed_gives_the_same_events_and_another_one_others():
    def trace(seed):
        net = make_line(8, seed=seed, profile=WORLD)
        spreads = [net.submit(0, 1000), net.submit(5, 1000)]
        run(net)
        return [(spread.nodes, spread.times_s) for spread in spreads], net.calendar.events

    assert trace(1) == trace(1)
    assert trace(1) != trace(2)


def test_a_node_that_starts_again_has_its_log_and_reads_on_where_it_stopped():
    net = make_line(2, profile=STILL)
    before = net.submit(0, 1000)
    run(net)
    there = net.pipe(0, 1)

    net.machines[1].fall_silent()
    net.hang_up(net.calendar.now, there, "gone")
    missed = net.submit(0, 1000)
    run(net)
    net.machines[1].start(net.strategy())
    net.link([(0, 1)])
    run(net)

    assert [len(spread.nodes) for spread in (before, missed)] == [2, 2]
    assert len(net.machines[1].log) == 2


def test_a_log_is_complete_when_the_last_of_what_was_expected_is_there():
    net = make_network(2, profile=STILL)
    net.submit(0, 1000)
    net.ledger.expect(net.machines, net.calendar.now)
    expected = net.ledger.complete_at

    net.link([(0, 1)])
    run(net)

    assert expected is None
    assert 0.01 < net.ledger.complete_at < 1.0
