"""``python -m sorcha_peer_core`` and the console script ``sorcha-peer``; the only place that patches the standard library."""

from __future__ import annotations

import os

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

# Nothing may import socket, ssl or threading before this, so it comes ahead of every other import.
from gevent import get_hub, monkey

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
