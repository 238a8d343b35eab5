"""One stream for every live part of every page: it says what happened, the pages ask for what they show of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from sorcha_peer_admin.parameters import MAX_ROW_ID, flag_parameter, number_parameter

if TYPE_CHECKING:
    from sorcha_peer_admin.follow import Followers
    from sorcha_peer_core.interfaces.service import NodeApi

BEAT_S = 2.0
"""A message at least so often, and at most one a second."""
_LEAST_PAUSE_S = 1.0
_MOST_EVENTS = 200
_NO_EVENTS_YET = (1 << 63) - 1


class LivePages:
    """``/live``."""

    def __init__(self, node: NodeApi, followers: Followers) -> None:
        self._node = node
        self._followers = followers

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("live_pages", __name__)
        routes.add_url_rule("/live", view_func=self.live)
        return routes

    def live(self) -> Response:
        """A message every two seconds and after each event; with ``once`` one of them, as JSON."""
        after = number_parameter("after", default=0, least=0, most=MAX_ROW_ID)
        if flag_parameter("once"):
            return jsonify(self.message(after))
        gone: Callable[[], bool] = request.environ.get("waitress.client_disconnected", lambda: False)
        self._followers.enter()
        response = Response(self._stream(after, gone), content_type="text/event-stream")
        response.call_on_close(self._followers.leave)
        response.headers["X-Accel-Buffering"] = "no"
        return response

    def message(self, after: int) -> dict[str, Any]:
        """The numbers that pages show, and what kinds of events came after ``after`` (0: tell only where they end)."""
        kinds: dict[str, int] = {}
        events = self._node.events(after or _NO_EVENTS_YET, _MOST_EVENTS)
        for entry in events.entries:
            kinds[entry.kind] = kinds.get(entry.kind, 0) + 1
        status = self._node.status()
        samples = self._node.history()
        return {
            "after": events.entries[-1].event_id if events.entries else events.last_id,
            "kinds": kinds,
            "state": status.state,
            "warnings": len(status.warnings),
            "linked": status.peers_connected,
            "known": status.peers_known,
            "stored": status.transactions_stored,
            "last_seq": status.last_seq,
            "queue": status.queue_pending + status.queue_inflight + status.queue_retry,
            "dead": status.queue_dead,
            "sent_bytes": status.traffic.sent_bytes,
            "received_bytes": status.traffic.received_bytes,
            "sample": samples[-1]._asdict() if samples else None,
        }

    def _stream(self, after: int, gone: Callable[[], bool]) -> Iterator[bytes]:
        while not self._followers.closing and not gone():
            message = self.message(after)
            after = message["after"]
            yield f"data: {json.dumps(message, separators=(',', ':'))}\n\n".encode()
            self._followers.wait(lambda timeout_s: False, _LEAST_PAUSE_S, gone)
            self._followers.wait(partial(self._node.wait_for_events, after), BEAT_S - _LEAST_PAUSE_S, gone)
