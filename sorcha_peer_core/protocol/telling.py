"""Telling peers of others: news to everybody linked, a list to whoever asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from math import inf
from typing import TYPE_CHECKING

from sorcha_peer_core.protocol.discovery_host import DiscoveryHost
from sorcha_peer_core.protocol.freshness import is_fresh

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import PeerRecord
    from sorcha_peer_core.protocol.membership import Membership

RECORDS_PER_FRAME = 50
_GATHER_S = 0.2
_PAUSE_S = 1.0
"""A peer that asks more often whom this node knows is not answered: a short question, a long answer."""
_LIST_LASTS_S = 1.0
"""Many who ask at the same time get the same list: making it looks at everybody."""
_LONGEST_LIST = 1000
_GOOD_S = 86_400
"""Whom this node met so recently it vouches for."""


class Telling:
    """What is to be told, and who was told a moment ago. Times are monotonic, but for ``at``."""

    def __init__(self, host: DiscoveryHost, members: Membership, rng: Random) -> None:
        self._host = host
        self._members = members
        self._rng = rng
        self._news: dict[PeerId, tuple[PeerRecord, set[PeerId]]] = {}
        """Of each peer the newest record that is not told yet, and who needs not be told."""
        self._tell_at_s: float | None = None
        self._answered_s: dict[PeerId, float] = {}
        self._good: list[PeerRecord] = []
        self._hearsay: list[PeerRecord] = []
        self._recent: dict[PeerId, PeerRecord] = {}
        """What was news since the lists were made: whoever asks now was not linked when it was told."""
        self._listed_s = -inf
        self.refused: Counter[str] = Counter()
        """Questions that were not answered, by reason."""

    # News.

    def gather(self, record: PeerRecord, tellers: Collection[PeerId], now: float) -> None:
        """This genuine record is news, which ``tellers`` know. Of banned peers nobody is told."""
        if self._members.is_banned(record.peer_id):
            return
        self._news[record.peer_id] = record, {record.peer_id, *tellers}
        self._recent[record.peer_id] = record
        if self._tell_at_s is None:
            self._tell_at_s = now + _GATHER_S

    def forget(self, peer_id: PeerId) -> None:
        """Nobody is told of this one any more."""
        self._news.pop(peer_id, None)
        self._recent.pop(peer_id, None)
        self._listed_s = -inf

    def knows(self, peer_id: PeerId, records: Sequence[PeerRecord]) -> None:
        """A peer told these itself: what waits to be told of them it need not hear again."""
        for record in records if self._news else ():
            waiting = self._news.get(record.peer_id)
            if waiting is not None and waiting[0].seq <= record.seq:
                waiting[1].add(peer_id)

    def tick(self, now: float) -> None:
        """Tell what has gathered for long enough."""
        if self._tell_at_s is None or now < self._tell_at_s:
            return
        self._tell_at_s = None
        news, self._news = list(self._news.values()), {}
        for peers, records in self._audiences(news).items():
            for frame in _frames([news[place][0] for place in records]):
                self._host.tell(peers, frame)

    def next_at(self) -> float | None:
        """When news is to be told; None while there is none."""
        return self._tell_at_s

    def _audiences(self, news: Sequence[tuple[PeerRecord, set[PeerId]]]) -> dict[tuple[PeerId, ...], tuple[int, ...]]:
        """Which peers are to hear the same; places in ``news``. A frame that goes to many is made once."""
        knowing: dict[PeerId, set[int]] = {}
        for place, (_, tellers) in enumerate(news):
            for peer_id in tellers:
                knowing.setdefault(peer_id, set()).add(place)
        groups: dict[tuple[int, ...], list[PeerId]] = {}
        everything = tuple(range(len(news)))
        for peer_id in self._members.linked:
            known = knowing.get(peer_id)
            wanted = everything if known is None else tuple(place for place in everything if place not in known)
            groups.setdefault(wanted, []).append(peer_id)
        return {tuple(peers): records for records, peers in groups.items() if records}

    # Lists.

    def answer(self, asker: PeerId, most: int, now: float, at: int) -> None:
        """Tell a linked peer whom this node knows: those it met first, never the asker itself."""
        if now - self._answered_s.get(asker, -inf) < _PAUSE_S:
            self.refused["asked twice within a second"] += 1
            return
        self._answered_s[asker] = now
        chosen = self._choose(asker, min(most, _LONGEST_LIST), now, at)
        # Also with nobody to tell of: an answer is an answer.
        for frame in _frames(chosen) if chosen else ((),):
            self._host.tell((asker,), frame)

    def newcomers(self, now: float, at: int) -> Sequence[PeerRecord]:
        """Whom to name to a stranger who gets no link here: a few, at random, met ones first."""
        return self._choose(None, RECORDS_PER_FRAME, now, at)

    def remove(self, peer_id: PeerId) -> None:
        """It is linked no more."""
        self._answered_s.pop(peer_id, None)

    def _choose(self, but: PeerId | None, most: int, now: float, at: int) -> list[PeerRecord]:
        self._make_lists(now, at)
        chosen: list[PeerRecord] = []
        for records in (self._good, list(self._recent.values()), self._hearsay):
            room = max(0, most - len(chosen))
            found = records if len(records) <= room else self._rng.sample(records, room)
            chosen += [record for record in found if record.peer_id != but]
        return chosen

    def _make_lists(self, now: float, at: int) -> None:
        if now - self._listed_s < _LIST_LASTS_S:
            return
        self._listed_s = now
        self._good, self._hearsay = [], []
        self._recent.clear()
        for member in self._members:
            if member.lost or member.silent or self._members.is_banned(member.peer_id) or not is_fresh(member.record, at):
                continue
            if self._members.is_avoided(member.peer_id, now):
                continue
            is_good = member.linked or member.entry.last_seen_at >= at - _GOOD_S
            (self._good if is_good else self._hearsay).append(member.record)


def _frames(records: Sequence[PeerRecord]) -> Iterator[tuple[PeerRecord, ...]]:
    for start in range(0, len(records), RECORDS_PER_FRAME):
        yield tuple(records[start : start + RECORDS_PER_FRAME])
