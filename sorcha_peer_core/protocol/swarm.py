"""A large transaction on its way in, piece by piece, from several neighbours at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sorcha_peer_core.model.chunks import MOST_CHUNKS
from sorcha_peer_core.model.messages import Chunk, ChunkList, Push
from sorcha_peer_core.protocol.patience import Factor
from sorcha_peer_core.protocol.pieces import Pieces

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.ids import TxHash

_ALL = -1
"""As a bit mask: every chunk there is."""


class Neighbour:
    """A linked peer, over all the swarms it is a source of."""

    __slots__ = ("lists_asked", "offers", "patience")

    def __init__(self) -> None:
        self.offers = 0
        """In how many swarms it is a source."""
        self.lists_asked = 0
        """Lists that it was asked for and has not sent."""
        self.patience = Factor()
        """For its chunks: its line may be busy with others."""


class Source:
    """A neighbour that has all of it or a part."""

    __slots__ = ("asked", "has", "lates", "refused", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        """As it claims."""
        self.has = 0
        """Bit mask of chunks."""
        self.asked: dict[int, float] = {}
        """Chunks that it was asked for and has not sent, with the time by which it should have."""
        self.lates = 0
        """Questions in a row that were not answered in time."""
        self.refused = False
        """It has another list: its chunks would not fit."""

    @property
    def has_all(self) -> bool:
        """Whether it has every chunk there is."""
        return self.has == _ALL


class Swarm:
    """The pieces of one payload and who has them. What to ask for is decided here; ``Swarms`` does the asking.

    With a list any number of neighbours can be asked at once, and a wrong chunk is blamed on its sender. Without, chunks come
    in order from one neighbour, the favourite.
    """

    def __init__(self, tx_hash: TxHash, now: float) -> None:
        self.hash = tx_hash
        self.sources: dict[int, Source] = {}
        self.pieces: Pieces | None = None
        """None until an envelope has come."""
        self.list_asked: int | None = None
        """Who was asked for the envelope,"""
        self.list_by = 0.0
        """and when it should have come."""
        self.list_giver: int | None = None
        self.fruitless = 0
        """Questions for it that nobody answered."""
        self.trusted = False
        """The envelope was verified: chunks may be asked for and passed on."""
        self.senders: dict[int, None] = {}
        """Who sent chunks that are kept."""
        self.favourite: int | None = None
        self.alone = False
        """Without a list: chunks of several did not make a whole that verifies, so one has to send all."""
        self.news: list[int] = []
        """Chunks that the neighbours have not been told of."""
        self.here = False
        """All of it is here, from wherever, and being verified."""
        self.progress_at = now
        """When the last good thing came."""

    @property
    def is_listed(self) -> bool:
        """Whether each chunk can be checked by itself."""
        return self.pieces is not None and self.pieces.is_listed

    @property
    def size(self) -> int:
        """Of the payload, as its origin signed it, or as somebody claims while that is not known."""
        if self.pieces is not None:
            return self.pieces.envelope.header.payload_size
        return max((source.size for source in self.sources.values()), default=0)

    @property
    def complete(self) -> bool:
        """Whether every chunk is here."""
        return self.pieces is not None and self.pieces.complete

    def offered(self, peer: int, size: int, chunks: Iterable[int] | None) -> None:
        """``peer`` has these chunks, or all (None)."""
        source = self.sources.get(peer)
        if source is None:
            source = self.sources[peer] = Source(size)
        if chunks is None:
            source.has = _ALL
            return
        holders: list[int] = self.pieces.holders if self.pieces is not None else []
        for index in chunks:
            if index < MOST_CHUNKS and not source.has >> index & 1:
                source.has |= 1 << index
                if index < len(holders):
                    holders[index] += 1

    def begin(self, envelope: ChunkList, giver: int, chunk_bytes: int, rng: Random) -> None:
        """What it is made of; ``chunk_bytes`` where there is no list. Nothing is asked for until the envelope is ``trusted``."""
        self.list_giver = giver
        self.pieces = pieces = Pieces(envelope, chunk_bytes, rng)
        for source in self.sources.values():
            if not source.has_all:
                for index in range(len(pieces)):
                    pieces.holders[index] += source.has >> index & 1

    def restart(self) -> None:
        """Nothing of what came can be believed."""
        self.pieces = None
        self.favourite = self.list_giver = None
        self.trusted = False
        self.senders, self.news = {}, []
        for source in self.sources.values():
            source.asked.clear()
            source.refused = False

    def choose(self, peer: int, by: float) -> int | None:
        """A chunk to ask ``peer`` for; None when it has none that is wanted. It should come ``by`` then."""
        source = self.sources[peer]
        index = self.pieces.choose(source.has) if self.pieces is not None else None
        if index is not None:
            source.asked[index] = by
        return index

    def asked_by(self, peer: int, chunk: Chunk) -> float | None:
        """By when ``peer`` should have sent this chunk; None: it was not asked for it."""
        source, pieces = self.sources.get(peer), self.pieces
        index = pieces.index_of(chunk.offset) if pieces is not None else None
        return source.asked.get(index) if source is not None and index is not None else None

    def take(self, peer: int, chunk: Chunk) -> bool | None:
        """Take a chunk. True: it is good. False: it is not what the list says. None: nobody needs it."""
        source, pieces = self.sources.get(peer), self.pieces
        index = pieces.index_of(chunk.offset) if pieces is not None else None
        if source is None or pieces is None or index is None or source.asked.pop(index, None) is None:
            return None
        if pieces.get(index) is not None:
            return None
        if not pieces.put(index, chunk.data):
            pieces.reopen(index)
            return False
        self.senders[peer] = None
        source.lates = 0
        return True

    def overdue(self, now: float, patience_s: float) -> None:
        """What did not come in time may be asked of others; what did not come for long, of the same one again."""
        for peer, source in list(self.sources.items()):
            for index, by in list(source.asked.items()):
                if now >= by and self.pieces is not None:
                    source.lates += self.pieces.reopen(index)
                    if now > by + patience_s * (1 + source.lates):
                        del source.asked[index]
            if peer == self.favourite and source.lates:
                self._change_favourite()

    def forget_asked(self, peer: int) -> None:
        """What ``peer`` was asked for may be asked of others."""
        asked = self.sources[peer].asked
        for index in asked:
            if self.pieces is not None:
                self.pieces.reopen(index)
        asked.clear()

    def lost(self, peer: int) -> None:
        """``peer`` can no longer be asked."""
        self.forget_asked(peer)
        del self.sources[peer]
        if self.favourite == peer:
            self._change_favourite()

    def push(self) -> Push:
        """The whole, once it is complete."""
        assert self.pieces is not None
        return self.pieces.push()

    def _change_favourite(self) -> None:
        """Let somebody else send the rest, or all of it again when that is what it needs."""
        late, self.favourite = self.favourite, None
        if late in self.sources:
            # To the end of the line.
            self.sources[late] = self.sources.pop(late)
        if self.alone and self.pieces is not None:
            self.senders = {}
            self.pieces.clear()
