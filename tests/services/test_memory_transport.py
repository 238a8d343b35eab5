"""The memory transport is a transport like any other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sorcha_peer_core.builtin.memory_transport import MemoryNetwork, MemoryTransport
from sorcha_peer_core.errors import PeerUnreachable
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.testing.transport_suite import RecordedEvents, TransportSuite


class TestMemoryTransport(TransportSuite):
    @pytest.fixture(autouse=True)
    def _network(self):
        self.network = MemoryNetwork()

    def make_transport(self, port: int = 0) -> MemoryTransport:
        return MemoryTransport(self.network, "here", port)

    def nobody(self) -> Endpoint:
        return Endpoint("memory", "here", 4711)

    @contextmanager
    def silent(self) -> Iterator[Endpoint]:
        yield self.network.mute("here")

    def test_networks_know_nothing_of_each_other(self):
        endpoint = self._make().listen(RecordedEvents())[0]
        elsewhere = MemoryTransport(MemoryNetwork(), "here")

        with pytest.raises(PeerUnreachable):
            elsewhere.dial(endpoint, RecordedEvents(), 1.0)
