"""Compressed batches: what goes in comes out, and whoever lies about what is inside costs no more than a refusal."""

from __future__ import annotations

import tracemalloc
import zlib
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorcha_peer_core.errors import RemoteProtocolError
from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES
from sorcha_peer_core.model import messages as m
from sorcha_peer_core.model.handshake import Form
from sorcha_peer_core.wire import session_pb2 as pb
from sorcha_peer_core.wire.codec import decode_batch, encode_frame
from sorcha_peer_core.wire.compress import FORMS, BatchRefused, compressed, plain

TEXT = b"every node gets every transaction; " * 400

needs_zstd = pytest.mark.skipif(Form.ZSTD not in FORMS, reason="zstandard is not installed")
each_form = pytest.mark.parametrize("form", [Form.ZLIB, pytest.param(Form.ZSTD, marks=needs_zstd)])


def packed(data: bytes, size: int, form: int, *others: pb.Frame) -> bytes:
    """A compressed batch that says what it is told to say."""
    frame = pb.Frame(compressed=pb.Compressed(form=form, size=size, data=data))
    return pb.Batch(frames=[frame, *others]).SerializeToString()


def data_of(batch: bytes) -> bytes:
    return pb.Batch.FromString(batch).frames[0].compressed.data


@each_form
def test_a_batch_comes_back_as_it_went(form: Form):
    @settings(derandomize=True, max_examples=200, deadline=None, database=None)
    @given(st.one_of(st.binary(min_size=1, max_size=4096), st.builds(bytes.__mul__, st.binary(min_size=1), st.integers(1, 500))))
    def round_trip(batch: bytes) -> None:
        assert plain(compressed(batch, form), FORMS) == batch

    round_trip()


@each_form
def test_the_largest_batch_comes_back(form: Form):
    batch = Random(1).randbytes(MAX_BATCH_BYTES // 2) * 2

    assert plain(compressed(batch, form), FORMS) == batch


@each_form
def test_what_is_inside_is_read_like_any_batch(form: Form):
    messages = [m.Ping(number) for number in range(300)]

    batch = compressed(b"".join(map(encode_frame, messages)), form)

    assert len(batch) < 1500
    assert decode_batch(plain(batch, FORMS)) == messages


def test_what_is_not_compressed_stays_as_it_is():
    @settings(derandomize=True, max_examples=300, deadline=None, database=None)
    @given(st.one_of(st.binary(max_size=20), st.builds(m.Ping, st.integers(0, 2**64 - 1)).map(encode_frame)))
    def look(batch: bytes) -> None:
        if not batch.startswith(b"\x0a"):
            assert plain(batch, ()) is batch

    look()
    assert plain(ping := encode_frame(m.Ping(1)), ()) is ping
    assert plain(chunk := encode_frame(m.Chunk(b"h" * 32, 0, bytes(40_000))), ()) is chunk


@each_form
def test_a_form_that_was_not_agreed_upon_is_refused(form: Form):
    others = tuple(other for other in FORMS if other is not form)

    with pytest.raises(BatchRefused, match=f"form {form:d}, which was not agreed upon"):
        plain(compressed(TEXT, form), others)


@pytest.mark.parametrize("form", [0, 3, 2**32 - 1])
def test_a_form_that_nobody_knows_is_refused(form: int):
    with pytest.raises(BatchRefused, match=f"form {form}, which was not agreed upon"):
        plain(packed(b"data", 4, form), FORMS)


@each_form
@pytest.mark.parametrize("size", [0, MAX_BATCH_BYTES + 1, 2**32 - 1])
def test_a_size_out_of_bounds_is_refused_before_anything_is_expanded(form: Form, size: int, monkeypatch):
    monkeypatch.setattr("sorcha_peer_core.wire.compress._EXPANDERS", {})

    with pytest.raises(BatchRefused, match=f"says it has {size} bytes; 1 to {MAX_BATCH_BYTES} are allowed"):
        plain(packed(b"data", size, form), FORMS)


@each_form
@pytest.mark.parametrize("wrong", [-1, 1, 1000])
def test_a_size_that_is_a_lie_is_refused(form: Form, wrong: int):
    size = len(TEXT) + wrong

    with pytest.raises(BatchRefused, match=f"says it has {size} bytes, and "):
        plain(packed(data_of(compressed(TEXT, form)), size, form), FORMS)


@each_form
def test_what_is_cut_off_is_refused_wherever_that_is(form: Form):
    data = data_of(compressed(TEXT, form))

    for end in range(len(data)):
        with pytest.raises(BatchRefused, match=r"cut off|cannot be expanded|and inside"):
            plain(packed(data[:end], len(TEXT), form), FORMS)


@each_form
@pytest.mark.parametrize("rest", [b"\0", b"garbage", b"again"])
def test_what_goes_on_behind_its_end_is_refused(form: Form, rest: bytes):
    data = data_of(compressed(TEXT, form))
    behind = data if rest == b"again" else rest

    with pytest.raises(BatchRefused, match=r"behind its end|unused data"):
        plain(packed(data + behind, len(TEXT), form), FORMS)


@each_form
def test_frames_beside_a_compressed_one_are_refused(form: Form):
    batch = compressed(TEXT, form) + encode_frame(m.Ping(1))

    with pytest.raises(BatchRefused, match="with 1 more frames beside it"):
        plain(batch, FORMS)


@each_form
def test_a_compressed_batch_is_never_inside_another_batch(form: Form):
    inner = compressed(encode_frame(m.Ping(1)) * 100, form)

    for batch in (plain(compressed(inner, form), FORMS), plain(encode_frame(m.Ping(1)) + inner, FORMS)):
        with pytest.raises(RemoteProtocolError, match="a compressed batch inside another batch"):
            decode_batch(batch)


def test_a_bomb_of_zlib_expands_no_further_than_it_says():
    bomb = zlib.compress(bytes(200 * MAX_BATCH_BYTES), 9)

    assert _peak_bytes(packed(bomb, MAX_BATCH_BYTES, Form.ZLIB), "and has more") < 4 * MAX_BATCH_BYTES


def _zstd_frame(said: int, blocks: int, block_bytes: int = 128 * 1024) -> bytes:
    """A frame of runs of one byte, 4 bytes each on the wire, that says of itself how large it is."""
    runs = [((block_bytes << 3) | (1 << 1) | (number == blocks - 1)).to_bytes(3, "little") + b"A" for number in range(blocks)]
    return b"\x28\xb5\x2f\xfd\xa0" + said.to_bytes(4, "little") + b"".join(runs)


@needs_zstd
def test_the_frames_of_the_next_tests_are_right_but_for_their_lies():
    assert plain(packed(_zstd_frame(MAX_BATCH_BYTES, 8), MAX_BATCH_BYTES, Form.ZSTD), FORMS) == b"A" * MAX_BATCH_BYTES


@needs_zstd
def test_a_bomb_of_zstd_expands_no_further_than_it_says():
    bomb = _zstd_frame(MAX_BATCH_BYTES, 100_000)

    assert _peak_bytes(packed(bomb, MAX_BATCH_BYTES, Form.ZSTD), "cannot be expanded") < 4 * MAX_BATCH_BYTES


@needs_zstd
def test_zstd_that_says_something_else_inside_gets_no_room_for_it():
    bomb = _zstd_frame(1 << 30, 8)

    assert _peak_bytes(packed(bomb, MAX_BATCH_BYTES, Form.ZSTD), f"and inside {1 << 30}") < 4 * MAX_BATCH_BYTES


def _peak_bytes(batch: bytes, reason: str) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(BatchRefused, match=reason):
            plain(batch, FORMS)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@each_form
def test_no_bytes_raise_anything_but_an_error_of_the_peer(form: Form):
    rng = Random(20)
    whole = compressed(b"".join(encode_frame(m.Ping(number)) for number in range(200)), form)
    refused = 0

    for _ in range(5_000):
        batch = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            batch[rng.randrange(len(batch)) if rng.randrange(2) else rng.randrange(20)] = rng.randrange(256)
        try:
            decode_batch(plain(bytes(batch), FORMS))
        except RemoteProtocolError:
            refused += 1

    assert refused > 4_000
