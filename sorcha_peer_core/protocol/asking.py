"""Asking peers whom they know: everybody who is new, and in rounds for as long as that brings news."""

from __future__ import annotations

from collections.abc import Collection
from math import inf
from typing import TYPE_CHECKING

from sorcha_peer_core.protocol.discovery_host import DiscoveryHost

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.ids import PeerId

_PATIENCE_S = 5.0
_ANSWER_LASTS_S = 1.0
_ASKED_A_ROUND = 3
"""What these do not know, their neighbours may; and each answer is a list of hundreds."""
_FIRST_PAUSE_S = 1.0
"""Peers answer once a second."""
_LONGEST_PAUSE_S = 60.0
_PAUSE_GROWS = 2.0


class Asking:
    """Who is to be asked, who was asked, and whether another round is worth it. Time is monotonic."""

    def __init__(self, host: DiscoveryHost, rng: Random, *, at_once: int, most: int) -> None:
        self._host = host
        self._rng = rng
        self._at_once = at_once
        self._most = most
        self._queue: dict[PeerId, None] = {}
        self._asked: dict[PeerId, float] = {}
        """Those that have not answered yet, and until when they may."""
        self._answering: dict[PeerId, float] = {}
        """Those that began to answer, and until when more frames of it may come."""
        self._news = 0
        self._pause_s = _FIRST_PAUSE_S
        self._round_at_s: float | None = None

    @property
    def goes_on(self) -> bool:
        """Whether there is reason to believe that others know more."""
        return bool(self._queue or self._asked or self._news)

    def add(self, peers: Collection[PeerId]) -> None:
        """Ask these linked peers when it is their turn."""
        self._queue.update(dict.fromkeys(peers))

    def remove(self, peer_id: PeerId) -> None:
        """It is linked no more."""
        for peers in (self._queue, self._asked, self._answering):
            peers.pop(peer_id, None)

    def answered(self, peer_id: PeerId, now: float) -> bool:
        """Records came from this peer; False when nobody asked it for them."""
        if self._asked.pop(peer_id, None) is not None:
            self._answering[peer_id] = now + _ANSWER_LASTS_S
        return now <= self._answering.get(peer_id, -inf)

    def brought(self, news: int) -> None:
        """Answers told of so many peers that were not known."""
        self._news += news

    def slept(self, for_s: float) -> None:
        """The node itself stood still for so long: the peers may take that longer."""
        self._asked = {peer_id: until_s + for_s for peer_id, until_s in self._asked.items()}

    def tick(self, linked: Collection[PeerId], is_full: bool, now: float) -> None:
        """Ask on. ``is_full``: the list of peers is, so no further round is worth it."""
        self._expire(now)
        if not self._queue and not self._asked:
            self._think_of_a_round(linked, is_full, now)
        while self._queue and len(self._asked) < self._at_once:
            peer_id = next(iter(self._queue))
            del self._queue[peer_id]
            self._asked[peer_id] = now + _PATIENCE_S
            self._host.ask(peer_id, self._most)

    def next_at(self) -> float | None:
        """When something is due that no answer brings about."""
        # All wait equally long: the one that was asked first is the first to be given up.
        return next(iter(self._asked.values()), self._round_at_s)

    def _expire(self, now: float) -> None:
        for peer_id in [peer_id for peer_id, until_s in self._asked.items() if until_s <= now]:
            del self._asked[peer_id]

    def _think_of_a_round(self, linked: Collection[PeerId], is_full: bool, now: float) -> None:
        if self._round_at_s is None:
            if self._news and not is_full:
                self._round_at_s = now + self._pause_s
                self._pause_s = min(_LONGEST_PAUSE_S, _PAUSE_GROWS * self._pause_s)
            else:
                self._pause_s = _FIRST_PAUSE_S
            self._news = 0
        elif now >= self._round_at_s:
            self._round_at_s = None
            self.add(self._rng.sample(list(linked), min(_ASKED_A_ROUND, len(linked))))
