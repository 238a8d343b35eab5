"""Digests to protobuf and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sorcha_peer_core.errors import RemoteProtocolError
from sorcha_peer_core.model import messages as m
from sorcha_peer_core.wire import session_pb2 as pb
from sorcha_peer_core.wire.records import storable

MOST_MARKS = 64
MOST_IDS = 1024
MOST_DEPTH = 15
"""The parts of a region of that depth are single short ids."""


def encode_digest(digest: m.Digest) -> pb.Digest:
    """Marks of slices."""
    salt, (start_ms, span_ms), end_ms, marks, log_epoch = digest
    return pb.Digest(
        salt=salt, start_ms=start_ms, span_ms=span_ms, end_ms=end_ms, marks=_encode_marks(marks), log_epoch=log_epoch
    )


def decode_digest(d: pb.Digest) -> m.Digest:
    """Raises RemoteProtocolError."""
    first = m.Slice(storable(d.start_ms), d.span_ms)
    return m.Digest(d.salt, first, storable(d.end_ms), _decode_marks(d.marks), storable(d.log_epoch))


def encode_range(message: m.DigestRange) -> pb.DigestRange:
    """Marks of the parts of a region."""
    return pb.DigestRange(region=_encode_region(message.region), marks=_encode_marks(message.marks))


def decode_range(d: pb.DigestRange) -> m.DigestRange:
    """Raises RemoteProtocolError."""
    return m.DigestRange(_decode_region(d.region), _decode_marks(d.marks))


def encode_ids(message: m.DigestIds) -> pb.DigestIds:
    """All short ids of a region."""
    return pb.DigestIds(region=_encode_region(message.region), ids=message.ids)


def decode_ids(d: pb.DigestIds) -> m.DigestIds:
    """Raises RemoteProtocolError."""
    return m.DigestIds(_decode_region(d.region), _ids(d.ids))


def encode_want(message: m.DigestWant) -> pb.DigestWant:
    """Some short ids of a region."""
    return pb.DigestWant(region=_encode_region(message.region), ids=message.ids)


def decode_want(d: pb.DigestWant) -> m.DigestWant:
    """Raises RemoteProtocolError."""
    return m.DigestWant(_decode_region(d.region), _ids(d.ids))


def _encode_marks(marks: Sequence[m.Mark]) -> pb.Marks:
    return pb.Marks(counts=[mark.members for mark in marks], sums=[mark.sum for mark in marks if mark.members])


def _decode_marks(marks: pb.Marks) -> tuple[m.Mark, ...]:
    if len(marks.counts) > MOST_MARKS:
        raise RemoteProtocolError(f"a digest of {len(marks.counts)} marks; at most {MOST_MARKS} are allowed")
    if sum(count > 0 for count in marks.counts) != len(marks.sums):
        raise RemoteProtocolError(f"a digest whose counts do not go with its {len(marks.sums)} sums")
    return tuple(_join(marks.counts, iter(marks.sums)))


def _join(counts: Sequence[int], sums: Iterator[int]) -> Iterator[m.Mark]:
    for count in counts:
        yield m.Mark(count, next(sums) if count else 0)


def _encode_region(region: m.Region) -> pb.Region:
    salt, (start_ms, span_ms), prefix, depth = region
    return pb.Region(salt=salt, start_ms=start_ms, span_ms=span_ms, prefix=prefix, depth=depth)


def _decode_region(region: pb.Region) -> m.Region:
    if region.depth > MOST_DEPTH or region.prefix >> 4 * region.depth:
        raise RemoteProtocolError(f"a region of depth {region.depth} and prefix {region.prefix:x}")
    return m.Region(region.salt, m.Slice(storable(region.start_ms), region.span_ms), region.prefix, region.depth)


def _ids(ids: Sequence[int]) -> tuple[int, ...]:
    if len(ids) > MOST_IDS:
        raise RemoteProtocolError(f"a digest of {len(ids)} short ids; at most {MOST_IDS} are allowed")
    return tuple(ids)
