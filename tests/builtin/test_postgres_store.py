"""The PostgreSQL store does all that stores do."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from sorcha_peer_core.testing.store_suite import FailureSuite, PersistenceSuite, StoreSuite


class TestPostgresStore(StoreSuite, PersistenceSuite, FailureSuite):
    @pytest.fixture(autouse=True)
    def _place(self, postgres):
        self.url = postgres.new_schema()

    def open_store(self):
        from sorcha_peer_core.builtin.postgres_store import PostgresStore

        store = PostgresStore(self.url)
        store.open()
        return store

    @contextmanager
    def failing_writes(self):
        # As a standby or a server whose disk is full refuses them.
        with self.store._database.reading("forbid writing") as connection:
            connection.execute("SET default_transaction_read_only TO on")
            yield
            connection.execute("SET default_transaction_read_only TO off")
