"""Places that strangers may take for a short time: few, and nobody keeps the others out of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_network
from typing import TYPE_CHECKING

from sorcha_peer_core.model.hosts import IPV6, family_of, plain_host

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.transport import Link

_SITE_BITS = 64
"""What one customer of a provider has at the least: all its IPv6 addresses are one neighbourhood."""


class Places:
    """A bounded number of places for links.

    When all are taken, who has been there for longer than ``patience_s`` gives way, and after that the oldest of a
    neighbourhood that has more places than the newcomer's would have. A crowd of many is not thrown about by that: when
    all have come just now and from everywhere, the newcomer has to try again.
    """

    def __init__(
        self,
        most: int,
        patience_s: float,
        clock: Callable[[], float] = time.monotonic,
        stretch: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self._most = most
        self._patience_s = patience_s
        self._clock = clock
        self._stretch = stretch
        # In the order of arrival.
        self._taken: dict[Link, tuple[float, str]] = {}

    def __len__(self) -> int:
        return len(self._taken)

    def take(self, link: Link) -> bool:
        """Give it a place, and close the link that gives way for it; False when there is none to be had."""
        neighbourhood = neighbourhood_of(link.remote.host)
        leaving = None
        if len(self._taken) >= self._most:
            leaving = self._overstayed() or self._crowding(neighbourhood)
            if leaving is None:
                return False
            del self._taken[leaving]
        self._taken[link] = (self._clock(), neighbourhood)
        if leaving is not None:
            leaving.close("others wait for its place")
        return True

    def give_back(self, link: Link) -> None:
        """It needs its place no more, if it has one."""
        self._taken.pop(link, None)

    def _overstayed(self) -> Link | None:
        oldest = next(iter(self._taken), None)
        if oldest is None or self._clock() - self._taken[oldest][0] <= self._patience_s * self._stretch():
            return None
        return oldest

    def _crowding(self, newcomer: str) -> Link | None:
        sizes = Counter(neighbourhood for _, neighbourhood in self._taken.values())
        [(largest, size)] = sizes.most_common(1) or [("", 0)]
        if size <= sizes[newcomer] + 1:
            return None
        return next(link for link, (_, neighbourhood) in self._taken.items() if neighbourhood == largest)


def neighbourhood_of(host: str) -> str:
    """Whose addresses these are, as far as that can be seen: an IPv4 address, an IPv6 network of 64 bits, a name.

    >>> neighbourhood_of("2001:db8:1:2:3::4"), neighbourhood_of("::ffff:192.0.2.1"), neighbourhood_of("node.example")
    ('2001:db8:1:2::/64', '192.0.2.1', 'node.example')
    """
    plain = plain_host(host)
    return str(ip_network((plain, _SITE_BITS), strict=False)) if family_of(plain) == IPV6 else plain
