"""What a payload begins with, as something to read: never more than text, whatever it says it is."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

PREVIEW_BYTES = 4096
_INDENT = "  "
_HEX_COLUMNS = 16
_MOST_CHARS = 16 * 1024
"""Of a preview; indentation makes text longer."""
_STRING_OR_MARK = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


class Preview(NamedTuple):
    """The beginning of a payload."""

    kind: str
    """JSON | text | bytes"""
    text: str
    shown_bytes: int
    size: int

    @property
    def complete(self) -> bool:
        """Whether all of it is shown."""
        return self.shown_bytes == self.size


def preview_of(payload: bytes) -> Preview:
    """JSON set out in lines, else text, else a table of bytes; the content type is a stranger's word and is not asked."""
    begin = payload[:PREVIEW_BYTES]
    text = _text_of(begin, cut=len(payload) > PREVIEW_BYTES)
    if text is None:
        return Preview("bytes", hex_dump(begin), len(begin), len(payload))
    if len(payload) <= PREVIEW_BYTES and _is_json(text):
        return Preview("JSON", _visible(set_out(text)), len(begin), len(payload))
    return Preview("text", _visible(text), len(text.encode()), len(payload))


def hex_dump(data: bytes) -> str:
    """Sixteen bytes a line: where they begin, their hex digits, and those of them that are ASCII.

    >>> hex_dump(b"\\x00hi")
    '00000000  00 68 69                                          .hi'
    """
    lines = []
    for start in range(0, len(data), _HEX_COLUMNS):
        row = data[start : start + _HEX_COLUMNS]
        left, right = row[:8].hex(" "), row[8:].hex(" ")
        ascii_text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        lines.append(f"{start:08x}  {left:<23}  {right:<23}  {ascii_text}")
    return "\n".join(lines)


def set_out(text: str) -> str:
    """JSON text with a line for each value. Only the space between changes: what the text says stays, to the digit.

    >>> print(set_out('{"a":[1.0e5,{}],"a":"x"}'))
    {
      "a": [
        1.0e5,
        {}
      ],
      "a": "x"
    }
    """
    out: list[str] = []
    depth, length = 0, 0
    tokens = _STRING_OR_MARK.findall(text)
    for index, token in enumerate(tokens):
        following = tokens[index + 1] if index + 1 < len(tokens) else ""
        piece, depth = _set_token(token, tokens[index - 1] if index else "", following, depth)
        out.append(piece)
        length += len(piece)
        if length > _MOST_CHARS:
            return f"{''.join(out)[:_MOST_CHARS]}\u2026"
    return "".join(out)


def _set_token(token: str, previous: str, following: str, depth: int) -> tuple[str, int]:
    if token in ("{", "["):
        depth += 1
        return (token if following in ("}", "]") else token + _line(depth)), depth
    if token in ("}", "]"):
        depth -= 1
        return (token if previous in ("{", "[") else _line(depth) + token), depth
    if token == ",":
        return token + _line(depth), depth
    return (": " if token == ":" else token), depth


def _line(depth: int) -> str:
    return "\n" + _INDENT * depth


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _text_of(begin: bytes, *, cut: bool) -> str | None:
    try:
        text = begin.decode()
    except UnicodeDecodeError as error:
        # The cut may go through the last character; anywhere else it is no text.
        if not cut or error.start < len(begin) - 3 or error.reason != "unexpected end of data":
            return None
        text = begin[: error.start].decode()
    return None if any(char < " " and char not in "\t\n\r" for char in text) or "\x7f" in text else text


def _visible(text: str) -> str:
    """Characters that show nothing, or turn around what others show, by their number."""
    if text.isascii():
        return text
    return "".join(char if char.isprintable() or char in "\t\n\r" else f"\u2039U+{ord(char):04X}\u203a" for char in text)
