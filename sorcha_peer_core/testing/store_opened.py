"""What the suites of all roles of a store share: a store that is open during a test."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from sorcha_peer_core.errors import StoreError

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.store import Store


class OpenedStore:
    """Opens a store for each test when it is first used, and closes it afterwards."""

    def open_store(self) -> Store:
        """Return a store that is open, and empty when the test begins. Overridden by the author of the store."""
        raise NotImplementedError("say in open_store() how to open the store under test")

    # Opened late, so that fixtures which say where to keep the data have run by then.
    @cached_property
    def store(self) -> Store:
        """The store under test."""
        return self.open_store()

    def teardown_method(self) -> None:
        """Close it."""
        if "store" in vars(self):
            self.store.close()


def assert_refused(call: Callable[[], object]) -> None:
    """The store answers with a StoreError."""
    import pytest

    with pytest.raises(StoreError):
        call()
