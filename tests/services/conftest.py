"""What the tests of links and whole nodes share."""

from __future__ import annotations

import pytest
from link_parts import Side
from node_parts import Village
from service_parts import identities

from sorcha_peer_core.builtin.memory_transport import MemoryNetwork


@pytest.fixture
def network():
    return MemoryNetwork()


@pytest.fixture
def side(network):
    """Makes the links of a node; the smaller its number, the smaller its peer id."""
    sides = []

    def make(number, **changes):
        sides.append(Side(network, identities(9)[number], **changes))
        return sides[-1]

    yield make
    for each in sides:
        each.stop()
        assert each.supervisor.failed == []


@pytest.fixture
def village(tmp_path):
    """Makes whole nodes, and stops them."""
    village = Village(tmp_path)
    yield village
    village.stop()
