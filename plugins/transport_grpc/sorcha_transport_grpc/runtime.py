"""Makes grpc and gevent work in one process."""

from __future__ import annotations

from functools import cache

import gevent
from gevent import monkey
from grpc import _common as grpc_waits
from grpc.experimental import gevent as grpc_gevent

from sorcha_peer_core.errors import PluginError
from sorcha_transport_grpc.polling_threads import PollingThreads

_SPARE_THREADS = 64
_LOOKS_UP_S = 5.0
"""How often a greenlet that waits for a stream looks up by itself. grpc has every waiter do so ten times a second, for the
handlers of signals. Under gevent the hub runs those, and ten wake-ups a second for each link were half of what idleness cost."""


def prepare(max_connections: int) -> None:
    """Before the first channel or server: hooks grpc into gevent, and lets the hub have the native threads it needs.

    Raises:
        PluginError: the process is not monkey-patched; grpc would hang in it.
    """
    if not (monkey.is_module_patched("threading") and monkey.is_module_patched("socket")):
        raise PluginError("the gRPC transports need a process that called gevent.monkey.patch_all() before anything else")
    _hook_grpc_into_gevent()
    # Should a grpc of another version wait in the hub's own pool: each completion queue that is polled holds a thread,
    # one per server, one per channel, one per call that blocks. When they run out, everything waits for everything.
    pool = gevent.get_hub().threadpool
    pool.maxsize = max(pool.maxsize, 4 * max_connections + _SPARE_THREADS)


@cache
def _hook_grpc_into_gevent() -> None:
    # A grpc that has no such constant looks up as often as it likes.
    if hasattr(grpc_waits, "MAXIMUM_WAIT_TIMEOUT"):
        grpc_waits.MAXIMUM_WAIT_TIMEOUT = _LOOKS_UP_S
    hub = gevent.get_hub()
    ordinary = hub.threadpool
    # grpc takes the pool that the hub has at this moment, and waits for its completion queues in it for ever after.
    hub.threadpool = PollingThreads(hub, ordinary.maxsize)
    try:
        grpc_gevent.init_gevent()
    finally:
        hub.threadpool = ordinary
