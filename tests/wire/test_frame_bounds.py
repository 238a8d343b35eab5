"""What a batch may hold: counted before anything is made of it, so that few bytes never cost much time or memory."""

from __future__ import annotations

import tracemalloc
from time import perf_counter

import pytest

from sorcha_peer_core.errors import RemoteProtocolError
from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES
from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.wire import session_pb2 as pb
from sorcha_peer_core.wire.bounds import MAX_HANDSHAKE_BYTES, MOST_FRAMES, check_frames, check_handshake
from sorcha_peer_core.wire.codec import decode_batch, encode_frame

SMALLEST = encode_frame(m.Graft())


def field(number: int, content: bytes) -> bytes:
    """One length-delimited field."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    low, high = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(high) if high else bytes([low])


def test_as_many_frames_as_are_allowed_are_read():
    assert len(decode_batch(SMALLEST * MOST_FRAMES)) == MOST_FRAMES


CROWDS = {
    "empty frames": b"\x0a\x00",
    "the smallest frames": SMALLEST,
    "frames whose tag is longer than it need be": b"\x8a\x00\x00",
    "frames between unknown fields": b"\xf8\x01\x00\x0a\x00",
    "frames between fields of 8 bytes": b"\xf9\x01" + bytes(8) + b"\x0a\x00",
    "frames between fields of 4 bytes": b"\xfd\x01" + bytes(4) + b"\x0a\x00",
    "frames in groups": b"\xfb\x01\x0a\x00\xfc\x01",
}


@pytest.mark.parametrize("what", CROWDS)
def test_a_batch_with_more_frames_is_refused_before_it_is_read(what: str):
    batch = CROWDS[what] * (MOST_FRAMES + 1)

    with pytest.raises(RemoteProtocolError, match="more than 16384 frames"):
        decode_batch(batch)


def test_bytes_inside_a_frame_are_not_taken_for_frames():
    batch = encode_frame(m.Chunk(TxHash(b"h" * 32), 0, b"\x0a\x00" * 100_000))

    assert len(decode_batch(batch * 3)) == 3


@pytest.mark.parametrize("end", [b"\x0a\xff\xff\xff\x0f", b"\x80" * 500_000, b"\x0a" + b"\xff" * 500_000, b"\x0a", b"\xf9\x01"])
def test_what_ends_in_the_middle_is_left_to_protobuf_and_takes_no_time(end: bytes):
    batch = encode_frame(m.Chunk(TxHash(b"h" * 32), 0, bytes(40_000))) + end
    began_s = perf_counter()

    check_frames(batch)

    assert perf_counter() - began_s < 0.5
    with pytest.raises(RemoteProtocolError):
        decode_batch(batch)


def test_before_the_handshake_is_over_a_batch_is_small():
    check_handshake(bytes(MAX_HANDSHAKE_BYTES))

    with pytest.raises(RemoteProtocolError, match="65537 bytes during the handshake"):
        check_handshake(bytes(MAX_HANDSHAKE_BYTES + 1))


TAG = {kind.name: kind.number for kind in pb.Frame.DESCRIPTOR.fields}
HASHES = b"\xab" * 32
"""Everything that lets a frame hold many small things, as many as fit into a batch."""
DENSE = {
    "announced hashes": field(TAG["announce"], field(1, HASHES * 31_000) + field(2, b"\x01" * 31_000)),
    "sizes without hashes": field(TAG["announce"], field(2, b"\x01" * 1_000_000)),
    "wanted hashes": field(TAG["want"], field(1, HASHES * 32_000)),
    "a page of the log": field(TAG["sync_page"], field(2, HASHES * 31_000) + field(3, b"\x01" * 31_000)),
    "numbers of chunks": field(TAG["have"], field(1, HASHES) + field(3, b"\x01" * 1_000_000)),
    "features": field(TAG["hello"], field(8, b"\x01" * 1_000_000)),
    "records": field(TAG["peers"], b"\x0a\x00" * 500_000),
    "endpoints to dial back": field(TAG["dial_back"], b"\x12\x00" * 500_000),
    "marks": field(TAG["digest"], field(5, field(1, b"\x01" * 1_000_000))),
    "short ids": field(TAG["digest_ids"], field(2, bytes(1_000_000))),
    "parts of one message": field(TAG["graft"], b"\xfa\x7f\x00" * 300_000),
}
MOST_TIMES = 8
"""So many bytes of Python's memory for each byte of a batch."""


@pytest.mark.parametrize("what", DENSE)
def test_a_batch_costs_a_small_multiple_of_its_bytes(what: str):
    batch = field(1, DENSE[what])
    assert MAX_BATCH_BYTES * 0.85 < len(batch) <= MAX_BATCH_BYTES
    tracemalloc.start()
    try:
        _read(batch)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak_bytes < MOST_TIMES * len(batch)


def _read(batch: bytes) -> None:
    try:
        decode_batch(batch)
    except RemoteProtocolError:
        return
