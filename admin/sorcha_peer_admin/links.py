"""Links that log a browser in, for programs that know the token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify, request

from sorcha_peer_admin.login_links import GOOD_FOR_S

if TYPE_CHECKING:
    from sorcha_peer_admin.login_links import LoginLinks


class LinkRoutes:
    """``/login-links``."""

    def __init__(self, links: LoginLinks) -> None:
        self._links = links

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("links", __name__)
        routes.add_url_rule("/login-links", view_func=self.make, methods=["POST"])
        return routes

    def make(self) -> Response:
        """A new one."""
        response = jsonify({"url": f"{request.host_url}admin/login?once={self._links.new()}", "good_for_s": int(GOOD_FOR_S)})
        response.status_code = 201
        return response
