"""One known peer, as it is now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sorcha_peer_core.model.peer import PeerRow

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import PeerRecord
    from sorcha_peer_core.protocol.peer_entry import PeerEntry


@dataclass(slots=True, eq=False)
class Member:
    """What the peer table has of a peer, and what only this run of the node knows. Only Membership changes it."""

    entry: PeerEntry
    """What the peer table has of it; of a linked peer for which the table has no room, what it would have."""
    since_s: float | None = None
    """When the link came up (monotonic); None without one."""
    busy: bool = False
    """It is being dialled or looked at."""
    dial_at_s: float = 0.0
    rtt_s: float | None = None
    """Smoothed round trip, from the link or from looks; None before it was measured."""
    measured_s: float = 0.0
    dialable: bool = False
    silent: bool = False
    """It gave no sign of life for a day."""
    live: bool = False
    """It is counted as alive."""
    lost: bool = False
    """It failed so often that nobody counts on it."""

    @property
    def record(self) -> PeerRecord:
        """What the peer says of itself."""
        return self.entry.record

    @property
    def peer_id(self) -> PeerId:
        """Which peer it is."""
        return self.entry.record.peer_id

    @property
    def linked(self) -> bool:
        """Whether a link to it is up."""
        return self.since_s is not None


def row_of(member: Member, is_first_contact: bool) -> PeerRow:
    """What is to be kept of it on disk."""
    entry, rtt_s = member.entry, member.rtt_s
    return PeerRow(
        record=entry.record,
        first_seen_at=entry.added_at,
        last_seen_at=entry.last_seen_at,
        failures=entry.failures,
        is_bootstrap=is_first_contact,
        proved_at=entry.proved_at,
        last_attempt_at=entry.last_attempt_at,
        source=entry.source,
        source_host=entry.source_host,
        seen_host=entry.seen_host,
        rtt_ms=None if rtt_s is None else rtt_s * 1000,
    )
