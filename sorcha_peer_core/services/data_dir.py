"""One node, one data directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from sorcha_peer_core.errors import StartError

LOCK_FILE = "node.lock"


class DataDirLock:
    """Held while a node runs; the system lets go of it however the process ends."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / LOCK_FILE
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Claim the directory, making it if need be.

        Raises:
            StartError: another node runs on it, or it cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StartError(f"the data directory {self._path.parent} cannot be used: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip()
            os.close(descriptor)
            who = f" (process {holder})" if holder else ""
            raise StartError(
                f"another node{who} runs on the data directory {self._path.parent}; one node needs one of its own"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go. Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
