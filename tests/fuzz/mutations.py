"""From what is right to what strangers send: seeded, so that the same number always gives the same input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

MOST_BYTES = 64 * 1024
"""Of an input. What is larger costs proportionally more, which ``test_bounds.py`` looks at."""
_INTERESTING = (0x00, 0x01, 0x0A, 0x7F, 0x80, 0xFF)
_LENGTHS = (0, 1, 127, 128, 2**14, 2**16, 2**20, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1, 2**70)
_MARKS = (b"[", b'{"a":', b"{", b"(", b'"', b"\\u", b"\x0a", b"\xfb\x01", b"9", b"\x80")


def inputs(samples: Sequence[bytes], random: Random) -> Callable[[], bytes]:
    """What to call for one input after the other."""
    changes = (_turn_bits, _set_bytes, _delete, _insert, _repeat, _cut, _lie, _splice, _swap)

    def one() -> bytes:
        kind = random.random()
        if kind < 0.04:
            return random.randbytes(random.randrange(200))
        if kind < 0.06:
            return random.choice(samples)
        if kind < 0.063:
            return _nested(random)
        if kind < 0.065:
            return _much(samples, random)
        data = bytearray(random.choice(samples))
        for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
            random.choice(changes)(data, samples, random)
        return bytes(data[:MOST_BYTES])

    return one


def varint(number: int) -> bytes:
    """A number as protobuf writes it, or would."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _place(data: bytearray, random: Random) -> int:
    return random.randrange(len(data) + 1)


def _turn_bits(data: bytearray, samples: Sequence[bytes], random: Random) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _set_bytes(data: bytearray, samples: Sequence[bytes], random: Random) -> None:
    if data:
        data[random.randrange(len(data))] = random.choice(_INTERESTING)


def _delete(data: bytearray, samples: Sequence[bytes], random: Random) -> None:
    at = _place(data, random)
    del data[at : at + random.randrange(1, 20)]


def _insert(data: bytearray, samples: Sequence[bytes], random: Random) -> None:
    at = _place(data, random)
    data[at:at] = random.randbytes(random.randrange(1, 20))


def _repeat(data: bytearray, samples: Sequence[bytes], random: Random) -> None:
    at = _place(data, random)
    data[at:at] = data[at : at + random.randrange(1, 30)] * random.choice((1, 2, 20))


def _cut(data: bytearray, samples: Sequence[bytes], random: Random) -> None:
    del data[_place(data, random) :]


def _lie(data: bytearray, samples: Sequence[bytes], random: Random) -> None:
    """Another length, or another number, in the place of a byte."""
    at = _place(data, random)
    data[at : at + 1] = varint(random.choice(_LENGTHS) + random.choice((0, 0, 1)))


def _splice(data: bytearray, samples: Sequence[bytes], random: Random) -> None:
    other = random.choice(samples)
    at = random.randrange(len(other) + 1)
    data[_place(data, random) :] = other[at:]


def _swap(data: bytearray, samples: Sequence[bytes], random: Random) -> None:
    """Fields in another order."""
    at = _place(data, random)
    data[:] = data[at:] + data[:at]


def _nested(random: Random) -> bytes:
    """Deep: lists in lists, groups in groups, fields in fields."""
    depth = random.choice((50, 300, 2000, 20_000))
    if random.random() < 0.6:
        return random.choice((b"", b'{"peerInfo":', b"\x0a\x05")) + random.choice(_MARKS) * depth
    data = b""
    tag = random.choice((0x0A, 0x3A, 0x12, 0x22))
    for _ in range(min(depth, 2000)):
        data = bytes([tag]) + varint(len(data)) + data
    return data


def _much(samples: Sequence[bytes], random: Random) -> bytes:
    """Many of the same."""
    sample = random.choice(samples) or b"\x0a\x00"
    if random.random() < 0.5:
        at = random.randrange(len(sample))
        sample = sample[at : at + random.randrange(1, 12)]
    return (sample * (MOST_BYTES // len(sample)))[: random.randrange(MOST_BYTES)]
