"""The wire format: every message comes back as it went, and no stranger's bytes do more than end his link."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorcha_peer_core.errors import RemoteProtocolError
from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.chunks import MOST_CHUNKS
from sorcha_peer_core.model.handshake import Hello, Proof, Purpose
from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.model.transaction import Header, Transaction
from sorcha_peer_core.wire import session_pb2 as pb
from sorcha_peer_core.wire.codec import decode_batch, decode_header, encode_frame, encode_header
from sorcha_peer_core.wire.records import decode_record, encode_record

HASHES = st.binary(min_size=32, max_size=32).map(TxHash)
U32 = st.integers(0, 2**32 - 1)
U63 = st.integers(0, 2**63 - 1)
U64 = st.integers(0, 2**64 - 1)
TEXTS = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=30)
HEADERS = st.builds(
    Header, TEXTS, HASHES, U63, TEXTS, TEXTS, st.binary(max_size=32), st.floats(0, 1e15, allow_nan=False), U32, U64,
    U32, st.binary(max_size=32),
)  # fmt: skip
MARKS = st.lists(st.one_of(st.just(m.Mark(0, 0)), st.builds(m.Mark, st.integers(1, 2**32 - 1), U64)), max_size=64).map(tuple)
SLICES = st.builds(m.Slice, U63, U32)


@st.composite
def regions(draw):
    depth = draw(st.integers(0, 15))
    return m.Region(draw(U64), draw(SLICES), draw(st.integers(0, 16**depth - 1)), depth)


ANNOUNCED = st.lists(st.builds(m.Announced, HASHES, U32), max_size=5).map(tuple)
HASH_LISTS = st.lists(HASHES, max_size=5).map(tuple)


def _transaction(header: Header, signature: bytes, payload: bytes) -> Transaction:
    return Transaction(header, encode_header(header), signature, payload)


def _chunk_list(tx_hash: TxHash, header: Header, signature: bytes, hashes: bytes, hop: int, reach: int) -> m.ChunkList:
    return m.ChunkList(tx_hash, header, encode_header(header), signature, hashes, hop, reach)


def _record(key: bytes, seq: int, endpoints, name: str, signature: bytes):
    return decode_record(encode_record(key, "net", seq, tuple(endpoints), name, "software"), signature)


PLAIN_TEXTS = st.text(alphabet=st.characters(categories=("L", "N", "P")), max_size=200)
ENDPOINTS = st.builds(Endpoint, st.sampled_from(("grpc", "rest")), st.just("::1"), st.integers(1, 65535))
RECORDS = st.builds(
    _record,
    st.binary(min_size=32, max_size=32),
    U63,
    st.lists(ENDPOINTS, max_size=8),
    TEXTS,
    st.binary(min_size=64, max_size=64),
)
MESSAGES = {
    "hello": st.builds(
        Hello, U32, U32, TEXTS, RECORDS, st.binary(max_size=32), st.binary(max_size=64), U32, U32,
        st.lists(U32, max_size=4).map(tuple), st.floats(0, 1e15, allow_nan=False), U63, U32, st.booleans(),
        st.sampled_from(Purpose), st.ip_addresses().map(str),
    ),
    "proof": st.builds(Proof, st.binary(max_size=64)),
    "goodbye": st.builds(m.Goodbye, PLAIN_TEXTS, st.sampled_from(m.Farewell)),
    "ping": st.builds(m.Ping, U64),
    "pong": st.builds(m.Pong, U64),
    "peers_request": st.builds(m.PeersRequest, U32),
    "peers": st.builds(m.Peers, st.lists(RECORDS, max_size=3).map(tuple)),
    "dial_back": st.builds(m.DialBack, U64, st.lists(ENDPOINTS, max_size=8).map(tuple)),
    "dialled_back": st.builds(m.DialledBack, U64, ENDPOINTS, st.booleans(), PLAIN_TEXTS, st.just(False))
    | st.builds(m.DialledBack, U64, ENDPOINTS, st.just(False), PLAIN_TEXTS, st.just(True)),
    "push": st.builds(m.Push, st.builds(_transaction, HEADERS, st.binary(max_size=64), st.binary(max_size=200)), U32, U32),
    "announce": st.builds(m.Announce, ANNOUNCED, st.booleans(), st.booleans()),
    "receipt": st.builds(m.Receipt, HASH_LISTS),
    "refusal": st.builds(m.Refusal, HASHES, PLAIN_TEXTS),
    "flush_request": st.builds(m.FlushRequest, U32, U64),
    "flush_grant": st.builds(m.FlushGrant, U32, U64, st.floats(0, 1e9)),
    "want": st.builds(m.Want, HASH_LISTS),
    "absent": st.builds(m.Absent, HASH_LISTS),
    "want_chunks": st.builds(m.WantChunks, HASHES, U64, U32, st.binary(max_size=32)),
    "chunk": st.builds(m.Chunk, HASHES, U64, st.binary(max_size=100)),
    "want_chunk_list": st.builds(m.WantChunkList, HASHES),
    "chunk_list": st.builds(_chunk_list, HASHES, HEADERS, st.binary(max_size=64), st.binary(max_size=100), U32, U32),
    "have": st.builds(m.Have, HASHES, U64, st.lists(U32, max_size=5).map(tuple)),
    "graft": st.builds(m.Graft),
    "prune": st.builds(m.Prune, st.booleans()),
    "sync_since": st.builds(m.SyncSince, U63, U63),
    "sync_page": st.builds(m.SyncPage, U63, ANNOUNCED, U63, st.booleans()),
    "digest": st.builds(m.Digest, U64, SLICES, U63, MARKS, U63),
    "digest_range": st.builds(m.DigestRange, regions(), MARKS),
    "digest_ids": st.builds(m.DigestIds, regions(), st.lists(U64, max_size=20).map(tuple)),
    "digest_want": st.builds(m.DigestWant, regions(), st.lists(U64, max_size=20).map(tuple)),
}  # fmt: skip


@pytest.mark.parametrize("kind", MESSAGES)
def test_a_message_comes_back_as_it_went(kind: str):
    @settings(derandomize=True, max_examples=60, deadline=None, database=None)
    @given(MESSAGES[kind])
    def round_trip(message) -> None:
        assert decode_batch(encode_frame(message)) == [message]

    round_trip()


def test_every_kind_of_frame_of_the_protocol_is_tried_here():
    kinds = {field.name for field in pb.Frame.DESCRIPTOR.fields}

    # What is compressed is expanded before it is read (test_compress.py).
    assert kinds - {"compressed"} == set(MESSAGES)


def test_frames_back_to_back_are_a_batch():
    messages = [m.Ping(1), m.Want((TxHash(b"h" * 32),)), m.Chunk(TxHash(b"h" * 32), 5, b"d" * 40_000), m.Pong(2)]

    assert decode_batch(b"".join(map(encode_frame, messages))) == messages


@pytest.mark.parametrize("length", [0, 127, 128, 16_383, 16_384, 300_000])
def test_the_length_of_a_frame_is_what_protobuf_expects(length: int):
    chunk = m.Chunk(TxHash(b"h" * 32), 1, b"d" * length)
    frame = encode_frame(chunk)

    assert pb.Batch.FromString(frame).SerializeToString() == frame


# Golden bytes: a change here breaks every network that runs.

HEADER = Header("sorcha", TxHash(bytes(range(32))), 3, "text/plain", "r1", b"k" * 32, 1_700_000_000_000.5, 86_400, 7)
HEADER_HEX = (
    "0a06736f72636861"  # network_id
    "1220000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"  # payload_hash
    "1803"  # payload_size
    "220a746578742f706c61696e"  # content_type
    "2a027231"  # register_id
    "32206b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b"  # origin_key
    "3900088056febc7842"  # created_ms
    "4080a305"  # ttl_s
    "490700000000000000"  # nonce
)
GOLDEN = [
    (m.Ping(0x0102030405060708), "0a0b2209090807060504030201"),
    (m.Pong(1), "0a0b2a09090100000000000000"),
    (m.Goodbye("bye"), "0a071a050a03627965"),
    (m.PeersRequest(300), "0a05320308ac02"),
    (m.Announce((m.Announced(TxHash(b"\xab" * 32), 300),)), "0a285a260a20" + "ab" * 32 + "1202ac02"),
    (m.Want((TxHash(b"\xab" * 32),)), "0a2462220a20" + "ab" * 32),
    (m.Absent((TxHash(b"\xab" * 32),)), "0a246a220a20" + "ab" * 32),
    (m.WantChunks(TxHash(b"\xab" * 32), 300, 16), "0a2972270a20" + "ab" * 32 + "10ac021810"),
    (m.WantChunks(TxHash(b"\xab" * 32), 300, 1, b"root"), "0a2f722d0a20" + "ab" * 32 + "10ac0218012204726f6f74"),
    (m.Chunk(TxHash(b"\xab" * 32), 300, b"hi"), "0a2b7a290a20" + "ab" * 32 + "10ac021a026869"),
    (m.WantChunkList(TxHash(b"\xab" * 32)), "0a259201220a20" + "ab" * 32),
    (m.Have(TxHash(b"\xab" * 32), 300, (0, 7)), "0a2cd201290a20" + "ab" * 32 + "10ac021a020007"),
    (m.Graft(), "0a03820100"),
    (m.Prune(), "0a038a0100"),
    (m.Prune(refused=True), "0a058a01020801"),
    (m.SyncSince(1, 300), "0a0fa2010c09010000000000000010ac02"),
    (m.SyncPage(1, (m.Announced(TxHash(b"\xab" * 32), 5),), 9, True),
     "0a35aa01320901000000000000001220" + "ab" * 32 + "1a010520092801"),
    (m.Announce((m.Announced(TxHash(b"\xab" * 32), 5),), old=True), "0a295a270a20" + "ab" * 32 + "1201051801"),
    (m.Announce((m.Announced(TxHash(b"\xab" * 32), 5),), asks=True), "0a295a270a20" + "ab" * 32 + "1201052001"),
    (m.Receipt((TxHash(b"\xab" * 32),)), "0a25e201220a20" + "ab" * 32),
    (m.Refusal(TxHash(b"\xab" * 32), "bad"), "0a2aea01270a20" + "ab" * 32 + "1203626164"),
    (m.FlushRequest(300, 5000), "0a09f2010608ac02108827"),
    (m.FlushGrant(300, 5000, 2.5), "0a12fa010f08ac0210882719" "0000000000000440"),
    (m.Digest(1, m.Slice(300, 4000), 8300, (m.Mark(0, 0), m.Mark(2, 7)), 9),
     "0a2eb2012b090100000000000000" "10ac02" "18a01f" "20ec40" "2a0e0a02000212080700000000000000" "310900000000000000"),
    (m.DigestRange(m.Region(1, m.Slice(300, 4000), 10, 1), (m.Mark(0, 0),)),
     "0a1dba011a0a13090100000000000000" "10ac02" "18a01f" "200a" "2801" "12030a0100"),
    (m.DigestIds(m.Region(1, m.Slice(300, 4000)), (7,)),
     "0a1ec2011b0a0f090100000000000000" "10ac02" "18a01f" "12080700000000000000"),
    (m.DigestWant(m.Region(1, m.Slice(300, 4000)), (7,)),
     "0a1eca011b0a0f090100000000000000" "10ac02" "18a01f" "12080700000000000000"),
    (m.Push(Transaction(HEADER, bytes.fromhex(HEADER_HEX), b"s", b"pay"), 1), None),
    (Proof(b"s"), "0a0512030a0173"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "golden"), [pair for pair in GOLDEN if pair[1]], ids=lambda value: type(value).__name__)
def test_frames_have_the_bytes_they_always_had(message, golden: str):
    assert encode_frame(message).hex() == golden
    assert decode_batch(bytes.fromhex(golden)) == [message]


def test_a_header_has_the_bytes_it_always_had():
    assert encode_header(HEADER).hex() == HEADER_HEX
    assert decode_header(bytes.fromhex(HEADER_HEX)) == HEADER


def test_a_header_with_a_list_of_chunks_has_two_fields_more():
    header = HEADER._replace(chunk_bytes=32_768, chunk_root=b"r" * 32)

    assert encode_header(header).hex() == HEADER_HEX + "50808002" + "5a20" + "72" * 32
    assert decode_header(encode_header(header)) == header


# What is not known here.


def test_frames_of_unknown_kinds_are_passed_over():
    unknown = b"\x0a\x05" + b"\x92\x07\x02hi"  # a frame of field 114

    assert decode_batch(encode_frame(m.Ping(1)) + unknown + encode_frame(m.Ping(2))) == [m.Ping(1), m.Ping(2)]


def test_unknown_fields_are_passed_over():
    body = pb.Frame(ping=pb.Ping(nonce=5)).SerializeToString()
    ping = pb.Ping(nonce=5).SerializeToString() + b"\xfa\x01\x02hi"  # field 31
    frame = b"\x0a" + bytes([len(ping) + 2]) + body[:1] + bytes([len(ping)]) + ping
    unknown_of_the_batch = b"\xfa\x01\x02hi"

    assert decode_batch(frame + unknown_of_the_batch) == [m.Ping(5)]


def test_signed_header_bytes_survive_with_unknown_fields_and_in_any_order():
    fields = encode_header(HEADER)
    strange = fields[8:] + fields[:8] + b"\xfa\x01\x02hi"
    push = m.Push(Transaction(decode_header(strange), strange, b"s" * 64, b"pay"), 1)

    [there] = decode_batch(encode_frame(push))
    [further] = decode_batch(encode_frame(there))

    assert there.transaction.header == HEADER
    assert further.transaction.header_bytes == strange


def test_signed_record_bytes_survive_with_unknown_fields():
    signed = encode_record(b"k" * 32, "net", 4, (Endpoint("grpc", "::1", 5001),), "name", "soft") + b"\xfa\x01\x02hi"
    record = decode_record(signed, b"s" * 64)

    [peers] = decode_batch(encode_frame(m.Peers((record,))))

    assert peers.records == (record,)
    assert peers.records[0].signed == signed


# What breaks the rules.


def _frame(**body) -> bytes:
    return pb.Batch(frames=[pb.Frame(**body)]).SerializeToString()


BROKEN = {
    "hashes that are none": _frame(want=pb.Want(hashes=b"x" * 31)),
    "more hashes than sizes": _frame(announce=pb.Announce(hashes=b"x" * 64, sizes=[1])),
    "more sizes than hashes": _frame(sync_page=pb.SyncPage(hashes=b"x" * 32, sizes=[1, 2])),
    "more features than anybody has": _frame(hello=pb.Hello(features=[7] * 65)),
    "more records than a frame holds": _frame(peers=pb.Peers(records=[pb.SignedRecord()] * 51)),
    "sizes of nothing": _frame(announce=pb.Announce(sizes=[1] * 1_000_000)),
    "receipts for too many": _frame(receipt=pb.Receipt(hashes=b"x" * 32 * 513)),
    "receipts for half a hash": _frame(receipt=pb.Receipt(hashes=b"x" * 40)),
    "a refusal of a short hash": _frame(refusal=pb.Refusal(hash=b"x" * 20)),
    "a grant that never ends": _frame(flush_grant=pb.FlushGrant(window_s=float("inf"))),
    "a short hash": _frame(want_chunks=pb.WantChunks(hash=b"x" * 20)),
    "a list of chunks without an envelope": _frame(chunk_list=pb.ChunkList(hash=b"x" * 32, header=b"\xff")),
    "more chunks than a payload has": _frame(have=pb.Have(hash=b"x" * 32, chunks=[0] * (MOST_CHUNKS + 1))),
    "a chunk of a short hash": _frame(chunk=pb.Chunk(hash=b"x" * 20, data=b"d")),
    "a push without an envelope": _frame(push=pb.Push(payload=b"p")),
    "a large envelope": _frame(push=pb.Push(header=encode_header(HEADER) + b"\xfa\x01\xff\x07" + b"x" * 1023, payload=b"p")),
    "an envelope that is none": _frame(push=pb.Push(header=b"\xff\xff\xff", payload=b"p")),
    "a time that is no number": _frame(push=pb.Push(header=encode_header(HEADER._replace(created_ms=float("nan"))))),
    "a time without end": _frame(push=pb.Push(header=encode_header(HEADER._replace(created_ms=float("inf"))))),
    "a hello without a record": _frame(hello=pb.Hello()),
    "a record that is none": _frame(peers=pb.Peers(records=[pb.SignedRecord(record=b"\xff\xff")])),
    "a record without a key": _frame(peers=pb.Peers(records=[pb.SignedRecord(record=b"")])),
    "a large record": _frame(peers=pb.Peers(records=[pb.SignedRecord(record=b"x" * 2049)])),
    "an epoch no store can keep": _frame(sync_page=pb.SyncPage(log_epoch=2**63)),
    "a place no store can keep": _frame(sync_page=pb.SyncPage(next_seq=2**63)),
    "a question beyond every place": _frame(sync_since=pb.SyncSince(after_seq=2**63)),
    "a question for an epoch beyond": _frame(sync_since=pb.SyncSince(log_epoch=2**64 - 1)),
    "a digest without its sums": _frame(digest=pb.Digest(marks=pb.Marks(counts=[1, 0, 2], sums=[5]))),
    "a digest of too many marks": _frame(digest_range=pb.DigestRange(marks=pb.Marks(counts=[0] * 65))),
    "a digest of too many short ids": _frame(digest_ids=pb.DigestIds(ids=range(1025))),
    "a digest of no time that can be": _frame(digest=pb.Digest(start_ms=2**63)),
    "a region deeper than short ids are long": _frame(digest_want=pb.DigestWant(region=pb.Region(depth=16))),
    "a region whose prefix is longer than it says": _frame(digest_ids=pb.DigestIds(region=pb.Region(prefix=16, depth=1))),
    "text that is none": b"\x0a\x06\x1a\x04\x0a\x02\xff\xfe",
    "a frame cut short": encode_frame(m.Ping(1))[:-1],
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_batch_that_breaks_a_rule_is_an_error_of_the_peer(what: str):
    with pytest.raises(RemoteProtocolError):
        decode_batch(BROKEN[what])


def test_a_hello_whose_numbers_no_store_can_keep_or_that_has_no_time_is_refused():
    record = pb.SignedRecord(record=encode_record(b"k" * 32, "net", 1, (), "", ""), signature=b"s" * 64)

    for wrong in ({"log_epoch": 2**63}, {"clock_ms": float("nan")}):
        with pytest.raises(RemoteProtocolError):
            decode_batch(_frame(hello=pb.Hello(record=record, **wrong)))


def test_a_record_whose_seq_no_store_can_keep_is_refused():
    with pytest.raises(RemoteProtocolError):
        decode_record(encode_record(b"k" * 32, "net", 2**63, (), "", ""), b"s" * 64)


def test_a_reason_that_people_read_is_short_and_printable():
    [goodbye] = decode_batch(encode_frame(m.Goodbye("one\ntwo\x1b[31m" + "x" * 1000)))

    assert goodbye.reason.isprintable()
    assert len(goodbye.reason) <= 200


def test_an_empty_batch_holds_nothing():
    assert decode_batch(b"") == []


def _samples() -> list[bytes]:
    tx_hash = TxHash(b"\xab" * 32)
    record = decode_record(encode_record(b"k" * 32, "net", 1, (Endpoint("grpc", "::1", 1),), "n", "s"), b"s" * 64)
    tx = Transaction(HEADER, encode_header(HEADER), b"s" * 64, b"payload")
    messages = [message for message, _ in GOLDEN] + [
        m.Push(tx, 1),
        m.ChunkList(tx_hash, HEADER, encode_header(HEADER), b"s" * 64, b"h" * 64, 1),
        m.Peers((record, record)),
        Hello(1, 1, "net", record, b"n" * 32, b"p" * 64, 1000, 1000, (1, 2), 5.0, 9),
    ]
    return [encode_frame(message) for message in messages]


def _mutated(rng: Random, samples: list[bytes]) -> bytes:
    batch = bytearray(b"".join(rng.sample(samples, rng.randint(1, 3))))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(batch))
        match rng.randrange(4):
            case 0:
                batch[at] ^= 1 << rng.randrange(8)
            case 1:
                del batch[at : at + rng.randint(1, 9)]
            case 2:
                batch[at:at] = rng.randbytes(rng.randint(1, 9))
            case _:
                batch[at] = rng.choice((0, 0x7F, 0x80, 0xFF))
        if not batch:
            break
    return bytes(batch)


def test_no_bytes_raise_anything_but_an_error_of_the_peer():
    rng, samples = Random(20), _samples()
    refused = 0

    for number in range(10_000):
        batch = rng.randbytes(rng.randint(0, 120)) if number % 4 == 0 else _mutated(rng, samples)
        try:
            decode_batch(batch)
        except RemoteProtocolError:
            refused += 1

    assert 2_000 < refused < 10_000


def test_an_address_that_was_not_dialled_was_not_reached():
    frame = pb.Frame(
        dialled_back=pb.DialledBack(endpoint=pb.Endpoint(scheme="grpc", host="x", port=1), reached=True, refused=True)
    )

    [answer] = decode_batch(pb.Batch(frames=[frame]).SerializeToString())

    assert (answer.reached, answer.refused) == (False, True)
