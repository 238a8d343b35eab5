"""The pages about peers: all of them, and one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, render_template, request
from werkzeug.exceptions import NotFound

from sorcha_peer_admin.pages.event_sentences import event_row
from sorcha_peer_admin.pages.filters import short_text
from sorcha_peer_admin.pages.frame import render_page
from sorcha_peer_admin.pages.names import Names
from sorcha_peer_admin.pages.peer_actions import known_id
from sorcha_peer_admin.pages.peer_csv import peers_csv
from sorcha_peer_admin.pages.peer_events import events_of
from sorcha_peer_admin.pages.peer_table import COLUMNS, PAGE_ROWS, PeerQuery, found_peers, peer_table

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi


class PeersPages:
    """``/peers``, its table alone, the same as a file, ``/peers/<id>``, and what changes of that."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("peers_pages", __name__)
        routes.add_url_rule("/peers", view_func=self.page)
        routes.add_url_rule("/peers/table", view_func=self.table)
        routes.add_url_rule("/peers.csv", view_func=self.csv)
        routes.add_url_rule("/peers/<peer_id>", view_func=self.peer)
        routes.add_url_rule("/peers/<peer_id>/facts", view_func=self.facts)
        return routes

    def page(self) -> str:
        """The list."""
        return render_page("peers.html", section="peers", title="Peers", **self._values())

    def table(self) -> str:
        """What changes of it while it is looked at."""
        return render_template("peers_table.html", **self._values())

    def csv(self) -> Response:
        """All peers that are asked for, on one page."""
        text = peers_csv(found_peers(self._node.peers(), PeerQuery.of(request.args)))
        response = Response(text, content_type="text/csv; charset=utf-8; header=present")
        response.headers["Content-Disposition"] = 'attachment; filename="peers.csv"'
        return response

    def peer(self, peer_id: str) -> str:
        """All that is known of one peer, also of one of which only a ban is."""
        found = self._peer(peer_id)
        if not found["peer"] and not found["ban"]:
            raise NotFound("There is no such peer. This node never heard of it, or has forgotten it.")
        return render_page("peer.html", section="peers", **found)

    def facts(self, peer_id: str) -> str:
        """What changes of that while it is looked at; that it is forgotten, too."""
        return render_template("peer_facts.html", **self._peer(peer_id))

    def _peer(self, peer_id: str) -> dict[str, Any]:
        known = known_id(peer_id)
        peer, names = self._node.peer(known), Names(self._node)
        ban = next((ban for ban in self._node.bans() if ban.peer_id == known), None)
        name = peer.name if peer else ban.name if ban else ""
        return {
            "title": name or short_text(known),
            "peer_id": known,
            "peer": peer,
            "ban": ban,
            "events": [event_row(entry, names) for entry in events_of(self._node, known, peer)],
        }

    def _values(self) -> dict[str, Any]:
        query = PeerQuery.of(request.args)
        table = peer_table(self._node.peers(), query)
        return {
            "table": table,
            "query": table.query,
            "columns": COLUMNS,
            "page_rows": PAGE_ROWS,
            "sort_url": partial(_below, table.query),
            "here": _path(table.query),
        }


def _path(query: PeerQuery) -> str:
    said = query.string()
    return f"/admin/peers?{said}" if said else "/admin/peers"


def _below(query: PeerQuery, key: str, order: str) -> str:
    return f"/admin/peers{query.sorted_by(key, order)}"
