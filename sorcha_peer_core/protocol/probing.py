"""The probes of all links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.protocol.awareness import Awareness
from sorcha_peer_core.protocol.host import Host, Priority
from sorcha_peer_core.protocol.probe import Probe

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.protocol.config import CoreConfig


class _Probed:
    __slots__ = ("due_at", "generation", "probe")

    def __init__(self, generation: int, now: float) -> None:
        self.generation = generation
        self.due_at = now
        self.probe = Probe()


class Probing:
    """Pings silent links, measures round trips, ends links that stay silent.

    A node that is slow itself gives the others more time: so many times more misses as its slowness says, and one.
    """

    def __init__(self, config: CoreConfig, host: Host, rng: Random) -> None:
        self._config = config
        self._host = host
        self._rng = rng
        self._awareness = Awareness(config.probe_interval_s)
        self._generation = 0
        self._peers: dict[int, _Probed] = {}

    def rtt_s(self, peer: int) -> float | None:
        """Smoothed round trip; None when the peer is not linked or was not measured yet."""
        state = self._peers.get(peer)
        return state.probe.rtt_s if state else None

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

    def link_down(self, peer: int) -> None:
        """Nothing to watch any more; its timer goes stale."""
        self._peers.pop(peer, None)

    def heard(self, peer: int) -> bool:
        """Something arrived from this peer; returns whether it is linked."""
        state = self._peers.get(peer)
        if state is None:
            return False
        state.probe.heard()
        return True

    def ping(self, peer: int, ping: m.Ping) -> None:
        """Answer at once."""
        self._host.send(peer, m.Pong(ping.nonce), Priority.CONTROL)

    def pong(self, peer: int, pong: m.Pong, now: float) -> None:
        """The answer to a probe."""
        self._peers[peer].probe.answered(pong.nonce, now)

    def due(self, timer: m.ProbeDue, now: float) -> None:
        """An interval of one link is over."""
        state = self._peers.get(timer.peer)
        if state is None or state.generation != timer.generation:
            return
        counts = not self._awareness.is_late(state.due_at, now)
        nonce = state.probe.due(now, self._rng, counts=counts)
        # As slow as the node was when this interval began: that it was punctual counts for the next one.
        slowness = self._awareness.slowness(now - self._config.probe_interval_s)
        if state.probe.misses >= self._config.probe_misses * (1 + slowness):
            self._host.unlink(timer.peer, f"no sign of life for {state.probe.misses} probes")
            return
        if nonce is not None:
            self._host.send(timer.peer, m.Ping(nonce), Priority.CONTROL)
        state.due_at = now + self._config.probe_interval_s
        self._host.set_timer(self._config.probe_interval_s, timer)
