"""Where this node tells others to find it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from sorcha_peer_core.errors import ConfigError
from sorcha_peer_core.interfaces.address import AddressResolver
from sorcha_peer_core.model.peer import Endpoint

log = logging.getLogger(__name__)

_MOST_ENDPOINTS = 8
_SAID = "manual"
"""The resolver that knows what the operator says."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on ``host``."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_wildcard(host: str) -> bool:
    """Whether a listener on ``host`` is reached under all addresses of the machine."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def check_plaintext(listening: Iterable[Endpoint], allowed: bool) -> None:
    """Plaintext stays on this machine unless the operator says otherwise. Raises ConfigError."""
    exposed = [endpoint for endpoint in listening if not is_loopback(endpoint.host)]
    if exposed and not allowed:
        raise ConfigError(
            f"security.mode is 'insecure' and the node would listen on {exposed[0].authority}: links are not encrypted then; "
            "listen on loopback (127.0.0.1 or [::1]), choose mode 'open', or on a network that you trust set "
            "security.allow_insecure_network = true"
        )


def advertised(listening: Iterable[Endpoint], resolvers: Sequence[AddressResolver]) -> tuple[Endpoint, ...]:
    """The endpoints for the node's own record, best first.

    A listener on one address is reached there, and first of all where the operator says; one on all addresses wherever
    the resolvers say. A resolver that fails is named in the log and passed over.
    """
    found: list[Endpoint] = []
    hosts: list[str] | None = None
    said = _resolve([resolver for resolver in resolvers if resolver.name == _SAID])
    for endpoint in listening:
        if not is_wildcard(endpoint.host):
            found += [*(endpoint._replace(host=host) for host in said), endpoint]
            continue
        hosts = _resolve(resolvers) if hosts is None else hosts
        found.extend(endpoint._replace(host=host) for host in hosts if _is_heard(host, endpoint.host))
    return tuple(dict.fromkeys(found))[:_MOST_ENDPOINTS]


def _is_heard(host: str, wildcard: str) -> bool:
    # A listener on :: hears both families, one on 0.0.0.0 only its own; a name may stand for either.
    return ":" in wildcard or ":" not in host


def _resolve(resolvers: Sequence[AddressResolver]) -> list[str]:
    hosts: list[str] = []
    for resolver in resolvers:
        try:
            hosts += resolver.resolve()
        except Exception as error:
            # Resolvers come from plugins: whatever one of them raises, the node starts without its answer.
            log.warning("the address resolver %s failed: %s", resolver.name, error)
    return hosts
