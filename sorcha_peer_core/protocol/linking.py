"""Keeping the view: dialling while there are too few links, shedding when there are too many, looking at the others."""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import TYPE_CHECKING

from sorcha_peer_core.model.messages import Farewell
from sorcha_peer_core.protocol.discovery_host import Contact, DiscoveryConfig, DiscoveryHost
from sorcha_peer_core.protocol.turns import Hope
from sorcha_peer_core.protocol.view import (
    choose_improvement,
    choose_lost,
    choose_to_dial,
    choose_to_look_at,
    choose_to_shed,
    kept_after_shedding,
    most_kept,
    wanted_for_good,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.protocol.bootstrap import Bootstrap
    from sorcha_peer_core.protocol.member import Member
    from sorcha_peer_core.protocol.membership import Membership

_GROWS_S = 1.0
"""For so long after the last newcomer the list of peers is taken to grow on."""
_YIELDS_S = 0.5
"""Then all dial whom they still lack. Of each two the one with the smaller id begins: they need not dial each other."""
_YIELD_DRAWS = 8
_SHED_PAUSE_S = 0.5
"""One by one: whoever is shed sheds as well, and all at once would leave both with too few."""
_SHED_AGAIN_S = 1.0
_LOST_PAUSE_S = 2.0
"""Those that were given up are tried beside the wanted links: after a split of the network each side has given up the other."""
_IMPROVE_PAUSE_S = 30.0
_ROTATE_PAUSE_S = 300.0
"""So often a random peer is linked beyond the wanted ones. Two parts of the network that are content with themselves grow
together by that."""
_ROUND_TRIPS_WANTED = 40
_FEEL_PAUSE_S = 14.0
"""A bit less than the interval in which it is thought of."""
_FEEL_LATER_PAUSE_S = 119.0
_REST_S = (60.0, 120.0)
_ANCHORS = 2


class Linking:
    """The dials, looks and partings of one node. Time is monotonic, given, never read."""

    def __init__(
        self,
        config: DiscoveryConfig,
        host: DiscoveryHost,
        members: Membership,
        rng: Random,
        bootstrap: Bootstrap,
    ) -> None:
        self._config = config
        self._host = host
        self._members = members
        self._rng = rng
        self._bootstrap = bootstrap
        self._dialling: dict[Contact, int] = {}
        self._looking: dict[Contact, int] = {}
        self._pauses = 0
        self._leaving: set[PeerId] = set()
        self._suspects: dict[PeerId, None] = {}
        self._anchors: list[PeerId] = []
        self._swap: tuple[PeerId, PeerId] | None = None
        """Who is dialled to take whose place."""
        self._grew_s = -inf
        self.stretch = 1.0
        """By how much this machine is slower than it should be: so much slower are the newcomers of a network on it."""
        self._wanted_of = -1
        self._wanted_now = self._kept_now = 0
        self._shed_at_s: float | None = None
        self._lost_at_s = -inf
        self._improved_s = -inf
        self._rotated_s: float | None = None
        self._felt_s = -inf
        self.counts: Counter[str] = Counter()
        """What was done for the view, by kind."""

    @property
    def wanted(self) -> int:
        """Links that are wanted now."""
        self._think_again()
        return self._wanted_now

    @property
    def coming(self) -> int:
        """Links that dials under way may become: their places are taken."""
        return self._bootstrap.running + self._hoped_for

    @property
    def has_place(self) -> bool:
        """Whether one more link would not be too many."""
        return len(self._members.linked) + self.coming < self._config.max_links

    def tick(self, now: float) -> None:
        """Dial and shed what is due."""
        self._members.turns.ripen(now)
        self._fill(now)
        self._retry_lost(now)
        self._shed(now)

    def next_at(self, now: float) -> float | None:
        """When something is due that no answer brings about."""
        waits = [self._members.turns.next_at(), self._shed_at_s]
        if self._members.turns.ready[Hope.LOST] and self._has_room:
            waits.append(self._lost_at_s)
        if self._links < self.wanted:
            waits += [self._settles_s, self._settles_s + _YIELDS_S]
        return min((at for at in waits if at is not None and at > now), default=None)

    def begin_with(self, anchors: Sequence[PeerId]) -> None:
        """Dial these before all others: whoever fills the peer table of a node cannot choose whom it links to after a restart."""
        self._anchors = list(anchors)

    @property
    def anchors(self) -> list[PeerId]:
        """Whom to begin with the next time: the dialable peers that are linked longest."""
        return [peer_id for peer_id, member in self._members.linked.items() if member.dialable][:_ANCHORS]

    # What comes of it.

    def grew(self, now: float) -> None:
        """One more peer is known."""
        self._grew_s = now

    def linked(self, member: Member) -> None:
        """A link came up; if it was to take another one's place, that one ends."""
        if self._swap is None or self._swap[0] != member.peer_id:
            return
        _, given_up = self._swap
        self._swap = None
        if given_up in self._members.linked and self._links > self.wanted:
            self.counts["improved"] += 1
            self._part_with(given_up, "a nearer peer took its place")

    def unlinked(self, peer_id: PeerId) -> bool:
        """A link has ended; True when it was this node that wanted that."""
        was_shed = peer_id in self._leaving
        self._leaving.discard(peer_id)
        return was_shed

    def over(self, contact: Contact) -> bool:
        """A dial or look is over; False when the node itself stood still meanwhile, so that a failure says nothing."""
        pauses = self._dialling.pop(contact, None)
        if pauses is None:
            pauses = self._looking.pop(contact, self._pauses)
        if contact.expected is not None:
            self._members.end(contact.expected)
            if self._swap is not None and self._swap[0] == contact.expected:
                self._swap = None
        return pauses == self._pauses

    def suspect(self, peer_id: PeerId) -> None:
        """Look at this one soon: somebody else could use its place."""
        self._suspects[peer_id] = None

    def rest_s(self) -> float:
        """How long a peer that said that it has links enough is left alone."""
        return self._rng.uniform(*_REST_S)

    def slept(self) -> None:
        """The node itself stood still."""
        self._pauses += 1

    # Looking, now and then.

    def feel(self, ask: int, now: float) -> None:
        """Look at somebody if the budget allows it, asking for ``ask`` records; and see whether the view can be better."""
        self.measure(now)
        if self._is_filling:
            return
        member = None if self._looking else self._next_to_look_at(now)
        if member is not None:
            self._look(member, ask)
        self._improve(now)
        self._rotate(now)

    def measure(self, now: float) -> None:
        """Note the round trips of the links."""
        for peer_id in self._members.linked:
            rtt_s = self._host.rtt_s(peer_id)
            if rtt_s is not None:
                self._members.measure(peer_id, rtt_s, now, smooth=False)

    # Inside.

    def _think_again(self) -> None:
        # Only their number matters, and it changes seldom.
        live = self._members.live
        if live != self._wanted_of:
            self._wanted_of = live
            self._wanted_now, self._kept_now = self._wanted(live), wanted_for_good(self._wanted, live)

    def _wanted(self, live: int) -> int:
        # A node that cannot be linked to everybody leaves a quarter of its places to those who dial it.
        most = self._config.max_links
        if live > most > 1:
            most -= max(1, most // 4)
        return min(self._config.links_wanted(live), most)

    @property
    def _links(self) -> int:
        return len(self._members.linked) - len(self._leaving)

    @property
    def _hoped_for(self) -> int:
        # Who linked to this node while it was still dialling there is no further link to come.
        return sum(contact.expected not in self._members.linked for contact in self._dialling)

    @property
    def _has_room(self) -> bool:
        return len(self._dialling) < self._config.max_concurrent and self.has_place

    @property
    def _is_filling(self) -> bool:
        ready = self._members.turns.ready
        return self._links < self.wanted and bool(self._dialling or ready[Hope.GOOD] or ready[Hope.SOME])

    def _fill(self, now: float) -> None:
        wanted = self.wanted
        if now < self._settles_s:
            # Those who come next dial as well. And in a large network to be linked with everybody would be far too much.
            wanted = min(wanted, max(self._config.min_healthy, self._wanted(self._config.max_peers) // 2))
        missing = wanted - self._links - self._hoped_for
        while missing > 0 and self._has_room:
            member = self._next_anchor() or self._choose_to_dial(wanted, now)
            if member is None:
                return
            self._dial(member)
            missing -= 1

    @property
    def _settles_s(self) -> float:
        return self._grew_s + _GROWS_S * self.stretch

    def _choose_to_dial(self, wanted: int, now: float) -> Member | None:
        yields = 0.0 <= now - self._settles_s < _YIELDS_S
        for _ in range(_YIELD_DRAWS if yields else 1):
            member = choose_to_dial(self._members, wanted, self._rng)
            if member is None or not yields or member.peer_id > self._members.own_id:
                return member
        return None

    def _retry_lost(self, now: float) -> None:
        while self._has_room and (now >= self._lost_at_s or not self._members.linked):
            member = choose_lost(self._members, self._rng)
            if member is None:
                return
            self._lost_at_s = now + _LOST_PAUSE_S
            self.counts["tried again"] += 1
            self._dial(member)

    def _shed(self, now: float) -> None:
        self._think_again()
        wanted = self._kept_now
        limit = kept_after_shedding(wanted) if self._shed_at_s is not None else most_kept(wanted)
        # One place is left for who comes next; without it, a network full of nodes that are full takes in nobody.
        if self._links <= max(wanted, min(limit, self._config.max_links - 1)):
            self._shed_at_s = None
            return
        if self._shed_at_s is not None and now < self._shed_at_s:
            return
        self.measure(now)
        links = [member for peer_id, member in self._members.linked.items() if peer_id not in self._leaving]
        member = choose_to_shed(links, wanted, self._bootstrap.is_first_contact, self._rng, now)
        self._shed_at_s = now + (_SHED_AGAIN_S if member is None else _SHED_PAUSE_S * (0.5 + self._rng.random()))
        if member is not None:
            self.counts["shed"] += 1
            self._part_with(member.peer_id, "this node has links enough")

    def _improve(self, now: float) -> None:
        wanted = self.wanted
        if now - self._improved_s < _IMPROVE_PAUSE_S or self._swap or not self._has_room or wanted >= self._members.live:
            return
        found = choose_improvement(self._members, wanted, now)
        if found is not None:
            self._improved_s = now
            self._swap = found[0].peer_id, found[1].peer_id
            self._dial(found[0])

    def _rotate(self, now: float) -> None:
        if self._rotated_s is None:
            self._rotated_s = now - _ROTATE_PAUSE_S * self._rng.random()
        if now - self._rotated_s < _ROTATE_PAUSE_S or not self._has_room or self.wanted >= self._members.live:
            return
        self._rotated_s = now
        peer_id = self._members.turns.ready[Hope.GOOD].draw(self._rng)
        member = self._members.get(peer_id) if peer_id else None
        if member is not None:
            self.counts["rotated"] += 1
            self._dial(member)

    def _next_anchor(self) -> Member | None:
        while self._anchors:
            member = self._members.get(self._anchors.pop(0))
            if member is not None and member.dialable and not (member.linked or member.busy):
                return member
        return None

    def _next_to_look_at(self, now: float) -> Member | None:
        suspect = self._next_suspect()
        pause_s = _FEEL_PAUSE_S if len(self._members.measured) < _ROUND_TRIPS_WANTED else _FEEL_LATER_PAUSE_S
        if suspect is not None or now - self._felt_s < pause_s:
            return suspect
        member = choose_to_look_at(self._members, self._rng)
        if member is not None:
            self._felt_s = now
        return member

    def _next_suspect(self) -> Member | None:
        while self._suspects:
            peer_id = next(iter(self._suspects))
            del self._suspects[peer_id]
            member = self._members.get(peer_id)
            if member is not None and member.dialable and not (member.linked or member.busy):
                return member
        return None

    def _dial(self, member: Member) -> None:
        contact = Contact(member.record.endpoints, member.peer_id)
        self._dialling[contact] = self._pauses
        self._members.begin(member.peer_id)
        self._host.dial(contact)

    def _look(self, member: Member, ask: int) -> None:
        contact = Contact(member.record.endpoints, member.peer_id)
        self._looking[contact] = self._pauses
        self._members.begin(member.peer_id)
        self.counts["looks"] += 1
        self._host.look(contact, ask)

    def _part_with(self, peer_id: PeerId, reason: str) -> None:
        self._leaving.add(peer_id)
        self._host.hang_up(peer_id, reason, Farewell.ENOUGH)
