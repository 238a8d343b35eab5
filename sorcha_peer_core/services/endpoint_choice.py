"""In which order the addresses of a peer are worth a dial. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.model.hosts import Scope, family_of, scope_of

if TYPE_CHECKING:
    from sorcha_peer_core.model.peer import Endpoint


def in_dialling_order(endpoints: Sequence[Endpoint], own_hosts: Callable[[], Iterable[str]]) -> list[Endpoint]:
    """As the peer says; but of one that can be reached from anywhere the local addresses come last.

    A stranger may live at a private address in the network of this node, and at the next a timeout waits. So they are
    tried only from a private network of the same family (``own_hosts``, asked only then): the peer may be a neighbour there.
    """
    public = [endpoint for endpoint in endpoints if _is_public(endpoint.host)]
    local = [endpoint for endpoint in endpoints if not _is_public(endpoint.host)]
    if not public or not local:
        return list(endpoints)
    families = {family_of(host) for host in own_hosts() if scope_of(host) is Scope.PRIVATE}
    return public + [endpoint for endpoint in local if family_of(endpoint.host) in families]


def _is_public(host: str) -> bool:
    return scope_of(host) in (Scope.GLOBAL, Scope.NAME)
