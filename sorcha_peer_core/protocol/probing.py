"""The probes of all links."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.protocol.awareness import LATE_S, Awareness
from sorcha_peer_core.protocol.host import Host, Priority
from sorcha_peer_core.protocol.probe import Probe

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.protocol.config import CoreConfig


_EXPECTED_S = 60.0
"""For so long after a transaction, or a part of one, the next one is expected."""
_RESTS = (2.0, 4.0)
"""While none is, a link that was heard of rests for so many intervals. Of each two sides the one that rests less asks, and
that is a sign of life for both."""


_NEAR_S = 0.02
"""A round trip within one site, or one town, takes less; between countries it takes more."""


class _Probed:
    __slots__ = ("due_at", "generation", "probe", "rests", "wait_s")

    def __init__(self, generation: int, now: float) -> None:
        self.generation = generation
        self.due_at = now
        self.wait_s = 0.0
        self.rests = False
        """Whether the interval under way began without a question."""
        self.probe = Probe()


class Probing:
    """Pings silent links, measures round trips, ends links that stay silent.

    A node that is slow itself gives the others more time: so many times more misses as its slowness says, and one.
    While no transactions are about, links are asked less often, or an idle node would do nothing but ask.
    """

    def __init__(self, config: CoreConfig, host: Host, rng: Random) -> None:
        self._config = config
        self._host = host
        self._rng = rng
        self._awareness = Awareness(config.probe_interval_s)
        self._generation = 0
        self._expected_until = -inf
        self._peers: dict[int, _Probed] = {}
        self._near: set[int] = set()
        """Who is no further away than ``_NEAR_S``."""
        self._heard: set[int] = set()
        """Who was heard in the interval under way: most messages are not the first."""

    def rtt_s(self, peer: int) -> float | None:
        """Smoothed round trip; None when the peer is not linked or was not measured yet."""
        state = self._peers.get(peer)
        return state.probe.rtt_s if state else None

    @property
    def lag_s(self) -> float:
        """How late the timers of this node fire, lately."""
        return self._awareness.lag_s

    @property
    def sparing(self) -> bool:
        """Whether messages are dearer than trips: most linked peers are close by, or this node is late with everything."""
        return self.lag_s > LATE_S or 2 * len(self._near) > len(self._peers)

    def slowness(self, now: float) -> int:
        """How far this node itself is behind: 0 to 8."""
        return self._awareness.slowness(now)

    def link_up(self, peer: int, now: float) -> None:
        """Measure the new link at once, and watch it from now on."""
        self._generation += 1
        state = self._peers[peer] = _Probed(self._generation, now)
        # The handshake was a sign of life.
        state.probe.heard()
        self.due(m.ProbeDue(peer, self._generation), now)

    def traffic(self, now: float) -> None:
        """Transactions are about: while more are expected, a dead link is to be seen soon."""
        self._expected_until = now + _EXPECTED_S

    def link_down(self, peer: int) -> None:
        """Nothing to watch any more; its timer goes stale."""
        self._peers.pop(peer, None)
        self._heard.discard(peer)
        self._near.discard(peer)

    def heard(self, peer: int) -> bool:
        """Something arrived from this peer; returns whether it is linked."""
        if peer in self._heard:
            return True
        state = self._peers.get(peer)
        if state is None:
            return False
        state.probe.heard()
        self._heard.add(peer)
        return True

    def ping(self, peer: int, ping: m.Ping) -> None:
        """Answer at once."""
        self._host.send(peer, m.Pong(ping.nonce), Priority.CONTROL)

    def pong(self, peer: int, pong: m.Pong, now: float) -> None:
        """The answer to a probe."""
        probe = self._peers[peer].probe
        probe.answered(pong.nonce, now)
        if probe.least_rtt_s <= _NEAR_S:
            self._near.add(peer)

    def due(self, timer: m.ProbeDue, now: float) -> None:
        """An interval of one link is over."""
        state = self._peers.get(timer.peer)
        if state is None or state.generation != timer.generation:
            return
        # Nobody was asked in a rest, so silence is none.
        counts = not self._awareness.is_late(state.due_at, now) and not state.rests
        nonce = state.probe.due(now, self._rng, counts=counts)
        self._heard.discard(timer.peer)
        # As slow as the node was when this interval began: that it was punctual counts for the next one.
        slowness = self._awareness.slowness(now - state.wait_s)
        if state.probe.misses >= self._config.probe_misses * (1 + slowness):
            self._host.unlink(timer.peer, f"no sign of life for {state.probe.misses} probes")
            return
        if nonce is not None:
            self._host.send(timer.peer, m.Ping(nonce), Priority.CONTROL)
        state.rests = nonce is None and now >= self._expected_until
        state.wait_s = self._config.probe_interval_s * (self._rng.uniform(*_RESTS) if state.rests else 1.0)
        state.due_at = now + state.wait_s
        self._host.set_timer(state.wait_s, timer)
