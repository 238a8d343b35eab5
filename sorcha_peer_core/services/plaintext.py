"""Where plaintext may be sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.model.hosts import is_loopback

if TYPE_CHECKING:
    from sorcha_peer_core.model.peer import Endpoint


def check_plaintext(listening: Iterable[Endpoint], allowed: bool) -> None:
    """Plaintext stays on this machine unless the operator says otherwise. Raises ConfigError."""
    exposed = [endpoint for endpoint in listening if not is_loopback(endpoint.host)]
    if exposed and not allowed:
        raise ConfigError(
            f"security.mode is 'insecure' and the node would listen on {exposed[0].authority}: links are not encrypted then; "
            "listen on loopback (127.0.0.1 or [::1]), choose mode 'open', or on a network that you trust set "
            "security.allow_insecure_network = true"
        )
