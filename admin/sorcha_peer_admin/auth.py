"""The bearer token of the data directory."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sorcha_peer_admin.files import replace_file
from sorcha_peer_core.errors import StartError

if TYPE_CHECKING:
    from pathlib import Path

PROTECTED = "/manage/"
TOKEN_FILE = "admin.token"
_TOKEN_BYTES = 32
_OWNER_ONLY = 0o600


def token_of(data_dir: Path) -> str:
    """The token of this node: made once, readable by its owner only, and kept.

    Raises:
        StartError: the file can neither be read nor made.
    """
    path = data_dir / TOKEN_FILE
    try:
        token = path.read_text(encoding="ascii").strip() if path.exists() else ""
        if token:
            path.chmod(_OWNER_ONLY)
            return token
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        replace_file(path, f"{token}\n", _OWNER_ONLY)
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"the token of the management API, {path}, cannot be read or written: {error}") from error
    return token
