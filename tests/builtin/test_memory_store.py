"""The store in memory."""

from __future__ import annotations

from sorcha_peer_core.builtin.memory_store import MemoryStore
from sorcha_peer_core.testing.store_suite import StoreSuite


class TestMemoryStore(StoreSuite):
    def open_store(self) -> MemoryStore:
        store = MemoryStore()
        store.open()
        return store
