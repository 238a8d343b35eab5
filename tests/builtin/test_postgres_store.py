"""The PostgreSQL store does all that stores do."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from sorcha_peer_core.builtin.memory_store import MemoryStore
from sorcha_peer_core.testing.store_model_suite import ModelSuite
from sorcha_peer_core.testing.store_suite import FailureSuite, PersistenceSuite, StoreSuite


def opened(url: str):
    # Needs the driver; without it the fixture skips before this.
    from sorcha_peer_core.builtin.postgres_store import PostgresStore

    store = PostgresStore(url)
    store.open()
    return store


class TestPostgresStoreAgainstTheModel(ModelSuite):
    outlives_the_process = True

    @pytest.fixture(autouse=True)
    def _place(self, postgres):
        self.postgres = postgres

    def new_place(self) -> None:
        self.url = self.postgres.new_schema()

    def open_store(self):
        return opened(self.url)

    def open_model(self) -> MemoryStore:
        model = MemoryStore()
        model.open()
        return model


class TestPostgresStore(StoreSuite, PersistenceSuite, FailureSuite):
    @pytest.fixture(autouse=True)
    def _place(self, postgres):
        self.url = postgres.new_schema()

    def open_store(self):
        return opened(self.url)

    @contextmanager
    def failing_writes(self):
        # As a standby or a server whose disk is full refuses them.
        with self.store._database.reading("forbid writing") as connection:
            connection.execute("SET default_transaction_read_only TO on")
            yield
            connection.execute("SET default_transaction_read_only TO off")
