"""What files, lines and stdin become: the payloads of transactions, each with where it came from."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import click

from sorcha_peer_core.errors import PeerError

STDIN = "-"
MAX_PAYLOAD_BYTES = 1 << 30
"""No node can be told to accept more; what is larger is not even read."""

PATH = click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True, path_type=str)


class Sourced(NamedTuple):
    """A payload, and what to call it when something is said about it."""

    source: str
    payload: bytes


class Unreadable(PeerError):
    """Something in a file is not what the options say it is; the message names file and line."""


class Form(NamedTuple):
    """How payloads lie in a file."""

    lines: bool
    """Each line that is not empty is one; else the whole file is."""
    hex_field: str | None
    """The payload is the hex in this field of a line, which is JSON."""


def payload_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --lines and --hex; the command gets ``form``."""

    @wraps(command)
    def with_form(*, lines: bool, hex_field: str | None, **others: Any) -> Any:
        if hex_field is not None and not lines:
            # Without this the JSON text would silently become the payload.
            raise click.UsageError("--hex FIELD needs --lines: the field is looked up in each line")
        return command(form=Form(lines, hex_field), **others)

    lines_help = "Each line that is not empty is a transaction, without its line end."
    hex_help = "With --lines: each line is JSON, and the payload is the hex in this field."
    lines_option = click.option("--lines", is_flag=True, help=lines_help)
    return lines_option(click.option("--hex", "hex_field", metavar="FIELD", help=hex_help)(with_form))


def read_payloads(paths: Sequence[str], form: Form, max_bytes: int = MAX_PAYLOAD_BYTES) -> Iterator[Sourced]:
    """All payloads in order. Raises Unreadable, and OSError for the file itself."""
    for path in paths:
        name = "stdin" if path == STDIN else path
        if path == STDIN:
            yield from _read(name, sys.stdin.buffer, form, max_bytes)
            continue
        with Path(path).open("rb") as file:
            yield from _read(name, file, form, max_bytes)


def _read(name: str, file: BinaryIO, form: Form, max_bytes: int) -> Iterator[Sourced]:
    if form.lines:
        yield from _read_lines(name, file, form.hex_field, max_bytes)
        return
    payload = file.read(max_bytes + 1)
    _check_size(name, payload, max_bytes)
    yield Sourced(name, payload)


def _read_lines(name: str, file: BinaryIO, hex_field: str | None, max_bytes: int) -> Iterator[Sourced]:
    # Hex doubles a payload, and further fields may stand beside it.
    longest = max_bytes if hex_field is None else 2 * max_bytes + (1 << 20)
    number = 0
    while line := file.readline(longest + 3):
        number += 1
        text = line.removesuffix(b"\n").removesuffix(b"\r")
        if not text:
            continue
        source = f"{name} line {number}"
        _check_size(source, text, longest)
        payload = text if hex_field is None else _from_hex(source, text, hex_field)
        _check_size(source, payload, max_bytes)
        yield Sourced(source, payload)


def _check_size(source: str, payload: bytes, max_bytes: int) -> None:
    if len(payload) > max_bytes:
        raise Unreadable(f"{source} has more than {max_bytes} bytes, which no transaction may have here")


def _from_hex(source: str, line: bytes, field: str) -> bytes:
    try:
        document = json.loads(line)
    except ValueError:
        raise Unreadable(f"{source} is not JSON, which --hex {field} needs") from None
    digits = document.get(field) if isinstance(document, dict) else None
    if not isinstance(digits, str):
        raise Unreadable(f"{source} has no text in the field {field!r} that --hex names")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise Unreadable(f"{source}: the field {field!r} is not hex digits in pairs") from None
