"""What is here: verified lately, or being verified; and who else has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.model.messages import Announced
    from sorcha_peer_core.protocol.host import Host
    from sorcha_peer_core.protocol.seen import Seen
    from sorcha_peer_core.protocol.traces import Trace, Traces


class Here:
    """The first copy of each transaction, from when it comes; those that peers have need not be told of it.

    ``heard``: a peer has it already; says whether it was about to be told.
    """

    __slots__ = ("_heard", "_host", "_seen", "_verifying", "traces", "verifying")

    def __init__(self, host: Host, seen: Seen, traces: Traces, heard: Callable[[int, TxHash], bool]) -> None:
        self._host = host
        self._seen = seen
        self._heard = heard
        self.traces = traces
        self._verifying: dict[TxHash, Trace] = {}
        self.verifying = self._verifying.get
        """The first copy while it is verified, None when none is. The dictionary's own method: every push asks."""

    def __contains__(self, tx_hash: TxHash) -> bool:
        return tx_hash in self._seen or tx_hash in self._verifying

    def since(self, peer: int, tx_hash: TxHash, size: int) -> float | None:
        """When the first copy came, None when there is none; ``peer`` has it too."""
        since = self._seen.arrived_at(tx_hash)
        if since is not None:
            self.has(peer, tx_hash)
            return since
        verifying = self._verifying.get(tx_hash)
        if verifying is None:
            return None
        verifying.havers.setdefault(peer, size)
        return verifying.since

    def unseen(self, peer: int, items: Sequence[Announced]) -> list[Announced]:
        """Of what ``peer`` has, what was not verified lately; of the rest it need not be told."""
        unseen: list[Announced] = []
        for item in items:
            if self._seen.arrived_at(item.hash) is None:
                unseen.append(item)
            else:
                self.has(peer, item.hash)
        return unseen

    def has(self, peer: int, tx_hash: TxHash) -> None:
        """``peer`` has it, or gets it just now."""
        if self._heard(peer, tx_hash):
            self.traces.spared(tx_hash, peer)

    def verify(self, tx_hash: TxHash, trace: Trace) -> None:
        """This is the first copy."""
        self._verifying[tx_hash] = trace
        self._host.verify(trace.push.transaction)

    def take(self, tx_hash: TxHash) -> Trace | None:
        """It was verified, or need not be any more; None when it was taken before."""
        return self._verifying.pop(tx_hash, None)

    def verifying_bytes(self) -> int:
        """Of the payloads that are being verified."""
        return sum(len(trace.push.transaction.payload) for trace in self._verifying.values())
