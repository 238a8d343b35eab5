"""Where this node is reached: which sources of its address are asked, and what of their answers it tells others.

A source says a host. What the operator says, and the addresses of this machine, are told at once. What is seen only from
outside says nothing about the port: a router may stand there that lets nobody in. It is told when a peer got through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from sorcha_peer_core.model.hosts import BOTH_FAMILIES, IPV4, IPV6, Scope, family_of, is_wildcard, plain_host, scope_of
from sorcha_peer_core.protocol.address_votes import Votes

if TYPE_CHECKING:
    from sorcha_peer_core.model.peer import Endpoint
    from sorcha_peer_core.protocol.reachability import Proofs

MANUAL = "manual"
INTERFACE = "interface"
AT_ONCE = (MANUAL, INTERFACE)
"""Sources that answer at once and are believed."""
LISTENER = "listener"
"""The source of a listener's own address, where it listens on a certain one."""
PEERS = "peers"
"""The source of what peers see."""
MOST_TOLD = 8


class Candidate(NamedTuple):
    """An endpoint at which this node may be reached, and who says so."""

    endpoint: Endpoint
    source: str

    @property
    def is_outside(self) -> bool:
        """Whether it was found from outside."""
        return self.source not in (MANUAL, INTERFACE, LISTENER)

    @property
    def scope(self) -> Scope:
        """From where it could be reached."""
        return scope_of(self.endpoint.host)


class Addresses:
    """What the sources have said so far. ``order`` is that in which they are asked; the best candidate comes first."""

    def __init__(self, order: Sequence[str], preferred_family: int = IPV4) -> None:
        self._order = tuple(order)
        self._preferred = preferred_family
        self._listening: tuple[Endpoint, ...] = ()
        self._said: dict[str, tuple[str, ...]] = {}
        self._last_seen: dict[int, tuple[tuple[str, str], ...]] = {}
        """By family: what resolvers found outside when anything was found, with its source."""
        self.votes = Votes()

    def listens_on(self, endpoints: Iterable[Endpoint]) -> None:
        """The node listens there, and nowhere else."""
        self._listening = tuple(endpoints)

    def said(self, source: str, hosts: Iterable[str]) -> None:
        """A source's answer, in the place of its last one; what nobody could dial is passed over."""
        found = (plain_host(host) for host in hosts if scope_of(host) is not Scope.NOWHERE)
        self._said[source] = tuple(dict.fromkeys(found))

    def moved(self) -> None:
        """This machine is in another network: what was seen from outside is over."""
        self._said = {source: hosts for source, hosts in self._said.items() if source in AT_ONCE}
        self._last_seen.clear()
        self.votes.forget()

    def hosts(self, source: str) -> tuple[str, ...]:
        """Its last answer; of one that is not asked here, none."""
        return self._said.get(source, ()) if source in self._order else ()

    def open_families(self, source: str) -> frozenset[int]:
        """For which families ``source`` is to be asked: this machine has them, and nobody before found enough."""
        still_open = self._families()
        for earlier in self._order:
            if earlier == source:
                break
            still_open -= self._settled_by(earlier)
        return still_open

    def expects(self, host: str) -> bool:
        """Whether it is no surprise that a peer sees this node there."""
        host, family = plain_host(host), family_of(host)
        if scope_of(host) is not Scope.GLOBAL or family not in self._open_to_outside():
            return True
        return any(host in self.hosts(source) for source in self._sources_outside())

    def candidates(self) -> list[Candidate]:
        """All of them, each endpoint once: the operator's word, then global addresses, then those of this network."""
        outside = list(self._outside())
        found = [candidate for endpoint in self._listening for candidate in self._of_listener(endpoint, outside)]
        first: dict[Endpoint, Candidate] = {}
        # Stable: within a rank the order of the sources, and of the hosts of each; all listeners of the best host come first.
        for candidate in sorted(found, key=self._place):
            first.setdefault(candidate.endpoint, candidate)
        return list(first.values())

    def _place(self, candidate: Candidate) -> tuple[object, ...]:
        host = candidate.endpoint.host
        rank = _RANKS[candidate.scope] if candidate.source != MANUAL else 0
        source = self._order.index(candidate.source) if candidate.source in self._order else -1
        hosts = self.hosts(candidate.source)
        return rank, family_of(host) not in (None, self._preferred), source, hosts.index(host) if host in hosts else -1

    def _of_listener(self, listener: Endpoint, outside: Iterable[tuple[str, str]]) -> Iterator[Candidate]:
        is_everywhere, from_outside = is_wildcard(listener.host), self._heard_from_outside(listener)
        if not is_everywhere:
            yield Candidate(listener, LISTENER)
        for host in self.hosts(MANUAL):
            if not is_everywhere or _hears(listener, host):
                yield Candidate(listener._replace(host=host), MANUAL)
        for host in self._own_hosts() if is_everywhere else ():
            if _hears(listener, host):
                yield Candidate(listener._replace(host=host), INTERFACE)
        for host, source in outside if from_outside else ():
            if family_of(host) in (None, *from_outside):
                yield Candidate(listener._replace(host=host), source)

    def _own_hosts(self) -> Iterator[str]:
        """Of the interfaces; those of a private network only where there is nothing global in their family."""
        manual_families = {family_of(host) for host in self.hosts(MANUAL)}
        hosts = self.hosts(INTERFACE)
        is_global = {family_of(host) for host in hosts if scope_of(host) is Scope.GLOBAL}
        for host in hosts:
            family, scope = family_of(host), scope_of(host)
            if (family not in manual_families) if scope is Scope.GLOBAL else (family not in is_global):
                yield host

    def _outside(self) -> Iterator[tuple[str, str]]:
        """Hosts that were found from outside, with their source."""
        for family in sorted(self._open_to_outside()):
            found = tuple(self._outside_in(family))
            if found:
                self._last_seen[family] = tuple(entry for entry in found if entry[1] != PEERS)
            yield from found or self._still_seen(family)

    def _outside_in(self, family: int) -> Iterator[tuple[str, str]]:
        counting = (host for host in self.votes.agreed(family) if self._may_count(host, family))
        yield from ((host, PEERS) for host in islice(counting, 1))
        for source in self._sources_outside():
            if family in self.open_families(source):
                yield from ((host, source) for host in self.hosts(source) if family_of(host) in (None, family))

    def _still_seen(self, family: int) -> Iterator[tuple[str, str]]:
        """What was found last: servers that are silent for a while do not move this machine, peers that see it elsewhere do."""
        seen = [host for host in self.votes.counts() if family_of(host) == family]
        return ((host, source) for host, source in self._last_seen.get(family, ()) if not seen or host in seen)

    def _may_count(self, host: str, family: int) -> bool:
        scope = scope_of(host)
        if scope is Scope.GLOBAL:
            return True
        # Behind a router inside a larger private network. Where anything global is known, it is only a neighbour's view.
        known = [said for source in self._sources_outside() for said in self.hosts(source) if family_of(said) == family]
        return scope is Scope.PRIVATE and not known and host not in self.hosts(INTERFACE)

    def _open_to_outside(self) -> frozenset[int]:
        return self._families() - self._settled_by(MANUAL) - self._settled_by(INTERFACE)

    def _sources_outside(self) -> list[str]:
        return [source for source in self._order if source not in AT_ONCE]

    def _settled_by(self, source: str) -> frozenset[int]:
        hosts = self.hosts(source)
        enough = Scope.NOWHERE if source == MANUAL else Scope.GLOBAL
        if any(family_of(host) is None for host in hosts):
            return BOTH_FAMILIES
        return frozenset(family for host in hosts if scope_of(host) >= enough and (family := family_of(host)) is not None)

    def _families(self) -> frozenset[int]:
        """In which somebody outside could reach a listener, as far as this machine has them."""
        heard = frozenset(family for listener in self._listening for family in self._heard_from_outside(listener))
        if INTERFACE not in self._said:
            return heard
        beyond = (host for host in self._said[INTERFACE] if scope_of(host) is not Scope.LOOPBACK)
        return heard.intersection(family_of(host) for host in beyond)

    def _heard_from_outside(self, listener: Endpoint) -> frozenset[int]:
        family = family_of(listener.host)
        if family is None or scope_of(listener.host) in (Scope.LOOPBACK, Scope.GLOBAL):
            return frozenset()
        if is_wildcard(listener.host):
            return BOTH_FAMILIES if family == IPV6 else frozenset({IPV4})
        # Another's address: whoever listens there for this node has ports of its own.
        return frozenset({family}) if plain_host(listener.host) in self.hosts(INTERFACE) else frozenset()


def told(candidates: Iterable[Candidate], proofs: Proofs) -> tuple[Endpoint, ...]:
    """What goes into the node's own record, best first."""
    return tuple(candidate.endpoint for candidate in candidates if _may_be_told(candidate, proofs))[:MOST_TOLD]


def _may_be_told(candidate: Candidate, proofs: Proofs) -> bool:
    if candidate.is_outside:
        return proofs.is_reached(candidate.endpoint)
    # The operator's word stands, whatever a few peers say; in a private network only some can reach anybody.
    is_sure = candidate.source == MANUAL or candidate.scope is not Scope.GLOBAL
    return is_sure or not proofs.is_unreached(candidate.endpoint)


def _hears(listener: Endpoint, host: str) -> bool:
    # A listener on :: hears both families, one on 0.0.0.0 only its own; a name may stand for either.
    return family_of(listener.host) == IPV6 or family_of(host) != IPV6


_RANKS = {Scope.NAME: 1, Scope.GLOBAL: 1, Scope.PRIVATE: 2, Scope.LOOPBACK: 3, Scope.NOWHERE: 3}
