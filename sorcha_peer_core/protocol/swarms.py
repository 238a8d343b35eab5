"""Getting large transactions: whom to ask for which chunk, and whom to tell of what has come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.chunks import is_sound
from sorcha_peer_core.model.events import FetchFailed
from sorcha_peer_core.model.transaction import Arguable, Transaction
from sorcha_peer_core.protocol.host import Host, Priority
from sorcha_peer_core.protocol.reputation import Deed
from sorcha_peer_core.protocol.swarm import Neighbour, Swarm

if TYPE_CHECKING:
    from random import Random

    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.protocol.config import CoreConfig

_MOST_FALSE_ROOTS = 1024
"""Remembered at a time: each one cost whoever signed it a whole payload."""


class Swarms:
    """Every large transaction that was offered and is not verified. ``gave_up`` is called for one that nobody delivers."""

    def __init__(
        self,
        config: CoreConfig,
        host: Host,
        rng: Random,
        *,
        rtt_s: Callable[[int], float | None],
        gave_up: Callable[[TxHash], None],
        asked: Callable[[int, Sequence[TxHash]], None] = lambda peer, hashes: None,
    ) -> None:
        self._config = config
        self._host = host
        self._rng = rng
        self._rtt_s = rtt_s
        self._gave_up = gave_up
        self._asked = asked
        """Called with each question for a list."""
        self.doubtful: set[int] = set()
        """Peers that are asked for lists when nobody else has them."""
        self._swarms: dict[TxHash, Swarm] = {}
        self._neighbours: dict[int, Neighbour] = {}
        self._false_roots: dict[bytes, None] = {}
        """Of lists under which no whole came together."""
        self._is_watching = False
        self.refused = 0
        """Envelopes, lists and chunks that were not good."""

    def __contains__(self, tx_hash: TxHash) -> bool:
        return tx_hash in self._swarms

    def __len__(self) -> int:
        return len(self._swarms)

    # Links.

    def link_up(self, peer: int) -> None:
        """``peer`` can be asked, and is told which chunks are here."""
        self._neighbours[peer] = Neighbour()
        for swarm in self._swarms.values():
            held = swarm.pieces.held if swarm.trusted and swarm.pieces is not None else ()
            if held:
                self._host.send(peer, m.Have(swarm.hash, swarm.size, tuple(held)), Priority.LAZY)

    def link_down(self, peer: int, now: float) -> None:
        """``peer`` can no longer be asked."""
        del self._neighbours[peer]
        self.doubtful.discard(peer)
        for swarm in list(self._swarms.values()):
            if peer in swarm.sources:
                self._lose(swarm, peer, now)

    # What peers have.

    def offered(self, peer: int, item: m.Announced, chunks: Sequence[int] | None, now: float) -> None:
        """``peer`` has these chunks of a large transaction, or all of it (None)."""
        swarm = self._swarms.get(item.hash)
        if swarm is None or peer not in swarm.sources:
            if self._neighbours[peer].offers >= self._config.swarm_items:
                return
            self._neighbours[peer].offers += 1
        if swarm is None:
            swarm = self._swarms[item.hash] = Swarm(item.hash, now)
        swarm.offered(peer, item.size, chunks)
        self._go_on(swarm, (peer,), now)
        self._watch()

    def absent(self, peer: int, hashes: Iterable[TxHash], now: float) -> None:
        """``peer`` does not have these, or not as they were asked for."""
        for tx_hash in hashes:
            swarm = self._swarms.get(tx_hash)
            if swarm is None or peer not in swarm.sources:
                continue
            if swarm.is_listed and swarm.list_asked != peer:
                # It has another list, so it may be right and this node's list wrong.
                swarm.sources[peer].refused = True
                swarm.forget_asked(peer)
            else:
                self._lose(swarm, peer, now)

    # What comes in.

    def chunk_list(self, peer: int, chunks: m.ChunkList, now: float) -> None:
        """An envelope with its list, from whoever was asked for it."""
        swarm = self._swarms.get(chunks.hash)
        if swarm is None or swarm.list_asked != peer:
            return
        self._forget_list(swarm)
        objection = self._objection(chunks)
        if objection:
            self._blame(swarm, peer, objection, now, Deed.FALSE_CHUNK)
            return
        swarm.begin(chunks, peer, self._config.chunk_bytes, self._rng)
        swarm.progress_at = now
        self._host.verify(Transaction(chunks.header, chunks.header_bytes, chunks.signature, b""))

    def envelope_verified(self, envelope: Transaction, reason: str | None, now: float) -> None:
        """The answer to ``Host.verify`` for an envelope alone."""
        swarm = self._swarms.get(envelope.hash)
        if swarm is None or swarm.pieces is None or swarm.pieces.envelope.header_bytes != envelope.header_bytes:
            return
        if reason is None:
            swarm.trusted = True
            self._go_on(swarm, swarm.sources, now)
            return
        giver = swarm.list_giver
        swarm.restart()
        self._blame(swarm, giver, reason, now, Deed.FORGED)

    def chunk(self, peer: int, chunk: m.Chunk, now: float) -> Swarm | None:
        """A chunk; returns the swarm when it was the last."""
        swarm = self._swarms.get(chunk.hash)
        if swarm is None or swarm.here:
            return None
        by = swarm.asked_by(peer, chunk)
        good = swarm.take(peer, chunk)
        if by is not None and peer in self._neighbours:
            self._neighbours[peer].patience.came(late=now > by)
        if good is None:
            return None
        if not good:
            # Chunks of a list that turned out to be false may still be under way.
            deed = None if swarm.alone else Deed.FALSE_CHUNK
            self._blame(swarm, peer, "a chunk is not the one its list names", now, deed)
            return None
        swarm.progress_at = now
        if not swarm.complete:
            self._note(swarm, chunk.offset)
        self._ask_more(peer, now)
        return swarm if swarm.complete else None

    def arrived(self, tx_hash: TxHash) -> None:
        """Its bytes are here, from wherever, and go to verification."""
        swarm = self._swarms.get(tx_hash)
        if swarm is not None:
            swarm.here = True

    def verified(self, tx_hash: TxHash) -> None:
        """It is valid: nothing more to do."""
        swarm = self._swarms.get(tx_hash)
        if swarm is not None:
            self._end(swarm)

    def forged(self, tx_hash: TxHash, peer: int | None, now: float) -> None:
        """What came under this hash did not verify; ``peer`` sent it, None: it came from several."""
        swarm = self._swarms.get(tx_hash)
        if swarm is None:
            return
        swarm.here = False
        if swarm.pieces is not None and swarm.pieces.complete:
            if swarm.is_listed:
                self._disbelieve(swarm.pieces.envelope.header.chunk_root)
            swarm.alone = True
            swarm.restart()
        if peer is not None and peer in swarm.sources:
            self._lose(swarm, peer, now)
        else:
            self._go_on(swarm, swarm.sources, now)

    # What others ask for.

    def sources_of(self, tx_hash: TxHash) -> Sequence[int]:
        """Who said to have all of it."""
        swarm = self._swarms.get(tx_hash)
        return [peer for peer, source in swarm.sources.items() if source.has_all] if swarm else []

    def envelope_of(self, tx_hash: TxHash) -> m.ChunkList | None:
        """The list of one that is on its way in, once it can be believed."""
        swarm = self._swarms.get(tx_hash)
        if swarm is None or swarm.pieces is None or not (swarm.trusted and swarm.is_listed):
            return None
        return swarm.pieces.envelope

    def chunks_of(self, want: m.WantChunks) -> list[m.Chunk]:
        """Good chunks of one that is on its way in, as far as they are here and of the list that is asked for."""
        envelope = self.envelope_of(want.hash)
        pieces = self._swarms[want.hash].pieces if envelope is not None else None
        if envelope is None or pieces is None or envelope.header.chunk_root != want.root:
            return []
        step = pieces.chunk_bytes
        first = want.offset // step
        found = ((index, pieces.get(index)) for index in range(first, first + min(want.chunks, self._config.chunk_window)))
        return [m.Chunk(want.hash, index * step, data) for index, data in found if data is not None]

    # Timers.

    def due(self, now: float) -> None:
        """Look for what is overdue."""
        self._is_watching = False
        for swarm in list(self._swarms.values()):
            self._check(swarm, now)
        self._watch()

    def tell(self, timer: m.TellChunks) -> None:
        """Tell the neighbours what has come."""
        swarm = self._swarms.get(timer.hash)
        if swarm is None or not swarm.news:
            return
        have = m.Have(swarm.hash, swarm.size, tuple(swarm.news))
        swarm.news = []
        for peer in self._neighbours:
            source = swarm.sources.get(peer)
            if source is None or not source.has_all:
                self._host.send(peer, have, Priority.LAZY)

    # Inside.

    def _watch(self) -> None:
        if self._swarms and not self._is_watching:
            self._is_watching = True
            self._host.set_timer(self._config.swarm_check_s, m.SwarmsDue())

    def _check(self, swarm: Swarm, now: float) -> None:
        if swarm.here or swarm.hash not in self._swarms:
            return
        if swarm.list_asked is not None and now >= swarm.list_by:
            swarm.sources[swarm.list_asked].lates += 1
            swarm.fruitless += 1
            self._forget_list(swarm)
        is_hopeless = swarm.fruitless >= self._config.fetch_rounds * len(swarm.sources)
        if is_hopeless or now - swarm.progress_at > self._config.swarm_give_up_s:
            self._host.emit(FetchFailed(swarm.hash, len(swarm.sources)))
            self._drop(swarm)
            return
        swarm.overdue(now, self._config.swarm_patience_s)
        self._go_on(swarm, swarm.sources, now)

    def _go_on(self, swarm: Swarm, peers: Iterable[int], now: float) -> None:
        if swarm.here:
            return
        if swarm.pieces is None:
            self._ask_list(swarm, now)
        elif swarm.trusted:
            for peer in list(peers):
                self._ask_chunks(swarm, peer, now)

    def _ask_more(self, peer: int, now: float) -> None:
        """The oldest first: what many get at the same time they can get from each other."""
        for swarm in list(self._swarms.values()):
            if peer in swarm.sources and swarm.trusted and not swarm.here:
                self._ask_chunks(swarm, peer, now)

    def _ask_list(self, swarm: Swarm, now: float) -> None:
        if swarm.list_asked is not None or not self._has_room(swarm):
            return
        # Those who were late before come last.
        for peer in sorted(swarm.sources, key=lambda peer: (peer in self.doubtful, swarm.sources[peer].lates)):
            neighbour = self._neighbours[peer]
            if neighbour.lists_asked < self._config.lists_per_source:
                neighbour.lists_asked += 1
                swarm.list_asked = peer
                swarm.list_by = now + self._patience_s(peer, 0) * (1 + swarm.sources[peer].lates)
                self._asked(peer, (swarm.hash,))
                self._host.send(peer, m.WantChunkList(swarm.hash), Priority.CONTROL)
                return

    def _ask_chunks(self, swarm: Swarm, peer: int, now: float) -> None:
        source, pieces = swarm.sources.get(peer), swarm.pieces
        if source is None or pieces is None or source.refused:
            return
        root, most = pieces.envelope.header.chunk_root, self._config.chunks_per_source
        if pieces.is_listed:
            waiting = self._waits_for(peer)
        else:
            swarm.favourite = peer if swarm.favourite is None else swarm.favourite
            root, most = b"", self._config.chunk_window if swarm.favourite == peer else 0
            waiting = len(source.asked)
        factor = self._neighbours[peer].patience.value
        for waiting_chunks in range(waiting + 1, most + 1):
            index = swarm.choose(peer, now + self._patience_s(peer, waiting_chunks * pieces.chunk_bytes) * factor)
            if index is None:
                return
            self._host.send(peer, m.WantChunks(swarm.hash, index * pieces.chunk_bytes, 1, root), Priority.CONTROL)

    def _waits_for(self, peer: int) -> int:
        """Chunks that ``peer`` was asked for and has not sent: more than a few only queue there, behind those of others."""
        return sum(len(swarm.sources[peer].asked) for swarm in self._swarms.values() if swarm.is_listed and peer in swarm.sources)

    def _patience_s(self, peer: int, waiting_bytes: int) -> float:
        rtt_s = self._rtt_s(peer)
        patience_s = self._config.fetch_timeout_s if rtt_s is None else 2.0 * rtt_s + self._config.fetch_margin_s
        return patience_s + waiting_bytes / self._config.fetch_bytes_per_s

    def _objection(self, chunks: m.ChunkList) -> str | None:
        header = chunks.header
        if header.payload_hash != chunks.hash:
            return "the envelope names another hash than its chunks"
        if not 0 < header.payload_size <= self._config.max_transaction_bytes:
            return Arguable(f"its envelope speaks of {header.payload_size} bytes")
        if not header.chunk_root:
            return "a list of chunks that its origin did not sign" if chunks.hashes else None
        if header.chunk_root in self._false_roots:
            # It is its origin's fault, and whoever passes chunks on as they come has not found out yet.
            return Arguable("its list of chunks is known to be false")
        if not is_sound(header.payload_size, header.chunk_bytes, chunks.hashes, header.chunk_root):
            return "its list of chunks is not the one its origin signed"
        return None

    def _has_room(self, swarm: Swarm) -> bool:
        begun = sum(other.size for other in self._swarms.values() if other.pieces is not None)
        return not begun or begun + swarm.size <= self._config.swarm_bytes

    def _disbelieve(self, root: bytes) -> None:
        self._false_roots[root] = None
        if len(self._false_roots) > _MOST_FALSE_ROOTS:
            del self._false_roots[next(iter(self._false_roots))]

    def _note(self, swarm: Swarm, offset: int) -> None:
        if swarm.pieces is None or not swarm.is_listed:
            return
        if not swarm.news:
            self._host.set_timer(self._config.have_after_s, m.TellChunks(swarm.hash))
        swarm.news.append(offset // swarm.pieces.chunk_bytes)

    def _blame(self, swarm: Swarm, peer: int | None, reason: str, now: float, deed: Deed | None) -> None:
        self.refused += 1
        if peer is not None and peer in swarm.sources:
            self._host.rejected(peer, swarm.hash, reason)
            if deed is not None and not isinstance(reason, Arguable):
                self._host.noticed(peer, deed)
            self._lose(swarm, peer, now)
        else:
            self._go_on(swarm, swarm.sources, now)

    def _lose(self, swarm: Swarm, peer: int, now: float) -> None:
        if swarm.list_asked == peer:
            self._forget_list(swarm)
        swarm.lost(peer)
        if peer in self._neighbours:
            self._neighbours[peer].offers -= 1
        if not swarm.sources and not swarm.here:
            self._drop(swarm)
        else:
            self._go_on(swarm, swarm.sources, now)

    def _forget_list(self, swarm: Swarm) -> None:
        peer, swarm.list_asked = swarm.list_asked, None
        if peer is not None and peer in self._neighbours:
            self._neighbours[peer].lists_asked -= 1

    def _drop(self, swarm: Swarm) -> None:
        self._end(swarm)
        self._gave_up(swarm.hash)

    def _end(self, swarm: Swarm) -> None:
        self._forget_list(swarm)
        del self._swarms[swarm.hash]
        for peer in swarm.sources:
            if peer in self._neighbours:
                self._neighbours[peer].offers -= 1
