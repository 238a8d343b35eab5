"""Whom a node knows, and whom it should dial next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sorcha_peer_core.protocol.retry import backoff_s

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import PeerRecord

_YIELD_S = 1.0
"""Of two peers that hear of each other the one with the smaller id dials first; the other waits so long."""
_FIRST_RETRY_S = 1.0
_REDIAL_S = 0.3
"""A link that was up ended for a reason that often has passed, or that another transport does not care about."""


@dataclass(slots=True)
class Member:
    """One known peer, as this node sees it."""

    record: PeerRecord
    linked: bool = False
    dialling: bool = False
    failures: int = 0
    dial_at: float = 0.0


class Membership:
    """Known peers, bounded in number. Time is given (monotonic seconds), never read."""

    def __init__(self, own_id: PeerId, rng: Random, *, most: int, failure_threshold: int, retry_most_s: float) -> None:
        self._own_id = own_id
        self._rng = rng
        self._most = most
        self._failure_threshold = failure_threshold
        self._retry_most_s = retry_most_s
        self._members: dict[PeerId, Member] = {}
        self._schemes: frozenset[str] | None = None

    def __len__(self) -> int:
        return len(self._members)

    @property
    def members(self) -> Iterable[Member]:
        """Everybody known."""
        return self._members.values()

    def get(self, peer_id: PeerId) -> Member | None:
        """What is known of one peer."""
        return self._members.get(peer_id)

    def can_dial(self, schemes: Iterable[str]) -> None:
        """This node dials endpoints of these schemes and no others; before it says so, any."""
        self._schemes = frozenset(schemes)

    @property
    def hopeful(self) -> int:
        """Peers that are linked, or may well be once they are dialled; not those that listen on nothing this node dials."""
        return sum(self._is_hopeful(member) for member in self._members.values())

    def is_news(self, record: PeerRecord) -> bool:
        """Whether a record is worth checking its signature: somebody new, or a higher ``seq``."""
        if record.peer_id == self._own_id:
            return False
        member = self._members.get(record.peer_id)
        return member is None or record.seq > member.record.seq

    def learned(self, record: PeerRecord, now: float) -> bool:
        """Take a genuine record; False when it is no news or the list is full of better ones."""
        if not self.is_news(record):
            return False
        member = self._members.get(record.peer_id)
        if member is None:
            if len(self._members) >= self._most and not self._make_room():
                return False
            member = self._members[record.peer_id] = Member(record)
            member.dial_at = now if self._own_id < record.peer_id else now + _YIELD_S
        elif record.endpoints != member.record.endpoints:
            # It moved: what failed at the old address says nothing about the new one.
            member.failures = 0
            member.dial_at = now
        member.record = record
        return True

    def linked(self, peer_id: PeerId) -> None:
        """A link is up: whatever failed before is forgiven."""
        member = self._members.get(peer_id)
        if member is not None:
            member.linked, member.failures = True, 0

    def unlinked(self, peer_id: PeerId, now: float) -> None:
        """The link is gone; it is dialled again soon."""
        member = self._members.get(peer_id)
        if member is not None:
            member.linked = False
            member.dial_at = now + backoff_s(0, min(_REDIAL_S, self._retry_most_s), self._retry_most_s, self._rng)

    def dialling(self, peer_id: PeerId) -> None:
        """A dial has begun; it ends with ``linked`` or ``dial_failed``, and ``dial_over`` in any case."""
        self._members[peer_id].dialling = True

    def dial_over(self, peer_id: PeerId) -> None:
        """A dial has ended."""
        member = self._members.get(peer_id)
        if member is not None:
            member.dialling = False

    def dial_failed(self, peer_id: PeerId, now: float) -> None:
        """Nobody was reached there; the next try waits twice as long, up to the limit."""
        member = self._members.get(peer_id)
        if member is not None:
            member.dial_at = now + backoff_s(member.failures, _FIRST_RETRY_S, self._retry_most_s, self._rng)
            member.failures += 1

    def to_dial(self, now: float, links_wanted: int, most: int) -> list[PeerId]:
        """Whom to dial now, at most ``most``: those with the fewest failures first, the rest in random order."""
        linked = sum(member.linked for member in self._members.values())
        busy = sum(member.dialling for member in self._members.values())
        # Who linked to this node while it was still dialling there is no further link to come.
        coming = sum(member.dialling and not member.linked for member in self._members.values())
        count = min(most - busy, links_wanted - linked - coming)
        if count <= 0:
            return []
        due = [member for member in self._members.values() if self._is_waiting(member) and member.dial_at <= now]
        self._rng.shuffle(due)
        due.sort(key=lambda member: member.failures)
        return [member.record.peer_id for member in due[:count]]

    def next_dial_at(self) -> float | None:
        """When the next dial is due; None when everybody is linked or being dialled."""
        return min((member.dial_at for member in self._members.values() if self._is_waiting(member)), default=None)

    def records(self, most: int) -> Sequence[PeerRecord]:
        """Whom to tell others about: linked peers first, those that were given up never."""
        # Also those that this node cannot dial: others may.
        known = [member for member in self._members.values() if not self._is_given_up(member)]
        known.sort(key=lambda member: not member.linked)
        return [member.record for member in known[:most]]

    def _is_hopeful(self, member: Member) -> bool:
        return member.linked or (self._is_dialable(member) and not self._is_given_up(member))

    def _is_given_up(self, member: Member) -> bool:
        return not member.linked and member.failures >= self._failure_threshold

    def _is_waiting(self, member: Member) -> bool:
        return not member.linked and not member.dialling and self._is_dialable(member)

    def _is_dialable(self, member: Member) -> bool:
        return any(self._schemes is None or endpoint.scheme in self._schemes for endpoint in member.record.endpoints)

    def _make_room(self) -> bool:
        worst = max((m for m in self._members.values() if not m.linked), key=lambda m: m.failures, default=None)
        if worst is None or self._is_hopeful(worst):
            return False
        del self._members[worst.record.peer_id]
        return True
