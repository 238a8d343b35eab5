"""A node that was alone with a long queue meets the others: they get all of it, and it sends each payload about once."""

from __future__ import annotations

from collections import deque
from itertools import combinations

import pytest
from sim_parts import QUIET, make_network, mesh

from sorcha_peer_core.model import messages as m

COUNT = 1500
SIZE = 1024


@pytest.fixture
def net():
    """Five nodes, of which the first has no links."""
    net = make_network(5, strategy=mesh, core=QUIET)
    net.link(combinations(range(1, 5), 2))
    net.calendar.run(1.0)
    return net


def meet(net) -> deque:
    """The first node has links, and its queue may go."""
    # Made one after the other, as everything is.
    waiting = deque(net.ledger.make(0, SIZE, net.calendar.now + number / 1e6) for number in range(COUNT))
    net.link([(0, other) for other in range(1, 5)])
    net.machines[0].flush(waiting)
    return waiting


def test_four_peers_share_what_waited_and_pass_it_on(net):
    before = net.tally.read()
    waiting = meet(net)

    net.calendar.run(net.calendar.now + 10.0)

    assert not waiting
    assert [len(machine.log) for machine in net.machines] == [COUNT] * 5
    assert len(net.machines[0].core.receipts) == 0
    traffic = net.tally.read().since(before)
    assert traffic.messages[m.Push] == pytest.approx(4 * COUNT, rel=0.02), "each node gets one copy"
    assert net.machines[0].sent_bytes < 1.6 * COUNT * SIZE
    assert traffic.messages[m.FlushGrant] == traffic.messages[m.FlushRequest] > 0


def test_what_a_dying_peer_took_with_it_is_offered_again(net):
    waiting = meet(net)
    net.calendar.run(net.calendar.now + 0.3)
    assert waiting, "it dies in the middle"

    dead = net.machines[1]
    dead.fall_silent()
    for other in (0, 2, 3, 4):
        net.hang_up(net.calendar.now, net.pipe(other, 1), "it is silent")
    net.calendar.run(net.calendar.now + 60.0)

    assert not waiting
    assert [len(machine.log) for machine in net.machines if machine is not dead] == [COUNT] * 4
    assert len(net.machines[0].core.receipts) == 0
