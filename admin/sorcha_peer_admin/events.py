"""What happened in the node: a page of it, or as it happens."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest

from sorcha_peer_admin.follow import KEEP_ALIVE_S, disconnected
from sorcha_peer_admin.parameters import MAX_ROW_ID, flag_parameter, number_parameter
from sorcha_peer_core.errors import PeerError
from sorcha_peer_core.model.events import Event

if TYPE_CHECKING:
    from sorcha_peer_admin.follow import Followers
    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.interfaces.views import EventEntry, EventSlice

log = logging.getLogger(__name__)

EVENT_STREAM = "text/event-stream; charset=utf-8"
LEVELS = ("debug", "info", "warning")
"""From the least to the gravest."""
KINDS = tuple(sorted(kind.__name__ for kind in get_args(Event)))
GAP = "gap"
"""The kind of what a stream says when a reader missed events."""
DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
_PAGE_EVENTS = 500
_KEEP_ALIVE = b": still here\n\n"


class EventRoutes:
    """``/events``."""

    def __init__(self, node: NodeApi, followers: Followers, clock: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self._followers = followers
        self._clock = clock

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("events", __name__)
        routes.add_url_rule("/events", view_func=self.events)
        return routes

    def events(self) -> Response:
        """Events after ``after``, up to ``limit`` of them or, with ``follow``, as they happen."""
        after = number_parameter("after", default=0, least=0, most=MAX_ROW_ID)
        limit = number_parameter("limit", default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
        wanted = _wanted()
        if flag_parameter("follow"):
            return self._follow(_last_event_id(after), wanted)
        return jsonify(self._page(after, limit, wanted))

    def _page(self, after: int, limit: int, wanted: Wanted) -> dict[str, Any]:
        begin = self._node.events(after, 1)
        gap = _is_gap(begin, after)
        place = begin.oldest_id - 1 if gap else after
        found: list[EventEntry] = []
        while len(found) <= limit:
            entries = self._node.events(place, _PAGE_EVENTS).entries
            if not entries:
                break
            found += filter(wanted.has, entries)
            place = entries[-1].event_id
        more = len(found) > limit
        return {
            "events": [event_json(entry) for entry in found[:limit]],
            "next_after": found[limit - 1].event_id if more else None,
            "oldest_id": begin.oldest_id,
            "last_id": begin.last_id,
            "gap": gap,
        }

    def _follow(self, after: int, wanted: Wanted) -> Response:
        gone = disconnected()
        self._followers.enter()
        response = Response(self._stream(after, wanted, gone), content_type=EVENT_STREAM)
        # A proxy that gathers what it passes on would hold back what is meant to be seen at once.
        response.headers["X-Accel-Buffering"] = "no"
        response.call_on_close(self._followers.leave)
        return response

    def _stream(self, after: int, wanted: Wanted, gone: Callable[[], bool]) -> Iterator[bytes]:
        yield _KEEP_ALIVE  # sends the headers
        try:
            yield from self._messages(after, wanted, gone)
        except PeerError as error:
            log.info("a reader who follows the events is cut off: %s", error)

    def _messages(self, after: int, wanted: Wanted, gone: Callable[[], bool]) -> Iterator[bytes]:
        after = after or self._node.events(0, 1).oldest_id - 1
        wrote_at_s = self._clock()
        while not self._followers.ended(gone):
            page = self._node.events(after, _PAGE_EVENTS)
            message = b"".join(_message(event_json(entry)) for entry in page.entries if wanted.has(entry))
            if _is_gap(page, after):
                message, after = _gap_message(page, after), page.oldest_id - 1
            elif page.entries:
                after = page.entries[-1].event_id
            else:
                left_s = wrote_at_s + KEEP_ALIVE_S - self._clock()
                self._followers.wait(partial(self._node.wait_for_events, after), left_s, gone)
                message = b"" if self._clock() < wrote_at_s + KEEP_ALIVE_S else _KEEP_ALIVE
            if message:
                yield message
                wrote_at_s = self._clock()


class Wanted(NamedTuple):
    """What a reader asked for."""

    levels: frozenset[str]
    kinds: frozenset[str]
    """Empty: all."""

    def has(self, entry: EventEntry) -> bool:
        """Whether it is for this reader."""
        return entry.level in self.levels and (not self.kinds or entry.kind in self.kinds)


def event_json(entry: EventEntry) -> dict[str, Any]:
    """An event as programs read it; keys are added, never renamed."""
    return {
        "id": entry.event_id,
        "at_ms": entry.at_ms,
        "kind": entry.kind,
        "level": entry.level,
        "sentence": entry.sentence,
        "fields": dict(entry.fields),
    }


def _wanted() -> Wanted:
    level = request.args.get("level", LEVELS[0])
    if level not in LEVELS:
        raise BadRequest(f"level is {level[:40]!r}; it is {', '.join(LEVELS)}, which mean that and what is graver")
    kinds = [kind for text in request.args.getlist("kind") for kind in text.split(",") if kind]
    for kind in kinds:
        if kind not in KINDS:
            near = get_close_matches(kind, KINDS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(KINDS)}"
            raise BadRequest(f"kind is {kind[:40]!r}; {hint}")
    return Wanted(frozenset(LEVELS[LEVELS.index(level) :]), frozenset(kinds))


def _last_event_id(after: int) -> int:
    """Where a reader that was here before goes on: its header counts, because its address still says where it began."""
    text = request.headers.get("Last-Event-ID", "")
    if not text:
        return after
    if len(text) > len(str(MAX_ROW_ID)) or not (text.isascii() and text.isdigit()):
        raise BadRequest(f"the header Last-Event-ID is {text[:40]!r}; it is the id of an event")
    return int(text)


def _is_gap(page: EventSlice, after: int) -> bool:
    """Whether there were events behind ``after`` that are gone; 0 asks for whatever there is."""
    return after != 0 and not page.oldest_id - 1 <= after <= page.last_id


def _gap_message(page: EventSlice, after: int) -> bytes:
    event_id = page.oldest_id - 1
    return _message({
        "id": event_id,
        "at_ms": round(time.time() * 1000, 3),
        "kind": GAP,
        "level": "warning",
        "sentence": "events are missing here: the node was restarted, or more happened than it keeps",
        "fields": {"after": after, "oldest_id": page.oldest_id},
    })  # fmt: skip


def _message(event: dict[str, Any]) -> bytes:
    # Of the type that browsers hand to `onmessage`: no reader has to know all kinds to hear of them.
    return f"id: {event['id']}\nevent: message\ndata: {json.dumps(event, separators=(',', ':'))}\n\n".encode()
