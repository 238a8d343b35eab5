"""The chunks of one payload: which are here, which are still to be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sorcha_peer_core.model.chunks import chunk_count, chunk_hash
from sorcha_peer_core.model.ids import HASH_BYTES
from sorcha_peer_core.model.messages import ChunkList, Push
from sorcha_peer_core.model.transaction import Transaction

if TYPE_CHECKING:
    from random import Random

_CANDIDATES = 4
"""Of so many that a neighbour has the rarest is asked for: nearly as good as the rarest of all, and cheap."""


class Pieces:
    """What an envelope speaks of. With a list each chunk is checked when it comes; without, only the whole can be."""

    __slots__ = ("_chunks", "_missing", "chunk_bytes", "envelope", "holders", "is_listed", "open")

    def __init__(self, envelope: ChunkList, chunk_bytes: int, rng: Random) -> None:
        self.envelope = envelope
        self.is_listed = bool(envelope.hashes)
        self.chunk_bytes = envelope.header.chunk_bytes if self.is_listed else chunk_bytes
        count = chunk_count(envelope.header.payload_size, self.chunk_bytes)
        self._missing = count
        self._chunks: list[bytes | None] = [None] * count
        self.holders = [0] * count
        """How many neighbours have each one and not all of them."""
        order = list(range(count))
        if self.is_listed:
            rng.shuffle(order)
        self.open: dict[int, None] = dict.fromkeys(order)
        """Chunks that are not here and that nobody was asked for lately, in an order of this node's own."""

    def __len__(self) -> int:
        return len(self._chunks)

    @property
    def complete(self) -> bool:
        """Whether every chunk is here."""
        return not self._missing

    @property
    def held(self) -> list[int]:
        """The chunks that are here and were found good."""
        return [index for index, data in enumerate(self._chunks) if data is not None] if self.is_listed else []

    def get(self, index: int) -> bytes | None:
        """A chunk that is here."""
        return self._chunks[index] if index < len(self._chunks) else None

    def index_of(self, offset: int) -> int | None:
        """Which chunk begins there; None when none does."""
        index, rest = divmod(offset, self.chunk_bytes)
        return None if rest or index >= len(self._chunks) else index

    def choose(self, has: int) -> int | None:
        """One that is open and in the bit mask ``has``, the rarest of a few; without a list the next one."""
        best = None
        seen = 0
        for index in self.open:
            if not has >> index & 1:
                continue
            if best is None or self.holders[index] < self.holders[best]:
                best = index
            seen += 1
            if seen == _CANDIDATES or not self.is_listed:
                break
        if best is not None:
            del self.open[best]
        return best

    def reopen(self, index: int) -> bool:
        """It may be asked for again, unless it is here; returns whether that is news."""
        if self._chunks[index] is not None or index in self.open:
            return False
        self.open[index] = None
        return True

    def put(self, index: int, data: bytes) -> bool:
        """Keep a chunk that is not here yet; False when it is not the one that the list names."""
        size = self.envelope.header.payload_size
        if len(data) != min(self.chunk_bytes, size - index * self.chunk_bytes):
            return False
        hashes = self.envelope.hashes
        if hashes and chunk_hash(data) != hashes[index * HASH_BYTES : (index + 1) * HASH_BYTES]:
            return False
        self._chunks[index] = data
        self._missing -= 1
        self.open.pop(index, None)
        return True

    def clear(self) -> None:
        """Begin anew: none of what came is kept."""
        self._missing = len(self._chunks)
        self._chunks = [None] * self._missing
        self.open = dict.fromkeys(range(self._missing))

    def push(self) -> Push:
        """The whole, once it is complete: as if it had come in one frame."""
        envelope = self.envelope
        payload = b"".join(data for data in self._chunks if data is not None)
        transaction = Transaction(envelope.header, envelope.header_bytes, envelope.signature, payload)
        return Push(transaction, envelope.hop, envelope.reach)
