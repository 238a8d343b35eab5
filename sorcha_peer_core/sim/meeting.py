"""Many nodes that meet: the shipped discovery machines over a network with latencies, in virtual time.

Nodes join, leave, crash, come back with or without their disk, sleep, and renew their records. The same seed and the same
calls give the same course of events. There are no transactions: this is only about who knows and is linked to whom.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import hypot
from random import Random
from typing import TYPE_CHECKING

from sorcha_peer_core.model.messages import Farewell, Message
from sorcha_peer_core.model.peer import BootstrapEntry
from sorcha_peer_core.protocol.discovery_host import Contact, DiscoveryConfig, Failure
from sorcha_peer_core.sim.clock import VirtualClock
from sorcha_peer_core.sim.meeting_node import EPOCH_AT, MeetingNode

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import PeerId
    from sorcha_peer_core.model.peer import PeerRecord

_HANDSHAKE_TRIPS = 4
"""Single trips until both sides know that a link is up."""
_LOOK_TRIPS = 8
_DIAL_TIMEOUT_S = 6.0
_SILENCE_S = (6.0, 8.0)
"""After so long the probes of a link have found out that the other side is gone."""
_MOST_TOLD = 50


def _mesh(live: int) -> int:
    return live if live <= 32 else 12


@dataclass(frozen=True, slots=True)
class MeetingWorld:
    """What nodes and network are like."""

    links_wanted: Callable[[int], int] = _mesh
    max_links: int = 64
    max_peers: int = 1000
    min_healthy: int = 5
    most_latency_s: float = 0.08
    """One way, between opposite corners; nodes lie anywhere in a square."""

    @property
    def config(self) -> DiscoveryConfig:
        """The knobs of every node."""
        return DiscoveryConfig(
            "sim", self.links_wanted, max_links=self.max_links, max_peers=self.max_peers, min_healthy=self.min_healthy
        )


class _Link:
    def __init__(self, one: MeetingNode, two: MeetingNode) -> None:
        self.ends = one, two
        self.up = True
        self.closing = False

    def other(self, node: MeetingNode) -> MeetingNode:
        return self.ends[1] if node is self.ends[0] else self.ends[0]


class Meeting:
    """Nodes, who has not begun to run, and the network between them."""

    def __init__(self, count: int, seed: int = 1, world: MeetingWorld | None = None, dial_only: Iterable[int] = ()) -> None:
        self.world = world or MeetingWorld()
        self.seed = seed
        self.clock = VirtualClock()
        self._rng = Random(seed)
        hidden = set(dial_only)
        self.nodes = [MeetingNode(self, index, dial_only=index in hidden) for index in range(count)]
        self.by_id = {node.peer_id: node for node in self.nodes}
        self._by_endpoint = {node.endpoint: node for node in self.nodes if node.endpoints}
        self._places = [(self._rng.random(), self._rng.random()) for _ in self.nodes]
        self._links: dict[MeetingNode, dict[MeetingNode, _Link]] = {node: {} for node in self.nodes}
        self._side: Callable[[MeetingNode], int] = lambda node: 0
        self.most_links = 0
        """The most links that any node ever had."""
        self.links_made = 0
        self.messages = 0
        self.records = 0
        """In messages that arrived."""

    # Nodes.

    def join(self, index: int, via: Sequence[int] = ()) -> None:
        """Start a node that knows the addresses of others; nothing happens to one that runs."""
        if self.nodes[index].machine is None:
            self.nodes[index].boot([BootstrapEntry(self.nodes[other].endpoint, None) for other in via])

    def leave(self, index: int) -> None:
        """Stop in order: say goodbye to everybody."""
        node = self.nodes[index]
        if node.machine is None:
            return
        for other in list(self._links[node]):
            self.hang_up(node, other.peer_id, Farewell.STOPPING)
        node.silent = False
        node.halt()

    def crash(self, index: int, *, silent: bool = False) -> None:
        """Stop at once; ``silent``: nobody is told, as if the power went, otherwise the links break."""
        node = self.nodes[index]
        if node.machine is None:
            return
        node.halt()
        node.silent = silent
        for link in self._links[node].values():
            self._break(link, self._silence_s() if silent else self.latency_s(*link.ends))
        # At its own end there is nothing left of them, also when it starts again at once.
        self._links[node] = {}

    def wipe(self, index: int) -> None:
        """Empty the disk of a node that does not run."""
        self.nodes[index].disk.clear()

    def sleep(self, index: int, for_s: float) -> None:
        """A node stands still; others find its links dead when that takes long."""
        node = self.nodes[index]
        node.sleep(for_s)
        for link in list(self._links[node].values()):
            if for_s > _SILENCE_S[1]:
                self._break(link, self._silence_s())

    def split(self, side: Callable[[int], int]) -> None:
        """Only nodes on the same side reach each other from now on."""
        self._side = lambda node: side(node.index)
        for links in self._links.values():
            for link in list(links.values()):
                if link.up and not self._reaches(*link.ends):
                    self._break(link, self._silence_s())

    # What is so.

    @property
    def running(self) -> list[MeetingNode]:
        """All nodes that run."""
        return [node for node in self.nodes if node.machine is not None]

    def links_of(self, node: MeetingNode) -> list[MeetingNode]:
        """Whom it is linked to."""
        return [other for other, link in self._links[node].items() if link.up]

    def everybody_knows_everybody(self) -> bool:
        """Whether each running node has the newest record of each other one, and counts on those it could dial."""
        return all(self.knows(one, two) for one in self.running for two in self.running if one is not two)

    def forged_record(self, number: int) -> PeerRecord:
        """What somebody made up: no key signed it."""
        stranger = MeetingNode(self, 1_000_000 + number, dial_only=False)
        return replace(stranger.record, seq=int((EPOCH_AT + self.clock.now) * 1000), signature=b"forged")

    def knows(self, one: MeetingNode, two: MeetingNode) -> bool:
        """Whether ``one`` has the newest record of ``two`` and has not given it up."""
        member = one.alive.members.get(two.peer_id)
        return member is not None and member.record.seq == two.record.seq and (member.live or not two.endpoints)

    def in_one_piece(self) -> bool:
        """Whether the links of the running nodes connect all of them."""
        running = self.running
        found, to_visit = set(running[:1]), running[:1]
        while to_visit:
            for other in self.links_of(to_visit.pop()):
                if other not in found:
                    found.add(other)
                    to_visit.append(other)
        return len(found) == len(running)

    # The network, for the nodes.

    def latency_s(self, one: MeetingNode, two: MeetingNode) -> float:
        """One way."""
        (x, y), (u, v) = self._places[one.index], self._places[two.index]
        return 0.0005 + self.world.most_latency_s * hypot(x - u, y - v) / hypot(1, 1)

    def dial(self, node: MeetingNode, contact: Contact) -> None:
        """Answered after some trips, or when a timeout is over."""
        other = self._find(contact)
        failure = self._failure(node, other, contact)
        if failure is not None or other is None:
            delay_s, reason = failure or (0.0, Failure("nobody lives there"))
            node.later(delay_s, lambda machine, now, at: machine.dial_failed(contact, reason, now, at))
        else:
            self._later(_HANDSHAKE_TRIPS, node, other, lambda: self._arrive(node, other, contact))

    def look(self, node: MeetingNode, contact: Contact, ask: int) -> None:
        """See DiscoveryHost."""
        other = self._find(contact)
        failure = self._failure(node, other, contact)
        if failure is not None or other is None:
            delay_s, reason = failure or (0.0, Failure("nobody lives there"))
            node.later(delay_s, lambda machine, now, at: machine.look_failed(contact, reason, now, at))
        else:
            self._later(_LOOK_TRIPS, node, other, lambda: self._seen(node, other, contact, ask))

    def hang_up(self, node: MeetingNode, peer_id: PeerId, farewell: Farewell) -> None:
        """The goodbye arrives behind everything that is under way."""
        link = self._links[node].get(self.by_id[peer_id])
        if link is not None and link.up and not link.closing:
            link.closing = True
            self._later(1, *link.ends, lambda: self._end(link, node, farewell))

    def send(self, node: MeetingNode, peer_id: PeerId, message: Message) -> None:
        """What is under way when the link breaks is lost."""
        other = self.by_id[peer_id]
        link = self._links[node].get(other)
        if link is not None and link.up and not link.closing:
            self._later(1, node, other, lambda: self._deliver(link, node, other, message))

    # Inside.

    def _find(self, contact: Contact) -> MeetingNode | None:
        found = (self._by_endpoint.get(endpoint) for endpoint in contact.endpoints)
        return next((node for node in found if node is not None), None)

    def _failure(self, node: MeetingNode, other: MeetingNode | None, contact: Contact) -> tuple[float, Failure] | None:
        """How long it takes until that dial fails, and why; None when somebody answers."""
        timeout_s = contact.timeout_s or _DIAL_TIMEOUT_S
        if other is None or not self._reaches(node, other):
            return timeout_s, Failure("nothing is heard from there")
        if other is node:
            return 2 * self.latency_s(node, node), Failure("it is this node itself", itself=True)
        if other.machine is None and not other.silent:
            return 2 * self.latency_s(node, other), Failure("nobody listens there")
        if not other.is_awake:
            return timeout_s, Failure("nothing is heard from there")
        return None

    def _arrive(self, node: MeetingNode, other: MeetingNode, contact: Contact) -> None:
        if not (node.is_awake and other.is_awake and self._reaches(node, other)):
            node.happens(lambda machine, now, at: machine.dial_failed(contact, Failure("it fell silent"), now, at))
        elif self._has_room(other, node):
            self._link(node, other)
            node.happens(lambda machine, now, at: machine.dialled(contact, other.peer_id, now, at))
        else:
            records = self._newcomers(other, node, _MOST_TOLD)
            record, stranger = other.record, node.record
            node.happens(lambda machine, now, at: machine.turned_away(contact, record, records, now, at))
            other.happens(lambda machine, now, at: machine.knocked(stranger, node.endpoint.host, now, at))

    def _seen(self, node: MeetingNode, other: MeetingNode, contact: Contact, ask: int) -> None:
        if not (other.is_awake and self._reaches(node, other)):
            node.happens(lambda machine, now, at: machine.look_failed(contact, Failure("it fell silent"), now, at))
            return
        record, records, rtt_s = other.record, self._newcomers(other, node, ask), 2 * self.latency_s(node, other)
        node.happens(lambda machine, now, at: machine.looked(contact, record, rtt_s, records, now, at))

    def _newcomers(self, other: MeetingNode, node: MeetingNode, most: int) -> Sequence[PeerRecord]:
        now = self.clock.now
        told = other.alive.telling.newcomers(now, EPOCH_AT + int(now)) if most else ()
        return [record for record in told if record.peer_id != node.peer_id][: min(most, _MOST_TOLD)]

    def _has_room(self, other: MeetingNode, node: MeetingNode) -> bool:
        links = self._links[other]
        return node in links or len(links) + other.alive.linking.coming < self.world.max_links

    def _link(self, one: MeetingNode, two: MeetingNode) -> None:
        """A new link takes the place of an older one: that one is dead, or there soon will be only one of them."""
        for older in (self._links[one].get(two), self._links[two].get(one)):
            if older is not None:
                older.up = False
        link = _Link(one, two)
        self.links_made += 1
        self._links[one][two] = self._links[two][one] = link
        self.most_links = max(self.most_links, len(self._links[one]), len(self._links[two]))
        self._linked(one, two)
        self._linked(two, one)

    def _linked(self, node: MeetingNode, other: MeetingNode) -> None:
        record, host = other.record, other.endpoint.host
        node.happens(lambda machine, now, at: machine.linked(record, host, now, at))

    def _end(self, link: _Link, leaver: MeetingNode, farewell: Farewell) -> None:
        if self._forget(link):
            for node in link.ends:
                said = Farewell.UNSAID if node is leaver else farewell
                self._unlinked(node, link.other(node), said)

    def _break(self, link: _Link, after_s: float) -> None:
        """Nothing gets through any more; both ends notice after a while."""
        link.closing = True

        def noticed() -> None:
            if self._forget(link):
                for node in link.ends:
                    self._unlinked(node, link.other(node), Farewell.UNSAID)

        self.clock.after(after_s, noticed)

    def _forget(self, link: _Link) -> bool:
        if not link.up:
            return False
        link.up = False
        for node in link.ends:
            if self._links[node].get(link.other(node)) is link:
                del self._links[node][link.other(node)]
        return True

    def _unlinked(self, node: MeetingNode, other: MeetingNode, farewell: Farewell) -> None:
        node.happens(lambda machine, now, at: machine.unlinked(other.peer_id, farewell, now, at))

    def _deliver(self, link: _Link, node: MeetingNode, other: MeetingNode, message: Message) -> None:
        if link.up:
            self.messages += 1
            self.records += len(getattr(message, "records", ()))
            other.received(node.peer_id, message)

    def _reaches(self, one: MeetingNode, two: MeetingNode) -> bool:
        return self._side(one) == self._side(two)

    def _later(self, trips: int, one: MeetingNode, two: MeetingNode, call: Callable[[], object]) -> None:
        self.clock.after(trips * self.latency_s(one, two), call)

    def _silence_s(self) -> float:
        return self._rng.uniform(*_SILENCE_S)
