"""Questions for what peers announced: which of them a peer answered, and which it passed over while it went on talking."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.protocol.reputation import Deed

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash

PATIENCE_S = 10.0
"""A peer that announces something that long after a question has answered it before, if ever: answers go before announcements."""
MOST_OPEN = 64
"""Of one peer. Beyond it further questions are not watched: these are enough to tell."""


class _Question:
    """One frame that was sent; any answer to any part of it will do, since what was lost is lost together."""

    __slots__ = ("at", "hashes", "is_answered", "is_late")

    def __init__(self, hashes: Sequence[TxHash], at: float) -> None:
        self.hashes = hashes
        self.at = at
        self.is_answered = self.is_late = False


class _Asked:
    """What one peer was asked."""

    __slots__ = ("by_hash", "late", "open")

    def __init__(self) -> None:
        self.by_hash: dict[TxHash, _Question] = {}
        self.open: deque[_Question] = deque()
        self.late: deque[_Question] = deque()
        """Counted as withheld; an answer may come yet."""

    def drop(self, question: _Question) -> None:
        for tx_hash in question.hashes:
            if self.by_hash.get(tx_hash) is question:
                del self.by_hash[tx_hash]


class Questions:
    """``noticed`` hears of each question whether it was answered. An answer that comes late takes back what was said before."""

    def __init__(self, noticed: Callable[[int, Deed, float], None], is_slow: Callable[[], bool]) -> None:
        self._noticed = noticed
        self._is_slow = is_slow
        """Whether this node is late itself: then what it has not got to yet may be here."""
        self._peers: dict[int, _Asked] = {}

    def asked(self, peer: int, hashes: Sequence[TxHash], now: float) -> None:
        """``peer`` was asked for these, in one frame."""
        asked = self._peers.setdefault(peer, _Asked())
        while asked.open and asked.open[0].is_answered:
            asked.open.popleft()
        if len(asked.open) < MOST_OPEN:
            question = _Question(hashes, now)
            asked.open.append(question)
            asked.by_hash.update(dict.fromkeys(hashes, question))

    def answered(self, peer: int, hashes: Sequence[TxHash]) -> None:
        """``peer`` sent these, or says that it has them not."""
        asked = self._peers.get(peer)
        if asked is None or not asked.by_hash:
            return
        for tx_hash in hashes:
            question = asked.by_hash.get(tx_hash)
            if question is not None:
                asked.drop(question)
                question.is_answered = True
                self._noticed(peer, Deed.ANSWERED, 1.0)
                if question.is_late:
                    self._noticed(peer, Deed.WITHHELD, -1.0)

    def spoke(self, peer: int, now: float) -> None:
        """``peer`` announces something: what it was asked long ago it will not answer any more."""
        asked = self._peers.get(peer)
        if asked is None:
            return
        while asked.open and (asked.open[0].is_answered or now - asked.open[0].at >= PATIENCE_S):
            question = asked.open.popleft()
            if question.is_answered:
                continue
            if self._is_slow():
                asked.drop(question)
                continue
            question.is_late = True
            asked.late.append(question)
            if len(asked.late) > MOST_OPEN:
                asked.drop(asked.late.popleft())
            self._noticed(peer, Deed.WITHHELD, 1.0)

    def link_down(self, peer: int) -> None:
        """What it was asked last it need not have heard."""
        self._peers.pop(peer, None)
