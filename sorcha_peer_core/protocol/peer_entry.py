"""One known peer in the table of a node, and when it is worth its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import PeerRecord, PeerRow

_FORGET_S = 7 * 86_400
_FORGET_FAILURES = 3
GOOD_S = 4 * 3600
"""Who was seen so recently is not displaced, whatever happened since (as in Bitcoin's address manager)."""
_DEAF, _UNTRIED, _FAILING, _GOOD = range(4)
"""Who gives way first: hearsay that failed to answer, other hearsay, who was proved but fails and was not seen for a while."""


@dataclass(slots=True, eq=False)
class PeerEntry:
    """One known peer, as this node sees it. Times are Unix seconds, 0 for never. Only the table changes it."""

    record: PeerRecord
    source: PeerId | None
    """Who told of it first; itself when it came by itself, None for what did not come from a peer."""
    source_host: str
    added_at: int
    proved_at: int = 0
    """When it last finished a handshake."""
    last_seen_at: int = 0
    last_attempt_at: int = 0
    """When it last failed to answer."""
    failures: int = 0
    """In a row."""
    seen_host: str = ""
    """Where it was proved: the host that was dialled, or from which it dialled."""
    is_tried: bool = False
    bucket: int = 0

    @property
    def peer_id(self) -> PeerId:
        """Whose entry it is."""
        return self.record.peer_id

    @property
    def is_hearsay(self) -> bool:
        """Whether it never finished a handshake with this node."""
        return self.proved_at == 0

    @property
    def is_own_word(self) -> bool:
        """Whether it came by itself."""
        return self.source == self.record.peer_id

    @property
    def teller(self) -> PeerId | None:
        """Against whose share it counts: nobody's once it is proved."""
        return None if self.is_own_word or not self.is_hearsay else self.source

    @property
    def host(self) -> str:
        """Where it was proved or, before that, where it says it is; empty when it says nothing."""
        endpoints = self.record.endpoints
        return self.seen_host or (endpoints[0].host if endpoints else "")


def entry_of(row: PeerRow) -> PeerEntry:
    """The entry that an earlier run wrote down."""
    return PeerEntry(
        record=row.record,
        source=row.source,
        source_host=row.source_host,
        added_at=row.first_seen_at,
        proved_at=row.proved_at,
        last_seen_at=row.last_seen_at,
        last_attempt_at=row.last_attempt_at,
        failures=row.failures,
        seen_host=row.seen_host,
    )


def is_old(entry: PeerEntry, at: int) -> bool:
    """Whether it makes no sense to keep it any longer (:meth:`PeerTable.forget_old`)."""
    if entry.is_hearsay:
        return entry.failures >= _FORGET_FAILURES or at - entry.added_at > _FORGET_S
    return _is_missed(entry) and at - entry.last_seen_at > _FORGET_S


def worst_of(entries: Iterable[PeerEntry], at: int, *, own_word: bool) -> PeerEntry | None:
    """Who gives way to a newcomer that came by itself (``own_word``) or by hearsay; None when nobody is worse."""
    last_to_go = _FAILING if own_word else _DEAF
    candidates = [entry for entry in entries if _rank(entry, at) <= last_to_go]
    return min(candidates, key=lambda entry: (_rank(entry, at), -entry.failures, _news_at(entry)), default=None)


def _rank(entry: PeerEntry, at: int) -> int:
    if entry.is_hearsay:
        return _DEAF if entry.failures else _UNTRIED
    return _FAILING if _is_missed(entry) and at - entry.last_seen_at > GOOD_S else _GOOD


def _is_missed(entry: PeerEntry) -> bool:
    # Who listens nowhere cannot fail to answer; it comes by itself, or stays away.
    return entry.failures > 0 or not entry.record.endpoints


def _news_at(entry: PeerEntry) -> int:
    return max(entry.added_at, entry.last_seen_at)
