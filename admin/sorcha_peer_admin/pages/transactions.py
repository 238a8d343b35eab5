"""The arrival log as a page: the newest transactions first, of all registers or of one; and looking one up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request

from sorcha_peer_admin.pages.frame import render_page
from sorcha_peer_admin.pages.names import Names
from sorcha_peer_admin.parameters import MAX_ROW_ID, number_parameter
from sorcha_peer_core.model.ids import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from werkzeug.wrappers import Response

    from sorcha_peer_admin.pages.names import Named
    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.model.transaction import LogEntry

PAGE_ROWS = 50
MOST_FOUND = 20
PATH = "/admin/transactions"


class TransactionRow(NamedTuple):
    """A line of the log."""

    entry: LogEntry
    hash: str
    received_at: float
    origin: Named


class LogPage(NamedTuple):
    """Some lines of the log, the newest first, and the addresses of the pages beside them; empty where there is none."""

    rows: Sequence[TransactionRow]
    newer: str
    older: str
    is_newest: bool


class TransactionsPage:
    """``/transactions``."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("transactions_page", __name__)
        routes.add_url_rule("/transactions", view_func=self.page)
        routes.add_url_rule("/transactions/rows", view_func=self.rows)
        return routes

    def page(self) -> str | Response:
        """A page of the log; or the transaction, or those, that begin with ``hash``."""
        wanted = request.args.get("hash", "").strip()
        if wanted:
            return self._look_up(wanted)
        return self._render(status=self._node.status(), **self._values())

    def rows(self) -> str:
        """The newest lines alone, for a page that is open."""
        return render_template("transaction_rows.html", **self._values())

    def _values(self) -> dict[str, Any]:
        register_id = request.args.get("register", "").strip()
        return {"log": self._log_page(register_id), "register_id": register_id}

    def _log_page(self, register_id: str) -> LogPage:
        before = number_parameter("before", default=MAX_ROW_ID, least=0, most=MAX_ROW_ID)
        after = number_parameter("after", default=0, least=0, most=MAX_ROW_ID)
        wanted = register_id or None
        if after:
            newer = self._node.transactions(after, PAGE_ROWS, wanted).entries
            # What is not a full page ends with the newest, so it is shown as the first page.
            if len(newer) == PAGE_ROWS:
                return self._laid_out(list(reversed(newer)), register_id, has_newer=True, has_older=True)
        is_newest = bool(after) or before == MAX_ROW_ID
        found = self._node.transactions_before(MAX_ROW_ID if after else before, PAGE_ROWS + 1, wanted).entries
        return self._laid_out(found[:PAGE_ROWS], register_id, has_newer=not is_newest, has_older=len(found) > PAGE_ROWS)

    def _laid_out(self, entries: Sequence[LogEntry], register_id: str, *, has_newer: bool, has_older: bool) -> LogPage:
        return LogPage(
            rows=self._rows(entries),
            newer=_address(register_id, after=entries[0].seq) if has_newer and entries else "",
            older=_address(register_id, before=entries[-1].seq) if has_older else "",
            is_newest=not has_newer,
        )

    def _rows(self, entries: Iterable[LogEntry]) -> list[TransactionRow]:
        names = Names(self._node)
        return [TransactionRow(entry, entry.hash.hex(), entry.received_ms / 1000, names.of(entry.origin)) for entry in entries]

    def _look_up(self, wanted: str) -> str | Response:
        try:
            found = self._node.find_transactions(wanted, MOST_FOUND + 1)
        except ValueError as error:
            return self._sought(wanted, f"{error}.", [])
        # What waits in the queue is not in the log; the page of a whole hash knows where else to look.
        if len(wanted) == 2 * HASH_BYTES or len(found) == 1:
            return redirect(f"{PATH}/{found[0].hash.hex() if found else wanted.lower()}")
        if not found:
            return self._sought(wanted, f"No transaction of the log begins with {wanted}.", [])
        number = f"more than {MOST_FOUND}" if len(found) > MOST_FOUND else str(len(found))
        return self._sought(wanted, f"{number.capitalize()} transactions begin with {wanted}; more digits say which.", found)

    def _sought(self, wanted: str, answer: str, found: Sequence[LogEntry]) -> str:
        log = LogPage(self._rows(found[:MOST_FOUND]), "", "", is_newest=False)
        return self._render(status=self._node.status(), log=log, register_id="", sought=wanted, answer=answer)

    def _render(self, **values: Any) -> str:
        return render_page("transactions.html", section="transactions", title="Transactions", **values)


def _address(register_id: str, **place: int) -> str:
    return f"{PATH}?{urlencode(place | ({'register': register_id} if register_id else {}))}"
