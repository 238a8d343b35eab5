"""Pieces of a large payload, and the list of their hashes: the root of the list is in the signed header."""

from __future__ import annotations

from hashlib import sha256

from sorcha_peer_core.model.ids import HASH_BYTES

LISTED_MIN_BYTES = 65_536
"""From this size on an origin signs a list: peers may be configured to fetch in chunks from less than it does itself."""
CHUNK_BYTES = 32 * 1024
CHUNK_BYTES_MIN = 16 * 1024
CHUNK_BYTES_MAX = 64 * 1024
"""Smaller ones make long lists; larger ones hold up what is behind them, and in the end fit into no batch."""
MOST_CHUNKS = 16_384
"""A list of so many fits into one batch."""
ROOT_DOMAIN = b"sorcha-peer-chunks:v1:"


def chunk_bytes_for(size: int) -> int:
    """The size of the chunks of a payload; 0 when it is too small for any.

    >>> chunk_bytes_for(1000), chunk_bytes_for(5_000_000), chunk_bytes_for(1 << 30)
    (0, 32768, 65536)
    """
    if size < LISTED_MIN_BYTES:
        return 0
    step = CHUNK_BYTES
    while chunk_count(size, step) > MOST_CHUNKS:
        step *= 2
    return step


def chunk_count(size: int, chunk_bytes: int) -> int:
    """How many chunks there are; the last may be shorter.

    >>> chunk_count(10, 4)
    3
    """
    return -(-size // chunk_bytes)


def chunk_hash(chunk: bytes) -> bytes:
    """What the list says of one chunk."""
    return sha256(chunk).digest()


def chunk_list(payload: bytes, chunk_bytes: int) -> bytes:
    """The hashes of all chunks, back to back. Reads all of the payload: some milliseconds for ten megabytes."""
    return b"".join(chunk_hash(payload[at : at + chunk_bytes]) for at in range(0, len(payload), chunk_bytes))


def chunk_root(hashes: bytes) -> bytes:
    """What an origin signs."""
    return sha256(ROOT_DOMAIN + hashes).digest()


def has_sound_chunks(size: int, chunk_bytes: int) -> bool:
    """Whether chunks of this size are neither too small nor too large nor too many."""
    return CHUNK_BYTES_MIN <= chunk_bytes <= CHUNK_BYTES_MAX and chunk_count(size, chunk_bytes) <= MOST_CHUNKS


def is_sound(size: int, chunk_bytes: int, hashes: bytes, root: bytes) -> bool:
    """Whether a list is the one with this root, for a payload of this size."""
    return (
        has_sound_chunks(size, chunk_bytes)
        and len(hashes) == HASH_BYTES * chunk_count(size, chunk_bytes)
        and chunk_root(hashes) == root
    )
