"""Who is banned: in memory for every handshake, on disk for the next start."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from gevent.lock import BoundedSemaphore

from sorcha_peer_core.errors import ActionRefused, BanInvalid, NoSuchPeer
from sorcha_peer_core.model.ban import OPERATOR, Ban
from sorcha_peer_core.model.events import PeerBanned, PeerUnbanned
from sorcha_peer_core.model.ids import short
from sorcha_peer_core.services.clock import elapsed_s, unix_ms

if TYPE_CHECKING:
    from sorcha_peer_core.model.events import Event
    from sorcha_peer_core.model.ids import PeerId

EXPIRED_EVERY_S = 2.0
MOST_BANS = 10_000
"""More would be for somebody who makes up identities to fill."""
MOST_REASON = 200
_MOST_S = 100 * 365 * 86_400.0
_TIME_IS_OVER = "its time is over"


class BanDisk(NamedTuple):
    """Where bans are kept; both calls block and may raise StoreError."""

    save: Callable[[Ban], None]
    lift: Callable[[Sequence[PeerId]], None]


class Bans:
    """The bans of one node. Safe from any greenlet.

    While the node runs a ban lasts as long as it was meant to, whatever becomes of the system's clock; over a restart that clock
    says what is left.
    """

    def __init__(
        self,
        own_id: PeerId,
        disk: BanDisk,
        emit: Callable[[Event], None],
        *,
        unix_ms: Callable[[], float] = unix_ms,
        elapsed_s: Callable[[], float] = elapsed_s,
    ) -> None:
        self._own_id = own_id
        self._disk = disk
        self._emit = emit
        self._unix_ms = unix_ms
        self._elapsed_s = elapsed_s
        self._bans: dict[PeerId, Ban] = {}
        self._ends_s: dict[PeerId, float] = {}
        # What is on disk and what is in memory change together, one after the other.
        self._changing = BoundedSemaphore()
        self.counts: Counter[str] = Counter()
        """Bans since the start, by who banned."""
        self.refused = 0
        """Handshakes that ended because of a ban."""
        self.on_banned: Callable[[PeerId], None] = lambda peer_id: None
        """Called when a ban begins; must not block."""
        self.on_lifted: Callable[[PeerId], None] = lambda peer_id: None
        """Called when one is over; must not block."""

    def __contains__(self, peer_id: PeerId) -> bool:
        return peer_id in self._bans and self._elapsed_s() < self._ends_s.get(peer_id, math.inf)

    def restore(self, bans: Iterable[Ban]) -> None:
        """Take the bans of an earlier run, before anybody can link; blocks. Raises StoreError."""
        now_s = self._unix_ms() / 1000
        over = []
        for ban in bans:
            if ban.until_at is not None and ban.until_at <= now_s:
                over.append(ban.peer_id)
            else:
                self._put(ban, now_s)
        if over:
            self._disk.lift(over)

    def all(self) -> list[Ban]:
        """Those that are in force, the latest first."""
        return sorted((ban for ban in self._bans.values() if ban.peer_id in self), key=lambda ban: (-ban.since_at, ban.peer_id))

    def refuses(self, peer_id: PeerId) -> bool:
        """Whether a handshake with this peer ends here; counts it if so."""
        is_banned = peer_id in self
        self.refused += is_banned
        return is_banned

    def ban(self, peer_id: PeerId, reason: str, by: str = OPERATOR, duration_s: float | None = None) -> Ban:
        """From now on, and for so long (None: until ``unban``); who is banned already gets the new ban. Blocks on the store.

        Raises:
            ActionRefused: it is this node itself, or so many are banned already.
            BanInvalid: the reason or the duration is none.
            StoreError: nothing was changed.
        """
        self._check(peer_id, reason, duration_s)
        with self._changing:
            if len(self._bans) >= MOST_BANS and peer_id not in self._bans:
                raise ActionRefused(f"{len(self._bans)} peers are banned, which is the most; lift some of the bans first")
            now_s = self._unix_ms() / 1000
            until_at = None if duration_s is None else math.ceil(now_s + duration_s)
            ban = Ban(peer_id, reason, by, int(now_s), until_at)
            self._disk.save(ban)
            self._put(ban, now_s)
        self.counts[by] += 1
        self.on_banned(peer_id)
        self._emit(PeerBanned(peer_id, reason, by, until_at))
        return ban

    def unban(self, peer_id: PeerId, why: str = "lifted by the operator") -> None:
        """Lift a ban; blocks on the store. Raises NoSuchPeer: it is not banned; StoreError: it still is."""
        with self._changing:
            if peer_id not in self:
                raise NoSuchPeer(f"peer {peer_id} is not banned")
            self._disk.lift([peer_id])
            self._take_out(peer_id)
        self._tell(peer_id, why)

    def expire(self) -> None:
        """End those whose time is over; call it every ``EXPIRED_EVERY_S``. Blocks. They are over also if it raises StoreError."""
        with self._changing:
            over = [peer_id for peer_id in self._ends_s if peer_id not in self]
            for peer_id in over:
                self._take_out(peer_id)
                self._tell(peer_id, _TIME_IS_OVER)
            if over:
                self._disk.lift(over)

    def _check(self, peer_id: PeerId, reason: str, duration_s: float | None) -> None:
        if peer_id == self._own_id:
            raise ActionRefused(f"peer {short(peer_id)} is this node; a node does not ban itself")
        if len(reason) > MOST_REASON or not reason.isprintable():
            raise BanInvalid(f"the reason of a ban is a line of at most {MOST_REASON} characters")
        if duration_s is not None and not 0 < duration_s <= _MOST_S:
            raise BanInvalid(f"a ban lasts {duration_s:g} s; it is more than 0 and at most {_MOST_S:.0f}, or for ever")

    def _put(self, ban: Ban, now_s: float) -> None:
        self._take_out(ban.peer_id)
        self._bans[ban.peer_id] = ban
        if ban.until_at is not None:
            self._ends_s[ban.peer_id] = self._elapsed_s() + ban.until_at - now_s

    def _take_out(self, peer_id: PeerId) -> None:
        self._bans.pop(peer_id, None)
        self._ends_s.pop(peer_id, None)

    def _tell(self, peer_id: PeerId, why: str) -> None:
        self.on_lifted(peer_id)
        self._emit(PeerUnbanned(peer_id, why))
