"""What a request says in its address and headers, read with an answer that names what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import request
from werkzeug.exceptions import BadRequest

from sorcha_peer_core.model.ids import parse_peer_id, parse_tx_hash

if TYPE_CHECKING:
    from sorcha_peer_core.model.ids import PeerId, TxHash

MAX_ROW_ID = (1 << 63) - 1
"""Of a row of a table, a line of the log: what a database can hold."""

_MOST_ID_TEXT = 80
_FLAGS = {"1": True, "true": True, "0": False, "false": False, "": False}


def number_parameter(name: str, *, default: int, least: int, most: int) -> int:
    """A whole number from the query string; outside its bounds it is a 400 that says them."""
    text = request.args.get(name)
    if text is None:
        return default
    # The length first: a number of a million digits takes seconds to read.
    if len(text) > len(str(most)) or not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
        raise BadRequest(f"{name} is {text[:40]!r}; it is a whole number from {least} to {most}")
    return int(text)


def flag_parameter(name: str) -> bool:
    """Whether a flag of the query string is set."""
    text = request.args.get(name, "0").lower()
    if text not in _FLAGS:
        raise BadRequest(f"{name} is {text[:40]!r}; it is 1 or 0")
    return _FLAGS[text]


def header_text(name: str) -> str:
    """A header as UTF-8 text, empty when absent. WSGI hands headers over as Latin-1 whatever they were."""
    try:
        return request.headers.get(name, "").encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise BadRequest(f"the header {name} is not UTF-8 text") from None


def hash_of(text: Any) -> TxHash:
    """The hash that a part of an address or of a body is."""
    try:
        return parse_tx_hash(text if isinstance(text, str) else repr(text))
    except ValueError as error:
        raise BadRequest(str(error)) from None


def peer_id_of(text: str) -> PeerId:
    """The peer id that a part of an address is."""
    try:
        return parse_peer_id(text[:_MOST_ID_TEXT])
    except ValueError as error:
        raise BadRequest(str(error)) from None
