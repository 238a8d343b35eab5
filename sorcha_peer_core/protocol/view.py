"""Which links to want: a part of them near, the others random.

Near links make transactions quick, random ones keep the network in one piece and are hard to foresee for somebody who
wants to surround a node. All of it are answers to questions about members; nothing here remembers anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from heapq import nsmallest
from math import inf
from typing import TYPE_CHECKING

from sorcha_peer_core.protocol.turns import Hope

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.protocol.member import Member
    from sorcha_peer_core.protocol.membership import Membership

_NEAR_RATIO = 0.4
_CLEARLY_NEARER = 0.7
_YOUNG_S = 10.0
"""A younger link is not shed: what it is worth shows later, and whoever dialled it has just begun to use it."""
_FIRST_CONTACTS_KEPT = 2
_OLDEST_KEPT_RATIO = 0.25


def near_wanted(wanted: int) -> int:
    """How many of the wanted links are to be near ones.

    >>> near_wanted(12), near_wanted(2), near_wanted(0)
    (5, 1, 0)
    """
    return round(_NEAR_RATIO * wanted)


def most_kept(wanted: int) -> int:
    """With more links than this a node sheds some: clearly more than wanted, so that two nodes do not play ball with a third.

    >>> most_kept(12), most_kept(4)
    (18, 8)
    """
    return wanted + max(4, wanted // 2)


def kept_after_shedding(wanted: int) -> int:
    """Down to here, so that the next link that comes in does not begin it anew.

    >>> kept_after_shedding(12), kept_after_shedding(4)
    (15, 6)
    """
    return wanted + max(2, wanted // 4)


def wanted_for_good(links_wanted: Callable[[int], int], live: int) -> int:
    """Links that are wanted also if a fifth of the network leaves: so many are kept.

    A strategy may want everybody up to some size and a few above it; around that size a node that comes and goes
    must not make everybody link and shed.
    """
    return max(links_wanted(live), links_wanted(live * 4 // 5))


def choose_to_dial(members: Membership, wanted: int, rng: Random) -> Member | None:
    """The next peer to link to: a near one while some of the nearest are not linked, otherwise anybody; None when all wait."""
    ready = members.turns.ready
    for member in nsmallest(near_wanted(wanted), _known_nearest(members), key=_rtt_s):
        if member.peer_id in ready[Hope.GOOD]:
            return member
    peer_id = ready[Hope.GOOD].draw(rng) or ready[Hope.SOME].draw(rng)
    return members.get(peer_id) if peer_id else None


def choose_lost(members: Membership, rng: Random) -> Member | None:
    """One that was given up and may be back."""
    peer_id = members.turns.ready[Hope.LOST].draw(rng)
    return members.get(peer_id) if peer_id else None


def choose_to_look_at(members: Membership, rng: Random, draws: int = 8) -> Member | None:
    """Of a few random unlinked peers one that was never measured, or else the one that was not for the longest time."""
    ready = members.turns.ready
    urns = [urn for urn in (ready[Hope.GOOD], ready[Hope.SOME], ready[Hope.OLD]) if urn]
    drawn = [members.get(peer_id) for peer_id in (rng.choice(urns).draw(rng) for _ in range(draws if urns else 0)) if peer_id]
    return min((member for member in drawn if member), key=_measured_s, default=None)


def choose_to_shed(
    links: Collection[Member], wanted: int, is_first_contact: Callable[[PeerId], bool], rng: Random, now: float
) -> Member | None:
    """Whose link to give up when there are too many; None when all of them are too young or worth keeping.

    The nearest stay, a quarter of the wanted ones that have lasted longest, and two first contacts: through them a part
    of the network that was cut off finds back.
    """
    by_age = sorted(links, key=lambda member: member.since_s or 0.0)
    kept = {member.peer_id for member in nearest(links, near_wanted(wanted))}
    kept |= {member.peer_id for member in by_age[: int(_OLDEST_KEPT_RATIO * wanted)]}
    kept |= {member.peer_id for member in [found for found in by_age if is_first_contact(found.peer_id)][:_FIRST_CONTACTS_KEPT]}
    rest = [member for member in by_age if member.peer_id not in kept and not is_young(member, now)]
    return rng.choice(rest) if rest else None


def choose_improvement(members: Membership, wanted: int, now: float) -> tuple[Member, Member] | None:
    """A peer that is clearly nearer than the worst of the near links, and that link; None when the near links are good."""
    near = nearest(members.linked.values(), near_wanted(wanted))
    candidates = [m for m in members.measured if members.turns.is_ready(m.peer_id, Hope.GOOD)]
    best = min(candidates, key=_rtt_s, default=None)
    if best is None or not near or len(near) < near_wanted(wanted) or is_young(near[-1], now):
        return None
    return (best, near[-1]) if _rtt_s(best) < _CLEARLY_NEARER * _rtt_s(near[-1]) else None


def nearest(links: Collection[Member], most: int) -> Sequence[Member]:
    """Those with the shortest round trips, shortest first; only those that were measured."""
    return nsmallest(most, (member for member in links if member.rtt_s is not None), key=_rtt_s)


def is_young(member: Member, now: float) -> bool:
    """Whether its link came up only a moment ago."""
    return member.since_s is not None and now - member.since_s < _YOUNG_S


def _known_nearest(members: Membership) -> list[Member]:
    return [member for member in members.measured if member.live]


def _rtt_s(member: Member) -> float:
    return inf if member.rtt_s is None else member.rtt_s


def _measured_s(member: Member) -> float:
    return -inf if member.rtt_s is None else member.measured_s
