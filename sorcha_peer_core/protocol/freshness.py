"""How old a peer record is. Its ``seq`` is the Unix time in milliseconds at which it was signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorcha_peer_core.model.peer import PeerRecord

OLDEST_S = 7 * 86_400
"""A node signs its record anew twice a day: who did not for so long is gone, and its addresses may be somebody else's."""
AHEAD_S = 600
"""A clock may be wrong by so much. A record from the far future could never be replaced."""


def signed_at(record: PeerRecord) -> int:
    """Unix seconds at which the peer signed it, by its own clock: a sign of life of that moment."""
    return record.seq // 1000


def is_fresh(record: PeerRecord, at: int) -> bool:
    """Whether a record may be taken from others, and told to them."""
    return at - OLDEST_S <= signed_at(record) <= at + AHEAD_S
