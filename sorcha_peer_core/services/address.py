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


def check_plaintext(host: str, allowed: bool) -> None:
    """Links are not encrypted yet: they stay on this machine unless the operator says otherwise. Raises ConfigError."""
    if not is_loopback(host) and not allowed:
        raise ConfigError(
            f"communication.listen is on {host}, and links are not encrypted in mode insecure; "
            "listen on 127.0.0.1 or [::1], or set security.allow_insecure_network = true on a network that you trust"
        )


def advertised(listening: Iterable[Endpoint], resolvers: Sequence[AddressResolver]) -> tuple[Endpoint, ...]:
    """The endpoints for the node's own record, best first.

    A listener on one address is reached there, and first of all where the operator says; one on all addresses wherever
    the resolvers say. A resolver that fails is named in the log and passed over.
    """
    found: list[Endpoint] = []
    hosts: list[str] | None = None
    for endpoint in listening:
        if not is_wildcard(endpoint.host):
            found.append(endpoint)
            continue
        hosts = _resolve(resolvers) if hosts is None else hosts
        found.extend(endpoint._replace(host=host) for host in hosts)
    return tuple(dict.fromkeys(found))[:_MOST_ENDPOINTS]


def _resolve(resolvers: Sequence[AddressResolver]) -> list[str]:
    hosts: list[str] = []
    for resolver in resolvers:
        try:
            hosts += resolver.resolve()
        except (OSError, ValueError) as error:
            log.warning("the address resolver %s failed: %s", resolver.name, error)
    return hosts
