"""Messages to frames and back. A frame is encoded once, however many links it goes to; a batch is frames back to back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from math import isfinite
from typing import Any, TypeVar

from google.protobuf.message import DecodeError

from sorcha_peer_core.errors import RemoteProtocolError
from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.chunks import MOST_CHUNKS
from sorcha_peer_core.model.handshake import Hello, Proof, Purpose
from sorcha_peer_core.model.ids import HASH_BYTES, TxHash
from sorcha_peer_core.model.transaction import Header, Transaction
from sorcha_peer_core.wire import digests
from sorcha_peer_core.wire import session_pb2 as pb
from sorcha_peer_core.wire.bounds import MOST_FEATURES, MOST_RECEIPTS, MOST_RECORDS, check_frames
from sorcha_peer_core.wire.records import MAX_ENDPOINTS, decode_endpoint, decode_record, encode_endpoint, printable, storable

MAX_HEADER_BYTES = 1024
SIGNATURE_BYTES = 64

_FRAME_TAG = b"\x0a"
"""Field 1, length-delimited: each frame of a Batch."""
_SEVEN_BITS = 0x7F
_MOST_REASON_CHARS = 200
_MAX_IP_CHARS = 45
"""The longest text form of an IPv6 address."""

E = TypeVar("E", bound=IntEnum)


def encode_header(header: Header) -> bytes:
    """The bytes an origin signs."""
    return pb.Header(
        network_id=header.network_id,
        payload_hash=header.payload_hash,
        payload_size=header.payload_size,
        content_type=header.content_type,
        register_id=header.register_id,
        origin_key=header.origin_key,
        created_ms=header.created_ms,
        ttl_s=header.ttl_s,
        nonce=header.nonce,
        chunk_bytes=header.chunk_bytes,
        chunk_root=header.chunk_root,
    ).SerializeToString(deterministic=True)


def decode_header(header_bytes: bytes) -> Header:
    """Read an envelope header; unknown fields stay in the bytes. Raises RemoteProtocolError."""
    if len(header_bytes) > MAX_HEADER_BYTES:
        raise RemoteProtocolError(f"an envelope header of {len(header_bytes)} bytes; at most {MAX_HEADER_BYTES} are allowed")
    try:
        h = pb.Header.FromString(header_bytes)
    except DecodeError:
        raise RemoteProtocolError("an envelope header that cannot be read") from None
    if len(h.payload_hash) != HASH_BYTES:
        raise RemoteProtocolError(f"an envelope whose payload hash has {len(h.payload_hash)} bytes, not {HASH_BYTES}")
    if not isfinite(h.created_ms):
        raise RemoteProtocolError("an envelope that was created at no time")
    return Header(
        h.network_id,
        TxHash(h.payload_hash),
        h.payload_size,
        h.content_type,
        h.register_id,
        h.origin_key,
        h.created_ms,
        h.ttl_s,
        h.nonce,
        h.chunk_bytes,
        h.chunk_root,
    )


def encode_frame(message: m.Message | Hello | Proof) -> bytes:
    """One frame with its length, ready to be concatenated into a batch."""
    body: bytes = _ENCODERS[type(message)](message).SerializeToString()
    return _FRAME_TAG + _varint(len(body)) + body


def decode_batch(batch: bytes) -> list[m.Message | Hello | Proof]:
    """All frames of a batch, in order; frames of kinds unknown here are passed over. See also ``wire.compress.plain``.

    Raises:
        RemoteProtocolError: the batch or one of its frames breaks the rules; nothing of it is to be used.
    """
    check_frames(batch)
    try:
        frames = pb.Batch.FromString(batch).frames
    except DecodeError:
        raise RemoteProtocolError(f"a batch of {len(batch)} bytes that cannot be read") from None
    decoded = []
    for frame in frames:
        kind = frame.WhichOneof("body")
        if kind is not None:
            decoded.append(_DECODERS[kind](getattr(frame, kind)))
    return decoded


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > _SEVEN_BITS:
        out.append(number & _SEVEN_BITS | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _split_hashes(joined: bytes) -> tuple[TxHash, ...]:
    if len(joined) % HASH_BYTES:
        raise RemoteProtocolError(f"a list of hashes of {len(joined)} bytes, which is no multiple of {HASH_BYTES}")
    return tuple(TxHash(joined[at : at + HASH_BYTES]) for at in range(0, len(joined), HASH_BYTES))


def _split_announced(joined: bytes, sizes: Sequence[int]) -> tuple[m.Announced, ...]:
    if len(joined) != HASH_BYTES * len(sizes):
        raise RemoteProtocolError(f"an announcement with {len(joined)} bytes of hashes and {len(sizes)} sizes")
    return tuple(map(m.Announced, _split_hashes(joined), sizes))


def _join_announced(items: tuple[m.Announced, ...]) -> tuple[bytes, list[int]]:
    return b"".join([item.hash for item in items]), [item.size for item in items]


def _encode_announce(message: m.Announce) -> pb.Frame:
    hashes, sizes = _join_announced(message.items)
    return pb.Frame(announce=pb.Announce(hashes=hashes, sizes=sizes, old=message.old, asks=message.asks))


def _encode_page(page: m.SyncPage) -> pb.Frame:
    hashes, sizes = _join_announced(page.items)
    return pb.Frame(
        sync_page=pb.SyncPage(log_epoch=page.log_epoch, hashes=hashes, sizes=sizes, next_seq=page.next_seq, more=page.more)
    )


def _encode_push(message: m.Push) -> pb.Frame:
    tx = message.transaction
    return pb.Frame(
        push=pb.Push(header=tx.header_bytes, signature=tx.signature, payload=tx.payload, hop=message.hop, reach=message.reach)
    )


def _encode_chunk_list(c: m.ChunkList) -> pb.Frame:
    return pb.Frame(
        chunk_list=pb.ChunkList(
            hash=c.hash, header=c.header_bytes, signature=c.signature, hashes=c.hashes, hop=c.hop, reach=c.reach
        )
    )


def _encode_want_chunks(w: m.WantChunks) -> pb.Frame:
    return pb.Frame(want_chunks=pb.WantChunks(hash=w.hash, offset=w.offset, chunks=w.chunks, root=w.root))


def _encode_peers(message: m.Peers) -> pb.Frame:
    return pb.Frame(peers=pb.Peers(records=[pb.SignedRecord(record=r.signed, signature=r.signature) for r in message.records]))


def _encode_hello(hello: Hello) -> pb.Frame:
    return pb.Frame(
        hello=pb.Hello(
            version_min=hello.version_min,
            version_max=hello.version_max,
            network_id=hello.network_id,
            record=pb.SignedRecord(record=hello.record.signed, signature=hello.record.signature),
            nonce=hello.nonce,
            proof=hello.proof,
            limits=pb.Limits(max_batch_bytes=hello.max_batch_bytes, max_transaction_bytes=hello.max_transaction_bytes),
            features=hello.features,
            clock_ms=hello.clock_ms,
            log_epoch=hello.log_epoch,
            rung=hello.rung,
            linked=hello.linked,
            purpose=hello.purpose.name,
            observed_host=hello.observed_host,
        )
    )


def _decode_hello(h: pb.Hello) -> Hello:
    if not isfinite(h.clock_ms):
        raise RemoteProtocolError("a clock that shows no time")
    if len(h.features) > MOST_FEATURES:
        raise RemoteProtocolError(f"a hello with {len(h.features)} features; at most {MOST_FEATURES} are allowed")
    return Hello(
        version_min=h.version_min,
        version_max=h.version_max,
        network_id=h.network_id,
        record=decode_record(h.record.record, h.record.signature),
        nonce=h.nonce,
        proof=h.proof,
        max_batch_bytes=h.limits.max_batch_bytes,
        max_transaction_bytes=h.limits.max_transaction_bytes,
        features=tuple(h.features),
        clock_ms=h.clock_ms,
        log_epoch=storable(h.log_epoch),
        rung=h.rung,
        linked=h.linked,
        purpose=_known(Purpose, h.purpose),
        observed_host=printable(h.observed_host, _MAX_IP_CHARS),
    )


def _decode_push(push: pb.Push) -> m.Push:
    header_bytes = push.header
    return m.Push(Transaction(decode_header(header_bytes), header_bytes, push.signature, push.payload), push.hop, push.reach)


def _decode_chunk_list(c: pb.ChunkList) -> m.ChunkList:
    header_bytes = c.header
    return m.ChunkList(_one_hash(c.hash), decode_header(header_bytes), header_bytes, c.signature, c.hashes, c.hop, c.reach)


def _one_hash(tx_hash: bytes) -> TxHash:
    if len(tx_hash) != HASH_BYTES:
        raise RemoteProtocolError(f"a transaction hash of {len(tx_hash)} bytes, not {HASH_BYTES}")
    return TxHash(tx_hash)


def _known(kinds: type[E], number: int) -> E:
    """A kind that this version does not know is the plain one."""
    return kinds(number) if number in kinds._value2member_map_ else kinds(0)


def _encode_dial_back(message: m.DialBack) -> pb.Frame:
    return pb.Frame(dial_back=pb.DialBack(nonce=message.nonce, endpoints=map(encode_endpoint, message.endpoints)))


def _decode_dial_back(d: pb.DialBack) -> m.DialBack:
    if len(d.endpoints) > MAX_ENDPOINTS:
        raise RemoteProtocolError(f"a dial-back to {len(d.endpoints)} endpoints; at most {MAX_ENDPOINTS} are allowed")
    return m.DialBack(d.nonce, tuple(map(decode_endpoint, d.endpoints)))


def _encode_dialled_back(d: m.DialledBack) -> pb.Frame:
    endpoint = encode_endpoint(d.endpoint)
    return pb.Frame(
        dialled_back=pb.DialledBack(nonce=d.nonce, endpoint=endpoint, reached=d.reached, reason=d.reason, refused=d.refused)
    )


def _decode_dialled_back(d: pb.DialledBack) -> m.DialledBack:
    reason = printable(d.reason, _MOST_REASON_CHARS)
    return m.DialledBack(d.nonce, decode_endpoint(d.endpoint), d.reached and not d.refused, reason, d.refused)


def _decode_page(p: pb.SyncPage) -> m.SyncPage:
    return m.SyncPage(storable(p.log_epoch), _split_announced(p.hashes, p.sizes), storable(p.next_seq), p.more)


_ENCODERS: dict[type, Callable[[Any], Any]] = {
    Hello: _encode_hello,
    Proof: lambda p: pb.Frame(proof=pb.Proof(signature=p.signature)),
    m.Goodbye: lambda g: pb.Frame(goodbye=pb.Goodbye(reason=g.reason, farewell=g.farewell.name)),
    m.DialBack: _encode_dial_back,
    m.DialledBack: _encode_dialled_back,
    m.Ping: lambda p: pb.Frame(ping=pb.Ping(nonce=p.nonce)),
    m.Pong: lambda p: pb.Frame(pong=pb.Pong(nonce=p.nonce)),
    m.PeersRequest: lambda r: pb.Frame(peers_request=pb.PeersRequest(most=r.most)),
    m.Peers: _encode_peers,
    m.Push: _encode_push,
    m.Announce: _encode_announce,
    m.Want: lambda w: pb.Frame(want=pb.Want(hashes=b"".join(w.hashes))),
    m.Absent: lambda a: pb.Frame(absent=pb.Absent(hashes=b"".join(a.hashes))),
    m.WantChunks: _encode_want_chunks,
    m.Chunk: lambda c: pb.Frame(chunk=pb.Chunk(hash=c.hash, offset=c.offset, data=c.data)),
    m.WantChunkList: lambda w: pb.Frame(want_chunk_list=pb.WantChunkList(hash=w.hash)),
    m.ChunkList: _encode_chunk_list,
    m.Have: lambda h: pb.Frame(have=pb.Have(hash=h.hash, size=h.size, chunks=h.chunks)),
    m.Receipt: lambda r: pb.Frame(receipt=pb.Receipt(hashes=b"".join(r.hashes))),
    m.Refusal: lambda r: pb.Frame(refusal=pb.Refusal(hash=r.hash, reason=r.reason)),
    m.FlushRequest: lambda r: pb.Frame(flush_request=pb.FlushRequest(waiting=r.waiting, waiting_bytes=r.waiting_bytes)),
    m.FlushGrant: lambda g: pb.Frame(flush_grant=pb.FlushGrant(most=g.most, most_bytes=g.most_bytes, window_s=g.window_s)),
    m.Graft: lambda g: pb.Frame(graft=pb.Graft()),
    m.Prune: lambda p: pb.Frame(prune=pb.Prune(refused=p.refused)),
    m.SyncSince: lambda s: pb.Frame(sync_since=pb.SyncSince(log_epoch=s.log_epoch, after_seq=s.after_seq)),
    m.SyncPage: _encode_page,
    m.Digest: lambda d: pb.Frame(digest=digests.encode_digest(d)),
    m.DigestRange: lambda d: pb.Frame(digest_range=digests.encode_range(d)),
    m.DigestIds: lambda d: pb.Frame(digest_ids=digests.encode_ids(d)),
    m.DigestWant: lambda d: pb.Frame(digest_want=digests.encode_want(d)),
}


def _decode_have(h: Any) -> m.Have:
    if len(h.chunks) > MOST_CHUNKS:
        raise RemoteProtocolError(f"a list of {len(h.chunks)} chunks; a payload has at most {MOST_CHUNKS}")
    return m.Have(_one_hash(h.hash), h.size, tuple(h.chunks))


def _decode_receipt(r: Any) -> m.Receipt:
    if len(r.hashes) > MOST_RECEIPTS * HASH_BYTES:
        raise RemoteProtocolError(f"a receipt for {len(r.hashes) // HASH_BYTES} transactions, not {MOST_RECEIPTS} at most")
    return m.Receipt(_split_hashes(r.hashes))


def _decode_peers(p: Any) -> m.Peers:
    if len(p.records) > MOST_RECORDS:
        raise RemoteProtocolError(f"{len(p.records)} peer records in a frame; at most {MOST_RECORDS} are allowed")
    return m.Peers(tuple(decode_record(r.record, r.signature) for r in p.records))


def _decode_flush_grant(g: Any) -> m.FlushGrant:
    if not isfinite(g.window_s):
        raise RemoteProtocolError("a grant for a time that is no time")
    return m.FlushGrant(g.most, g.most_bytes, g.window_s)


def _refuse_compressed(c: Any) -> m.Message:
    raise RemoteProtocolError("a compressed batch inside another batch")


_DECODERS: dict[str, Callable[[Any], m.Message | Hello | Proof]] = {
    "compressed": _refuse_compressed,
    "hello": _decode_hello,
    "proof": lambda p: Proof(p.signature),
    "goodbye": lambda g: m.Goodbye(printable(g.reason, _MOST_REASON_CHARS), _known(m.Farewell, g.farewell)),
    "dial_back": _decode_dial_back,
    "dialled_back": _decode_dialled_back,
    "ping": lambda p: m.Ping(p.nonce),
    "pong": lambda p: m.Pong(p.nonce),
    "peers_request": lambda r: m.PeersRequest(r.most),
    "peers": _decode_peers,
    "push": _decode_push,
    "announce": lambda a: m.Announce(_split_announced(a.hashes, a.sizes), a.old, a.asks),
    "want": lambda w: m.Want(_split_hashes(w.hashes)),
    "absent": lambda a: m.Absent(_split_hashes(a.hashes)),
    "want_chunks": lambda w: m.WantChunks(_one_hash(w.hash), w.offset, w.chunks, w.root),
    "chunk": lambda c: m.Chunk(_one_hash(c.hash), c.offset, c.data),
    "want_chunk_list": lambda w: m.WantChunkList(_one_hash(w.hash)),
    "chunk_list": _decode_chunk_list,
    "have": _decode_have,
    "receipt": _decode_receipt,
    "refusal": lambda r: m.Refusal(_one_hash(r.hash), printable(r.reason, _MOST_REASON_CHARS)),
    "flush_request": lambda r: m.FlushRequest(r.waiting, r.waiting_bytes),
    "flush_grant": _decode_flush_grant,
    "graft": lambda g: m.Graft(),
    "prune": lambda p: m.Prune(p.refused),
    "sync_since": lambda s: m.SyncSince(storable(s.log_epoch), storable(s.after_seq)),
    "sync_page": _decode_page,
    "digest": digests.decode_digest,
    "digest_range": digests.decode_range,
    "digest_ids": digests.decode_ids,
    "digest_want": digests.decode_want,
}
