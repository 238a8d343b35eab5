"""``python -m sorcha_peer_core`` and the console script ``sorcha-peer``; the only place that patches the standard library."""

from __future__ import annotations

import gc
import os
from typing import Any

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

# Nothing may import socket, ssl or threading before this, so it comes ahead of every other import.
from gevent import events, get_hub, monkey

# Next to nothing here is garbage that counting references misses: with the usual threshold a tenth of a start, and of a busy
# node's time, goes into looking for it.
gc.set_threshold(20_000, 20, 20)
# Patching tells each of its 25 steps to the entry points of all that is installed, and reads them anew for each: a seventh of
# a start. Nobody offers one. (The stubs of gevent do not name what this module has.)
_events: Any = events
_events.notify_and_call_entry_points = _events.notify
monkey.patch_all()
# The default of 10 native threads deadlocks as soon as gRPC polls that many completion queues.
get_hub().threadpool.maxsize = 1000

import sys  # noqa: E402 - after the patch

from sorcha_peer_core.cli import run_command_line  # noqa: E402 - after the patch


def main() -> None:
    """Run the command line and leave with its exit status."""
    sys.exit(run_command_line(sys.argv[1:]))


if __name__ == "__main__":
    main()
