"""Peers that a node has nothing to do with."""

from __future__ import annotations

from typing import NamedTuple

from sorcha_peer_core.model.ids import PeerId

OPERATOR = "operator"
"""Who bans by hand."""


class Ban(NamedTuple):
    """One such peer, and for how long. Times are Unix seconds."""

    peer_id: PeerId
    reason: str
    by: str
    """``OPERATOR``, or the name of the rule that was broken."""
    since_at: int
    until_at: int | None
    """None: until somebody lifts it."""
