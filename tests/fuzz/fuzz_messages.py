"""One right message of every kind."""

from __future__ import annotations

from service_parts import identity_of, record_of

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.handshake import Hello, Proof
from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.model.transaction import Header, Transaction
from sorcha_peer_core.wire.codec import encode_header

HASH = TxHash(b"\xab" * 32)
HEADER = Header(
    "test", HASH, 7, "text/plain", "r1", b"k" * 32, 1_700_000_000_000.5, 86_400, 7, chunk_bytes=32_768, chunk_root=b"r" * 32
)
_ENDPOINT = Endpoint("grpc", "192.0.2.1", 5001)
_ANNOUNCED = (m.Announced(HASH, 300), m.Announced(TxHash(b"\xac" * 32), 1 << 31))
_REGION = m.Region(1, m.Slice(300, 4000), 10, 1)
_MARKS = (m.Mark(0, 0), m.Mark(2, 7))


def every_message() -> list[m.Message | Hello | Proof]:
    """In the order of their fields."""
    record = record_of(identity_of(3), (_ENDPOINT,))
    header_bytes = encode_header(HEADER)
    return [
        Hello(1, 1, "test", record, b"n" * 32, b"p" * 64, 1000, 1000, (1, 2), 5.0, 9, 1, True, observed_host="192.0.2.7"),
        Proof(b"s" * 64),
        m.Goodbye("bye", m.Farewell.ENOUGH),
        m.Ping(1),
        m.Pong(1 << 63),
        m.PeersRequest(300),
        m.Peers((record, record)),
        m.DialBack(7, (_ENDPOINT, _ENDPOINT)),
        m.DialledBack(7, _ENDPOINT, False, "no", True),
        m.Push(Transaction(HEADER, header_bytes, b"s" * 64, b"payload"), 1, 5),
        m.Announce(_ANNOUNCED, old=True, asks=True),
        m.Want((HASH, HASH)),
        m.Absent((HASH,)),
        m.WantChunks(HASH, 300, 16, b"r" * 32),
        m.Chunk(HASH, 300, b"data" * 10),
        m.Graft(),
        m.Prune(True),
        m.WantChunkList(HASH),
        m.ChunkList(HASH, HEADER, header_bytes, b"s" * 64, b"h" * 64, 1, 3),
        m.SyncSince(1, 300),
        m.SyncPage(1, _ANNOUNCED, 9, True),
        m.Digest(1, m.Slice(300, 4000), 8300, _MARKS, 9),
        m.DigestRange(_REGION, _MARKS),
        m.DigestIds(_REGION, (7, 8)),
        m.DigestWant(_REGION, (7,)),
        m.Have(HASH, 300, (0, 7)),
        m.Receipt((HASH, HASH)),
        m.Refusal(HASH, "bad"),
        m.FlushRequest(300, 5000),
        m.FlushGrant(300, 5000, 2.5),
    ]
