"""Where a database file lies: whose it is, and whether it is still there."""

from __future__ import annotations

import fcntl
import os
import shutil
from codecs import getincrementaldecoder
from pathlib import Path

from sorcha_peer_core.errors import StoreError

_LOCK_SUFFIX = ".lock"
_FULL_BYTES = 1024 * 1024
_LOOKED_AT_BYTES = 4096


class Claim:
    """Held by the one process that uses a file; the system lets go of it however the process ends.

    It is another file beside it: whoever opens and closes the database itself lets go of SQLite's own locks by that.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> None:
        """Claim the file. Raises StoreError when another process has it; a place that cannot be written is SQLite's to report."""
        try:
            descriptor = os.open(self._path + _LOCK_SUFFIX, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip()
            os.close(descriptor)
            who = f" (process {holder})" if holder else ""
            raise StoreError(f"another node{who} uses the store {self._path}; every node needs one of its own") from None
        os.ftruncate(descriptor, 0)
        try:
            os.write(descriptor, str(os.getpid()).encode())
        except OSError:
            # A full disk: the claim holds all the same, only nobody reads in it whose it is.
            os.ftruncate(descriptor, 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go. Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Place:
    """The files of an open database, so that their loss is noticed: SQLite writes on into files that nobody can find any more."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._known: dict[str, tuple[int, int]] = {}

    def forget(self) -> None:
        """The database is closed, or opened anew."""
        self._known.clear()

    def changed(self) -> str:
        """Which file was deleted or replaced since it was seen first; empty when none was."""
        for path in (self._path, f"{self._path}-wal"):
            found, known = _identity(path), self._known.get(path)
            if known is None and found is not None:
                self._known[path] = found
            elif known != found:
                return path
        return ""


def is_empty(path: str) -> bool:
    """Whether there is a file without a single byte in it: what is left of one that was cut off."""
    try:
        return os.stat(path).st_size == 0
    except OSError:
        return False


def is_text(path: str) -> bool:
    """Whether this never was a database, whatever happened to it."""
    try:
        with open(path, "rb") as file:
            head = file.read(_LOOKED_AT_BYTES)
    except OSError:
        return False
    return bool(head) and b"\0" not in head and _is_utf8(head)


def is_disk_full(path: str) -> bool:
    """Whether nothing can be written where the file lies because there is no room."""
    try:
        return shutil.disk_usage(Path(path).parent).free < _FULL_BYTES
    except OSError:
        return False


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_utf8(head: bytes) -> bool:
    try:
        # Not to its end: the last letter may be cut in two.
        getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True
