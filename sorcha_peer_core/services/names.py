"""What names stand for, asked with a limit."""

from __future__ import annotations

import logging
import socket

import gevent

from sorcha_peer_core.model.hosts import plain_host

log = logging.getLogger(__name__)

_LIMIT_S = 3.0


def addresses_of(name: str) -> tuple[str, ...]:
    """All of them, in the system's order; none when it is not known. Blocks, at most for 3 s."""
    try:
        with gevent.Timeout(_LIMIT_S, TimeoutError(f"no answer within {_LIMIT_S:g} s")):
            found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        log.debug("the name %s could not be resolved: %s", name, error)
        return ()
    return tuple(dict.fromkeys(plain_host(str(address[0])) for *_, address in found))
