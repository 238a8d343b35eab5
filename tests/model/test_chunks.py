"""Lists of chunks: what an origin signs, so that every piece can be checked by itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorcha_peer_core.model.chunks import (
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

PAYLOAD = bytes(range(256)) * 40  # 10,240 bytes: two chunks of 4,096 and one of 2,048
LIST = chunk_list(PAYLOAD, 4096)
ROOT = chunk_root(LIST)


def test_a_list_has_the_hash_of_each_chunk_in_order():
    assert b"".join(map(chunk_hash, (PAYLOAD[:4096], PAYLOAD[4096:8192], PAYLOAD[8192:]))) == LIST


def test_the_root_is_the_one_it_always_was():
    assert ROOT.hex() == "62df95d558e0acb292438ea6afe9d7852b142bb8143400c0052ef39108264a24"


def test_a_list_is_sound_for_its_payload():
    assert is_sound(len(PAYLOAD), 4096, LIST, ROOT)


@pytest.mark.parametrize(
    ("size", "chunk_bytes", "hashes", "root"),
    [
        (10_240, 4096, LIST, b"r" * 32),
        (10_240, 4096, LIST[:-32], chunk_root(LIST[:-32])),
        (20_000, 4096, LIST, ROOT),
        (3, 1, LIST, ROOT),
        ((MOST_CHUNKS + 1) * 4096, 4096, bytes(32 * (MOST_CHUNKS + 1)), chunk_root(bytes(32 * (MOST_CHUNKS + 1)))),
    ],
    ids=["another root", "too short", "too long a payload", "too small chunks", "too many chunks"],
)
def test_a_list_that_does_not_fit_is_not_sound(size, chunk_bytes, hashes, root):
    assert not is_sound(size, chunk_bytes, hashes, root)


@settings(derandomize=True)
@given(st.integers(1, 1 << 30))
def test_whatever_its_size_a_payload_has_as_many_chunks_as_a_list_may_have(size: int):
    chunk_bytes = chunk_bytes_for(size)

    assert bool(chunk_bytes) == (size >= LISTED_MIN_BYTES)
    if chunk_bytes:
        assert chunk_bytes >= CHUNK_BYTES_MIN
        assert chunk_count(size, chunk_bytes) <= MOST_CHUNKS
