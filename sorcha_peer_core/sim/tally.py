"""What crossed the network, by kind of message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.sim.sizes import frame_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

UPKEEP = frozenset({m.Ping, m.Pong, m.SyncSince, m.SyncPage, m.Digest})
"""Kinds that cross whether there are transactions or not: their bytes are not those of a transaction."""

Cell = list[int]
"""Of one kind: messages sent, bytes sent, amount received. A list, because it is counted up with every message."""

_AMOUNTS: dict[type, Callable[[Any], int]] = {
    m.Push: lambda push: push.transaction.header.payload_size,
    m.Chunk: lambda chunk: len(chunk.data),
    m.Announce: lambda announce: len(announce.items),
    m.Want: lambda want: len(want.hashes),
    m.WantChunks: lambda want: int(want.offset == 0),
}


def amount_of(message: m.Message) -> int:
    """Payload bytes, or hashes announced or wanted; nothing for other kinds."""
    amount = _AMOUNTS.get(type(message))
    return amount(message) if amount else 0


class Traffic(NamedTuple):
    """All that crossed in some time."""

    messages: Mapping[type, int]
    """Sent, by kind."""
    bytes: Mapping[type, int]
    """Sent, by kind; the framing of a batch is on the account of its first message."""
    amounts: Mapping[type, int]
    """Received, by kind, as ``amount_of`` has it."""
    lost: int
    """Batches that vanished on their way."""
    queue_drops: int
    """Frames that did not fit into a send queue."""

    @property
    def sent_bytes(self) -> int:
        """All of them."""
        return sum(self.bytes.values())

    @property
    def upkeep_bytes(self) -> int:
        """Sent whether there are transactions or not."""
        return sum(size for kind, size in self.bytes.items() if kind in UPKEEP)

    @property
    def payload_bytes(self) -> int:
        """Received, of transactions pushed or asked for."""
        return self.amounts[m.Push] + self.amounts[m.Chunk]

    @property
    def announced(self) -> int:
        """Hashes received in announcements."""
        return self.amounts[m.Announce]

    @property
    def pulled(self) -> int:
        """Hashes that somebody was asked for."""
        return self.amounts[m.Want] + self.amounts[m.WantChunks]

    def since(self, before: Traffic) -> Traffic:
        """What came after ``before``."""
        return Traffic(
            _less(self.messages, before.messages),
            _less(self.bytes, before.bytes),
            _less(self.amounts, before.amounts),
            self.lost - before.lost,
            self.queue_drops - before.queue_drops,
        )


class Tally:
    """Counts since the network began."""

    __slots__ = ("cells", "lost", "queue_drops")

    def __init__(self) -> None:
        self.cells: dict[type, Cell] = {kind: [0, 0, 0] for kind in m.Message.__args__}
        self.lost = 0
        self.queue_drops = 0

    def sent(self, messages: Sequence[m.Message], size: int) -> None:
        """A batch of ``size`` bytes leaves."""
        for message in messages:
            cell, frame = self.cells[type(message)], frame_bytes(message)
            cell[0] += 1
            cell[1] += frame
            cell[2] += amount_of(message)
            size -= frame
        self.cells[type(messages[0])][1] += size

    def unheard(self, messages: Iterable[m.Message]) -> None:
        """Messages that were sent do not arrive."""
        for message in messages:
            self.cells[type(message)][2] -= amount_of(message)

    def read(self) -> Traffic:
        """As it stands now."""
        sent, sizes, amounts = ({kind: cell[number] for kind, cell in self.cells.items()} for number in range(3))
        return Traffic(sent, sizes, amounts, self.lost, self.queue_drops)


def _less(now: Mapping[type, int], before: Mapping[type, int]) -> Mapping[type, int]:
    return {kind: count - before[kind] for kind, count in now.items()}
