"""What the tests of links, outboxes and whole nodes share."""

from __future__ import annotations

import pytest
from link_parts import Side
from node_parts import Village
from outbox_parts import Boxes
from service_parts import FailingNow, identities

from sorcha_peer_core.builtin.memory_store import MemoryStore
from sorcha_peer_core.builtin.memory_transport import MemoryNetwork
from sorcha_peer_core.services import outbox


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


@pytest.fixture
def outbox_store():
    """In memory; calls of it can be made to fail."""
    store = FailingNow(MemoryStore())
    store.open()
    return store


@pytest.fixture
def boxes(outbox_store, monkeypatch):
    """Makes outboxes over ``outbox_store``, and stops them."""
    monkeypatch.setattr(outbox, "_RETRY_S", 0.005)
    boxes = Boxes(outbox_store)
    yield boxes
    boxes.stop()
