"""Lists of chunks: what an origin signs, so that every piece can be checked by itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorcha_peer_core.model.chunks import (
    CHUNK_BYTES_MAX,
    CHUNK_BYTES_MIN,
    LISTED_MIN_BYTES,
    MOST_CHUNKS,
    chunk_bytes_for,
    chunk_count,
    chunk_hash,
    chunk_list,
    chunk_root,
    is_sound,
)

STEP = CHUNK_BYTES_MIN
PAYLOAD = bytes(range(256)) * 160  # 40,960 bytes: two chunks of 16,384 and one of 8,192
LIST = chunk_list(PAYLOAD, STEP)
ROOT = chunk_root(LIST)


def test_a_list_has_the_hash_of_each_chunk_in_order():
    assert b"".join(map(chunk_hash, (PAYLOAD[:STEP], PAYLOAD[STEP : 2 * STEP], PAYLOAD[2 * STEP :]))) == LIST


def test_the_root_is_the_one_it_always_was():
    assert ROOT.hex() == "e77d02eb57d138b7cd0402c59382f6df242d2c56b7133f4849cfbd78375e9549"


def test_a_list_is_sound_for_its_payload():
    assert is_sound(len(PAYLOAD), STEP, LIST, ROOT)


@pytest.mark.parametrize(
    ("size", "chunk_bytes", "hashes", "root"),
    [
        (40_960, STEP, LIST, b"r" * 32),
        (40_960, STEP, LIST[:-32], chunk_root(LIST[:-32])),
        (80_000, STEP, LIST, ROOT),
        (3 * 4096, 4096, LIST, ROOT),
        (3 * 131_072, 131_072, LIST, ROOT),
        ((MOST_CHUNKS + 1) * STEP, STEP, bytes(32 * (MOST_CHUNKS + 1)), chunk_root(bytes(32 * (MOST_CHUNKS + 1)))),
    ],
    ids=["another root", "too short", "too long a payload", "too small chunks", "too large chunks", "too many chunks"],
)
def test_a_list_that_does_not_fit_is_not_sound(size, chunk_bytes, hashes, root):
    assert not is_sound(size, chunk_bytes, hashes, root)


@settings(derandomize=True)
@given(st.integers(1, 1 << 30))
def test_whatever_its_size_a_payload_has_as_many_chunks_as_a_list_may_have(size: int):
    chunk_bytes = chunk_bytes_for(size)

    assert bool(chunk_bytes) == (size >= LISTED_MIN_BYTES)
    if chunk_bytes:
        assert CHUNK_BYTES_MIN <= chunk_bytes <= CHUNK_BYTES_MAX
        assert chunk_count(size, chunk_bytes) <= MOST_CHUNKS
