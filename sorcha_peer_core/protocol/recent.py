"""Verified transactions at hand for peers that ask right after hearing of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.model.messages import Push


class Recent:
    """The newest transactions within a byte budget. What is not committed yet stays, whatever the budget says."""

    __slots__ = ("_budget", "_bytes", "_committed", "_uncommitted")

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._bytes = 0
        self._uncommitted: dict[TxHash, Push] = {}
        self._committed: OrderedDict[TxHash, Push] = OrderedDict()

    def add(self, push: Push) -> None:
        """Keep until it is committed, and then for as long as the budget allows."""
        self._uncommitted[push.transaction.hash] = push

    def committed(self, tx_hash: TxHash) -> None:
        """It can be loaded from the store from now on."""
        push = self._uncommitted.pop(tx_hash, None)
        if push is not None:
            self.keep(push)

    def keep(self, push: Push) -> None:
        """Hold something that the store has too."""
        if push.transaction.hash in self._committed:
            return
        self._committed[push.transaction.hash] = push
        self._bytes += len(push.transaction.payload)
        while self._bytes > self._budget:
            _, oldest = self._committed.popitem(last=False)
            self._bytes -= len(oldest.transaction.payload)

    def renew(self, push: Push) -> None:
        """Its envelope was made anew: keep this one, until it is committed and after."""
        old = self._committed.pop(push.transaction.hash, None)
        if old is not None:
            self._bytes -= len(old.transaction.payload)
        self.add(push)

    def is_uncommitted(self, tx_hash: TxHash) -> bool:
        """Whether it is here and the store does not have it yet."""
        return tx_hash in self._uncommitted

    def uncommitted(self) -> Sequence[Push]:
        """What no peer's sync can find yet."""
        return tuple(self._uncommitted.values())

    @property
    def uncommitted_bytes(self) -> int:
        """Of the payloads that the store does not have yet."""
        return sum(len(push.transaction.payload) for push in self._uncommitted.values())

    def get(self, tx_hash: TxHash) -> Push | None:
        """What there is, without a trip to the store."""
        return self._uncommitted.get(tx_hash) or self._committed.get(tx_hash)
