"""Whose id it is: peers by the name they give themselves, this node as itself."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from sorcha_peer_core.model.ids import PeerId

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi

MOST_CHARS = 32
_SHORT_CHARS = 8


class Named(NamedTuple):
    """A peer as a page mentions it."""

    peer_id: str
    """Empty when nobody remembers who it was."""
    label: str
    is_known: bool
    """Whether there is a page about it."""
    is_self: bool = False


class Names:
    """The names of one moment, looked up when a page mentions them; made anew for each page."""

    def __init__(self, node: NodeApi) -> None:
        self._own_id = node.status().peer_id
        self._find = cache(node.peer)

    def of(self, peer_id: PeerId | str | None, name: str = "") -> Named:
        """Who this is; ``name`` is what is said of it where it is no known peer."""
        if not peer_id:
            return Named("", "a peer nobody remembers", False)
        if peer_id == self._own_id:
            return Named(peer_id, "this node", False, True)
        known = self._find(PeerId(peer_id))
        label = (known.name if known else "") or name or peer_id[:_SHORT_CHARS]
        return Named(peer_id, label if len(label) <= MOST_CHARS else f"{label[: MOST_CHARS - 1]}\u2026", known is not None)
