"""Every answer that is not a success: a status, a stable code for programs and a sentence for people, as JSON or as a page."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, jsonify, make_response, request
from werkzeug.exceptions import HTTPException

from sorcha_peer_admin.pages.frame import error_page
from sorcha_peer_core.errors import (
    ActionRefused,
    AddressInvalid,
    BanInvalid,
    LinkTimeout,
    NoSuchPeer,
    NotTraced,
    PayloadTooLarge,
    PeerError,
    QueueFull,
    StoreError,
    SubmissionRefused,
    TransportError,
)

log = logging.getLogger(__name__)

_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
    431: "headers_too_large",
    501: "not_implemented",
    503: "unavailable",
}
_SENTENCES = {
    404: "there is nothing under this address",
    405: "this address does not know this method",
    413: "the request is too large",
}
# The queue empties while peers take what is in it; a store waits for room on its disk, or for somebody.
_RETRY_AFTER_S: dict[int, int] = {HTTPStatus.TOO_MANY_REQUESTS: 1, HTTPStatus.SERVICE_UNAVAILABLE: 5}
INTERNAL_CODE = "internal"
# The first that fits; without a code here the error has one of its own.
_ANSWERS: tuple[tuple[type[PeerError], int, str], ...] = (
    (PayloadTooLarge, 413, ""),
    (QueueFull, 429, ""),
    (SubmissionRefused, 400, ""),
    (NotTraced, 404, ""),
    (NoSuchPeer, 404, ""),
    (AddressInvalid, 400, ""),
    (BanInvalid, 400, ""),
    (ActionRefused, 409, ""),
    (LinkTimeout, 504, "timeout"),
    (TransportError, 502, "unreachable"),
    (StoreError, 503, "store_failed"),
)
INTERNAL_SENTENCE = "internal error"


def code_of(status: int) -> str:
    """The stable word for an HTTP status; everything unexpected is ``internal``."""
    return _CODES.get(status, INTERNAL_CODE)


def error_body(code: str, message: str) -> dict[str, Any]:
    """The JSON object of an error; other keys may stand beside ``error``."""
    return {"error": {"code": code, "message": message}}


def status_of(error: PeerError) -> tuple[int, str]:
    """HTTP status and code of an error of the node; what callers cannot act on is 500."""
    for kind, status, code in _ANSWERS:
        if isinstance(error, kind):
            return status, code or str(getattr(error, "code", INTERNAL_CODE))
    return 500, INTERNAL_CODE


def peer_error_response(error: PeerError, **more: Any) -> Response:
    """The answer to a request that the node refused; ``more`` stands beside the error."""
    status, code = status_of(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unexpected(error)
    response = _answer(status, code, str(error), **more)
    if status in _RETRY_AFTER_S:
        response.headers["Retry-After"] = str(_RETRY_AFTER_S[status])
    return response


def register_error_handlers(app: Flask) -> None:
    """Make the application answer each error in this form."""
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(PeerError, peer_error_response)
    app.register_error_handler(Exception, _unexpected)


def _http_error(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    response = _answer(status, code_of(status), _sentence(error, status))
    for name, value in error.get_headers():
        if name.lower() != "content-type":
            response.headers[name] = value
    return response


def _sentence(error: HTTPException, status: int) -> str:
    # Werkzeug's own texts speak of URLs and browsers; ours were given to the exception where it was raised.
    if error.description is not None and error.description != type(error).description:
        return error.description
    return _SENTENCES.get(status, error.name.lower())


def _unexpected(error: Exception) -> Response:
    log.error("the management API failed at %s %s", request.method, request.path, exc_info=error)
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_CODE, INTERNAL_SENTENCE)


def _answer(status: int, code: str, sentence: str, **more: Any) -> Response:
    # Where only metrics and probes are served there are no pages.
    if request.path.startswith("/admin/") and "sorcha_pages" in current_app.extensions:
        return make_response(error_page(status, sentence), status)
    return make_response(jsonify(error_body(code, sentence) | more), status)
