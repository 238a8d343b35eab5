"""Under which names a browser may speak to a node: a stranger's name that was pointed here is none (DNS rebinding)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from sorcha_peer_core.model.peer import parse_host_port

_LOCAL = "localhost"


class Hosts:
    """The names of this node. Any plain IP address is one: no stranger's name is hidden behind it."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = {_LOCAL, *(name.lower().rstrip(".") for name in names if name)}

    def knows(self, host: str) -> bool:
        """Whether the header ``Host`` names this node.

        >>> hosts = Hosts(["node.example"])
        >>> [hosts.knows(host) for host in ("127.0.0.1:5080", "[::1]:5080", "node.example", "a.localhost:1", "evil.example", "")]
        [True, True, True, True, False, False]
        """
        name = _name_of(host)
        return name in self._names or name.endswith(f".{_LOCAL}") or _is_ip(name)


def hosts_of(listen: str, more: Iterable[str]) -> Hosts:
    """Those of ``admin.listen`` and ``admin.hosts``."""
    return Hosts([parse_host_port(listen)[0] if listen else "", *more])


def _name_of(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower().rstrip(".")


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
