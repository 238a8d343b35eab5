"""Whom a node knows, who of them is counted as alive, and whose turn it is to be dialled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from sorcha_peer_core.protocol.freshness import is_fresh, signed_at
from sorcha_peer_core.protocol.member import Member, row_of
from sorcha_peer_core.protocol.peer_entry import PeerEntry
from sorcha_peer_core.protocol.retry import backoff_s
from sorcha_peer_core.protocol.turns import Hope, Turns

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import PeerRecord, PeerRow
    from sorcha_peer_core.protocol.peer_table import PeerTable

_YIELD_S = 1.0
"""Of two peers that hear of each other the one with the smaller id dials first; the other waits so long."""
FIRST_RETRY_S = 1.0
_SILENT_S = 86_400
"""Whoever gave no sign of life for so long is not counted as alive, and not dialled."""
_SMOOTHING = 0.25
"""Weight of a new round trip: looks are rare, so each says more than one of a link's many probes."""
_MOST_AVOIDED = 10_000


class Membership:
    """The members on top of the peer table. Time is given (``now`` monotonic, ``at`` Unix seconds), never read."""

    def __init__(self, own_id: PeerId, table: PeerTable, rng: Random, *, failure_threshold: int, retry_most_s: float) -> None:
        self.own_id = own_id
        self._table = table
        self._rng = rng
        self._failure_threshold = failure_threshold
        self._retry_most_s = retry_most_s
        self._members: dict[PeerId, Member] = {}
        self._linked: dict[PeerId, Member] = {}
        self._measured: dict[PeerId, Member] = {}
        self._schemes: frozenset[str] | None = None
        self._live = 0
        self._lost = 0
        self._awake_at = 0
        self._banned: set[PeerId] = set()
        self._avoided: dict[PeerId, float] = {}
        """Who is not dialled before when."""
        self.turns = Turns()
        """Of those that are neither linked nor busy."""
        self._unsaved: dict[PeerId, None] = {}
        self._gone: dict[PeerId, None] = {}

    # Who is there.

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members.values())

    def get(self, peer_id: PeerId) -> Member | None:
        """What is known of one peer."""
        return self._members.get(peer_id)

    @property
    def linked(self) -> Mapping[PeerId, Member]:
        """Those with a link, in the order in which the links came up."""
        return self._linked

    @property
    def measured(self) -> Collection[Member]:
        """Those whose round trip is known."""
        return self._measured.values()

    @property
    def live(self) -> int:
        """Peers that are counted as alive: linked, or likely to answer when they are dialled."""
        return self._live

    @property
    def lost(self) -> int:
        """Peers that failed so often that nobody counts on them, and that gave a sign of life within a day."""
        return self._lost

    @property
    def refused(self) -> Mapping[str, int]:
        """Records that the table did not take, by reason."""
        return self._table.refused

    @property
    def displaced(self) -> int:
        """Peers that gave way to others in the table."""
        return self._table.displaced

    def is_news(self, record: PeerRecord) -> bool:
        """Whether a record is worth checking its signature: somebody new, or a higher ``seq``."""
        known = self._members.get(record.peer_id)
        return record.seq > known.entry.record.seq if known else record.peer_id != self.own_id

    # What others tell.

    def trust(self, peer_id: PeerId) -> None:
        """The operator named this peer as a first contact: what it tells has no share of the table, it may fill all."""
        self._table.trust(peer_id)

    def restore(self, rows: Iterable[PeerRow], now: float, at: int) -> None:
        """Take the peer table of an earlier run, most recently seen first."""
        for row in rows:
            peer_id = row.record.peer_id
            if peer_id == self.own_id or not self._table.restore(row):
                self._gone[peer_id] = None
                continue
            self._enter(self._known_entry(peer_id), now, at)
            if row.rtt_ms is not None:
                self.measure(peer_id, row.rtt_ms / 1000, now, smooth=False)

    def heard(self, record: PeerRecord, source: PeerId, host: str, now: float, at: int) -> bool:
        """Take a genuine record that ``source``, which is at ``host``, told; False when it is no news or there is no room."""
        if not (self.is_news(record) and is_fresh(record, at)):
            return False
        known = self._members.get(record.peer_id)
        if known is not None and not (known.linked or record.peer_id in self._table):
            # The table gave its place to somebody else meanwhile.
            self._leave(known)
            known = None
        if known is None:
            if not self._table.add(record, source, host, at):
                return False
            self._enter(self._known_entry(record.peer_id), now, at)
        else:
            self._renew(known, record, at, now)
        self._unsaved[record.peer_id] = None
        return True

    # Whom this node has nothing to do with.

    def ban(self, peer_id: PeerId) -> None:
        """From now on it is neither dialled nor counted, known or not. What is known of it stays."""
        self._banned.add(peer_id)
        self._see_again(peer_id)

    def unban(self, peer_id: PeerId, now: float) -> None:
        """It is one like all others again, and dialled soon: nobody tried meanwhile whether it is there."""
        self._banned.discard(peer_id)
        self._avoided.pop(peer_id, None)
        member = self._members.get(peer_id)
        if member is not None:
            self._table.forgive(peer_id)
            member.silent, member.dial_at_s = False, now
        self._see_again(peer_id)

    def is_banned(self, peer_id: PeerId) -> bool:
        """Whether this node has nothing to do with it."""
        return peer_id in self._banned

    def avoid(self, peer_id: PeerId, until_s: float) -> None:
        """Do not dial it before then, whatever happens meanwhile; it may dial."""
        self._avoided.pop(peer_id, None)
        if len(self._avoided) >= _MOST_AVOIDED:
            del self._avoided[next(iter(self._avoided))]
        self._avoided[peer_id] = until_s
        self._see_again(peer_id)

    def is_avoided(self, peer_id: PeerId, now: float) -> bool:
        """Whether it is not to be dialled now, nor told to others."""
        return now < self._avoided.get(peer_id, now)

    def remove(self, peer_id: PeerId) -> None:
        """Forget it, a linked one when its link ends. Whoever tells of it afterwards is heard."""
        self._table.evict(peer_id)
        member = self._members.get(peer_id)
        if member is not None and not member.linked:
            self._leave(member)

    # What this node saw itself.

    def proved(self, record: PeerRecord, host: str, now: float, at: int) -> PeerId | None:
        """A handshake with this peer succeeded, which is at ``host``: whatever failed before is forgiven.

        Returns whom to look at, because the table has room for only one of the two.
        """
        if record.peer_id not in self._table:
            self._table.add(record, record.peer_id, host, at)
        member = self._members.get(record.peer_id)
        if member is None:
            entry = self._table.get(record.peer_id) or PeerEntry(record, record.peer_id, host, at)
            member = self._enter(entry, now, at)
        else:
            member.entry = self._table.get(record.peer_id) or member.entry
            if record.seq > member.record.seq:
                self._renew(member, record, at, now)
        suspect = self._table.prove(record.peer_id, at, host)
        if record.peer_id not in self._table:
            member.entry.failures, member.entry.last_seen_at, member.entry.proved_at = 0, at, at
        self._unsaved[record.peer_id] = None
        member.silent = False
        self._settle(member)
        return suspect

    def linked_with(self, peer_id: PeerId, now: float) -> None:
        """A link to it is up, and proved."""
        member = self._members[peer_id]
        member.since_s = now
        self._linked[peer_id] = member
        self._settle(member)

    def unlinked(self, peer_id: PeerId, pause_s: float, now: float, at: int) -> None:
        """The link is gone; it is dialled again after the pause."""
        member = self._linked.pop(peer_id, None)
        if member is None:
            return
        member.since_s = None
        member.dial_at_s = now + pause_s
        self._table.seen(peer_id, at)
        self._unsaved[peer_id] = None
        if peer_id in self._table:
            self._settle(member)
        else:
            # There was no room for it; it came by itself, and may do so again.
            self._leave(member)

    def measure(self, peer_id: PeerId, rtt_s: float, now: float, *, smooth: bool) -> None:
        """A round trip was measured; ``smooth`` where it is one sample, and not smoothed already."""
        member = self._members.get(peer_id)
        if member is None:
            return
        if smooth and member.rtt_s is not None:
            rtt_s = member.rtt_s + _SMOOTHING * (rtt_s - member.rtt_s)
        member.rtt_s, member.measured_s = rtt_s, now
        self._measured[peer_id] = member

    def begin(self, peer_id: PeerId) -> None:
        """It is dialled or looked at; ``end`` follows."""
        self._set_busy(peer_id, True)

    def end(self, peer_id: PeerId) -> None:
        """The dial or look is over."""
        self._set_busy(peer_id, False)

    def failed(self, peer_id: PeerId, now: float, at: int) -> bool:
        """Nobody was reached there; the next try waits twice as long, up to the limit. True when it is lost by that."""
        member = self._members.get(peer_id)
        if member is None or member.linked:
            return False
        was_lost = member.lost
        member.dial_at_s = now + backoff_s(member.entry.failures, FIRST_RETRY_S, self._retry_most_s, self._rng)
        self._table.failed(peer_id, at)
        self._unsaved[peer_id] = None
        self._settle(member)
        return member.lost and not was_lost

    def rest(self, peer_id: PeerId, pause_s: float, now: float) -> None:
        """It is not to be dialled before the pause is over, and that is no failure."""
        member = self._members.get(peer_id)
        if member is not None:
            member.dial_at_s = now + pause_s
            self._settle(member)

    def hurry(self, hopes: Collection[Hope], within_s: float, now: float) -> None:
        """Try those again soon, whatever they wait for; looks at all."""
        for member in self._members.values():
            if not member.linked and self._hope(member) in hopes:
                member.dial_at_s = min(member.dial_at_s, now + within_s * self._rng.random())
                self._settle(member)

    # Life.

    def can_dial(self, schemes: Iterable[str]) -> None:
        """This node dials endpoints of these schemes and no others; before it says so, any."""
        self._schemes = frozenset(schemes)
        for member in self._members.values():
            self._see_again(member.peer_id)

    def awake(self, at: int) -> None:
        """The node begins, or was away itself: nobody's silence until now means anything."""
        self._awake_at = at

    def forget_old(self, at: int) -> None:
        """Let go whom it makes no sense to keep; ``review`` follows."""
        self._table.forget_old(at)

    def review(self, at: int) -> None:
        """See who is linked, who grew silent, and whom the table let go meanwhile; looks at all."""
        for peer_id in self._linked:
            self._table.seen(peer_id, at)
            self._unsaved[peer_id] = None
        for member in list(self._members.values()):
            if member.peer_id not in self._table and not member.linked:
                self._leave(member)
                continue
            member.silent = self._is_silent(member.entry, at)
            self._settle(member)

    # The disk.

    def take_changes(self, is_first_contact: Callable[[PeerId], bool]) -> tuple[list[PeerRow], list[PeerId]]:
        """Rows that changed since the last time, and whose are to be deleted."""
        rows = [row_of(member, is_first_contact(peer_id)) for peer_id, member in self._changed()]
        gone = list(self._gone)
        self._unsaved.clear()
        self._gone.clear()
        return rows, gone

    def not_saved(self, rows: Iterable[PeerRow], gone: Iterable[PeerId]) -> None:
        """These changes could not be written: they are among the next ones."""
        self._unsaved.update((row.record.peer_id, None) for row in rows)
        self._gone.update((peer_id, None) for peer_id in gone if peer_id not in self._members)

    # Inside.

    def _changed(self) -> Iterator[tuple[PeerId, Member]]:
        for peer_id in self._unsaved:
            member = self._members.get(peer_id)
            # Whom the table let go meanwhile, or had no room for, is not kept.
            if member is not None and peer_id in self._table:
                yield peer_id, member

    def _known_entry(self, peer_id: PeerId) -> PeerEntry:
        entry = self._table.get(peer_id)
        assert entry is not None
        return entry

    def _enter(self, entry: PeerEntry, now: float, at: int) -> Member:
        member = self._members[entry.peer_id] = Member(entry, dialable=self._is_dialable(entry.record))
        member.dial_at_s = now if self.own_id < entry.peer_id else now + _YIELD_S
        member.silent = self._is_silent(entry, at)
        self._gone.pop(entry.peer_id, None)
        self._settle(member)
        return member

    def _leave(self, member: Member) -> None:
        del self._members[member.peer_id]
        self._measured.pop(member.peer_id, None)
        self.turns.take_out(member.peer_id)
        self._count(member, -1)
        self._unsaved.pop(member.peer_id, None)
        self._gone[member.peer_id] = None

    def _renew(self, member: Member, record: PeerRecord, at: int, now: float) -> None:
        """It signed a new record: it lives, or did so when it signed. What failed at an old address says nothing of a new one."""
        entry = member.entry
        moved = record.endpoints != entry.record.endpoints
        if member.peer_id in self._table:
            self._table.add(record, None, "", at)
        else:
            entry.record = record
        member.dialable = self._is_dialable(record)
        if moved or signed_at(record) >= entry.last_attempt_at:
            self._table.forgive(member.peer_id)
            member.dial_at_s = min(member.dial_at_s, now + _YIELD_S * self._rng.random())
            member.silent = False
        self._settle(member)

    def _settle(self, member: Member) -> None:
        """Bring what is derived from a member's state into line with it."""
        hope = self._hope(member)
        self._count(member, -1)
        banned = member.peer_id in self._banned
        member.live = not banned and (member.linked or (member.dialable and hope <= Hope.SOME))
        member.lost = not banned and not member.linked and hope is Hope.LOST
        self._count(member, 1)
        if member.linked or member.busy or not member.dialable:
            self.turns.take_out(member.peer_id)
        else:
            self.turns.put(member.peer_id, hope, max(member.dial_at_s, self._avoided.get(member.peer_id, 0.0)))

    def _count(self, member: Member, by: int) -> None:
        self._live += by * member.live
        self._lost += by * member.lost

    def _hope(self, member: Member) -> Hope:
        if member.silent:
            return Hope.OLD
        failures = member.entry.failures
        return Hope.GOOD if failures == 0 else Hope.SOME if failures < self._failure_threshold else Hope.LOST

    def _set_busy(self, peer_id: PeerId, busy: bool) -> None:
        member = self._members.get(peer_id)
        if member is not None:
            member.busy = busy
            self._settle(member)

    def _see_again(self, peer_id: PeerId) -> None:
        member = self._members.get(peer_id)
        if member is not None:
            member.dialable = self._is_dialable(member.record)
            self._settle(member)

    def _is_dialable(self, record: PeerRecord) -> bool:
        if record.peer_id in self._banned:
            return False
        return any(self._schemes is None or endpoint.scheme in self._schemes for endpoint in record.endpoints)

    def _is_silent(self, entry: PeerEntry, at: int) -> bool:
        signs = [entry.last_seen_at, signed_at(entry.record)]
        if entry.added_at < self._awake_at:
            signs.append(self._awake_at)
        return at - max(signs) > _SILENT_S
