"""Requests to one peer over connections that are kept open, and what their failures mean."""

from __future__ import annotations

from typing import Any

import requests
from urllib3.exceptions import HTTPError

from sorcha_peer_core.errors import LinkTimeout, NotOffered, PeerUnreachable, RemoteProtocolError, TransportError
from sorcha_peer_core.model.peer import Endpoint
from sorcha_peer_core.wire.bodies import from_bytes
from sorcha_peer_core.wire.methods import serialize
from sorcha_peer_core.wire.peer_communication_pb2 import MessageAck, PeerMessage
from sorcha_transport_rest.addresses import url_of
from sorcha_transport_rest.calls import MAX_MESSAGE_BYTES, MESSAGES_PATH, PROTOBUF, TOKEN_HEADER, token_text
from sorcha_transport_rest.encryption import Encryption
from sorcha_transport_rest.time_limit import TimeIsUp, time_limit

_CONNECTIONS = 2
"""One for batches, one for the poll."""
_OK = 200
_GONE = 410
_LATER = (408, 425, 429, 500, 502, 503, 504)
"""Statuses that say nothing about what the server offers: busy, starting, or a proxy whose server is away."""


class Client:
    """The side that makes requests. Each of them ends within its time, follows no redirect and reads a bounded answer."""

    def __init__(self, remote: Endpoint, encryption: Encryption, timeout_s: float) -> None:
        self.remote = remote
        pinned = encryption.dial(remote, timeout_s, _CONNECTIONS)
        self.security = pinned.security
        self._session = requests.Session()
        # Neither proxies nor passwords from the environment: a peer is dialled directly, by its address.
        self._session.trust_env = False
        # The adapter insists on one certificate; whose it is, the handshake of the session settles.
        self._session.verify = False
        self._session.headers.clear()
        self._session.mount(f"{encryption.url_scheme}://", pinned.adapter)
        headers = {"Accept": PROTOBUF, "Content-Type": PROTOBUF, "User-Agent": "sorcha-peer"}
        url = url_of(remote, encryption.url_scheme, MESSAGES_PATH)
        self._post = self._session.prepare_request(requests.Request("POST", url, headers=headers))
        del headers["Content-Type"]
        self._get = self._session.prepare_request(requests.Request("GET", url, headers=headers))

    def post(self, message: PeerMessage, token: bytes, timeout_s: float) -> MessageAck:
        """Hand over a message. Raises TransportError; see ``_status_error`` and ``failure_of``."""
        request = self._post.copy()
        request.body = serialize(message)
        request.headers["Content-Length"] = str(len(request.body))
        return self._exchange(request, token, timeout_s)

    def poll(self, wait_s: float, token: bytes, timeout_s: float) -> MessageAck:
        """Ask for a batch. Raises TransportError."""
        request = self._get.copy()
        request.url = f"{request.url}?wait={int(wait_s)}"
        return self._exchange(request, token, timeout_s)

    def close(self) -> None:
        """Close connections that nothing uses."""
        self._session.close()

    def _exchange(self, request: requests.PreparedRequest, token: bytes, timeout_s: float) -> MessageAck:
        if token:
            request.headers[TOKEN_HEADER] = token_text(token)
        # requests limits each read, and a drip of bytes could take for ever: the timer limits the whole.
        try:
            with time_limit(timeout_s):
                return self._read(request, timeout_s)
        except TimeIsUp:
            raise LinkTimeout(f"{self.remote} did not answer within {timeout_s:g} s") from None
        except (requests.RequestException, HTTPError) as error:
            raise failure_of(self.remote, error) from None

    def _read(self, request: requests.PreparedRequest, timeout_s: float) -> MessageAck:
        with self._session.send(request, stream=True, timeout=timeout_s, allow_redirects=False) as response:
            if response.status_code == _GONE:
                return MessageAck(received=False, closed=True)
            if response.status_code != _OK:
                raise self._status_error(response.status_code)
            if response.headers.get("Content-Type") != PROTOBUF:
                raise NotOffered(f"{self.remote} answers with a page, not with {PROTOBUF}")
            body: bytes = response.raw.read(MAX_MESSAGE_BYTES + 1)
        try:
            if len(body) > MAX_MESSAGE_BYTES:
                raise RemoteProtocolError(f"more than {MAX_MESSAGE_BYTES} bytes")
            return from_bytes(MessageAck, body)
        except RemoteProtocolError as error:
            raise NotOffered(f"{self.remote} answers with what is no MessageAck: {error}") from None

    def _status_error(self, status: int) -> TransportError:
        if status in _LATER:
            return PeerUnreachable(f"{self.remote} opens no link now: HTTP {status}")
        return NotOffered(f"{self.remote} does not offer this transport: HTTP {status}")


def failure_of(remote: Endpoint, error: Exception) -> TransportError:
    """What a request that failed below HTTP means to the one who made it."""
    if isinstance(error, requests.Timeout):
        return LinkTimeout(f"{remote} did not answer in time")
    cause = _root_of(error)
    if type(cause).__module__ == "http.client" and not isinstance(cause, ConnectionError):
        return NotOffered(f"{remote} does not speak HTTP: {type(cause).__name__}")
    return PeerUnreachable(f"{remote} cannot be reached: {_sentence(cause)}")


def _root_of(error: BaseException) -> BaseException:
    """What happened, under the layers that requests and urllib3 put around it."""
    for inner in (error.__cause__, error.__context__, *_inner(error)):
        if isinstance(inner, BaseException):
            return _root_of(inner)
    return error


def _inner(error: BaseException) -> list[Any]:
    return [getattr(error, "reason", None), *(arg for arg in error.args if isinstance(arg, BaseException))]


def _sentence(cause: BaseException) -> str:
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause) or type(cause).__name__
