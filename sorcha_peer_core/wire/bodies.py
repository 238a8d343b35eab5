"""Protobuf messages as the bodies of HTTP requests and answers: their bytes, or their JSON form with lowerCamelCase names."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from sorcha_peer_core.errors import RemoteProtocolError

MessageT = TypeVar("MessageT", bound=Message)

MOST_JSON_PARTS = 4096
"""Objects, lists and what is in them: 20 bytes of memory for each byte if they are empty. No body has a hundred of them."""
_JSON_MARKS = (b"{", b"[", b",")
_MOST_REASON_CHARS = 200


def from_bytes(kind: type[MessageT], data: bytes) -> MessageT:
    """Read a message; unknown fields are kept. Raises RemoteProtocolError."""
    try:
        return kind.FromString(data)
    except DecodeError:
        raise RemoteProtocolError(f"{len(data)} bytes are no {kind.DESCRIPTOR.name}") from None


def from_json(kind: type[MessageT], data: bytes) -> MessageT:
    """Read a message from its JSON form; unknown fields are passed over. Raises RemoteProtocolError."""
    if sum(map(data.count, _JSON_MARKS)) > MOST_JSON_PARTS:
        raise RemoteProtocolError(f"the body has more than {MOST_JSON_PARTS} parts")
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        raise RemoteProtocolError("the body is not JSON") from None
    if not isinstance(fields, dict):
        raise RemoteProtocolError("the body is not a JSON object")
    try:
        return json_format.ParseDict(fields, kind(), ignore_unknown_fields=True)
    except json_format.ParseError as error:
        reason = str(error)[:_MOST_REASON_CHARS]
        raise RemoteProtocolError(f"the body is no {kind.DESCRIPTOR.name}: {reason}") from None


def to_json(message: Message) -> bytes:
    """The JSON form, fields without a value included: bytes in base64, 64-bit numbers as strings, enums by name."""
    options: dict[str, Any] = {"always_print_fields_with_no_presence": True, "indent": None}
    return json_format.MessageToJson(message, **options).encode()
