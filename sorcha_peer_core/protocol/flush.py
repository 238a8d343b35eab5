"""Handing out what gathered while nobody was linked: each transaction to one of a few peers, as many as they can take."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import TYPE_CHECKING

from sorcha_peer_core.model.messages import Announced, AskDue, FlushGrant, FlushRequest
from sorcha_peer_core.protocol.host import Host, Priority

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.protocol.receipts import Receipts

_PEERS = 4
"""That share it."""
_LOW = 0.25
"""Of a credit is left when it is renewed."""
_ANSWER_S = 0.5
"""After that a peer is asked again."""
_PATIENCE_S = 2.0
"""If nobody grants anything for so long, everything is released as usual,"""
_ALONE_S = 10.0
"""for so long."""
_LONGEST_WINDOW_S = 60.0
_ASK_AFTER_S = 0.25
"""What a peer has committed it has relayed long before, so by then another one has it, too."""
_MOST_SINGLE = 16_384
_LARGEST = 64 * 1024
"""What is larger is announced, or pushed to a few, in any case."""

_GRANT_ITEMS = 2_000
_GRANT_BYTES = 4 * 1024 * 1024
_GRANT_WINDOW_S = 10.0
_BUSY_BYTES = 8 * 1024 * 1024
"""On their way in, with all that was granted; half of what makes a node stop reading its links."""
_ITEM_BYTES = 512
"""An envelope, and what handling it costs: many small ones are work, too."""


Ask = Callable[[Iterable[int], Sequence[Announced]], None]


class _Credit:
    """What one peer takes."""

    __slots__ = ("left", "left_bytes", "low", "low_bytes", "until")

    def __init__(self) -> None:
        self.left = self.left_bytes = self.low = self.low_bytes = 0
        self.until = -inf

    def lasts(self, now: float) -> bool:
        """Whether there is something left."""
        return self.left > 0 and self.left_bytes > 0 and now < self.until

    def is_good(self, now: float) -> bool:
        """Whether it need not be renewed yet."""
        return self.left > self.low and self.left_bytes > self.low_bytes and now < self.until

    def add(self, grant: FlushGrant, now: float) -> None:
        """The peer takes so many more."""
        if now >= self.until:
            self.left = self.left_bytes = 0
        self.left += grant.most
        self.left_bytes += grant.most_bytes
        self.low, self.low_bytes = int(self.left * _LOW), int(self.left_bytes * _LOW)
        self.until = now + min(grant.window_s, _LONGEST_WINDOW_S)


class Flush:
    """The side of whoever has much to hand out. Nothing of it outlives the process: what waits is in the outbox."""

    def __init__(self, host: Host, rng: Random, receipts: Receipts, ask: Ask) -> None:
        self._host = host
        self._rng = rng
        self._receipts = receipts
        self._ask = ask
        """Asks peers for receipts."""
        self._linked: dict[int, None] = {}
        self._credits: dict[int, _Credit] = {}
        self._asked: dict[int, float] = {}
        """Peers that have not granted anything yet, and when they were asked."""
        self._waiting = 0
        """So many of what comes next were told to wait."""
        self._without_since: float | None = None
        """Since when nobody takes anything, while somebody is asked."""
        self._alone_until = -inf
        self._single: OrderedDict[TxHash, int] = OrderedDict()
        """Pushed to one peer, with their sizes, until it has given its receipt."""
        self._to_ask: dict[int, list[Announced]] = {}
        """Peers that are to be asked for further receipts."""

    def link_up(self, peer: int) -> None:
        """``peer`` may take some."""
        self._linked[peer] = None

    def link_down(self, peer: int) -> None:
        """It takes none any more."""
        for known in (self._linked, self._credits, self._asked, self._to_ask):
            known.pop(peer, None)

    def want(self, waiting: int, waiting_bytes: int, now: float) -> None:
        """So much waits to be handed out: see that peers take it. Called again and again while there is much."""
        self._waiting = waiting
        if self._has_credit(now):
            self._without_since = None
        elif self._without_since is None:
            self._without_since = now
        elif now - self._without_since > _PATIENCE_S:
            self._without_since, self._alone_until = None, now + _ALONE_S
        if now >= self._alone_until:
            for peer in self._whom_to_ask(now):
                self._asked[peer] = now
                self._host.send(peer, FlushRequest(waiting, waiting_bytes), Priority.CONTROL)

    def is_ready(self, now: float) -> bool:
        """Whether somebody takes something, or nobody does and it goes out as usual."""
        return now < self._alone_until or self._has_credit(now)

    def granted(self, peer: int, grant: FlushGrant, now: float) -> None:
        """The answer to a request; others are passed over."""
        if peer in self._asked and grant.most and grant.most_bytes and grant.window_s > 0:
            del self._asked[peer]
            self._credits.setdefault(peer, _Credit()).add(grant, now)

    def take(self, tx_hash: TxHash, size: int, peers: Sequence[int], now: float) -> int | None:
        """Who of ``peers`` is to get this one, alone; None when it goes out as usual."""
        if not self._waiting:
            return None
        self._waiting -= 1
        takers = [peer for peer, credit in self._credits.items() if credit.lasts(now) and peer in peers]
        if not takers or size > _LARGEST:
            return None
        peer = takers[int.from_bytes(tx_hash[:4], "big") % len(takers)]
        credit = self._credits[peer]
        credit.left -= 1
        credit.left_bytes -= size
        self._single[tx_hash] = size
        if len(self._single) > _MOST_SINGLE:
            self._single.popitem(last=False)
        return peer

    def receipted(self, peer: int, hashes: Iterable[TxHash]) -> None:
        """``peer`` has these, and passed them on: what needs more receipts than that one is asked of others a little later."""
        if not self._single:
            return
        for tx_hash in hashes:
            size = self._single.pop(tx_hash, None)
            if size is None:
                continue
            for other in self._others(peer, self._receipts.lacks(tx_hash)):
                if not self._to_ask:
                    self._host.set_timer(_ASK_AFTER_S, AskDue())
                self._to_ask.setdefault(other, []).append(Announced(tx_hash, size))

    def ask_due(self) -> None:
        """Ask for the receipts that are still lacking."""
        to_ask, self._to_ask = self._to_ask, {}
        for peer, items in to_ask.items():
            self._ask((peer,), [item for item in items if item.hash in self._receipts])

    def _has_credit(self, now: float) -> bool:
        return any(credit.lasts(now) for credit in self._credits.values())

    def _whom_to_ask(self, now: float) -> list[int]:
        """Those whose credit runs out, and others until there are enough."""
        good = [peer for peer, credit in self._credits.items() if credit.is_good(now)]
        room = _PEERS - len(good)
        waiting = [peer for peer, at in self._asked.items() if now - at < _ANSWER_S]
        known = [peer for peer in self._credits if peer not in good and peer not in waiting]
        others = [peer for peer in self._linked if peer not in self._credits and peer not in waiting]
        self._rng.shuffle(others)
        return [*known, *others][: max(0, room - len(waiting))]

    def _others(self, but: int, most: int) -> list[int]:
        """Some that are linked, those that come after ``but`` first: so all get their share."""
        order = list(self._linked)
        at = order.index(but) + 1 if but in self._linked else 0
        return [peer for peer in [*order[at:], *order[:at]] if peer != but][:most]


class Grants:
    """The side of whoever is asked. It says no more than it can take; ``backlog_bytes`` says what is on its way in."""

    def __init__(self, host: Host, backlog_bytes: Callable[[], int]) -> None:
        self._host = host
        self._backlog_bytes = backlog_bytes
        self._granted: dict[int, tuple[int, float]] = {}
        """Of each peer what it was granted last, and until when it may use that."""
        self.refused = 0
        """Requests to which nothing was granted."""

    def link_down(self, peer: int) -> None:
        """It will not use what it was granted."""
        self._granted.pop(peer, None)

    def asked(self, peer: int, request: FlushRequest, now: float) -> None:
        """``peer`` has much to hand out."""
        others = sum(size for other, (size, until) in self._granted.items() if other != peer and now < until)
        room = _BUSY_BYTES - self._backlog_bytes() - others
        most = max(0, min(_GRANT_ITEMS, request.waiting, room // _ITEM_BYTES))
        most_bytes = max(0, min(_GRANT_BYTES, request.waiting_bytes, room))
        if most and most_bytes:
            self._granted[peer] = most_bytes, now + _GRANT_WINDOW_S
            self._host.send(peer, FlushGrant(most, most_bytes, _GRANT_WINDOW_S), Priority.CONTROL)
        else:
            self.refused += 1
            self._host.send(peer, FlushGrant(0, 0, 0.0), Priority.CONTROL)
