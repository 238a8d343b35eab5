"""Suspicion that the network has fallen apart. It is told, and nothing else follows from it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from sorcha_peer_core.model.events import Event, PartitionOver, PartitionSuspected

_WINDOW_S = 60.0
_LOST_RATIO = 0.4
_FOUND_AGAIN_RATIO = 0.8
"""Of the peers that were there before: so many back, and it is over."""
_FEWEST_PEERS = 3
"""Of fewer, one that is switched off would be a partition."""
_DIFFERING_RATIO = 0.05
_FEWEST_COMPARED = 20
"""Of fewer transactions, one that is on its way would be a difference."""
_ROUNDS = 2
_NEIGHBOURS = 2
_FORGOTTEN_S = 60.0
"""A neighbour that was not compared for so long says nothing."""
_ACCEPTED_S = 900.0
"""Peers that are gone for so long have left."""


class PartitionWatch:
    """Two signs: many known peers that go within a minute, and several neighbours that keep having other transactions."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._counts: deque[tuple[float, int]] = deque()
        """Live known peers over the last minute: when it changed, and to what."""
        self._before = 0
        """How many there were before many of them went; 0: they did not."""
        self._lost_at = 0.0
        self._differing: dict[int, tuple[int, float]] = {}
        """By neighbour: rounds in a row with a large difference, and when the last one was."""
        self._since: float | None = None

    @property
    def is_suspected(self) -> bool:
        """Whether something speaks for a partition right now."""
        return self._since is not None

    def live(self, count: int, now: float) -> None:
        """So many peers are known and not given up."""
        counts = self._counts
        # The last value from before the window is what the window begins with.
        while len(counts) > 1 and counts[1][0] <= now - _WINDOW_S:
            counts.popleft()
        if not counts or counts[-1][1] != count:
            counts.append((now, count))
        most = max(before for _, before in counts)
        if self._before:
            self._before = max(self._before, most)
        elif most >= _FEWEST_PEERS and count < (1 - _LOST_RATIO) * most:
            self._before, self._lost_at = most, now
        if self._before and count >= _FOUND_AGAIN_RATIO * self._before:
            self._before = 0
        self.judge(now)

    def compared(self, peer: int, transactions: int, lacking: int, now: float) -> None:
        """A neighbour was compared: how many transactions, and how many of them one side lacked."""
        if transactions >= _FEWEST_COMPARED and lacking > _DIFFERING_RATIO * transactions:
            self._differing[peer] = self._differing.get(peer, (0, now))[0] + 1, now
        else:
            self._differing.pop(peer, None)

    def unlinked(self, peer: int) -> None:
        """No neighbour any more."""
        self._differing.pop(peer, None)

    def judge(self, now: float) -> None:
        """Say so when the suspicion begins or ends; called with every round."""
        for peer in [peer for peer, (_, at) in self._differing.items() if now - at > _FORGOTTEN_S]:
            del self._differing[peer]
        if self._before and now - self._lost_at > _ACCEPTED_S:
            self._before = 0
            self._counts = deque(list(self._counts)[-1:])
        cause = self._cause()
        if cause and self._since is None:
            self._since = now
            self._emit(PartitionSuspected(cause))
        elif not cause and self._since is not None:
            lasted_s, self._since = now - self._since, None
            self._emit(PartitionOver(lasted_s))

    def _cause(self) -> str:
        neighbours = sum(rounds > _ROUNDS for rounds, _ in self._differing.values())
        if self._before:
            return f"of {self._before} live peers {self._counts[-1][1]} are left"
        if neighbours >= _NEIGHBOURS:
            return f"{neighbours} neighbours keep having other transactions"
        return ""
