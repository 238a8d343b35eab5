"""Which links carry payloads: a few into each node, kept by what they are worth to it. Changed by Graft and Prune."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from sorcha_peer_core.model.messages import Graft, Prune
from sorcha_peer_core.protocol.host import Host, Priority

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.protocol.config import CoreConfig

_MEMORY = 0.95
"""What a link's worth keeps of itself from one transaction to the next: some twenty of them decide."""
_MOST_FIRSTS = 256
_SPARE = 1
"""Links beyond those that are wanted, and so many more, are pruned as they come up, or the first transactions come over all."""


class _Link:
    """One linked peer as the mesh sees it."""

    __slots__ = ("asked_at", "gives", "shunned", "takes", "worth_s")

    def __init__(self, now: float) -> None:
        self.gives = True
        """It may push to this node what it relays."""
        self.takes = True
        """This node pushes to it what it relays."""
        self.shunned = False
        """It did something that speaks against it."""
        self.asked_at = now
        """When it came up, was sent a Graft or a Prune, or refused one."""
        self.worth_s = 0.0
        """How much later transactions would come, on average over all of them, if it did not push; or sooner, if it did."""


class MeshLinks:
    """The state of the mesh at one node. Time is given, never read.

    A link that pushes is worth what it is ahead of the second best, in those transactions in which it is the first; one that
    announces is worth what its announcement is ahead of the first copy. So the links that are kept complement each other:
    of two fast ones from the same side of the network the second is worth little.
    """

    def __init__(self, config: CoreConfig, host: Host, lag_s: Callable[[], float]) -> None:
        self._config = config
        self._host = host
        self._lag_s = lag_s
        self._links: dict[int, _Link] = {}
        self._givers = 0
        self._takers = 0
        self._grafted_at = float("-inf")
        self._firsts: dict[TxHash, _Link] = {}
        """Who was first with a transaction of which no second copy has come yet."""
        self.wanted = 0
        """How many links should push to this node; 0: leave everything as it is."""

    def gives(self, peer: int) -> bool:
        """Whether ``peer`` pushes what it relays: what it announces it will not push."""
        return self.wanted > 0 and self._links[peer].gives

    def shun(self, peer: int, is_shunned: bool, now: float) -> None:
        """Neither push to ``peer`` what is relayed nor have it push; or take it for one like all others again."""
        link = self._links.get(peer)
        if link is None or link.shunned is is_shunned:
            return
        link.shunned = is_shunned
        if is_shunned:
            self._takers -= link.takes
            link.takes = False
            if link.gives:
                self._prune(peer, link, now)
                self._fill_up(now)
        elif not self.wanted:
            # Where everybody pushes to everybody nobody asks for it.
            link.takes = True
            self._takers += 1
            self._graft(peer, link, now)

    def takers(self, peers: Iterable[int]) -> list[int]:
        """Those of ``peers`` that take pushes."""
        links = self._links
        return [peer for peer in peers if links[peer].takes]

    def link_up(self, peer: int, now: float) -> None:
        """Both sides take a new link for a good one until they know better."""
        link = self._links[peer] = _Link(now)
        self._givers += 1
        self._takers += 1
        if self.wanted and self._givers > self.wanted + _SPARE:
            self._prune(peer, link, now)

    def link_down(self, peer: int, now: float) -> None:
        """Somebody else takes its place."""
        link = self._links.pop(peer)
        self._takers -= link.takes
        if link.gives:
            self._givers -= 1
            self._fill_up(now)

    def first(self, peer: int, tx_hash: TxHash) -> None:
        """``peer`` pushed a relayed transaction before all others; it may be gone since."""
        link = self._links.get(peer)
        if link is None or not self.wanted:
            return
        for each in self._links.values():
            each.worth_s *= _MEMORY
        if link.gives:
            # Until a second copy says otherwise, nobody else would have brought it.
            link.worth_s += self._config.mesh_lead_most_s * (1.0 - _MEMORY)
            if len(self._firsts) >= _MOST_FIRSTS:
                self._firsts.clear()
            self._firsts[tx_hash] = link

    def duplicate(self, peer: int, tx_hash: TxHash, late_s: float, now: float) -> None:
        """``peer`` pushed a relayed transaction ``late_s`` after the first copy."""
        if not self.wanted:
            return
        link = self._links[peer]
        if not link.gives:
            # What it sent before it heard of the Prune is no reason for another one.
            if now - link.asked_at > self._config.mesh_patience_s:
                self._prune(peer, link, now)
            return
        first = self._firsts.pop(tx_hash, None)
        if first is not None and late_s < self._config.mesh_lead_most_s:
            first.worth_s -= (self._config.mesh_lead_most_s - late_s) * (1.0 - _MEMORY)
        if self._givers > self.wanted:
            self._prune_worst(peer, now)
        elif (
            self._givers > self._config.mesh_givers_least
            and link.worth_s < self._worth_least_s
            and now - link.asked_at > self._config.mesh_patience_s
        ):
            self._prune(peer, link, now)

    def announced(self, peer: int, lead_s: float, now: float) -> None:
        """``peer`` announced what could have been pushed, ``lead_s`` before the first copy came; it may be gone since."""
        link = self._links.get(peer)
        if link is None or not self.wanted or link.gives or link.shunned or lead_s <= 0.0:
            return
        link.worth_s += min(lead_s, self._config.mesh_lead_most_s) * (1.0 - _MEMORY)
        if now - self._grafted_at >= self._config.mesh_patience_s and self._is_better(link):
            self._graft(peer, link, now)

    def on_graft(self, peer: int) -> None:
        """``peer`` wants pushes."""
        link = self._links[peer]
        if link.takes:
            return
        if link.shunned or (self.wanted and self._takers >= 2 * self.wanted):
            self._host.send(peer, Prune(refused=True), Priority.CONTROL)
            return
        link.takes = True
        self._takers += 1

    def on_prune(self, peer: int, prune: Prune, now: float) -> None:
        """``peer`` wants no pushes, or does not want to push."""
        link = self._links[peer]
        if not prune.refused:
            self._takers -= link.takes
            link.takes = False
        elif link.gives:
            link.gives = False
            link.asked_at = now
            self._givers -= 1
            self._fill_up(now)

    @property
    def _worth_least_s(self) -> float:
        """What is within the lateness of this node's own clockwork is no lead."""
        return self._config.mesh_worth_least_s + self._lag_s()

    def _is_better(self, link: _Link) -> bool:
        if self._givers < self._config.mesh_givers_least:
            return True
        worth_s = link.worth_s - self._config.mesh_change_s
        if self._givers < self.wanted:
            return worth_s > self._worth_least_s
        return worth_s > min(each.worth_s for each in self._links.values() if each.gives)

    def _prune_worst(self, late_peer: int, now: float) -> None:
        """Of all that push, the one that is worth least; of equals the one that was late just now."""
        peer, worst = late_peer, self._links[late_peer]
        for number, link in self._links.items():
            if link.gives and link.worth_s < worst.worth_s:
                peer, worst = number, link
        self._prune(peer, worst, now)

    def _prune(self, peer: int, link: _Link, now: float) -> None:
        self._givers -= link.gives
        link.gives = False
        link.asked_at = now
        link.worth_s = 0.0
        self._host.send(peer, Prune(), Priority.CONTROL)

    def _graft(self, peer: int, link: _Link, now: float) -> None:
        self._givers += 1
        link.gives = True
        link.asked_at = self._grafted_at = now
        self._host.send(peer, Graft(), Priority.CONTROL)

    def _fill_up(self, now: float) -> None:
        """Too few push to this node: ask the best of those that did not decline lately."""
        if not self.wanted or self._givers >= self.wanted:
            return
        best, peer = None, -1
        for number, link in self._links.items():
            if link.gives or link.shunned or now - link.asked_at < self._config.mesh_patience_s:
                continue
            if best is None or link.worth_s > best.worth_s:
                best, peer = link, number
        if best is not None:
            self._graft(peer, best, now)
