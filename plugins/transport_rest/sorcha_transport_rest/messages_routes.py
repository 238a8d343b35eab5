"""The pipe as HTTP sees it: ``POST`` and ``GET /api/v1/messages``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from flask import Blueprint, Response, request
from werkzeug.exceptions import MethodNotAllowed

from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.wire.peer_communication_pb2 import SESSION_BATCH, MessageAck, PeerMessage
from sorcha_transport_rest.accepted import AcceptedLink
from sorcha_transport_rest.addresses import remote_of
from sorcha_transport_rest.answers import Refused, message_answer, number_of, read_message
from sorcha_transport_rest.calls import (
    JSON,
    MAX_MESSAGE_BYTES,
    MESSAGES_PATH,
    POLL_WAIT_S,
    PROTOBUF,
    TOKEN_HEADER,
    parse_token,
)
from sorcha_transport_rest.connection import SECURITY, WATCH
from sorcha_transport_rest.encryption import Security

_MAX_OPENING_BYTES = 1024
"""A message that opens a link has no batch: nobody unknown makes this node hold more."""


BEHIND_PROXY = "behind-a-proxy"
"""In the place of an address that nobody here knows: no name, so that nobody takes it for the proxy's."""


class Exchange(Protocol):
    """The links of a transport, as its requests see them."""

    def accept(self, remote: Endpoint, seen: Security) -> MessageAck:
        """Open a link for somebody over whose connection this was seen. Raises Refused."""

    def link(self, token: bytes) -> AcceptedLink | None:
        """The link with this token."""

    def answered(self, link: AcceptedLink) -> None:
        """A request of this link has been answered: if the link is over, nobody will ask for it again."""


class MessageRoutes:
    """Hands the requests of links to the transport."""

    def __init__(self, exchange: Exchange, *, behind_proxy: bool = False) -> None:
        self._exchange = exchange
        self._behind_proxy = behind_proxy

    def blueprint(self) -> Blueprint:
        """The routes, for the application."""
        routes = Blueprint("messages", __name__)
        routes.add_url_rule(MESSAGES_PATH, "post", self.post, methods=["POST"])
        routes.add_url_rule(MESSAGES_PATH, "poll", self.poll, methods=["GET"])
        return routes

    def post(self) -> Response:
        """Open a link, hand over a batch, or close."""
        if TOKEN_HEADER not in request.headers:
            return self._open()
        # Before the body is read: a stranger's is not.
        link = self._link()
        message = _read(MAX_MESSAGE_BYTES)
        if message.message_type != SESSION_BATCH:
            return _answer(MessageAck(received=False))
        return self._answer_link(link, message)

    def poll(self) -> Response:
        """Wait for a batch."""
        if request.method != "GET":
            # Flask answers HEAD with every GET; here that would take a batch and throw it away.
            raise MethodNotAllowed(["GET", "POST"])
        wait_s = number_of("wait", int(POLL_WAIT_S), most=int(POLL_WAIT_S))
        message = PeerMessage(message_type=SESSION_BATCH, wait_ms=wait_s * 1000)
        return self._answer_link(self._link(), message)

    def _open(self) -> Response:
        message = _read(_MAX_OPENING_BYTES)
        if message.message_type != SESSION_BATCH:
            return _answer(MessageAck(received=False))
        if message.payload:
            raise Refused(400, "the message that opens a link carries no batch")
        host = BEHIND_PROXY if self._behind_proxy else request.environ["REMOTE_ADDR"]
        remote = remote_of(host, request.environ["REMOTE_PORT"])
        return _answer(self._exchange.accept(remote, request.environ[SECURITY]))

    def _link(self) -> AcceptedLink:
        text = request.headers.get(TOKEN_HEADER)
        if text is None:
            raise Refused(400, f"the header {TOKEN_HEADER} is missing")
        link = self._exchange.link(parse_token(text))
        if link is None:
            raise Refused(410, "this link is closed")
        return link

    def _answer_link(self, link: AcceptedLink, message: PeerMessage) -> Response:
        watch: Callable[[Callable[[], None]], AbstractContextManager[None]] = request.environ[WATCH]
        with watch(link.broke_off):
            ack = link.answer(message)
        self._exchange.answered(link)
        return _answer(ack)


def _read(most_bytes: int) -> PeerMessage:
    return read_message(PeerMessage, most_bytes=most_bytes, media_types=(PROTOBUF, JSON))


def _answer(ack: MessageAck) -> Response:
    # In the form that is asked for; where that is left open, in the form of the question.
    forms = [JSON, PROTOBUF] if request.mimetype == JSON else [PROTOBUF, JSON]
    in_json = request.headers.get("Accept") != PROTOBUF and request.accept_mimetypes.best_match(forms, forms[0]) == JSON
    response = message_answer(ack, in_json=in_json)
    response.headers["Cache-Control"] = "no-store"
    return response
