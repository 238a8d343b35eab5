"""HTTP with the management API of one node: answers read piece by piece, and every failure as a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sorcha_peer_core.errors import NodeUnreachable, PeerError

if TYPE_CHECKING:
    from requests import Response, Session

INSTALL_ADVICE = "pip install 'sorcha-peer[admin]'"
ANSWER_TIMEOUT_S = 60.0

_CONNECT_TIMEOUT_S = 5.0
_CHUNK_BYTES = 64 * 1024
_MAX_ERROR_BYTES = 16 * 1024 * 1024
"""A batch that was refused half-way names in its error all that was accepted."""
_MAX_LINE_BYTES = 1024 * 1024
"""A line of the log has hundreds."""

Json = dict[str, Any]


class Refused(PeerError):
    """The node answered with an error; ``code`` is stable, for programs."""

    def __init__(self, message: str, code: str, http_status: int, answer: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.code = code
        self.http_status = http_status
        self.answer = answer
        """The whole JSON body: a batch that was refused half-way says in it what was accepted."""


class Connection:
    """Requests to one node, one at a time. Each may raise NodeUnreachable and Refused."""

    def __init__(self, url: str, token: str, agent: str = "") -> None:
        self._url = url
        self._session = _new_session(token)
        if agent:
            self._session.headers["User-Agent"] = agent

    def close(self) -> None:
        """Give it up."""
        self._session.close()

    def json(self, method: str, path: str, **content: Any) -> Json:
        """The JSON object that is the answer."""
        with self.answer(method, path, **content) as response:
            return _object_of(b"".join(self.pieces(response)), self._url)

    @contextmanager
    def answer(self, method: str, path: str, timeout_s: float = ANSWER_TIMEOUT_S, **content: Any) -> Iterator[Response]:
        """An answer as it comes; ``timeout_s`` is how long it may be silent."""
        import requests

        try:
            response = self._session.request(
                method,
                f"{self._url}/manage/v1{path}",
                timeout=(_CONNECT_TIMEOUT_S, timeout_s),
                stream=True,
                allow_redirects=False,
                **content,
            )
        except requests.exceptions.InvalidHeader as error:
            problem = "line ends, and spaces at the beginning, cannot be sent in a content type, a register id or a token"
            raise Refused(problem, "invalid_metadata", 400, {}) from error
        except requests.RequestException as error:
            raise NodeUnreachable(f"no node answers at {self._url}: {_reason(error)}") from error
        with response:
            if response.status_code >= 300:
                raise self._refusal(response)
            yield response

    def pieces(self, response: Response) -> Iterator[bytes]:
        """The body as it comes."""
        import requests

        try:
            # A chunked answer comes chunk by chunk as they arrive, which following a log depends on.
            yield from response.iter_content(_CHUNK_BYTES)
        except requests.RequestException as error:
            raise NodeUnreachable(f"the node at {self._url} broke off its answer: {_reason(error)}") from error

    def lines(self, response: Response) -> Iterator[Json]:
        """A body that is a JSON object a line; blank lines are passed over."""
        pending = b""
        for piece in self.pieces(response):
            *whole, pending = (pending + piece).split(b"\n")
            if len(pending) > _MAX_LINE_BYTES:
                raise NodeUnreachable(f"what answers at {self._url} is no management API: a line of it does not end")
            for line in whole:
                if line:
                    yield _object_of(line, self._url)

    def messages(self, response: Response) -> Iterator[Json]:
        """Server-sent events whose data are JSON objects; comments are passed over."""
        pending, data = b"", b""
        for piece in self.pieces(response):
            *whole, pending = (pending + piece).split(b"\n")
            for line in whole:
                if line.startswith(b"data:"):
                    data += line.removeprefix(b"data:")
                elif not line and data:
                    yield _object_of(data, self._url)
                    data = b""

    def _refusal(self, response: Response) -> PeerError:
        body = bytearray()
        for piece in self.pieces(response):
            body += piece[: _MAX_ERROR_BYTES - len(body)]
        try:
            answer = json.loads(body)
            problem = answer["error"]
            return Refused(str(problem["message"]), str(problem["code"]), response.status_code, answer)
        except (ValueError, RecursionError, KeyError, TypeError):
            return NodeUnreachable(f"what answers at {self._url} is no management API (HTTP {response.status_code})")


def _new_session(token: str) -> Session:
    try:
        import requests
    except ImportError:
        raise PeerError(f"asking a running node needs the management API and its client: {INSTALL_ADVICE}") from None
    session = requests.Session()
    # The token goes to the named node only: no proxy of the environment, no .netrc, no redirect.
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {token}".encode()
    return session


def _object_of(text: bytes, url: str) -> Json:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise NodeUnreachable(f"what answers at {url} is no management API: it sent something that is no JSON object")
    return value


def _reason(error: BaseException) -> str:
    """The innermost cause, without the wrappings of the HTTP libraries."""
    inner: BaseException = error
    while (deeper := inner.__cause__ or inner.__context__) is not None:
        inner = deeper
    return str(getattr(inner, "strerror", None) or inner) or type(inner).__name__
