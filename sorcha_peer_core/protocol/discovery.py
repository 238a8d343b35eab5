"""Everything a node decides about peers: whom to find, to know, to link to, to part with and to forget.

One object is told what happens and orders what is to be done (:class:`DiscoveryHost`). Times are given: ``now`` is
monotonic, ``at`` is Unix seconds and only matters where days do.

* ``bootstrap``: the race for a first contact, while the node needs one.
* ``asking``, ``telling``, ``checking``: records of peers, on their way from node to node.
* ``members`` on top of the peer table: who is known, who is counted as alive, whose turn it is.
* ``linking`` with the choices of ``view``: which links to have.
* ``standing``: online, degraded or offline.

A node that stood still itself (it slept, or was too busy) learns nothing from the silence of that time: what comes more
than ``_LATE_S`` after the moment it was promised for is its own pause.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.model.events import PeerLost
from sorcha_peer_core.model.messages import Farewell, Message, Peers, PeersRequest
from sorcha_peer_core.protocol.asking import Asking
from sorcha_peer_core.protocol.bootstrap import Bootstrap
from sorcha_peer_core.protocol.checking import Checking
from sorcha_peer_core.protocol.discovery_host import Check, Contact, DiscoveryConfig, DiscoveryHost, Failure
from sorcha_peer_core.protocol.linking import Linking
from sorcha_peer_core.protocol.membership import FIRST_RETRY_S, Membership
from sorcha_peer_core.protocol.retry import backoff_s
from sorcha_peer_core.protocol.standing import Standing
from sorcha_peer_core.protocol.telling import Telling
from sorcha_peer_core.protocol.turns import Hope

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import BootstrapEntry, PeerRecord, PeerRow
    from sorcha_peer_core.protocol.peer_table import PeerTable

_IDLE_S = 30.0
_LATE_S = 5.0
_LONG_PAUSE_S = 60.0
"""After a longer one the links are gone as well, and the network may be another."""
_REDIAL_S = 0.3
"""A link that was up ended for a reason that often has passed, or that another transport does not care about."""
_STOPPED_S = 2.0
"""A node that says it stops may only restart."""
_SOON_S = 5.0
_HOPE_PAUSE_S = 30.0
_FORGET_PAUSE_S = 3600
_SKIP_S = 30
"""Unix time that runs ahead of the monotonic one by so much: the machine slept and its monotonic clock with it, or it was set."""


class Discovery:
    """One node's discovery. Its owner calls it, one call at a time, and after each ``tick``."""

    def __init__(
        self,
        own_id: PeerId,
        config: DiscoveryConfig,
        table: PeerTable,
        host: DiscoveryHost,
        rng: Random,
        entries: Sequence[BootstrapEntry] = (),
    ) -> None:
        self._config = config
        self._host = host
        self._rng = rng
        self.members = Membership(
            own_id, table, rng, failure_threshold=config.failure_threshold, retry_most_s=config.retry_most_s
        )
        self.bootstrap = Bootstrap(entries, host, rng, config.retry_most_s, self.members.is_banned)
        self.linking = Linking(config, host, self.members, rng, self.bootstrap)
        self.asking = Asking(host, rng, at_once=config.max_concurrent, most=config.max_peers)
        self.telling = Telling(host, self.members, rng)
        self.checking = Checking(host, self.members, config.network_id, config.max_peers)
        self.standing = Standing(config.min_healthy)
        self.last_discovery_at: int | None = None
        """When a peer last told whom it knows."""
        self.pauses = 0
        """How often the node itself stood still."""
        self._due_s: float | None = None
        self._last_now, self._last_at = 0.0, 0
        self._hoped_s: float | None = None
        self._forget_at = 0

    # Life.

    def start(self, rows: Iterable[PeerRow], now: float, at: int, anchors: Sequence[PeerId] = ()) -> None:
        """Begin, with the peer table of an earlier run and those who are dialled before all others; first of all calls."""
        self._last_now, self._last_at = now, at
        self._woke_up(at)
        self.members.restore(rows, now, at)
        self.linking.begin_with(anchors)

    def tick(self, now: float, at: int) -> float:
        """Do what is due; returns when to call again, if nothing happens before. May be called at any time."""
        self._notice(now, at)
        needed = self._needs_first_contact()
        self.bootstrap.tick(needed, lambda peer_id: self._is_met(peer_id, needed), self._has_place, now)
        self.linking.tick(now)
        self.asking.tick(self.members.linked, len(self.members) >= self._config.max_peers, now)
        self.telling.tick(now)
        self._stand(now)
        waits = [self.bootstrap.next_at(needed), self.linking.next_at(now), self.asking.next_at()]
        waits += [self.telling.next_at(), self.standing.next_at(), now + _IDLE_S]
        # What is overdue waits for an answer, which is followed by a tick.
        self._due_s = min(at_s for at_s in waits if at_s is not None and at_s > now)
        return self._due_s

    # Links.

    def linked(self, record: PeerRecord, host: str, now: float, at: int) -> None:
        """A link is up with this peer, which is at ``host``: its record is proved, and it is asked whom it knows."""
        self._notice(now, at)
        was_alone = not self.members.linked
        self._met(record, host, now, at)
        self.members.linked_with(record.peer_id, now)
        self.linking.linked(self.members.linked[record.peer_id])
        self.asking.add((record.peer_id,))
        if was_alone:
            self._hope_again(now)

    def unlinked(self, peer_id: PeerId, farewell: Farewell, now: float, at: int) -> None:
        """The last link to a peer is gone; ``farewell`` is what it asked for."""
        self._notice(now, at)
        self.asking.remove(peer_id)
        self.telling.remove(peer_id)
        self.checking.left(peer_id)
        was_shed = self.linking.unlinked(peer_id)
        self.members.unlinked(peer_id, self._pause_s(farewell, was_shed), now, at)

    def dialled(self, contact: Contact, peer_id: PeerId, now: float, at: int) -> None:
        """A dial ended well."""
        self._notice(now, at)
        self.linking.over(contact)
        if self.bootstrap.answered(contact, peer_id):
            self.members.trust(peer_id)

    def turned_away(
        self, contact: Contact, record: PeerRecord, records: Sequence[PeerRecord], now: float, at: int
    ) -> None:  # fmt: skip
        """Who was dialled has links enough, and told whom else to dial."""
        self._notice(now, at)
        self.linking.over(contact)
        if self.bootstrap.answered(contact, record.peer_id):
            self.members.trust(record.peer_id)
        self._met(record, contact.endpoints[0].host, now, at)
        self.members.rest(record.peer_id, self.linking.rest_s(), now)
        self._told_by(record.peer_id, records, asked=True, at=at)

    def knocked(self, record: PeerRecord, host: str, now: float, at: int) -> None:
        """Somebody at ``host`` wanted a link and found no place. The network is larger than this node thought: it makes room,
        and tells others of the newcomer; or those who came first and took each other's places would keep everybody out."""
        self._notice(now, at)
        if self.members.heard(record, record.peer_id, host, now, at):
            self.linking.grew(now)
            self.telling.gather(record, (record.peer_id,), now)
            self._host.learned([record])

    def dial_failed(self, contact: Contact, failure: Failure, now: float, at: int) -> None:
        """A dial ended without a link."""
        self._notice(now, at)
        counts = self.linking.over(contact)
        if not self.bootstrap.failed(contact, failure):
            self._failed(contact, failure, counts, now, at)

    # Looks.

    def looked(
        self, contact: Contact, record: PeerRecord, rtt_s: float, records: Sequence[PeerRecord], now: float, at: int
    ) -> None:
        """A look ended well: who answered, how far away it is, whom it says it knows."""
        self._notice(now, at)
        self.linking.over(contact)
        self._met(record, contact.endpoints[0].host, now, at)
        self.members.measure(record.peer_id, rtt_s, now, smooth=True)
        self.members.rest(record.peer_id, 0.0, now)
        self._told_by(record.peer_id, records, asked=True, at=at)

    def look_failed(self, contact: Contact, failure: Failure, now: float, at: int) -> None:
        """Nobody, or somebody else, was seen there."""
        self._notice(now, at)
        self._failed(contact, failure, self.linking.over(contact), now, at)

    # Records.

    def received(self, peer_id: PeerId, message: Message, now: float, at: int) -> None:
        """A linked peer asks whom this node knows, or tells whom it knows; anything else is passed over."""
        self._notice(now, at)
        if isinstance(message, PeersRequest):
            self.telling.answer(peer_id, message.most, now, at)
        elif isinstance(message, Peers):
            self.last_discovery_at = at
            self.telling.knows(peer_id, message.records)
            self._told_by(peer_id, message.records, asked=self.asking.answered(peer_id, now), at=at)

    def checked(self, check: Check, genuine: Sequence[bool], now: float, at: int) -> None:
        """The signatures were checked."""
        self._notice(now, at)
        teller = self.members.get(check.source)
        host = teller.entry.seen_host if teller else ""
        learned, before = [], len(self.members)
        for record, tellers in self.checking.done(check, genuine):
            if self.members.heard(record, check.source, host, now, at):
                self.telling.gather(record, tellers, now)
                learned.append(record)
            elif self.members.is_news(record):
                self.checking.declined(record)
        if len(self.members) > before:
            self.linking.grew(now)
        if learned:
            self._host.learned(learned)
            if check.asked:
                self.asking.brought(len(learned))

    # What operators want.

    def ban(self, peer_ids: Iterable[PeerId]) -> None:
        """Neither dial these peers nor tell of them any more; their links end without this."""
        for peer_id in peer_ids:
            self.members.ban(peer_id)
            self.telling.forget(peer_id)

    def unban(self, peer_id: PeerId, now: float) -> None:
        """It is one like all others again."""
        self.members.unban(peer_id, now)

    def avoid(self, peer_id: PeerId, for_s: float, now: float) -> None:
        """Neither dial this peer for so long nor tell of it."""
        self.members.avoid(peer_id, now + for_s)
        self.telling.forget(peer_id)

    def remove(self, peer_id: PeerId) -> None:
        """Forget this peer, a linked one when its link ends; it may be heard of again."""
        self.members.remove(peer_id)
        self.telling.forget(peer_id)

    def pinged(self, record: PeerRecord, host: str, rtt_s: float, now: float, at: int) -> None:
        """A peer without a link answered at ``host``: what failed before is forgiven, and it may be dialled at once."""
        self._notice(now, at)
        self._met(record, host, now, at)
        self.members.measure(record.peer_id, rtt_s, now, smooth=True)
        self.members.rest(record.peer_id, 0.0, now)

    # Now and then.

    def refresh(self) -> None:
        """Ask every linked peer whom it knows, and see whether first contacts are there that were not until now."""
        self.bootstrap.recall()
        self.asking.add(self._rng.sample(list(self.members.linked), len(self.members.linked)))

    def feel(self, now: float) -> None:
        """Look at an unlinked peer, if the budget allows it, and see to it that the links are good ones. Every 15 s."""
        is_full = len(self.members) >= self._config.max_peers
        self.linking.feel(self._config.max_peers if self.asking.goes_on and not is_full else 0, now)

    def maintain(self, now: float, at: int) -> None:
        """Bring the list of peers in order; looks at all. Every minute."""
        self._notice(now, at)
        if at >= self._forget_at:
            self._forget_at = at + _FORGET_PAUSE_S
            self.members.forget_old(at)
        self.members.review(at)
        self.checking.review()

    def first_contacts(self, entries: Sequence[BootstrapEntry], now: float) -> None:
        """A source told of first contacts; those that are new are tried as soon as one is needed."""
        if self.bootstrap.add(entries):
            self.bootstrap.hurry(now)

    def hurry(self, now: float) -> None:
        """The network is back, or another one: what failed until now says nothing any more."""
        self.members.hurry((Hope.SOME, Hope.LOST), _SOON_S, now)
        self.bootstrap.hurry(now)

    # Inside.

    def _met(self, record: PeerRecord, host: str, now: float, at: int) -> None:
        known = self.members.get(record.peer_id)
        if known is None:
            self.linking.grew(now)
        was_lost = known is not None and known.lost
        is_news = self.members.is_news(record)
        suspect = self.members.proved(record, host, now, at)
        if suspect is not None:
            self.linking.suspect(suspect)
        if is_news:
            self.telling.gather(record, (), now)
        if was_lost:
            self._hope_again(now)

    def _hope_again(self, now: float) -> None:
        """One is back that was given up, so others may be as well: the network was split, or this node without one."""
        if self.members.lost and (self._hoped_s is None or now - self._hoped_s >= _HOPE_PAUSE_S):
            self._hoped_s = now
            self.members.hurry((Hope.SOME, Hope.LOST), _SOON_S, now)

    def _failed(self, contact: Contact, failure: Failure, counts: bool, now: float, at: int) -> None:
        peer_id = contact.expected
        if peer_id is None:
            return
        if failure.farewell is Farewell.ENOUGH:
            self.members.rest(peer_id, self.linking.rest_s(), now)
        elif not counts:
            self.members.rest(peer_id, FIRST_RETRY_S, now)
        elif self.members.failed(peer_id, now, at):
            self._host.emit(PeerLost(peer_id, self._config.failure_threshold))

    def _pause_s(self, farewell: Farewell, was_shed: bool) -> float:
        if was_shed or farewell is Farewell.ENOUGH:
            return self.linking.rest_s()
        first_s = _STOPPED_S if farewell is Farewell.STOPPING else _REDIAL_S
        most_s = self._config.retry_most_s
        return backoff_s(0, min(first_s, most_s), most_s, self._rng)

    def _told_by(self, source: PeerId, records: Sequence[PeerRecord], *, asked: bool, at: int) -> None:
        if records:
            self.last_discovery_at = at
            self.checking.take(source, records, asked, at)

    def _needs_first_contact(self) -> bool:
        """Nobody is linked, none ever answered, or so many were given up that too few are left to be well with.

        Of nodes that start together before their bootstrap node does, some dial each other: an island that is content with
        itself, unless it goes on to look for the mainland.
        """
        members = self.members
        if not members.linked or self.bootstrap.is_unmet:
            return True
        return members.live < min(self._config.min_healthy, members.live + members.lost)

    def _has_place(self) -> bool:
        return self.linking.has_place

    def _is_met(self, peer_id: PeerId, needed: bool) -> bool:
        """Who is linked can be asked without a dial; while no first contact is needed, nor need be dialled who is alive."""
        member = self.members.get(peer_id)
        return member is not None and (member.linked or (member.live and not needed))

    def _stand(self, now: float) -> None:
        self.standing.update(len(self.members.linked), self.members.live, now)
        change = self.standing.tick(now)
        if change is not None:
            self._host.emit(change)

    def _notice(self, now: float, at: int) -> None:
        """See whether this call comes late, or time was skipped."""
        late_s = 0.0 if self._due_s is None else now - self._due_s
        skipped_s = (at - self._last_at) - (now - self._last_now)
        self._last_now, self._last_at = now, at
        if late_s > _LATE_S or skipped_s > _SKIP_S:
            self._due_s = now
            self._slept(max(late_s, 0.0), max(late_s, skipped_s) >= _LONG_PAUSE_S, now, at)

    def _slept(self, for_s: float, long: bool, now: float, at: int) -> None:
        self.pauses += 1
        self.asking.slept(for_s)
        self.standing.slept(for_s)
        self.linking.slept()
        self._woke_up(at)
        if long:
            self.hurry(now)

    def _woke_up(self, at: int) -> None:
        self.members.awake(at)
        self._forget_at = at + _FORGET_PAUSE_S
