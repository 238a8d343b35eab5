"""What peers ask for: transactions, pieces of large ones, pages of the arrival log."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.chunks import chunk_list
from sorcha_peer_core.protocol.host import Host, Priority
from sorcha_peer_core.protocol.traces import CHUNKS, FETCH
from sorcha_peer_core.protocol.uplink import ENVELOPE_BYTES

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.model.transaction import Transaction
    from sorcha_peer_core.protocol.config import CoreConfig
    from sorcha_peer_core.protocol.recent import Recent
    from sorcha_peer_core.protocol.swarms import Swarms
    from sorcha_peer_core.protocol.uplink import Uplink

_MOST_LISTS = 64
"""Lists of chunks at hand: the neighbours ask for one soon after each other, and making it reads the whole payload."""


class Answers:
    """Answers from memory what came lately, the rest through the store. Keeps no state of its own between the two."""

    def __init__(
        self,
        config: CoreConfig,
        host: Host,
        recent: Recent,
        uplink: Uplink,
        swarms: Swarms,
        gave: Callable[[int, TxHash, str], None],
        awaits_receipts: Callable[[TxHash], bool],
    ) -> None:
        self._config = config
        self._host = host
        self._recent = recent
        self._uplink = uplink
        self._swarms = swarms
        """What is on its way in is passed on piece by piece."""
        self._lists: OrderedDict[TxHash, bytes] = OrderedDict()
        self._gave = gave
        """Called when a peer is sent a transaction, with how: whole, or its envelope first."""
        self._awaits_receipts = awaits_receipts
        """Whether it is an own one on its way to the network."""
        self.reach = 0
        """How many peers this node is linked to."""

    def want(self, peer: int, want: m.Want) -> None:
        """Send whole transactions."""
        unknown: list[TxHash] = []
        # Nobody honest wants more at a time; whoever does must not make the store read all of it at once.
        for tx_hash in want.hashes[: self._config.want_items]:
            push = self._recent.get(tx_hash)
            if push is None:
                unknown.append(tx_hash)
            else:
                self._send_whole(peer, push)
        if unknown:
            self._host.load(m.LoadWanted(peer, tuple(unknown)))

    def want_chunks(self, peer: int, want: m.WantChunks) -> None:
        """Send pieces of a large one."""
        push = self._recent.get(want.hash)
        if push is not None:
            self._send_chunks(peer, want, push)
        elif want.hash in self._swarms:
            self._send_pieces(peer, want)
        else:
            self._host.load(m.LoadChunks(peer, want))

    def want_chunk_list(self, peer: int, want: m.WantChunkList) -> None:
        """Send the envelope of a large one, and what its chunks are."""
        push = self._recent.get(want.hash)
        envelope = self._swarms.envelope_of(want.hash)
        if push is not None:
            self._send_list(peer, push)
        elif envelope is not None:
            self._gave(peer, want.hash, CHUNKS)
            self._host.send(peer, envelope._replace(hop=envelope.hop + 1, reach=self.reach), Priority.ANSWER)
        else:
            self._host.load(m.LoadChunks(peer, want))

    def sync_since(self, peer: int, since: m.SyncSince) -> None:
        """Send a page of the log."""
        self._host.load(m.LoadLog(peer, since.log_epoch, since.after_seq, self._config.sync_page_items))

    def log_page(self, page: m.LogPage) -> None:
        """The store has read the page."""
        message = m.SyncPage(page.log_epoch, page.items, page.next_seq, page.more)
        self._host.send(page.question.peer, message, Priority.ANSWER)

    def loaded(self, answer: m.Loaded) -> None:
        """The store has looked; what it did not find is absent."""
        question = answer.question
        # The log does not keep at which hop a transaction came to those it is sent to. What is not handed out here was relayed.
        found = {tx.hash: m.Push(tx, 0 if self._awaits_receipts(tx.hash) else 1) for tx in answer.transactions}
        for push in found.values():
            self._recent.keep(push)
        if isinstance(question, m.LoadChunks):
            wanted: Sequence[TxHash] = (question.want.hash,)
            if wanted[0] in found:
                self._send_part(question.peer, question.want, found[wanted[0]])
        else:
            wanted = question.hashes
            for push in found.values():
                self._send_whole(question.peer, push)
        absent = tuple(tx_hash for tx_hash in wanted if tx_hash not in found)
        if absent:
            self._host.send(question.peer, m.Absent(absent), Priority.ANSWER)

    def _send_whole(self, peer: int, push: m.Push) -> None:
        # Not swarm_min_bytes: peers may be configured otherwise than this node.
        if len(push.transaction.payload) <= self._config.whole_max_bytes:
            self._gave(peer, push.transaction.hash, FETCH)
            self._uplink.spent(len(push.transaction.payload) + ENVELOPE_BYTES)
            self._host.send(peer, push._replace(reach=self.reach), Priority.ANSWER)
        else:
            # Too large for one frame; whoever asks like this was told a wrong size.
            self._host.send(peer, m.Absent((push.transaction.hash,)), Priority.ANSWER)

    def _send_part(self, peer: int, want: m.WantChunks | m.WantChunkList, push: m.Push) -> None:
        if isinstance(want, m.WantChunks):
            self._send_chunks(peer, want, push)
        else:
            self._send_list(peer, push)

    def _send_list(self, peer: int, push: m.Push) -> None:
        tx = push.transaction
        hashes = self._list_of(tx) if tx.header.chunk_root else b""
        chunks = m.ChunkList(tx.hash, tx.header, tx.header_bytes, tx.signature, hashes, push.hop, self.reach)
        self._uplink.spent(len(hashes) + ENVELOPE_BYTES)
        self._gave(peer, tx.hash, CHUNKS)
        self._host.send(peer, chunks, Priority.ANSWER)

    def _list_of(self, transaction: Transaction) -> bytes:
        hashes = self._lists.get(transaction.hash)
        if hashes is None:
            hashes = self._lists[transaction.hash] = chunk_list(transaction.payload, transaction.header.chunk_bytes)
            if len(self._lists) > _MOST_LISTS:
                self._lists.popitem(last=False)
        return hashes

    def _send_pieces(self, peer: int, want: m.WantChunks) -> None:
        chunks = self._swarms.chunks_of(want)
        if not chunks:
            self._host.send(peer, m.Absent((want.hash,)), Priority.ANSWER)
            return
        for chunk in chunks:
            self._uplink.spent(len(chunk.data))
            self._host.send(peer, chunk, Priority.RELAY)

    def _send_chunks(self, peer: int, want: m.WantChunks, push: m.Push) -> None:
        tx = push.transaction
        if want.root and want.root != tx.header.chunk_root:
            self._host.send(peer, m.Absent((want.hash,)), Priority.ANSWER)
            return
        step = tx.header.chunk_bytes if want.root else self._config.chunk_bytes
        end = min(len(tx.payload), want.offset + min(want.chunks, self._config.chunk_window) * step)
        for offset in range(want.offset, end, step):
            data = tx.payload[offset : min(offset + step, end)]
            self._uplink.spent(len(data))
            self._host.send(peer, m.Chunk(want.hash, offset, data), Priority.RELAY)
