"""Which peer somebody means who does not write down forty digits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sorcha_peer_core.errors import PeerError
from sorcha_peer_core.model.ids import parse_peer_id, short

_MOST_NAMED = 5


def find_peer(text: str, peers: Iterable[Mapping[str, Any]], kind: str = "known peer") -> Mapping[str, Any]:
    """The one whose id begins with ``text``, or whose name is that or, if no other's does, begins with it.

    Raises PeerError: it is none of them, or more than one.

    >>> find_peer("no", [{"id": "ab" * 20, "name": "north"}, {"id": "cd" * 20, "name": "south"}])["name"]
    'north'
    """
    among = list(peers)
    found = [peer for peer in among if peer["name"] == text] or [peer for peer in among if _begins(peer, text)]
    by_id = [peer for peer in among if peer["id"] == text.lower()]
    found = by_id or found
    if len(found) == 1:
        return found[0]
    if not found or not text:
        raise PeerError(f"no {kind} has an id or a name that begins with {text!r}")
    named = ", ".join(called(peer) for peer in found[:_MOST_NAMED]) + (", ..." if len(found) > _MOST_NAMED else "")
    raise PeerError(f"{text!r} may be any of {len(found)} {kind}s: {named}; write more of the id")


def find_any_peer(text: str, peers: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The same for what may be done to peers that are not known: a whole id always is one."""
    try:
        peer_id = parse_peer_id(text)
    except ValueError:
        return find_peer(text, peers)
    return next((peer for peer in peers if peer["id"] == peer_id), {"id": peer_id, "name": ""})


def called(peer: Mapping[str, Any]) -> str:
    """A peer in a sentence.

    >>> called({"id": "ab" * 20, "name": "north"})
    'north (abababab)'
    """
    name = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in peer["name"])
    return f"{name} ({short(peer['id'])})" if name else str(peer["id"])


def _begins(peer: Mapping[str, Any], text: str) -> bool:
    return bool(peer["id"].startswith(text.lower()) or peer["name"].startswith(text))
