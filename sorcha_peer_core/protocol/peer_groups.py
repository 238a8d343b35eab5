"""Which addresses are cheap to have together, and where that puts a peer in the table."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from ipaddress import ip_address

from sorcha_peer_core.model.hosts import Scope, plain_host, scope_of

PRIVATE = "private"
"""The group of everybody in a local network: loopback, RFC 1918, unique local and other addresses that are not routed
worldwide, and names without a domain."""
UNKNOWN = "unknown"
_IPV4_GROUP_BITS = 16
_IPV6_GROUP_BITS = 32
_LOCAL_DOMAINS = ("localhost", "local", "internal")
_KEY_BYTES = 64


@lru_cache(maxsize=4096)
def group_of(host: str) -> str:
    """Hosts of one group are likely in one hand: an IPv4 /16, an IPv6 /32, or one domain.

    Whoever rents a server gets its neighbours' group, and a whole IPv6 /48 for nothing; many groups cost money.

    >>> group_of("93.184.216.34") == group_of("93.184.1.2") != group_of("93.185.1.2")
    True
    >>> group_of("::ffff:10.0.0.1"), group_of("fd00::1"), group_of("localhost"), group_of("")
    ('private', 'private', 'private', 'unknown')
    """
    if not host:
        return UNKNOWN
    scope = scope_of(host)
    if scope is Scope.NAME:
        return _group_of_name(host)
    return _group_of_address(host) if scope is Scope.GLOBAL else PRIVATE


def draw(secret: bytes, limit: int, *parts: str) -> int:
    """A number below ``limit`` that only the holder of the secret can foresee."""
    digest = blake2b("\0".join(parts).encode(errors="replace"), key=secret[:_KEY_BYTES], digest_size=8).digest()
    return int.from_bytes(digest, "big") % limit


def _group_of_address(host: str) -> str:
    address = ip_address(plain_host(host))
    bits = _IPV4_GROUP_BITS if address.version == 4 else _IPV6_GROUP_BITS
    return f"ipv{address.version}/{int(address) >> (address.max_prefixlen - bits):x}"


def _group_of_name(host: str) -> str:
    labels = host.strip().rstrip(".").lower().split(".")
    if len(labels) == 1 or labels[-1] in _LOCAL_DOMAINS:
        return PRIVATE
    return "name/" + ".".join(labels[-2:])
