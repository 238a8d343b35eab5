"""Lines of the arrival log as NDJSON. Written by hand: a listing has ten thousand of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sorcha_peer_core.model.transaction import LogEntry

NDJSON = "application/x-ndjson"
PAGE_ENTRIES = 1000
"""How many lines are asked of the store at once."""
_CHUNK_LINES = 500

# Content types, registers and origins repeat from line to line; payload hashes and numbers need no escaping.
_quoted = lru_cache(maxsize=4096)(json.dumps)


def line_of(entry: LogEntry) -> str:
    """One line, with its line break."""
    return (
        f'{{"seq":{entry.seq},"hash":"{entry.hash.hex()}","size":{entry.size}'
        f',"content_type":{_quoted(entry.content_type)},"register_id":{_quoted(entry.register_id)}'
        f',"origin":{_quoted(entry.origin)},"created_ms":{entry.created_ms:.3f},"received_ms":{entry.received_ms:.3f}'
        f',"hops":{entry.hops}}}\n'
    )


def chunks_of(entries: Sequence[LogEntry]) -> Iterator[bytes]:
    """The lines of ``entries``, some hundred at a time."""
    for start in range(0, len(entries), _CHUNK_LINES):
        yield "".join(map(line_of, entries[start : start + _CHUNK_LINES])).encode()
