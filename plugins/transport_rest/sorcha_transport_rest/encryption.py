"""Everything about encryption in one place: what the server is given, what the client checks, what a link is bound to."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Encryption:
    """How connections are made; without arguments they are plaintext."""

    server_context: ssl.SSLContext | None = None
    verify: bool | str = True
    """As ``requests.Session.verify``: which certificates of a peer's server are believed."""
    channel_binding: bytes = b""
    """SHA-256 of the server's certificate, which both ends of a link sign; empty when plaintext."""

    @property
    def url_scheme(self) -> str:
        """How the address of a peer begins."""
        return "https" if self.server_context else "http"

    def server_arguments(self) -> dict[str, Any]:
        """What the WSGI server is built with."""
        return {"ssl_context": self.server_context} if self.server_context else {}


PLAINTEXT = Encryption()
