"""``pytest -p sorcha_peer_core.testing.patched``: patches the standard library before any test module is imported."""

from __future__ import annotations

import os

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from gevent import get_hub, monkey

monkey.patch_all()
# The default of 10 native threads deadlocks as soon as gRPC polls that many completion queues.
get_hub().threadpool.maxsize = 1000
