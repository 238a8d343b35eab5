"""The queue as pages: what waits for its receipts, and the dead letters with what can be done about them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Blueprint, render_template, request

from sorcha_peer_admin.pages.frame import ask_first, carry_out, local_path, render_page
from sorcha_peer_admin.parameters import MAX_ROW_ID, hash_of, number_parameter
from sorcha_peer_core.errors import ActionRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from werkzeug.wrappers import Response

    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.interfaces.views import NodeStatus
    from sorcha_peer_core.model.ids import TxHash
    from sorcha_peer_core.model.transaction import QueueRow

PAGE_ROWS = 100
DEAD_LETTERS = "/admin/dead-letters"


class QueuedRow(NamedTuple):
    """A row of the queue; times are Unix seconds."""

    row: QueueRow
    hash: str
    state: str
    queued_at: float
    last_attempt_at: float | None
    next_attempt_at: float | None
    is_due: bool
    """Whether the time of the next attempt has come."""


class Meter(NamedTuple):
    """How much of a limit is used; ``most`` is 0 where there is no limit."""

    label: str
    value: int
    most: int
    is_bytes: bool

    @property
    def share(self) -> float:
        """Of the limit, up to 1."""
        return min(1.0, self.value / self.most) if self.most else 0.0


class QueuePages:
    """``/queue`` and ``/dead-letters``."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("queue_pages", __name__)
        routes.add_url_rule("/queue", view_func=self.queue)
        routes.add_url_rule("/queue/rows", view_func=self.queue_rows)
        routes.add_url_rule("/dead-letters", view_func=self.dead_letters)
        routes.add_url_rule("/dead-letters/retry", view_func=self.retry_all, methods=["POST"])
        routes.add_url_rule("/dead-letters/drop", view_func=self.drop_all, methods=["POST"])
        routes.add_url_rule("/dead-letters/<tx_hash>/retry", view_func=self.retry, methods=["POST"])
        routes.add_url_rule("/dead-letters/<tx_hash>/drop", view_func=self.drop, methods=["POST"])
        return routes

    def queue(self) -> str:
        """What waits, oldest first."""
        return render_page("queue.html", section="queue", title="Queue", **self._queue())

    def queue_rows(self) -> str:
        """The same without its frame, for a page that is open."""
        return render_template("queue_rows.html", **self._queue())

    def dead_letters(self) -> str:
        """What was given up, oldest first."""
        rows, next_page = self._page(self._node.dead_letters, DEAD_LETTERS)
        return render_page(
            "dead_letters.html",
            section="dead-letters",
            title="Dead letters",
            rows=rows,
            next_page=next_page,
            is_first_page=_is_first_page(),
            total=self._node.status().queue_dead,
        )

    def retry(self, tx_hash: str) -> str | Response:
        """Offer one again, after a question."""
        wanted = hash_of(tx_hash)
        asked = ask_first(
            f"Retry transaction {wanted.hex()[:8]}?",
            "It goes back into the queue with no attempts counted, and is offered to the linked peers at once.",
            "Retry",
            danger=False,
        )
        return asked or self._carry_out("retry", wanted)

    def drop(self, tx_hash: str) -> str | Response:
        """Forget one, after a question."""
        wanted = hash_of(tx_hash)
        asked = ask_first(
            f"Drop dead letter {wanted.hex()[:8]}?",
            "The node forgets that it was to deliver it. If it was never released, its payload is gone for good; "
            "what was released stays in the arrival log.",
            "Drop",
        )
        return asked or self._carry_out("drop", wanted)

    def retry_all(self) -> str | Response:
        """Offer all of them again, after a question."""
        asked = ask_first(
            f"Retry all {_letters(self._node.status())}?",
            "They go back into the queue with no attempts counted, and are offered to the linked peers at once.",
            "Retry all",
            danger=False,
        )
        return asked or self._carry_out("retry", None)

    def drop_all(self) -> str | Response:
        """Forget all of them, after a question."""
        asked = ask_first(
            f"Drop all {_letters(self._node.status())}?",
            "The node forgets that it was to deliver them. The payloads of those that were never released are gone for good.",
            "Drop all",
        )
        return asked or self._carry_out("drop", None)

    def _carry_out(self, action: str, tx_hash: TxHash | None) -> Response:
        act = self._node.retry_dead_letters if action == "retry" else self._node.drop_dead_letters
        did = "offered again" if action == "retry" else "dropped"
        target = tx_hash.hex() if tx_hash else "all"

        def count() -> str:
            number = act([tx_hash] if tx_hash else None)
            if tx_hash and not number:
                raise ActionRefused(f"the transaction {tx_hash.hex()[:8]} is no dead letter any more")
            return f"the transaction {tx_hash.hex()[:8]} was {did}" if tx_hash else f"{_number(number)} {did}"

        return carry_out(
            self._node, f"dead-letter.{action}", target, count, local_path(request.form.get("back", "")) or DEAD_LETTERS
        )

    def _queue(self) -> dict[str, Any]:
        status = self._node.status()
        rows, next_page = self._page(self._node.queue, "/admin/queue")
        return {
            "rows": rows,
            "next_page": next_page,
            "status": status,
            "meters": self._meters(status),
            "is_first_page": _is_first_page(),
        }

    def _meters(self, status: NodeStatus) -> list[Meter]:
        limits = self._node.settings("offline_mode")
        waiting = status.queue_pending + status.queue_inflight + status.queue_retry
        return [
            Meter("Submissions", waiting, limits.get("max_queue_size", 0), False),
            Meter("Payloads", status.queue_waiting_bytes, limits.get("max_queue_bytes", 0), True),
        ]

    def _page(self, read: Callable[[int, int], list[QueueRow]], path: str) -> tuple[Sequence[QueuedRow], str]:
        after = number_parameter("after", default=0, least=0, most=MAX_ROW_ID)
        found = read(after, PAGE_ROWS + 1)
        shown = [queued_row(row) for row in found[:PAGE_ROWS]]
        return shown, f"{path}?after={shown[-1].row.row_id}" if len(found) > PAGE_ROWS else ""


def queued_row(row: QueueRow) -> QueuedRow:
    """A row as pages show it."""
    return QueuedRow(
        row=row,
        hash=row.hash.hex(),
        state=str(row.state),
        queued_at=row.queued_ms / 1000,
        last_attempt_at=_seconds(row.last_attempt_ms),
        next_attempt_at=_seconds(row.not_before_ms),
        is_due=row.not_before_ms is not None and row.not_before_ms <= time.time() * 1000,
    )


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _is_first_page() -> bool:
    return "after" not in request.args


def _letters(status: NodeStatus) -> str:
    return "dead letters" if status.queue_dead != 1 else "dead letters (there is one)"


def _number(number: int) -> str:
    return "one dead letter was" if number == 1 else f"{number} dead letters were"
