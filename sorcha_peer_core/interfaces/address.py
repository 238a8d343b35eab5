"""Where a node says it can be reached."""

from __future__ import annotations

from typing import Protocol


class AddressResolver(Protocol):
    """One source of this node's own address, asked in the configured order at start."""

    @property
    def name(self) -> str:
        """As it stands in ``network_address.resolvers``."""

    def resolve(self) -> list[str]:
        """Hosts (names, IPv4 or IPv6 without brackets) under which peers may reach this node, best first; may block."""
