"""Records that others told: which are worth a look at their signatures, and each only once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.protocol.discovery_host import Check, DiscoveryHost
from sorcha_peer_core.protocol.freshness import is_fresh
from sorcha_peer_core.protocol.quota import Kind, Quotas

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import PeerRecord
    from sorcha_peer_core.protocol.membership import Membership


class Checking:
    """Records between their arrival and the answer about their signatures."""

    def __init__(self, host: DiscoveryHost, members: Membership, network_id: str, most: int) -> None:
        self._host = host
        self._members = members
        self._network_id = network_id
        self._most = most
        self._under_way: dict[tuple[PeerId, bytes, bytes], set[PeerId]] = {}
        """By what makes a record the very same, and who told it meanwhile: a forged copy must not stand for a genuine one."""
        self._of_source: Counter[PeerId] = Counter()
        self._declined: dict[PeerId, int] = {}
        """For whom there was no room lately, with the ``seq`` of the record: it need not be checked again and again."""
        self._quotas: Quotas[PeerId] = Quotas()
        self.refused: Counter[str] = Counter()
        """Records that were not taken, by reason."""

    def take(self, source: PeerId, records: Sequence[PeerRecord], asked: bool, at: int) -> None:
        """Have those checked that are news; ``asked``: whether the source was asked for them."""
        news = [record for record in records if self._members.is_news(record)]
        news = [record for record in news if self._is_acceptable(record, at) and not self._is_under_way(record, source)]
        if not asked:
            granted = self._quotas.take(source, Kind.RECORDS, len(news), at)
            self.refused["beyond the quota"] += len(news) - granted
            news = news[:granted]
        # Nobody honest tells more than a list holds: what goes beyond it is not worth the checking.
        room = max(0, self._most - self._of_source[source])
        self.refused["too many from one source"] += len(news[room:])
        news = news[:room]
        if news:
            self._of_source[source] += len(news)
            self._under_way.update({_key(record): {source} for record in news})
            self._host.check(Check(source, tuple(news), asked))

    def done(self, check: Check, genuine: Sequence[bool]) -> list[tuple[PeerRecord, set[PeerId]]]:
        """The answer to a check; returns the genuine ones, each with those who told it."""
        self._of_source[check.source] -= len(check.records)
        if self._of_source[check.source] <= 0:
            del self._of_source[check.source]
        tellers = [self._under_way.pop(_key(record), {check.source}) for record in check.records]
        self.refused["not signed by its key"] += sum(not is_good for is_good in genuine)
        return [(r, told) for r, told, is_good in zip(check.records, tellers, genuine, strict=True) if is_good]

    def declined(self, record: PeerRecord) -> None:
        """This one was genuine, and the list of peers did not take it."""
        self.refused["no room"] += 1
        # Where only its source may not fill the list any further, another one may tell it.
        if len(self._members) >= self._most and len(self._declined) < self._most:
            self._declined[record.peer_id] = record.seq

    def left(self, source: PeerId) -> None:
        """It is not linked any more."""
        self._quotas.forget(source)

    def review(self) -> None:
        """There may be room again."""
        self._declined.clear()

    def _is_acceptable(self, record: PeerRecord, at: int) -> bool:
        if record.network_id != self._network_id:
            self.refused["of another network"] += 1
            return False
        if not is_fresh(record, at):
            self.refused["too old, or from the future"] += 1
            return False
        return record.seq > self._declined.get(record.peer_id, -1)

    def _is_under_way(self, record: PeerRecord, source: PeerId) -> bool:
        tellers = self._under_way.get(_key(record))
        if tellers is None:
            return False
        tellers.add(source)
        return True


def _key(record: PeerRecord) -> tuple[PeerId, bytes, bytes]:
    return record.peer_id, record.signed, record.signature
