"""The receipts that this node owes to those who handed it their own transactions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.model.messages import Announced, Receipt, ReceiptsDue, Refusal
from sorcha_peer_core.protocol.host import Host, Priority

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.protocol.recent import Recent
    from sorcha_peer_core.protocol.seen import Seen

_MOST_HASHES = 512
"""In one frame."""
_GATHER_S = 0.03
"""A frame costs as much as many hashes in it, and nobody who waits for receipts is in a hurry."""
_MOST_OWED = 65_536
"""Who asks for receipts of things that never come must not fill the memory. What is forgotten is asked for again."""


class Owed:
    """Who is to hear of which commits. Receipts for those of a moment are one frame to each peer."""

    def __init__(self, host: Host, seen: Seen, recent: Recent, max_transaction_bytes: int) -> None:
        self._host = host
        self._seen = seen
        self._recent = recent
        self._max_transaction_bytes = max_transaction_bytes
        # A plain dict looks for its first entry behind all that were taken from its front.
        self._owed: OrderedDict[TxHash, list[int]] = OrderedDict()
        self._due: dict[int, list[TxHash]] = {}
        """Committed, and the peers are to be told in a moment."""

    def __len__(self) -> int:
        return len(self._owed)

    def owe(self, peer: int, tx_hash: TxHash) -> None:
        """``peer`` handed out this, which is not committed yet."""
        peers = self._owed.get(tx_hash)
        if peers is None:
            self._owed[tx_hash] = [peer]
            if len(self._owed) > _MOST_OWED:
                self._owed.popitem(last=False)
        elif peer not in peers:
            peers.append(peer)

    def duplicate(self, peer: int, tx_hash: TxHash) -> None:
        """``peer`` handed out what was here before, or is being verified."""
        if self._is_committed(tx_hash):
            self._give(peer, (tx_hash,))
        else:
            self.owe(peer, tx_hash)

    def asked(self, peer: int, items: Sequence[Announced]) -> list[Announced]:
        """``peer`` asks for receipts of these, its own; returns those that did not come lately."""
        here: list[TxHash] = []
        unseen: list[Announced] = []
        for item in items:
            if self._is_committed(item.hash):
                here.append(item.hash)
            elif item.size > self._max_transaction_bytes:
                self.refuse(peer, item.hash, f"its payload has {item.size} bytes; 1 to {self._max_transaction_bytes} are allowed")
            else:
                self.owe(peer, item.hash)
                if item.hash not in self._seen:
                    unseen.append(item)
        self._give(peer, here)
        return unseen

    def stored(self, hashes: Collection[TxHash]) -> None:
        """These are committed."""
        if not self._owed:
            return
        is_first = not self._due
        for tx_hash in hashes:
            for peer in self._owed.pop(tx_hash, ()):
                self._due.setdefault(peer, []).append(tx_hash)
        if is_first and self._due:
            self._host.set_timer(_GATHER_S, ReceiptsDue())

    def due(self) -> None:
        """Give the receipts that gathered."""
        due, self._due = self._due, {}
        for peer, hashes in due.items():
            self._give(peer, hashes)

    def refuse(self, peer: int, tx_hash: TxHash, reason: str) -> None:
        """What ``peer`` handed out is not valid. Whoever else did may have the true one."""
        self._host.send(peer, Refusal(tx_hash, reason), Priority.ANSWER)
        peers = self._owed.get(tx_hash, [])
        if peer in peers:
            peers.remove(peer)
            if not peers:
                del self._owed[tx_hash]

    def forget(self, tx_hash: TxHash) -> None:
        """It will not come."""
        self._owed.pop(tx_hash, None)

    def _is_committed(self, tx_hash: TxHash) -> bool:
        return tx_hash in self._seen and not self._recent.is_uncommitted(tx_hash)

    def _give(self, peer: int, hashes: Sequence[TxHash]) -> None:
        for at in range(0, len(hashes), _MOST_HASHES):
            self._host.send(peer, Receipt(tuple(hashes[at : at + _MOST_HASHES])), Priority.ANSWER)
