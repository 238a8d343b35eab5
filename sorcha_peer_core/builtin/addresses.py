"""Where this node is reached: what the operator says, and what the network interfaces have."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import psutil

Address = IPv4Address | IPv6Address
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


def build_manual_resolver(settings: Mapping[str, Any]) -> ManualResolver:
    """From ``network_address.external_address``."""
    return ManualResolver(settings.get("external_address", ""))


def build_interface_resolver(settings: Mapping[str, Any]) -> InterfaceResolver:
    """There is nothing to set."""
    return InterfaceResolver()


class ManualResolver:
    """The address that the operator configured; none when it is empty."""

    name = "manual"

    def __init__(self, external_address: str) -> None:
        # People copy IPv6 addresses with their brackets.
        self._host = external_address.strip().removeprefix("[").removesuffix("]")

    def resolve(self) -> list[str]:
        """The configured host."""
        return [self._host] if self._host else []


class InterfaceResolver:
    """The addresses of the interfaces that are up; loopback only when there is nothing else."""

    name = "interface"

    def resolve(self) -> list[str]:
        """Public addresses before private ones, then IPv4 before IPv6, then in the system's order."""
        found = [address for address in _interface_addresses() if not address.is_link_local and not address.is_unspecified]
        elsewhere = [address for address in found if not address.is_loopback]
        ordered = sorted(elsewhere or found, key=lambda address: (not address.is_global, address.version))
        return list(dict.fromkeys(map(str, ordered)))


def _interface_addresses() -> Iterator[Address]:
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    for name, addresses in psutil.net_if_addrs().items():
        if name in up:
            # A link-local IPv6 address names its interface behind a percent sign.
            yield from (ip_address(a.address.partition("%")[0]) for a in addresses if a.family in _FAMILIES)
