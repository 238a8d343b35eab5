"""Where a node says it can be reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable


class AddressResolver(Protocol):
    """One source of this node's own address.

    Sources are asked in the configured order: at the start, when the network of this machine has changed, and now and then.
    One is not asked while those before it have said enough.
    """

    @property
    def name(self) -> str:
        """As it stands in ``network_address.resolvers``."""

    def resolve(self) -> list[str]:
        """Hosts (names, IPv4 or IPv6 without brackets) under which peers may reach this node, best first.

        May block, but has to let other greenlets run, and is given up after 30 s. Whatever it raises is shown to people and
        counts as an empty list: the next source is asked. When none finds anything, what was found last goes on to count.
        """


@runtime_checkable
class AddressFindings(Protocol):
    """A second role of a resolver that has more to tell than addresses."""

    def findings(self) -> Mapping[str, str]:
        """What the last ``resolve()`` found out beside addresses, for people; does not block.

        For example ``nat_type``, the servers asked, why one was passed over. Empty before the first time.
        """
