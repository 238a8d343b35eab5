"""How much a batch may hold, checked before anything is made of its bytes: small parts cost far more than they weigh."""

from __future__ import annotations

from sorcha_peer_core.errors import RemoteProtocolError

MOST_FRAMES = 16_384
"""In one batch. Nodes gather frames up to 64 KiB, and of the smallest ones, of 5 bytes, that is 13,107."""
MAX_HANDSHAKE_BYTES = 64 * 1024
"""Of a batch of somebody who has proved nothing yet; a Hello has about 3 KiB at most."""
MOST_RECORDS = 50
"""In one Peers."""
MOST_FEATURES = 64
"""In one Hello. Most of them could only be numbers of later versions, which are passed over."""
MOST_RECEIPTS = 512
"""In one Receipt."""

_LEAST_FIELD_BYTES = 2
"""A tag, and a number or a length."""
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_MORE = 0x80
_SEVEN_BITS = 0x7F
_SHIFTS = range(0, 70, 7)


def check_frames(batch: bytes) -> None:
    """Raise RemoteProtocolError for a batch of more than ``MOST_FRAMES`` frames; what cannot be read is left to protobuf.

    A megabyte of empty frames would take the node 0.6 s and 30 MB, and shrinks to a kilobyte when it is compressed.
    """
    if len(batch) <= _LEAST_FIELD_BYTES * MOST_FRAMES:
        return
    at, fields = 0, 0
    try:
        while at < len(batch):
            at = _behind_field(batch, at)
            fields += 1
            if fields > MOST_FRAMES:
                raise RemoteProtocolError(f"a batch of {len(batch)} bytes with more than {MOST_FRAMES} frames")
    except (IndexError, ValueError):
        return


def check_handshake(batch: bytes) -> None:
    """Raise RemoteProtocolError for more than anybody has to say before a handshake is over."""
    if len(batch) > MAX_HANDSHAKE_BYTES:
        raise RemoteProtocolError(
            f"a batch of {len(batch)} bytes during the handshake; at most {MAX_HANDSHAKE_BYTES} are allowed"
        )


def _behind_field(batch: bytes, at: int) -> int:
    """Where the field that begins at ``at`` ends. Of a group only the tag is read: what is in it counts as fields."""
    tag, at = _varint(batch, at)
    kind = tag & 0x07
    if kind in (_DELIMITED, _VARINT):
        number, at = _varint(batch, at)
        return at + number if kind == _DELIMITED else at
    return at + _FIXED.get(kind, 0)


def _varint(batch: bytes, at: int) -> tuple[int, int]:
    """The number at ``at``, and where it ends. Raises ValueError for one that does not end where it must."""
    number = 0
    for shift in _SHIFTS:
        byte = batch[at]
        at += 1
        number |= (byte & _SEVEN_BITS) << shift
        if not byte & _MORE:
            return number, at
    raise ValueError("a number of more than 64 bits")
