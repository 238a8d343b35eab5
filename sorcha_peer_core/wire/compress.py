"""Compressed batches and back. What comes is a stranger's: its size is bounded before anything is expanded.

The one place that imports zstandard, which need not be there (extra ``[zstd]``).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Container

from google.protobuf.message import DecodeError

from sorcha_peer_core.errors import RemoteProtocolError
from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES
from sorcha_peer_core.model.handshake import Form
from sorcha_peer_core.wire import session_pb2 as pb

try:
    import zstandard
except ImportError:
    FORMS: tuple[Form, ...] = (Form.ZLIB,)
    """What this installation can compress and expand."""
else:
    FORMS = (Form.ZLIB, Form.ZSTD)
    # Making them costs more than a small batch does. No two threads may use one: the event loop's is the only one that does.
    _zstd = zstandard.ZstdCompressor(level=1)
    _unzstd = zstandard.ZstdDecompressor(max_window_size=MAX_BATCH_BYTES)

_ZLIB_LEVEL = 1
_FRAME_TAG = 0x0A
_COMPRESSED_TAG = b"\xda\x01"
"""Field 27, length-delimited: the frame that a compressed batch begins with."""
_MOST_VARINT_BYTES = 10


class BatchRefused(RemoteProtocolError):
    """A compressed batch that is not what it says, or may not come here. Nothing of it is to be used."""


def compressed(batch: bytes, form: Form) -> bytes:
    """A batch that holds ``batch`` in this form, one of ``FORMS``. May be longer: whoever sends it compares."""
    data = _zstd.compress(batch) if form is Form.ZSTD else zlib.compress(batch, _ZLIB_LEVEL)
    frame = pb.Frame(compressed=pb.Compressed(form=form, size=len(batch), data=data))
    packed: bytes = pb.Batch(frames=[frame]).SerializeToString()
    return packed


def plain(batch: bytes, forms: Container[int]) -> bytes:
    """The batch as it was before its sender compressed it; one that is not compressed comes back as it is.

    Raises:
        BatchRefused: it is compressed in none of ``forms``, too large, or not what it says.
    """
    if not _is_compressed(batch):
        return batch
    try:
        frames = pb.Batch.FromString(batch).frames
    except DecodeError:
        raise BatchRefused(f"a compressed batch of {len(batch)} bytes that cannot be read") from None
    if len(frames) != 1:
        raise BatchRefused(f"a compressed batch with {len(frames) - 1} more frames beside it")
    inside = frames[0].compressed
    if inside.form not in forms:
        raise BatchRefused(f"a batch compressed in form {inside.form}, which was not agreed upon")
    if not 1 <= inside.size <= MAX_BATCH_BYTES:
        raise BatchRefused(f"a compressed batch that says it has {inside.size} bytes; 1 to {MAX_BATCH_BYTES} are allowed")
    return _EXPANDERS[Form(inside.form)](inside.data, inside.size)


def _is_compressed(batch: bytes) -> bool:
    if len(batch) < len(_COMPRESSED_TAG) or batch[0] != _FRAME_TAG:
        return False
    at = 1
    while at < min(len(batch), _MOST_VARINT_BYTES) and batch[at] & 0x80:
        at += 1
    return batch.startswith(_COMPRESSED_TAG, at + 1)


def _expand_zlib(data: bytes, size: int) -> bytes:
    expander = zlib.decompressobj()
    try:
        # One more than was said: who lies is found out, and costs no more than the truth.
        found = expander.decompress(data, size + 1)
    except zlib.error:
        raise BatchRefused(f"a compressed batch of {len(data)} bytes that cannot be expanded") from None
    if len(found) > size:
        raise BatchRefused(f"a compressed batch that says it has {size} bytes, and has more")
    if not expander.eof:
        raise BatchRefused(f"a compressed batch of {size} bytes that is cut off after {len(found)}")
    if len(found) < size:
        raise BatchRefused(f"a compressed batch that says it has {size} bytes, and has {len(found)}")
    if expander.unused_data:
        raise BatchRefused(f"a compressed batch with {len(expander.unused_data)} bytes behind its end")
    return found


def _expand_zstd(data: bytes, size: int) -> bytes:
    try:
        # The library makes room for what the data says of itself, whatever limit it is given, and then fills no more than that.
        said = zstandard.frame_content_size(data)
        if said != size:
            raise BatchRefused(f"a compressed batch that says it has {size} bytes, and inside {said}")
        found: bytes = _unzstd.decompress(data, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise BatchRefused(f"a compressed batch of {len(data)} bytes that cannot be expanded: {error}") from None
    return found


_EXPANDERS: dict[Form, Callable[[bytes, int], bytes]] = {Form.ZLIB: _expand_zlib, Form.ZSTD: _expand_zstd}
