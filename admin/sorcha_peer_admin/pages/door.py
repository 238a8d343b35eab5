"""Logging in and out."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from flask import Blueprint, make_response, redirect, render_template, request

from sorcha_peer_admin.pages.filters import duration_text
from sorcha_peer_admin.pages.frame import local_path, own_session

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from sorcha_peer_admin.gate import Gate
    from sorcha_peer_core.interfaces.service import NodeApi

log = logging.getLogger(__name__)

MOST_FORM_BYTES = 16 * 1024


class DoorPages:
    """``/login`` and ``/logout``."""

    def __init__(self, node: NodeApi, gate: Gate) -> None:
        self._node = node
        self._gate = gate

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("door_pages", __name__)
        routes.add_url_rule("/login", view_func=self.form, methods=["GET"])
        routes.add_url_rule("/login", view_func=self.login, methods=["POST"])
        routes.add_url_rule("/logout", view_func=self.logout, methods=["POST"])
        return routes

    def form(self) -> Response:
        """Ask for the token or the password; whoever is logged in already goes on."""
        if own_session():
            return redirect(_next())
        return self._form()

    def login(self) -> Response:
        """Check what was typed; wrong ones cost waiting time."""
        address = request.remote_addr or ""
        wait_s = self._gate.attempts.wait_s(address)
        if wait_s > 0:
            self._gate.attempts.refuse()
            return self._too_many(wait_s)
        request.max_content_length = MOST_FORM_BYTES
        once = request.form.get("once", "")
        if once and not self._gate.links.use(once):
            return self._wrong(
                address, "This link was used already or is older than five minutes. Ask for a new one, or log in here."
            )
        if not once and not self._gate.keys.open_with(request.form.get("secret", "")):
            return self._wrong(address, "That is neither the token nor the password of this node.")
        self._gate.attempts.succeeded(address)
        self._node.record(f"admin page from {address}", "login", "", "logged in")
        response = redirect(_next(), 303)
        self._gate.log_in(response)
        return response

    def logout(self) -> Response:
        """End the session."""
        response = redirect("/admin/login", 303)
        self._gate.log_out(response)
        return response

    def _wrong(self, address: str, sentence: str) -> Response:
        self._gate.attempts.failed(address)
        log.warning("a login from %s failed: wrong token or password", address)
        self._node.record(f"admin page from {address}", "login", "", "failed: wrong token or password")
        return self._form(sentence, 401)

    def _too_many(self, wait_s: float) -> Response:
        response = self._form(f"Too many wrong attempts. Try again in {duration_text(math.ceil(wait_s))}.", 429)
        response.headers["Retry-After"] = str(math.ceil(wait_s))
        return response

    def _form(self, refusal: str = "", status: int = 200) -> Response:
        keys = self._gate.keys
        once = "" if refusal else request.args.get("once", "")
        page = render_template("login.html", refusal=refusal, next=_next(), has_password=keys.has_password, once=once)
        return make_response(page, status)


def _next() -> str:
    return local_path(request.values.get("next", "")) or "/admin/"
