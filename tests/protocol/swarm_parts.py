"""What the tests of large transactions share: a node with three neighbours, and what they offer it."""

from __future__ import annotations

from random import Random

from sorcha_peer_core.model.chunks import chunk_list
from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.model.messages import Announced, Chunk, ChunkList, SwarmsDue, WantChunkList, WantChunks
from sorcha_peer_core.model.transaction import Transaction
from sorcha_peer_core.protocol.config import CoreConfig
from sorcha_peer_core.protocol.swarms import Swarms
from sorcha_peer_core.testing.network_node import make_transaction
from sorcha_peer_core.testing.recording_host import RecordingHost

ANN, BOB, CAT = 1, 2, 3
STEP = 16_384
CHUNKS = 8
TX = make_transaction(Random(1).randbytes(CHUNKS * STEP), chunk_bytes=STEP)
ROOT = TX.header.chunk_root


def listed(tx: Transaction) -> ChunkList:
    """Its envelope, with the list of its chunks."""
    return ChunkList(tx.hash, tx.header, tx.header_bytes, tx.signature, chunk_list(tx.payload, STEP))


LISTED = listed(TX)
UNLISTED = LISTED._replace(hashes=b"", header=TX.header._replace(chunk_bytes=0, chunk_root=b""))
OTHER = make_transaction(b"o" * CHUNKS * STEP, chunk_bytes=STEP)
ASK_LIST = WantChunkList(TX.hash)


class Swarming:
    """Swarms of a node with three neighbours."""

    def __init__(self, host: RecordingHost, **config) -> None:
        self.host = host
        self.given_up: list[TxHash] = []
        knobs = CoreConfig(chunk_bytes=STEP, **config)
        self.swarms = Swarms(knobs, host, Random(1), rtt_s=lambda peer: 0.1, gave_up=self.given_up.append)
        for peer in (ANN, BOB, CAT):
            self.swarms.link_up(peer)

    def announce(self, *peers: int, tx=TX, now: float = 0.0) -> None:
        for peer in peers:
            self.swarms.offered(peer, Announced(tx.hash, len(tx.payload)), None, now)

    def begin(self, *peers: int, tx=TX, envelope: ChunkList = LISTED, now: float = 0.0) -> None:
        """All announce it, the first one sends the envelope, and that is good."""
        self.announce(*peers, tx=tx, now=now)
        self.swarms.chunk_list(peers[0], envelope if tx is TX else listed(tx), now + 0.1)
        self.verified(now=now + 0.2)

    def verified(self, reason: str | None = None, now: float = 0.2) -> None:
        waiting, self.host.verifying = self.host.verifying, []
        for envelope in waiting:
            self.swarms.envelope_verified(envelope, reason, now)

    def asked(self) -> list[tuple[int, int]]:
        """Who was asked for which chunk."""
        sent = self.host.take_sent()
        return [(peer, message.offset // STEP) for peer, message in sent if isinstance(message, WantChunks)]

    def deliver(self, asked: list[tuple[int, int]], now: float = 0.3, tx=TX) -> None:
        for peer, index in asked:
            self.swarms.chunk(peer, Chunk(tx.hash, index * STEP, tx.payload[index * STEP : (index + 1) * STEP]), now)

    def asked_for(self) -> list[tuple[int, TxHash]]:
        """Who was asked for a chunk of what."""
        return [(peer, message.hash) for peer, message in self.host.take_sent() if isinstance(message, WantChunks)]

    def due(self, now: float) -> None:
        self.host.take_timers(SwarmsDue)
        self.swarms.due(now)
