"""What the nodes of a simulation think of each other, and what follows from that."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sorcha_peer_core.model.ids import PeerId
from sorcha_peer_core.protocol.reputation import HARMLESS, MOST, Deed, Reputation, Standing

if TYPE_CHECKING:
    from sorcha_peer_core.sim.machine import Machine
    from sorcha_peer_core.sim.network import Network

UNDIALLED_S = 600.0


class Watch:
    """The reputations of all nodes. With ``acts`` what they demand is carried out as a node does; without, it is only noted."""

    def __init__(self, net: Network, *, acts: bool) -> None:
        self._net = net
        self._acts = acts
        self._reputations = [Reputation() for _ in net.machines]
        self._until: dict[tuple[int, int], tuple[Standing, float]] = {}
        self.worst: dict[tuple[int, int], tuple[Standing, float]] = {}
        """The worst one node ever thought of another, and when it first did so."""
        self.lowest = MOST
        """The lowest score that an honest node ever gave to an honest one."""
        self.deeds: Counter[Deed] = Counter()
        """What honest nodes noticed of honest ones."""
        net.watch = self

    def noticed(self, machine: Machine, peer: int, deed: Deed, count: float) -> None:
        """A node noticed what a peer of its did."""
        about, now = machine.index_of(peer), machine.now
        reputation, peer_id = self._reputations[machine.index], PeerId(str(about))
        reputation.note(peer_id, deed, now, count)
        are_honest = machine.honest and self._net.machines[about].honest
        self.deeds[deed] += are_honest and count > 0
        if deed in HARMLESS:
            return
        if are_honest:
            self.lowest = min(self.lowest, reputation.score(peer_id, now))
        standing = reputation.standing(peer_id, now)
        worst, _ = self.worst.get((machine.index, about), (Standing.GOOD, 0.0))
        if standing > worst:
            self.worst[machine.index, about] = standing, now
        if self._acts and machine.honest:
            self._net.calendar.add((now, self._follow, machine, (peer, standing)))

    def lets(self, one: int, other: int) -> bool:
        """Whether one dials the other, and is let in."""
        return self._standing(one, other) < Standing.UNLINKED and self._standing(other, one) < Standing.DISCOURAGED

    def judged(self, about: int, least: Standing) -> list[float]:
        """When nodes first thought as badly as that of a node."""
        return sorted(at for (_, other), (standing, at) in self.worst.items() if other == about and standing >= least)

    def explain(self, node: int, about: int) -> str:
        """Why a node thinks what it thinks."""
        return str(self._reputations[node].explain(PeerId(str(about)), self._net.calendar.now))

    def _standing(self, node: int, about: int) -> Standing:
        standing, until = self._until.get((node, about), (Standing.GOOD, 0.0))
        return standing if self._net.calendar.now < until else Standing.GOOD

    def _follow(self, now: float, machine: Machine, judged: tuple[int, Standing]) -> None:
        peer, standing = judged
        machine.regard(peer, standing)
        if standing < Standing.UNLINKED:
            return
        about = machine.index_of(peer)
        if self._standing(machine.index, about) < standing:
            is_sentenced = standing >= Standing.DISCOURAGED
            reputation = self._reputations[machine.index]
            for_s = reputation.sentence(PeerId(str(about)), now) if is_sentenced else UNDIALLED_S
            self._until[machine.index, about] = standing, now + for_s
        machine.unlink(peer, "of what it did")
