"""The arithmetic of sizes, held against the real encoder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.model.transaction import Header, Transaction
from sorcha_peer_core.sim.sizes import frame_bytes, header_bytes
from sorcha_peer_core.sim.tally import UPKEEP
from sorcha_peer_core.wire.codec import encode_frame, encode_header

HASH = TxHash(bytes(range(32)))
NUMBERS = st.integers(0, 2**32 - 1)
PAYLOAD_SIZES = st.sampled_from([1, 60, 127, 128, 1024, 16_383, 16_384, 65_536, 1_000_000])


def make_header(size=1024, created_ms=1_700_000_000_123.0, nonce=2**63):
    return Header("sorcha", HASH, size, "application/octet-stream", "register", bytes(32), created_ms, 86_400, nonce)


def make_transaction(size):
    header = make_header(size)
    return Transaction(header, encode_header(header), bytes(64), bytes(size))


@given(st.text(max_size=64), st.text(max_size=200), NUMBERS, st.sampled_from([0.0, 1.5]), st.sampled_from([0, 7]))
def test_a_header_takes_what_its_encoding_takes(register_id, content_type, size, created_ms, nonce):
    header = make_header(size, created_ms, nonce)._replace(register_id=register_id, content_type=content_type)
    listed = header._replace(chunk_bytes=size, chunk_root=bytes(32))

    assert header_bytes(header) == len(encode_header(header))
    assert header_bytes(listed) == len(encode_header(listed))


@given(PAYLOAD_SIZES, st.integers(0, 255), st.integers(0, 10_000))
def test_a_push_takes_what_its_encoding_takes(size, hop, reach):
    push = m.Push(make_transaction(size), hop, reach)

    assert frame_bytes(push) == len(encode_frame(push))


@given(PAYLOAD_SIZES, st.sampled_from([0, 1, 32_768, 5_000_000]))
def test_a_chunk_takes_what_its_encoding_takes(size, offset):
    chunk = m.Chunk(HASH, offset, bytes(size))

    assert frame_bytes(chunk) == len(encode_frame(chunk))


@given(st.integers(0, 200), st.integers(0, 255), st.lists(st.integers(0, 16_383), max_size=200).map(tuple), NUMBERS)
def test_lists_of_chunks_take_what_their_encodings_take(count, hop, chunks, size):
    tx = make_transaction(1024)
    listed = m.ChunkList(HASH, tx.header, tx.header_bytes, tx.signature, bytes(32 * count), hop, hop)

    for message in (listed, m.Have(HASH, size, chunks)):
        assert frame_bytes(message) == len(encode_frame(message))


@given(st.lists(NUMBERS, max_size=300), st.integers(0, 2**40), st.booleans())
def test_lists_of_hashes_take_what_their_encodings_take(sizes, seq, more):
    items = tuple(m.Announced(HASH, size) for size in sizes)
    hashes = (HASH,) * len(sizes)

    for message in (
        m.Announce(items),
        m.Announce(items, old=True),
        m.Announce(items, asks=True),
        m.Receipt(hashes),
        m.Want(hashes),
        m.Absent(hashes),
        m.SyncPage(5, items, seq, more),
    ):
        assert frame_bytes(message) == len(encode_frame(message))


@pytest.mark.parametrize(
    "message",
    [
        m.Ping(2**40),
        m.Pong(2**40),
        m.SyncSince(2**50, 0),
        m.SyncSince(2**50, 123_456),
        m.WantChunks(HASH, 0, 16),
        m.WantChunks(HASH, 1_000_000, 16),
        m.WantChunks(HASH, 1_000_000, 1, bytes(32)),
        m.WantChunkList(HASH),
        m.Refusal(HASH, ""),
        m.Refusal(HASH, "it expired 5 s ago"),
        m.FlushRequest(10_000, 10_000_000),
        m.FlushGrant(0, 0, 0.0),
        m.FlushGrant(2_000, 4_000_000, 10.0),
        m.Graft(),
        m.Prune(),
        m.Prune(refused=True),
    ],
    ids=repr,
)
def test_a_short_message_takes_what_its_encoding_takes(message):
    assert frame_bytes(message) == len(encode_frame(message))


def test_every_kind_that_the_core_sends_has_a_size_or_is_not_simulated():
    # Peers and addresses are the business of discovery, which is not part of a simulation of transactions.
    of_discovery = {m.PeersRequest, m.Peers, m.Goodbye, m.DialBack, m.DialledBack}
    unknown = set()
    for kind in m.Message.__args__:
        try:
            frame_bytes(kind.__new__(kind, *([0] * len(kind._fields))))
        except KeyError:
            unknown.add(kind)
        except (TypeError, AttributeError):
            pass

    assert unknown == of_discovery
    assert not unknown & UPKEEP


MARKS = st.lists(st.one_of(st.just(m.Mark(0, 0)), st.builds(m.Mark, st.integers(1, 2**32 - 1), st.just(5))), max_size=64).map(
    tuple
)


@given(MARKS, st.lists(st.integers(0, 2**64 - 1), max_size=300), st.sampled_from([0, 2**60]), st.integers(0, 15))
def test_digests_take_what_their_encodings_take(marks, ids, salt, depth):
    where = m.Slice(1_700_000_000_000, 4000)
    region = m.Region(salt, where, 16**depth - 1, depth)

    for message in (
        m.Digest(salt, where, 1_700_000_060_000, marks, salt // 2),
        m.DigestRange(region, marks),
        m.DigestIds(region, tuple(ids)),
        m.DigestWant(region, tuple(ids)),
    ):
        assert frame_bytes(message) == len(encode_frame(message))
