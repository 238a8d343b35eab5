"""From host names to socket addresses."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import gevent

from sorcha_nat_stun.errors import NoWay, Refused
from sorcha_nat_stun.families import Family
from sorcha_nat_stun.settings import Target

SocketAddress = tuple[str, int]
"""Host as the system writes it, and port."""

LOOKUP_LIMIT_S = 2.0


def first_address(target: Target, family: Family) -> SocketAddress:
    """The first address of the name in this family. Raises NoWay; blocks the greenlet as long as the system's resolver does."""
    try:
        found = socket.getaddrinfo(target.host, target.port, family.sockets, socket.SOCK_DGRAM)
    except (OSError, ValueError):
        raise NoWay(f"no {family.word} address is known for it") from None
    host, port = found[0][4][:2]
    return str(host), int(port)


def first_addresses(
    targets: Sequence[Target], family: Family, limit_s: float = LOOKUP_LIMIT_S
) -> dict[str, SocketAddress | Refused]:
    """By label, the address of each name or why there is none. All are looked up at the same time."""
    lookups = {target.label: gevent.spawn(_first_address_or_why_not, target, family) for target in targets}
    gevent.joinall(list(lookups.values()), timeout=limit_s)
    late = Refused(f"its name was not found within {limit_s:g} s")
    found = {label: lookup.value if lookup.value is not None else late for label, lookup in lookups.items()}
    gevent.killall(list(lookups.values()), block=False)
    return found


def own_host(family: Family, server: SocketAddress) -> str:
    """The address of this machine that it would speak to ``server`` from. Raises NoWay."""
    try:
        with socket.socket(family.sockets, socket.SOCK_DGRAM) as probe:
            probe.connect(server)  # sends nothing
            return str(probe.getsockname()[0])
    except OSError as error:
        raise NoWay(f"this machine has no way to it by {family.word} ({error.strerror or error})") from None


def _first_address_or_why_not(target: Target, family: Family) -> SocketAddress | Refused:
    try:
        return first_address(target, family)
    except Refused as why:
        return why
