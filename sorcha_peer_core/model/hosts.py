"""What the host of an address is good for."""

from __future__ import annotations

from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address

IPV4, IPV6 = 4, 6
BOTH_FAMILIES = frozenset({IPV4, IPV6})


class Scope(IntEnum):
    """From where a host can be reached, if at all."""

    NOWHERE = 0
    """Nobody can be told to dial it: a wildcard, a group, or an address that is good for one cable only."""
    LOOPBACK = 1
    PRIVATE = 2
    """In one network, whatever network that is: RFC 1918, unique local, shared by a provider, for documentation."""
    GLOBAL = 3
    NAME = 4
    """Only a resolver knows."""


def plain_host(host: str) -> str:
    """One spelling for each host: no brackets, no zone, small letters, and an IPv4 address that was mapped as itself.

    >>> plain_host("::ffff:192.0.2.1"), plain_host("[2001:DB8::0001]"), plain_host("Node.Example")
    ('192.0.2.1', '2001:db8::1', 'node.example')
    """
    address = _address(host)
    return host.strip().lower() if address is None else str(address)


def family_of(host: str) -> int | None:
    """4 or 6; None for a name.

    >>> family_of("192.0.2.1"), family_of("::1"), family_of("node.example")
    (4, 6, None)
    """
    address = _address(host)
    return None if address is None else address.version


def scope_of(host: str) -> Scope:
    """From where it can be reached.

    >>> [scope_of(host).name for host in ("8.8.4.4", "100.64.0.1", "::1", "fe80::1", "node.example", "")]
    ['GLOBAL', 'PRIVATE', 'LOOPBACK', 'NOWHERE', 'NAME', 'NOWHERE']
    """
    address = _address(host)
    if address is None:
        return _scope_of_name(host)
    if address.is_loopback:
        return Scope.LOOPBACK
    if address.is_unspecified or address.is_multicast or address.is_link_local:
        return Scope.NOWHERE
    return Scope.GLOBAL if address.is_global else Scope.PRIVATE


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on ``host``."""
    return scope_of(host) is Scope.LOOPBACK


def is_wildcard(host: str) -> bool:
    """Whether a listener on ``host`` is reached under all addresses of the machine."""
    address = _address(host)
    return address is not None and address.is_unspecified


def _scope_of_name(host: str) -> Scope:
    if not host.strip():
        return Scope.NOWHERE
    return Scope.LOOPBACK if host.strip().lower() == "localhost" else Scope.NAME


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
