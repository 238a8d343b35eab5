"""Who gets in: the bearer token for programs, a session for browsers; and what a browser shows when it changes something."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from flask import Flask, g, redirect, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import BadRequest, Forbidden, Unauthorized

from sorcha_peer_admin.attempts import Attempts
from sorcha_peer_admin.auth import PROTECTED, TOKEN_FILE
from sorcha_peer_admin.hosts import Hosts
from sorcha_peer_admin.keys import Keys
from sorcha_peer_admin.login_links import LoginLinks
from sorcha_peer_admin.sessions import Session, Sessions

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

COOKIE = "sorcha_admin"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
PAGES = "/admin/"
LOGIN = f"{PAGES}login"
_OPEN = (LOGIN, f"{PAGES}static/")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Asked by scripts of a page that may stand open all night; they do not keep a session alive.
_BACKGROUND = "X-Background"
_HIDDEN = "null"
_GONE = "waitress.client_disconnected"


class Gate:
    """Checks every request below ``/manage/`` and ``/admin/`` before anything else is looked at."""

    def __init__(
        self,
        keys: Keys,
        sessions: Sessions | None = None,
        attempts: Attempts | None = None,
        hosts: Hosts | None = None,
    ) -> None:
        self.keys = keys
        self._hosts = hosts or Hosts()
        self.sessions = sessions or Sessions()
        self.attempts = attempts or Attempts()
        self.links = LoginLinks()

    def guard(self, app: Flask) -> None:
        """From now on ``app`` serves nobody who may not."""
        app.before_request(self._check)

    def _check(self) -> Response | None:
        if not request.path.startswith((PROTECTED, PAGES)):
            return None
        if self.keys.is_token(_presented()):
            # A program; a browser never sends this by itself, so there is nothing to forge.
            return None
        if not self._hosts.knows(request.host):
            raise Forbidden(f"this node is not called {request.host[:100]}; if it is, name that in admin.hosts")
        g.session = session = self._session()
        if request.path.startswith(_OPEN):
            self._check_login_form(session)
            return None
        if session is None:
            return _stranger()
        self._end_streams_with(session)
        if request.method not in _SAFE_METHODS:
            _check_origin()
            _check_csrf(session)
        return None

    def _end_streams_with(self, session: Session) -> None:
        # A stream asks this again and again: whoever logged out is as good as gone.
        left: Callable[[], bool] = request.environ.get(_GONE, lambda: False)
        find = self.sessions.find
        request.environ[_GONE] = lambda: left() or find(session.session_id, self.keys.mark, active=False) is None

    def _check_login_form(self, session: Session | None) -> None:
        if request.method in _SAFE_METHODS:
            return
        # Without a session there is no token yet; the origin alone keeps other sites from logging a browser in.
        _check_origin()
        if session is not None:
            _check_csrf(session)

    def _session(self) -> Session | None:
        active = _BACKGROUND not in request.headers and request.path != f"{PAGES}live"
        return self.sessions.find(request.cookies.get(COOKIE, ""), self.keys.mark, active=active)

    def log_in(self, response: Response) -> None:
        """Begin a session, under an id of its own, and tell the browser."""
        self.log_out_of_table()
        session = self.sessions.begin(self.keys.mark)
        response.set_cookie(COOKIE, session.session_id, path="/", httponly=True, secure=request.is_secure, samesite="Strict")

    def log_out(self, response: Response) -> None:
        """End the session of this request."""
        self.log_out_of_table()
        response.delete_cookie(COOKIE, path="/", httponly=True, secure=request.is_secure, samesite="Strict")

    def log_out_of_table(self) -> None:
        """Forget the session of this request here."""
        self.sessions.end(request.cookies.get(COOKIE, ""))


def _stranger() -> Response | None:
    if request.path.startswith(PROTECTED):
        raise Unauthorized(
            f"send the token of the node, which is in {TOKEN_FILE} in its data directory: Authorization: Bearer TOKEN",
            www_authenticate=WWWAuthenticate("bearer"),
        )
    if request.method in _SAFE_METHODS and _BACKGROUND not in request.headers:
        wanted = request.full_path.rstrip("?")
        return redirect(LOGIN if wanted == PAGES else f"{LOGIN}?next={quote(wanted, safe='')}")
    raise Unauthorized("your session is over; log in again")


def _check_origin() -> None:
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin", _HIDDEN)
    # Where the browser says whose page it is, that counts. A page that sends no referrer has a hidden origin, as ours do.
    foreign = site not in ("same-origin", "none") if site else origin != _HIDDEN
    if foreign and (site or urlsplit(origin).netloc != request.host):
        raise Forbidden("this request comes from another site, so it was not carried out")


def _check_csrf(session: Session) -> None:
    presented = request.headers.get(CSRF_HEADER, "") or request.form.get(CSRF_FIELD, "")
    if not secrets.compare_digest(presented.encode(), session.csrf_token.encode()):
        if request.path.startswith(PROTECTED):
            raise BadRequest(f"a browser that is logged in shows the CSRF token of its session: {CSRF_HEADER}: TOKEN")
        raise BadRequest("the form is older than your session, so nothing was changed; go back, reload the page and try again")


def _presented() -> bytes:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip().encode() if scheme.lower() == "bearer" else b""
