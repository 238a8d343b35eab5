"""What happened, as a page: the latest events, filtered, and new ones as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from flask import Blueprint, render_template, request

from sorcha_peer_admin.events import KINDS, LEVELS
from sorcha_peer_admin.pages.event_sentences import EventFilter, event_row, newest_first, page_of
from sorcha_peer_admin.pages.frame import render_page
from sorcha_peer_admin.pages.names import Names
from sorcha_peer_admin.parameters import MAX_ROW_ID, number_parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sorcha_peer_admin.pages.event_sentences import EventRow
    from sorcha_peer_core.interfaces.service import NodeApi

PAGE_ROWS = 100
PATH = "/admin/events"
STREAM = "/manage/v1/events"
_MOST_WORDS_CHARS = 100


class EventsView(NamedTuple):
    """A page of events, the newest first."""

    rows: Sequence[EventRow]
    wanted: EventFilter
    kept: int
    last_id: int
    older: str
    """The address of the next page into the past; empty at the end."""
    is_newest: bool


class EventsPage:
    """``/events``."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("events_page", __name__)
        routes.add_url_rule("/events", view_func=self.page)
        routes.add_url_rule("/events/rows", view_func=self.rows)
        return routes

    def page(self) -> str:
        """A page of events with what filters them."""
        return render_page("events.html", section="events", title="Events", levels=LEVELS, kinds=KINDS, **self._values())

    def rows(self) -> str:
        """The events alone, for a page that is open."""
        return render_template("event_rows.html", **self._values())

    def _values(self) -> dict[str, Any]:
        before_id = number_parameter("before", default=MAX_ROW_ID, least=0, most=MAX_ROW_ID)
        wanted = _wanted()
        return {
            "events": self._view(wanted, before_id),
            "rows_url": _address("/admin/events/rows", wanted),
            "stream_url": _address(STREAM, wanted._replace(text=""), follow=1),
            "newest_url": _address(PATH, wanted),
        }

    def _view(self, wanted: EventFilter, before_id: int) -> EventsView:
        _, oldest_id, last_id = self._node.events(MAX_ROW_ID, 1)
        names = Names(self._node)
        found, has_older = page_of(newest_first(self._node, before_id), PAGE_ROWS, wanted)
        return EventsView(
            rows=[event_row(entry, names) for entry in found],
            wanted=wanted,
            kept=last_id + 1 - oldest_id,
            last_id=last_id,
            older=_address(PATH, wanted, before=found[-1].event_id) if has_older else "",
            is_newest=before_id == MAX_ROW_ID,
        )


def _wanted() -> EventFilter:
    level = request.args.get("level", "")
    kind = request.args.get("kind", "")
    return EventFilter(
        level if level in LEVELS else "",
        kind if kind in KINDS else "",
        request.args.get("text", "").strip()[:_MOST_WORDS_CHARS],
    )


def _address(path: str, wanted: EventFilter, **place: int) -> str:
    asked = {name: value for name, value in wanted._asdict().items() if value} | place
    return f"{path}?{urlencode(asked)}" if asked else path
