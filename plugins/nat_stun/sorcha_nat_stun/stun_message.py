"""STUN messages: the binding request and what answers it (RFC 8489; the second address of a server: RFC 5780)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import NamedTuple

from sorcha_nat_stun.errors import NoAnswer, Refused
from sorcha_nat_stun.families import Address

TRANSACTION_ID_BYTES = 12
MAX_DATAGRAM_BYTES = 2048
"""More than any answer has; what is longer is cut off and then malformed."""

CHANGE_PORT = 0x2
CHANGE_ADDRESS_AND_PORT = 0x6

BINDING_SUCCESS = 0x0101
_BINDING_REQUEST = 0x0001
_BINDING_ERROR = 0x0111
_COOKIE = 0x2112A442
_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")

MAPPED_ADDRESS = 0x0001
CHANGE_REQUEST = 0x0003
CHANGED_ADDRESS = 0x0005
_ERROR_CODE = 0x0009
_XOR_MAPPED_ADDRESS = 0x0020
_OTHER_ADDRESS = 0x802C
_OPTIONAL = 0x8000
"""Attributes from here up may be passed over by who does not know them (RFC 8489, section 14)."""
_KNOWN = frozenset([*range(0x0001, 0x000C), 0x0014, 0x0015, 0x001C, 0x001D, 0x001E, 0x0020, 0x0026, 0x0027])
"""Below that: the attributes of RFC 3489, 5780 and 8489. One that is not here spoils the answer (RFC 8489, section 6.3.3)."""

_ADDRESS_BYTES = {1: 8, 2: 20}
"""By the number of the family: length of an address attribute."""
_MOST_REASON_CHARACTERS = 80


class Mapped(NamedTuple):
    """An address and a port, as somebody else sees or names them."""

    address: Address
    port: int


class Answer(NamedTuple):
    """What a server said."""

    mapped: Mapped | None
    other: Mapped | None
    """Where the server can also answer from, if it has a second address."""
    error: str
    """Its reason for not answering the question; empty for success."""


def binding_request(transaction_id: bytes, change: int = 0) -> bytes:
    """Ask where this request comes from; ``change`` asks for the answer to be sent from elsewhere."""
    attributes = _ATTRIBUTE.pack(CHANGE_REQUEST, 4) + struct.pack("!I", change) if change else b""
    return _HEADER.pack(_BINDING_REQUEST, len(attributes), _COOKIE, transaction_id) + attributes


def read_answer(datagram: bytes, transaction_id: bytes) -> Answer:
    """Read what answers the request with this id.

    Raises:
        NoAnswer: it answers something else, or is no STUN at all.
        Refused: it answers, but not by the rules.
    """
    if len(datagram) < _HEADER.size:
        raise NoAnswer("too short for STUN")
    kind, length, cookie, answered_id = _HEADER.unpack_from(datagram)
    if kind not in (BINDING_SUCCESS, _BINDING_ERROR) or cookie != _COOKIE or answered_id != transaction_id:
        raise NoAnswer("it answers something else")
    if length != len(datagram) - _HEADER.size:
        raise Refused("its answer is malformed: the length is wrong")
    attributes = _attributes(datagram[_HEADER.size :])
    if kind == _BINDING_ERROR:
        return Answer(None, None, _error(attributes.get(_ERROR_CODE, b"")))
    unknown = [attribute for attribute in attributes if attribute < _OPTIONAL and attribute not in _KNOWN]
    if unknown:
        raise Refused(f"its answer needs an extension that is not known here (0x{unknown[0]:04x})")
    return Answer(_mapped(attributes, transaction_id), _other(attributes), "")


def _attributes(body: bytes) -> Mapping[int, bytes]:
    found: dict[int, bytes] = {}
    for kind, value in _split(body):
        # Of an attribute that comes twice the first counts (RFC 8489, section 14).
        found.setdefault(kind, value)
    return found


def _split(body: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(body):
        if len(body) - position < _ATTRIBUTE.size:
            raise Refused("its answer is malformed: an attribute is cut off")
        kind, length = _ATTRIBUTE.unpack_from(body, position)
        position += _ATTRIBUTE.size
        if length > len(body) - position:
            raise Refused("its answer is malformed: an attribute is cut off")
        yield kind, body[position : position + length]
        position += -(-length // 4) * 4


def _mapped(attributes: Mapping[int, bytes], transaction_id: bytes) -> Mapped | None:
    if (value := attributes.get(_XOR_MAPPED_ADDRESS)) is not None:
        return _address(value, struct.pack("!I", _COOKIE) + transaction_id)
    if (value := attributes.get(MAPPED_ADDRESS)) is not None:
        return _address(value, bytes(16))
    return None


def _other(attributes: Mapping[int, bytes]) -> Mapped | None:
    value = attributes.get(_OTHER_ADDRESS, attributes.get(CHANGED_ADDRESS))
    try:
        return None if value is None else _address(value, bytes(16))
    except Refused:
        # Only the test for the type of NAT needs it; what the server says of our own address is as good as before.
        return None


def _address(value: bytes, mask: bytes) -> Mapped:
    if len(value) < 2 or len(value) != _ADDRESS_BYTES.get(value[1]):
        raise Refused("its answer is malformed: an address has the wrong length")
    port = int.from_bytes(value[2:4]) ^ int.from_bytes(mask[:2])
    return Mapped(ip_address(bytes(a ^ b for a, b in zip(value[4:], mask, strict=False))), port)


def _error(value: bytes) -> str:
    if len(value) < 4:
        return "it answers with an error"
    text = value[4:].decode("utf-8", "replace")[:_MOST_REASON_CHARACTERS]
    # The words come from a stranger and go to a log: nothing that could begin a line of its own.
    words = "".join(c for c in text if c.isprintable()).strip()
    return f"it answers with error {value[2] & 7}{value[3]:02d}" + (f" ({words})" if words else "")
