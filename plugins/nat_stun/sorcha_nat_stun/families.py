"""The two kinds of addresses."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

Address = IPv4Address | IPv6Address


class Family(NamedTuple):
    """IPv4 or IPv6, as each layer calls it."""

    word: str
    version: int
    sockets: socket.AddressFamily
    wildcard: str


IPV4 = Family("IPv4", 4, socket.AF_INET, "0.0.0.0")
IPV6 = Family("IPv6", 6, socket.AF_INET6, "::")

FAMILIES_BY_PREFERENCE = {"auto": (IPV4, IPV6), "ipv4": (IPV4,), "ipv6": (IPV6,)}
"""``network_address.preferred_protocol``: which families are asked for, in the order in which addresses are told."""


def why_not_public(address: Address) -> str:
    """Why ``address`` cannot be where a node is reached from everywhere; empty when it can.

    >>> from ipaddress import ip_address
    >>> why_not_public(ip_address("10.0.0.1")), why_not_public(ip_address("ff0e::1")), why_not_public(ip_address("9.9.9.9"))
    ('10.0.0.1 is private', 'ff0e::1 is a multicast address', '')
    """
    kinds = (
        (address.is_unspecified, "stands for no address"),
        (address.is_loopback, "is a loopback address"),
        (address.is_link_local, "is a link-local address"),
        (address.is_multicast, "is a multicast address"),
        # Not global by the registries of IANA: among others RFC 1918, carrier-grade NAT and the documentation ranges.
        (not address.is_global, "is private" if address.is_private else "is not global"),
        # Among others addresses in which an IPv4 address is wrapped, which ipaddress may well call global.
        (address.is_reserved or getattr(address, "is_site_local", False), "is reserved"),
    )
    return next((f"{address} {kind}" for applies, kind in kinds if applies), "")
