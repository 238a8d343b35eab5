"""What opens the door: the token of the data directory, and the password if there is one."""

from __future__ import annotations

import hashlib
import logging
import secrets
from typing import TYPE_CHECKING

import gevent
from werkzeug.security import check_password_hash

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

PASSWORD_FILE = "admin.password"
"""In the data directory, written by ``sorcha-peer admin-password``: ``scrypt:N:r:p$salt$hash``."""
_MOST_PASSWORD_CHARS = 1024


class Keys:
    """The token and the password of one node; a password that is set while the node runs counts at once."""

    def __init__(self, data_dir: Path, token: str) -> None:
        self._path = data_dir / PASSWORD_FILE
        self._token = token.encode()

    @property
    def mark(self) -> str:
        """Changes when the token or the password does; says nothing about either."""
        return hashlib.sha256(self._token + b"\0" + self._password_hash().encode()).hexdigest()

    @property
    def has_password(self) -> bool:
        """Whether one is set."""
        return bool(self._password_hash())

    def is_token(self, presented: bytes) -> bool:
        """Compares in constant time."""
        return secrets.compare_digest(presented, self._token)

    def open_with(self, secret: str) -> bool:
        """Whether this is the token or the password. Takes some 50 ms on a thread of its own when a password is set."""
        if self.is_token(secret.strip().encode()):
            return True
        password_hash = self._password_hash()
        if not password_hash or len(secret) > _MOST_PASSWORD_CHARS:
            return False
        # scrypt is slow on purpose; the node's own work goes on meanwhile.
        return bool(gevent.get_hub().threadpool.apply(check_password_hash, (password_hash, secret)))

    def _password_hash(self) -> str:
        try:
            return self._path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            log.warning("%s cannot be read, so nobody logs in by password: %s", self._path, error)
            return ""
