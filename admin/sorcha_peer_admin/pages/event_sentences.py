"""Events as pages show them: picked out by level, kind and words, with links where a sentence names somebody or something."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import gevent

from sorcha_peer_admin.events import LEVELS

if TYPE_CHECKING:
    from sorcha_peer_admin.pages.names import Names
    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.interfaces.views import EventEntry

_PEER_ID = re.compile("[0-9a-f]{40}")
_TX_HASH = re.compile("[0-9a-f]{64}")
_HEX = frozenset("0123456789abcdef")
_SHORT_CHARS = 8
_AT_ONCE = 250


class Piece(NamedTuple):
    """A part of a sentence; ``href`` is empty for plain text."""

    text: str
    href: str = ""
    title: str = ""


class EventRow(NamedTuple):
    """One event."""

    event_id: int
    at: float
    """Unix seconds."""
    kind: str
    level: str
    pieces: Sequence[Piece]


class EventFilter(NamedTuple):
    """What a reader wants to see: at least this level, this kind, these words; empty asks for nothing."""

    level: str = ""
    kind: str = ""
    text: str = ""

    def fits(self, entry: EventEntry) -> bool:
        """Whether it is shown; words may also be the whole id of what the event is about."""
        if self.level and LEVELS.index(entry.level) < LEVELS.index(self.level):
            return False
        if self.kind and entry.kind != self.kind:
            return False
        wanted = self.text.lower()
        if not wanted or wanted in entry.sentence.lower():
            return True
        return _HEX.issuperset(wanted) and any(wanted in found for found in _ids(entry.fields))


def newest_first(node: NodeApi, before_id: int) -> Iterator[EventEntry]:
    """The events that are kept with a smaller id, read piece by piece: each of them costs a sentence."""
    _, oldest_id, last_id = node.events(before_id - 1, 1)
    end_id = min(before_id, last_id + 1)
    while end_id > oldest_id:
        start_id = max(end_id - _AT_ONCE, oldest_id)
        entries = node.events(start_id - 1, end_id - start_id).entries
        yield from (entry for entry in reversed(entries) if entry.event_id < end_id)
        end_id = start_id
        # The node's own work goes on while somebody looks for a needle.
        gevent.sleep(0)


def page_of(entries: Iterable[EventEntry], limit: int, wanted: EventFilter) -> tuple[list[EventEntry], bool]:
    """The first ``limit`` of those that are wanted, and whether there are more."""
    found: list[EventEntry] = []
    for entry in entries:
        if wanted.fits(entry):
            if len(found) == limit:
                return found, True
            found.append(entry)
    return found, False


def event_row(entry: EventEntry, names: Names) -> EventRow:
    """The event with links in its sentence."""
    return EventRow(entry.event_id, entry.at_ms / 1000, entry.kind, entry.level, pieces_of(entry, names))


def pieces_of(entry: EventEntry, names: Names) -> list[Piece]:
    """The sentence, cut where it names a peer or a transaction of its fields, in full or by the first digits."""
    links = dict(_links(entry.fields, names))
    if not links:
        return [Piece(entry.sentence)]
    pattern = re.compile("|".join(rf"(?:peer )?\b{re.escape(word)}\b" for word in sorted(links, key=len, reverse=True)))
    pieces, place = [], 0
    for match in pattern.finditer(entry.sentence):
        pieces.append(Piece(entry.sentence[place : match.start()]))
        pieces.append(links[match.group().removeprefix("peer ")])
        place = match.end()
    pieces.append(Piece(entry.sentence[place:]))
    return [piece for piece in pieces if piece.text]


def _links(fields: Mapping[str, Any], names: Names) -> Iterator[tuple[str, Piece]]:
    for found in _ids(fields):
        if _TX_HASH.fullmatch(found):
            piece = Piece(found[:_SHORT_CHARS], f"/admin/transactions/{found}", found)
        else:
            named = names.of(found)
            piece = Piece(named.label, f"/admin/peers/{found}" if named.is_known else "", found)
        yield found, piece
        yield found[:_SHORT_CHARS], piece


def _ids(fields: Mapping[str, Any]) -> Iterable[str]:
    return (
        value for value in fields.values() if isinstance(value, str) and (_PEER_ID.fullmatch(value) or _TX_HASH.fullmatch(value))
    )
