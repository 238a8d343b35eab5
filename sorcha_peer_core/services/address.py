"""Where this node tells others to find it: follows its sources, its interfaces and its peers, and tells what changed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gevent.event import Event as Signal

from sorcha_peer_core.interfaces.views import AddressView
from sorcha_peer_core.model.events import AddressChanged, PeerLinked
from sorcha_peer_core.model.hosts import IPV4, IPV6, Scope, scope_of
from sorcha_peer_core.model.messages import Peers
from sorcha_peer_core.protocol.addresses import AT_ONCE, INTERFACE, MANUAL, PEERS, Addresses, Candidate, told
from sorcha_peer_core.protocol.peer_groups import group_of
from sorcha_peer_core.protocol.reachability import UNPROVED, Proofs

if TYPE_CHECKING:
    from gevent import Greenlet

    from sorcha_peer_core.model.events import Event
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import Endpoint
    from sorcha_peer_core.services.address_sources import AddressSources
    from sorcha_peer_core.services.links import Links
    from sorcha_peer_core.services.own_record import OwnRecord
    from sorcha_peer_core.services.supervisor import Supervisor

log = logging.getLogger(__name__)

SEARCH_INTERVAL_S = 15 * 60.0
INTERFACES_INTERVAL_S = 30.0
RENEWAL_INTERVAL_S = 11 * 3600.0
"""A record that was not signed anew for half a day makes others wonder."""
_MOST_HEARD = 64
_CALM_S = 60.0
"""Between two searches because of what peers see: one of them may say something else each time."""


class AddressService:
    """Keeps the endpoints in the node's own record true. ``start`` first; all methods belong to the hub's thread."""

    def __init__(
        self,
        sources: AddressSources,
        own: OwnRecord,
        links: Links,
        supervisor: Supervisor,
        emit: Callable[[Event], None],
        *,
        prefers_ipv6: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = sources
        self._own = own
        self._links = links
        self._supervisor = supervisor
        self._emit = emit
        self._clock = clock
        self._addresses = Addresses(sources.names, IPV6 if prefers_ipv6 else IPV4)
        self._proofs = Proofs()
        self._candidates: Sequence[Candidate] = ()
        self._interfaces: frozenset[str] = frozenset()
        self._heard: dict[PeerId, str] = {}
        """Of those who shook hands and are not linked, at least not yet."""
        self._moves = 0
        self._search_due = Signal()
        self._searched_s = float("-inf")
        self._searching: Greenlet[..., object] | None = None
        self.on_candidates: Callable[[], None] = lambda: None
        """Called when there are other candidates than before."""
        self.on_moved: Callable[[], None] = lambda: None
        """Called when the interfaces have other addresses than before."""

    # Life.

    def start(self, listening: Iterable[Endpoint]) -> None:
        """Name in the record what is certain at once; the slow sources are asked in the background."""
        self._addresses.listens_on(listening)
        for name in self._sources.names:
            if name in AT_ONCE:
                self._addresses.said(name, self._sources.ask(name) or ())
        self._interfaces = frozenset(self._addresses.hosts(INTERFACE))
        self._candidates = self._addresses.candidates()
        self._proofs.keep((candidate.endpoint for candidate in self._candidates), self._clock())
        self._own.reached_at(told(self._candidates, self._proofs))
        # Whoever was quick to dial has a record that does not say yet where this node listens.
        self._links.broadcast(Peers((self._own.record,)))
        self._search_due.set()
        self._searching = self._supervisor.spawn("search for the own address", self._search_again_and_again)

    def stop(self) -> None:
        """Ask no source any more; one that has not answered is not waited for."""
        if self._searching is not None:
            self._searching.kill(block=False)

    # Now and then.

    def search(self) -> None:
        """Ask the sources again; does not wait for them."""
        self._search_due.set()

    def look_at_interfaces(self) -> None:
        """A laptop changes networks, a server gets another address: see whether this machine has, and search if so."""
        if INTERFACE not in self._sources.names:
            return
        hosts = self._sources.ask(INTERFACE)
        if hosts is None or frozenset(hosts) == self._interfaces:
            return
        before, self._interfaces = self._interfaces, frozenset(hosts)
        log.info("the interfaces of this machine have other addresses: %s", ", ".join(hosts) or "none")
        self._addresses.said(INTERFACE, hosts)
        if not _beyond_loopback(before) & self._interfaces:
            self._moves += 1
            self._addresses.moved()
        self._refresh("the addresses of this machine changed")
        self.search()
        self.on_moved()

    def renew(self) -> None:
        """Sign the record anew, as a sign of life."""
        self._own.renew()
        self._links.broadcast(Peers((self._own.record,)))

    # What peers say.

    def observed(self, peer_id: PeerId, host: str, outbound: bool) -> None:
        """A peer that shook hands sees this node at ``host``. What is only a look counts for nothing."""
        if peer_id in self._links.peers:
            self._voted(peer_id, host)
            return
        self._heard[peer_id] = host
        if len(self._heard) > _MOST_HEARD:
            del self._heard[next(iter(self._heard))]

    def happened(self, event: Event) -> None:
        """An event sink: whoever is linked now may have said before where it sees this node."""
        if isinstance(event, PeerLinked) and event.peer_id in self._heard:
            self._voted(event.peer_id, self._heard.pop(event.peer_id))

    def _voted(self, peer_id: PeerId, host: str) -> None:
        peer = self._links.peers.get(peer_id)
        if peer is None:
            return
        self._addresses.votes.heard(peer_id, host, group_of(peer.link.remote.host), self._links.peers)
        if not self._addresses.expects(host) and self._clock() - self._searched_s > _CALM_S:
            self.search()
        self._refresh("peers see this node there")

    # For those who ask peers to dial back.

    @property
    def candidates(self) -> Sequence[Candidate]:
        """Where this node may be reached, best first."""
        return self._candidates

    @property
    def proofs(self) -> Proofs:
        """What peers found who dialled back; ``checked`` follows when something was added."""
        return self._proofs

    def checked(self) -> None:
        """Peers have dialled back: what they found decides what is told."""
        self._refresh("peers dialled back")

    def seen_by(self, peer_id: PeerId) -> str | None:
        """At which host a peer sees this node."""
        return self._addresses.votes.seen_by(peer_id)

    # For people.

    @property
    def external(self) -> str:
        """``host:port`` of what it tells: a proved public one, else the operator's word, a public one, a proved local one."""
        ranked = [(rank, candidate) for candidate in self._candidates if (rank := self._rank(candidate)) is not None]
        return min(ranked, key=lambda entry: entry[0])[1].endpoint.authority if ranked else ""

    def views(self) -> list[AddressView]:
        """All candidates, best first."""
        return [self._view(candidate) for candidate in self._candidates]

    def findings(self) -> Mapping[str, Mapping[str, str]]:
        """By source: what it found out beside addresses. Of the peers, how many see this node where."""
        seen = {host: str(number) for host, number in self._addresses.votes.counts().items()}
        return {**self._sources.findings(), **({PEERS: seen} if seen else {})}

    def _rank(self, candidate: Candidate) -> int | None:
        if candidate.endpoint not in self._own.record.endpoints:
            return None
        is_proved, is_public = self._proofs.is_reached(candidate.endpoint), candidate.scope >= Scope.GLOBAL
        ranks = (is_proved and is_public, candidate.source == MANUAL, is_public, is_proved)
        return ranks.index(True) if True in ranks else None

    def _view(self, candidate: Candidate) -> AddressView:
        proof = self._proofs.of(candidate.endpoint)
        return AddressView(
            address=str(candidate.endpoint),
            source=candidate.source,
            state=proof.state if proof else UNPROVED,
            age_s=round(self._clock() - proof.since_s, 1) if proof else 0.0,
            told=candidate.endpoint in self._own.record.endpoints,
            reason=proof.reason if proof else "",
        )

    # The search.

    def _search_again_and_again(self) -> None:
        while True:
            self._search_due.wait()
            self._search_due.clear()
            self._search()

    def _search(self) -> None:
        """Ask the slow sources, in their order, for what those before them did not find."""
        moves = self._moves
        for name in self._sources.names:
            if name in AT_ONCE:
                continue
            hosts: Sequence[str] = ()
            if self._addresses.open_families(name):
                hosts = self._sources.ask(name) or ()
            else:
                self._sources.pass_over(name)
            if self._moves != moves:
                # The answer may be of the network before; the next search has begun.
                return
            self._addresses.said(name, hosts)
        self._searched_s = self._clock()
        self._refresh("the sources of its address were asked")

    def _refresh(self, cause: str) -> None:
        before = {candidate.endpoint for candidate in self._candidates}
        self._candidates = self._addresses.candidates()
        now = {candidate.endpoint for candidate in self._candidates}
        self._proofs.keep((candidate.endpoint for candidate in self._candidates), self._clock())
        endpoints = told(self._candidates, self._proofs)
        if endpoints != self._own.record.endpoints:
            self._own.reached_at(endpoints)
            self._links.broadcast(Peers((self._own.record,)))
            self._emit(AddressChanged(tuple(map(str, endpoints)), cause))
        if now != before:
            self.on_candidates()


def _beyond_loopback(hosts: Iterable[str]) -> frozenset[str]:
    return frozenset(host for host in hosts if scope_of(host) is not Scope.LOOPBACK)
