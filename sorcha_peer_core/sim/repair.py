"""Links that end are made again, or others in their place: what a node's discovery does, in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.sim.network import Network
    from sorcha_peer_core.sim.overlay import Pair, Wiring

_FIRST_REDIAL_S = 0.3
_MOST_REDIAL_S = 30.0
_FAILURES = 3
"""After so many another peer is dialled as well."""
_HANDSHAKE_TRIPS = 6
"""One way each: TCP, TLS and the handshake of the session."""


class Repair:
    """Redials with backoff, and keeps every node at its number of links."""

    def __init__(self, net: Network, wiring: Wiring, rng: Random) -> None:
        self._net = net
        self._wiring = wiring
        self._rng = rng
        self._sides = [0] * len(net.machines)
        net.on_link_lost = lambda one, other: self._redial((one, other), 0)

    def divide(self, parts: int) -> None:
        """Nothing gets from one part to another, and nobody is told. One part: everybody reaches everybody again."""
        self._sides = [index % parts for index in range(len(self._sides))]
        for machine in self._net.machines:
            for pipe in machine.pipes.values():
                pipe.block(not self._is_open(pipe.near.index, pipe.far.index))

    def leave(self, index: int) -> None:
        """A node ends; its system closes the links."""
        machine = self._net.machines[index]
        for pipe in list(machine.pipes.values()):
            self._net.hang_up(self._net.calendar.now, pipe, "it stops")
        machine.fall_silent()

    def join(self, index: int) -> None:
        """A node starts, with the disk it has, and looks for links."""
        net = self._net
        net.machines[index].start(net.strategy())
        for other in self._wiring.others(net.places, index, self._candidates(index), self._rng):
            self._redial((index, other), 0)

    def _redial(self, pair: Pair, failures: int) -> None:
        pause_s = min(_FIRST_REDIAL_S * 2**failures, _MOST_REDIAL_S) * (0.5 + self._rng.random())
        self._net.calendar.add((self._net.calendar.now + pause_s, self._dial, pair, failures))

    def _dial(self, now: float, pair: Pair, failures: int) -> None:
        if not self._is_wanted(pair):
            return
        if self._is_open(*pair):
            handshake_s = _HANDSHAKE_TRIPS * self._net.places.base_s(*pair)
            self._net.calendar.add((now + handshake_s, self._link, pair, None))
            return
        if failures + 1 == _FAILURES:
            one, candidates = pair[0], self._candidates(pair[0])
            if candidates:
                self._redial((one, self._wiring.another(self._net.places, one, candidates, self._rng)), 0)
        self._redial(pair, failures + 1)

    def _link(self, now: float, pair: Pair, nothing: None) -> None:
        if not self._is_wanted(pair) or not self._is_open(*pair):
            return
        # The other side may not have noticed that the last link is gone; it does when a new one comes.
        last = self._net.pipe(pair[1], pair[0])
        if last is not None:
            self._net.hang_up(now, last, "there is a new one")
        self._net.link((pair,))

    def _is_wanted(self, pair: Pair) -> bool:
        net, near = self._net, self._net.machines[pair[0]]
        if net.watch is not None and not net.watch.lets(*pair):
            return False
        return near.running and len(near.pipes) < self._wiring.links and not net.linked(*pair)

    def _is_open(self, one: int, other: int) -> bool:
        return self._sides[one] == self._sides[other] and self._net.machines[other].running

    def _candidates(self, one: int) -> list[int]:
        linked = {pipe.far.index for pipe in self._net.machines[one].pipes.values()}
        return [other for other in range(len(self._sides)) if other != one and other not in linked and self._is_open(one, other)]
