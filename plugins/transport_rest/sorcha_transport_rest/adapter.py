"""The connections of one link's client, which end with it."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool


class ClosingAdapter(HTTPAdapter):
    """Closes every connection it made when it is closed.

    requests leaves that to the garbage collector, and loses sight of a connection when a request is broken off while it
    looks whether that connection still stands.
    """

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """With pools that remember."""
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def close(self) -> None:
        """Also those in use; whoever uses them is told by an error."""
        found: Any = self.poolmanager.pools
        pools = [found[key] for key in found.keys()]  # noqa: SIM118  (it cannot be iterated)
        super().close()
        for pool in pools:
            pool.close()
            for connection in list(pool.made):
                connection.close()


class _Remembering:
    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.made: WeakSet[Any] = WeakSet()
        super().__init__(*arguments, **options)

    def _new_conn(self) -> Any:
        made = super()._new_conn()  # type: ignore[misc]  # of the pool that this is mixed into
        self.made.add(made)
        return made


class _PlainPool(_Remembering, HTTPConnectionPool):
    pass


class _TlsPool(_Remembering, HTTPSConnectionPool):
    pass
