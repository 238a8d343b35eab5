"""Files of keys and certificates: written whole or not at all, read with a reason, watched for changes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from sorcha_peer_core.services.tls.certificates import CertificateUnusable

DIRECTORY = "tls"
"""Of the data directory."""
KEY_FILE = "key.pem"
CERTIFICATE_FILE = "certificate.pem"
TRUSTED_FILE = "ca.pem"
REVOKED_FILE = "revoked.txt"

SECRET = 0o600
PUBLIC = 0o644

Stamps = tuple[tuple[int, int, int] | None, ...]
"""What tells one version of some files from another; None for a file that is not there."""


class Draft(NamedTuple):
    """What a file is going to be."""

    path: Path
    content: bytes
    mode: int


def create(draft: Draft) -> bool:
    """Write a file that is not there yet; False, and nothing is changed, when it is. Makes the directory."""
    draft.path.parent.mkdir(parents=True, exist_ok=True)
    written = _write_beside(draft)
    try:
        os.link(written, draft.path)
    except FileExistsError:
        return False
    finally:
        os.unlink(written)
    return True


def replace(drafts: Sequence[Draft]) -> None:
    """Put new versions in place, each whole. All are written before the first takes its place."""
    written: list[str] = []
    try:
        for draft in drafts:
            draft.path.parent.mkdir(parents=True, exist_ok=True)
            written.append(_write_beside(draft))
        for draft in drafts:
            os.replace(written[0], draft.path)
            del written[0]
    finally:
        for leftover in written:
            os.unlink(leftover)


def read(path: Path) -> bytes:
    """The whole file. Raises CertificateUnusable with its name and the system's reason."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise CertificateUnusable(f"{path} is not there") from None
    except OSError as error:
        raise CertificateUnusable(f"{path} cannot be read: {error.strerror or error}") from None


def stamps(paths: Iterable[Path]) -> Stamps:
    """Which versions of the files are there now."""
    return tuple(_stamp(path) for path in paths)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _write_beside(draft: Draft) -> str:
    descriptor, name = tempfile.mkstemp(prefix=f"{draft.path.name}.", dir=draft.path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, draft.mode)
            file.write(draft.content)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        os.unlink(name)
        raise
    return name
