"""How requests are read and answered: bodies with limits, and every refusal as JSON with a code and a sentence."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from sorcha_peer_core.errors import RemoteProtocolError
from sorcha_peer_core.wire.bodies import from_bytes, from_json, to_json
from sorcha_peer_core.wire.methods import serialize
from sorcha_transport_rest.addresses import remote_of
from sorcha_transport_rest.calls import DATA_TIMEOUT_S, JSON, PROTOBUF
from sorcha_transport_rest.time_limit import TimeIsUp, time_limit

log = logging.getLogger(__name__)

MessageT = TypeVar("MessageT", bound=Any)

_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    409: "conflict",
    410: "closed",
    413: "too_large",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
    429: "too_many_requests",
    500: "internal",
    503: "unavailable",
}
_SENTENCES = {
    404: "there is nothing under this address",
    405: "this address does not take this method",
    416: "the range lies outside of the transaction",
    500: "internal error",
}
_KEPT_HEADERS = ("Allow", "Content-Range")


class Refused(Exception):
    """The request is answered with this status and sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def answer_errors(app: Flask) -> None:
    """Make every refusal of the application JSON, and keep what went wrong here to the log."""
    app.register_error_handler(Refused, lambda error: refusal(error.status, str(error)))
    app.register_error_handler(RemoteProtocolError, lambda error: refusal(400, str(error)))
    app.register_error_handler(HTTPException, _refusal_of_flask)
    app.register_error_handler(Exception, _failure)
    app.after_request(_with_common_headers)


def refusal(status: int, sentence: str) -> Response:
    """An answer that says no."""
    response = jsonify({"error": {"code": _CODES.get(status, "refused"), "message": sentence}})
    response.status_code = status
    return response


def read_message(kind: type[MessageT], *, most_bytes: int, media_types: tuple[str, ...]) -> MessageT:
    """The message in the body of the current request. Raises Refused, RemoteProtocolError."""
    if request.mimetype not in media_types:
        raise Refused(415, f"the content type is {request.mimetype[:80] or 'missing'}; it can be {' or '.join(media_types)}")
    if request.mimetype == PROTOBUF:
        message: MessageT = from_bytes(kind, _read_body(most_bytes))
        return message
    # The JSON form of bytes is a third longer.
    message = from_json(kind, _read_body(most_bytes + most_bytes // 3))
    return message


def message_answer(message: Any, *, in_json: bool = True) -> Response:
    """A message as the answer."""
    if in_json:
        return Response(to_json(message), mimetype=JSON)
    response = Response(serialize(message))
    response.headers["Content-Type"] = PROTOBUF
    return response


def caller() -> str:
    """The address that the current request came from."""
    return remote_of(request.environ.get("REMOTE_ADDR", ""), "0").host


def number_of(name: str, default: int, *, most: int) -> int:
    """A whole number from the query. Raises Refused."""
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(most)) or int(text) > most:
        raise Refused(400, f"{name} is {text[:20]!r}; it can be 0 to {most}")
    return int(text)


@contextmanager
def client_errors() -> Iterator[None]:
    """Around a question to PeerApi: it raises ValueError, and only that, for what a client got wrong."""
    try:
        yield
    except ValueError as error:
        raise Refused(400, str(error)) from None


def _read_body(most_bytes: int) -> bytes:
    length = request.content_length
    if length is not None and length > most_bytes:
        raise Refused(413, f"the body has {length} bytes; at most {most_bytes} are allowed")
    try:
        with time_limit(DATA_TIMEOUT_S):
            # With a length it is read to its end; without one it is chunked, and read to the limit.
            body: bytes = request.environ["wsgi.input"].read(most_bytes + 1 if length is None else length)
    except TimeIsUp:
        raise Refused(408, "the body did not arrive in time") from None
    except OSError:
        raise Refused(400, "the body broke off, or is not what its headers say") from None
    if len(body) > most_bytes:
        raise Refused(413, f"the body is longer than the {most_bytes} bytes that are allowed")
    return body


def _refusal_of_flask(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    response = refusal(status, _SENTENCES.get(status) or HTTPStatus(status).phrase.lower())
    kept = error.get_response().headers
    response.headers.update({name: kept[name] for name in _KEPT_HEADERS if name in kept})
    return response


def _failure(error: Exception) -> Response:
    log.error("a request of %s failed here", request.path, exc_info=error)
    return refusal(500, _SENTENCES[500])


def _with_common_headers(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    if getattr(request.environ["wsgi.input"], "unread", False):
        response.headers["Connection"] = "close"
    return response
