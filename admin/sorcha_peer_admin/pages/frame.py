"""What every page has around it, and what every action of a page goes through."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import current_app, g, redirect, render_template, request

from sorcha_peer_core.errors import PeerError

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from sorcha_peer_admin.sessions import Session
    from sorcha_peer_core.interfaces.service import NodeApi

log = logging.getLogger(__name__)

CONFIRMED = "confirmed"
CSRF_FIELD = "csrf_token"


class Input(NamedTuple):
    """Something that is filled in before an action is confirmed."""

    name: str
    label: str
    value: str = ""
    kind: str = "text"
    """Of the input element."""
    hint: str = ""
    options: Sequence[tuple[str, str]] = ()
    """(value, text): a choice among these instead."""


def own_session() -> Session | None:
    """The session of the browser that asks; None without a login."""
    found: Session | None = g.get("session")
    return found


def actor() -> str:
    """Who acts, for the audit."""
    return f"admin page from {request.remote_addr or 'an unknown address'}"


def render_page(template: str, *, section: str, title: str, **values: Any) -> str:
    """A page of ``section`` (a key of the navigation) in its frame."""
    session = own_session()
    messages = session.take_messages() if session else []
    return render_template(template, section=section, title=title, messages=messages, **_frame(), **values)


_TITLES = {401: "Not logged in", 403: "Refused", 404: "Not found", 429: "Too many requests", 503: "Not now"}


def error_page(status: int, sentence: str) -> str:
    """A page that says what went wrong."""
    return render_page("error.html", section="", title=_TITLES.get(status, "That did not work"), sentence=as_sentence(sentence))


def _frame() -> dict[str, Any]:
    site = current_app.extensions["sorcha_pages"]
    frame: dict[str, Any] = {"navigation": site.navigation, "node_status": site.status()}
    return frame


def ask_first(question: str, explanation: str, label: str, *, danger: bool = True, inputs: Sequence[Input] = ()) -> str | None:
    """The page that asks before an action is carried out; None when this request says that somebody has confirmed.

    The form of the confirmation repeats the fields of this one, so the same view carries it out.
    """
    form = request.form
    if form.get(CONFIRMED) == "1":
        return None
    own = {CSRF_FIELD, CONFIRMED, *(asked.name for asked in inputs)}
    return render_page(
        "confirm.html",
        section="",
        title=question,
        explanation=explanation,
        label=label,
        danger=danger,
        inputs=[asked._replace(value=form.get(asked.name) or asked.value) for asked in inputs],
        fields=[(name, value) for name, value in form.items(multi=True) if name not in own],
        action=request.full_path.rstrip("?"),
        back=local_path(form.get("back", "")) or "/admin/",
    )


def done(sentence: str, back: str) -> Response:
    """Go to ``back`` and show there that it went well."""
    return _told("done", sentence, back)


def failed(sentence: str, back: str) -> Response:
    """Go to ``back`` and show there what was wrong."""
    return _told("failed", sentence, back)


def carry_out(node: NodeApi, action: str, target: str, act: Callable[[], str], back: str) -> Response:
    """Do it, show the sentence that ``act`` returns or why the node refused, and write either into the audit."""
    try:
        sentence = act()
    except PeerError as error:
        log.info("%s %s from a page failed: %s", action, target, error)
        node.record(actor(), action, target, f"failed: {error}")
        return failed(as_sentence(str(error)), back)
    node.record(actor(), action, target, sentence)
    return done(as_sentence(sentence), back)


def local_path(text: str) -> str:
    """``text`` when it is a path on this node's pages, else empty: nobody is led elsewhere.

    >>> local_path("/admin/peers?sort=name"), local_path("//evil.example/"), local_path("/admin\\\\..//x")
    ('/admin/peers?sort=name', '', '')
    """
    fits = text.startswith("/admin/") and text.isprintable() and not any(part in text for part in ("\\", "//", "/../", "/./"))
    return text if fits else ""


def as_sentence(text: str) -> str:
    """With a capital letter at the beginning and a full stop at the end."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _told(level: str, sentence: str, back: str) -> Response:
    session = own_session()
    if session is not None:
        session.messages.append((level, sentence))
    return redirect(local_path(back) or "/admin/", 303)
