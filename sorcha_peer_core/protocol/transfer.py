"""A large transaction on its way in, piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sorcha_peer_core.model.messages import Chunk, Push, WantChunks
from sorcha_peer_core.model.transaction import Transaction

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash


class Transfer:
    """Pieces of one payload, in order. Goes on from its offset with another peer when one falls silent.

    >>> transfer = Transfer(b"h" * 32, size=5, chunk_bytes=2, window=2)
    >>> transfer.next_window()
    WantChunks(hash=b'hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh', offset=0, chunks=2)
    >>> transfer.add(Chunk(transfer.hash, 4, b"x"))
    False
    """

    __slots__ = ("_chunk_bytes", "_first", "_parts", "_window", "_window_end", "hash", "offset", "senders", "size")

    def __init__(self, tx_hash: TxHash, size: int, chunk_bytes: int, window: int) -> None:
        self.hash = tx_hash
        self.size = size
        self.offset = 0
        self.senders: dict[int, None] = {}
        """Who sent a piece; when there are several, none of them can be blamed for the whole."""
        self._first: Chunk | None = None
        self._chunk_bytes = chunk_bytes
        self._window = window
        self._window_end = 0
        self._parts: list[bytes] = []

    @property
    def complete(self) -> bool:
        """Whether every byte is here."""
        return self.offset >= self.size

    @property
    def window_done(self) -> bool:
        """Whether all that was asked for has come."""
        return self.offset >= self._window_end

    def next_window(self) -> WantChunks:
        """The next pieces to ask for, from where the last good one ended."""
        self._window_end = min(self.size, self.offset + self._window * self._chunk_bytes)
        return WantChunks(self.hash, self.offset, self._window)

    def add(self, chunk: Chunk) -> bool:
        """Take the next piece; False, and nothing changes, when it is not the next one or would go past the end."""
        fits = chunk.offset == self.offset and 0 < len(chunk.data) <= self.size - self.offset
        if not fits or (chunk.offset == 0 and chunk.header is None):
            return False
        if chunk.offset == 0:
            self._first = chunk
        self._parts.append(chunk.data)
        self.offset += len(chunk.data)
        return True

    def push(self) -> Push:
        """The whole, once it is complete: as if it had come in one frame."""
        first = self._first
        assert first is not None
        assert first.header is not None
        transaction = Transaction(first.header, first.header_bytes, first.signature, b"".join(self._parts))
        return Push(transaction, first.hop, first.reach)
