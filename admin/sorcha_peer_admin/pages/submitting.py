"""A file or a text, submitted as one transaction."""

from __future__ import annotations

import logging
from io import SEEK_END
from typing import TYPE_CHECKING

from flask import Blueprint, make_response, request

from sorcha_peer_admin.errors import status_of
from sorcha_peer_admin.pages.frame import actor, done, render_page
from sorcha_peer_core.errors import PayloadTooLarge, PeerError
from sorcha_peer_core.model.transaction import DEFAULT_CONTENT_TYPE, submission_of

if TYPE_CHECKING:
    from werkzeug.datastructures import FileStorage
    from werkzeug.wrappers import Response

    from sorcha_peer_core.interfaces.service import NodeApi
    from sorcha_peer_core.model.transaction import Submission

log = logging.getLogger(__name__)

TEXT_TYPE = "text/plain; charset=utf-8"
MOST_TEXT_CHARS = 100_000
"""Of a text in the form: a form takes at most 500,000 bytes, a character up to four. Files may be as large as transactions."""
_ACTION = "transaction.submit"
_SAID = {"queued": "Committed here. Below is how far it has come.", "known": "It was here already; nothing was added."}


class SubmitPage:
    """``/submit``."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("submit_page", __name__)
        routes.add_url_rule("/submit", view_func=self.page, methods=["GET"])
        routes.add_url_rule("/submit", view_func=self.submit, methods=["POST"])
        return routes

    def page(self) -> str:
        """The form."""
        return self._form("")

    def submit(self) -> Response:
        """Take it; the page of the transaction is the answer. What is refused stays in the form, below the reason."""
        try:
            submission = self._submission()
            [result] = self._node.submit([submission])
        except PeerError as error:
            log.info("a submission from a page failed: %s", error)
            self._node.record(actor(), _ACTION, "", f"failed: {error}")
            return make_response(self._form(f"Nothing was submitted: {error}."), status_of(error)[0])
        tx_hash = result.tx_hash.hex()
        self._node.record(actor(), _ACTION, tx_hash, result.state)
        return done(_SAID.get(result.state, result.state), f"/admin/transactions/{tx_hash}")

    def _submission(self) -> Submission:
        most = self._node.max_transaction_bytes
        file = request.files.get("file")
        payload = _bytes_of(file, most) if file is not None and file.filename else _typed()
        told = request.form.get("content_type", "").strip()
        return submission_of(
            payload,
            max_bytes=most,
            content_type=told or (_type_of(file) if file is not None and file.filename else TEXT_TYPE),
            register_id=request.form.get("register", "").strip(),
        )

    def _form(self, refusal: str) -> str:
        return render_page(
            "submit.html",
            section="transactions",
            title="Submit a transaction",
            refusal=refusal,
            most_bytes=self._node.max_transaction_bytes,
            most_text_chars=MOST_TEXT_CHARS,
            text_type=TEXT_TYPE,
            typed=request.form,
        )


def _bytes_of(file: FileStorage, most: int) -> bytes:
    size = file.stream.seek(0, SEEK_END)
    if size > most:
        # Said before it is read: it lies on the disk until here.
        raise PayloadTooLarge(f"the transaction has {size} bytes; at most {most} are allowed")
    file.stream.seek(0)
    return file.stream.read()


def _typed() -> bytes:
    # Browsers send the end of a line as two characters, whatever was typed.
    return request.form.get("text", "").replace("\r\n", "\n").encode("utf-8", "surrogatepass")


def _type_of(file: FileStorage) -> str:
    return file.content_type or DEFAULT_CONTENT_TYPE
