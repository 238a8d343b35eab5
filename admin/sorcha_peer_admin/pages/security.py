"""The page about security: who is banned, what protects the links, whom the node turned away, and what operators did."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flask import Blueprint, request

from sorcha_peer_admin.pages.ban_terms import TERMS
from sorcha_peer_admin.pages.frame import render_page
from sorcha_peer_admin.pages.peer_events import refusals
from sorcha_peer_admin.pages.security_facts import MODES, expiry, limits_of
from sorcha_peer_admin.parameters import MAX_ROW_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sorcha_peer_core.interfaces.service import NodeApi

_AUDIT_ROWS = 25


class SecurityPage:
    """``/security``; its actions are those of ``PeerActions``."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("security_page", __name__)
        routes.add_url_rule("/security", view_func=self.page)
        return routes

    def page(self) -> str:
        """All of it; ``before`` says how far back the audit is read."""
        before = _row_id(request.args.get("before", ""))
        entries = self._node.audit(before, _AUDIT_ROWS + 1)
        protection, names = self._node.protection(), self._names()
        ends = None if protection.expires_at is None else expiry(protection.expires_at, time.time())
        return render_page(
            "security.html",
            section="security",
            title="Security",
            protection=protection,
            mode_sentence=MODES.get(protection.mode, ""),
            expiry=ends,
            bans=self._node.bans(),
            terms=TERMS,
            limits=limits_of(self._node),
            allowed=self._node.settings("security").get("allowed_peers", ()),
            names=names,
            refusals=refusals(self._node, names),
            audit=entries[:_AUDIT_ROWS],
            audit_before=before,
            audit_further=entries[_AUDIT_ROWS - 1].row_id if len(entries) > _AUDIT_ROWS else None,
        )

    def _names(self) -> Mapping[str, str]:
        return {peer.peer_id: peer.name for peer in self._node.peers() if peer.name}


def _row_id(text: str) -> int | None:
    # As with the other lists: an address that makes no sense shows the beginning.
    fits = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ROW_ID)) and 0 < int(text) <= MAX_ROW_ID
    return int(text) if fits else None
