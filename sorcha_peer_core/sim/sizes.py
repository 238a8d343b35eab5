"""What messages take on the wire: the arithmetic of their encoding, without encoding anything.

``tests/sim/test_sizes.py`` holds it against the real encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.model import messages as m

if TYPE_CHECKING:
    from sorcha_peer_core.model.transaction import Header

_HASH = 32
_FIXED64 = 9
"""A tag and eight bytes."""
_SIGNATURE = 66
_LATE = 2
"""Bytes of a tag whose field number is beyond fifteen."""


def header_bytes(header: Header) -> int:
    """An envelope's signed part."""
    texts = (header.network_id, header.content_type, header.register_id)
    return (
        sum(_field(len(text.encode())) for text in texts)
        + _field(_HASH)
        + _number(header.payload_size)
        + _field(len(header.origin_key))
        + (_FIXED64 if header.created_ms else 0)
        + _number(header.ttl_s)
        + (_FIXED64 if header.nonce else 0)
        + _number(header.chunk_bytes)
        + _field(len(header.chunk_root))
    )


def frame_bytes(message: m.Message) -> int:
    """A message as a frame of a batch."""
    return _SIZES[type(message)](message)


def _varint(number: int) -> int:
    return 1 if number < 0x80 else (number.bit_length() + 6) // 7


def _number(number: int) -> int:
    """A field with a number; zero is not written."""
    return 1 + _varint(number) if number else 0


def _field(size: int) -> int:
    """A field with so many bytes; none are not written."""
    return 1 + _varint(size) + size if size else 0


def _frame(size: int, tag: int = 1) -> int:
    """A body in its field of a frame, and the frame in the batch."""
    inner = tag + _varint(size) + size
    return 1 + _varint(inner) + inner


def _push(push: m.Push) -> int:
    tx = push.transaction
    return _frame(_field(len(tx.header_bytes)) + _SIGNATURE + _field(len(tx.payload)) + _number(push.hop) + _number(push.reach))


def _announced(items: Iterable[m.Announced]) -> int:
    sizes = [_varint(item.size) for item in items]
    return _field(_HASH * len(sizes)) + _field(sum(sizes))


def _hashes(message: m.Want | m.Absent) -> int:
    return _frame(_field(_HASH * len(message.hashes)))


def _refusal(refusal: m.Refusal) -> int:
    return _frame(_field(_HASH) + _field(len(refusal.reason.encode())), _LATE)


def _flush_grant(grant: m.FlushGrant) -> int:
    return _frame(_number(grant.most) + _number(grant.most_bytes) + (_FIXED64 if grant.window_s else 0), _LATE)


def _chunk(chunk: m.Chunk) -> int:
    return _frame(_field(_HASH) + _number(chunk.offset) + _field(len(chunk.data)))


def _want_chunks(want: m.WantChunks) -> int:
    return _frame(_field(_HASH) + _number(want.offset) + _number(want.chunks) + _field(len(want.root)))


def _chunk_list(chunks: m.ChunkList) -> int:
    envelope = _field(len(chunks.header_bytes)) + _SIGNATURE + _number(chunks.hop) + _number(chunks.reach)
    return _frame(_field(_HASH) + envelope + _field(len(chunks.hashes)), _LATE)


def _have(have: m.Have) -> int:
    return _frame(_field(_HASH) + _number(have.size) + _field(sum(map(_varint, have.chunks))), _LATE)


def _sync_page(page: m.SyncPage) -> int:
    return _frame(_FIXED64 + _announced(page.items) + _number(page.next_seq) + 2 * page.more, _LATE)


def _marks(marks: Sequence[m.Mark]) -> int:
    counts = sum(_varint(mark.members) for mark in marks)
    size = _field(counts) + _field(8 * sum(mark.members > 0 for mark in marks))
    return 1 + _varint(size) + size


def _digest(digest: m.Digest) -> int:
    times = _number(digest.first.start_ms) + _number(digest.first.span_ms) + _number(digest.end_ms)
    fixed = (_FIXED64 if digest.salt else 0) + (_FIXED64 if digest.log_epoch else 0)
    return _frame(fixed + times + _marks(digest.marks), _LATE)


def _region(region: m.Region) -> int:
    place = _number(region.prefix) + _number(region.depth)
    return (_FIXED64 if region.salt else 0) + _number(region.slice.start_ms) + _number(region.slice.span_ms) + place


def _digest_ids(message: m.DigestIds | m.DigestWant) -> int:
    return _frame(_field(_region(message.region)) + _field(8 * len(message.ids)), _LATE)


_SIZES: dict[type, Callable[[Any], int]] = {
    m.Push: _push,
    m.Announce: lambda announce: _frame(_announced(announce.items) + 2 * announce.old + 2 * announce.asks),
    m.Want: _hashes,
    m.Absent: _hashes,
    m.WantChunks: _want_chunks,
    m.Chunk: _chunk,
    m.WantChunkList: lambda want: _frame(_field(_HASH), _LATE),
    m.ChunkList: _chunk_list,
    m.Have: _have,
    m.Receipt: lambda receipt: _frame(_field(_HASH * len(receipt.hashes)), _LATE),
    m.Refusal: _refusal,
    m.FlushRequest: lambda request: _frame(_number(request.waiting) + _number(request.waiting_bytes), _LATE),
    m.FlushGrant: _flush_grant,
    m.Graft: lambda graft: _frame(0, _LATE),
    m.Prune: lambda prune: _frame(2 * prune.refused, _LATE),
    m.Ping: lambda ping: _frame(_FIXED64),
    m.Pong: lambda pong: _frame(_FIXED64),
    m.SyncSince: lambda since: _frame(_FIXED64 + _number(since.after_seq), _LATE),
    m.SyncPage: _sync_page,
    m.Digest: _digest,
    m.DigestRange: lambda told: _frame(_field(_region(told.region)) + _marks(told.marks), _LATE),
    m.DigestIds: _digest_ids,
    m.DigestWant: _digest_ids,
}
