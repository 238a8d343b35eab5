"""A client of the management API of a running node."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sorcha_peer_core.errors import NodeUnreachable, PeerError

if TYPE_CHECKING:
    from requests import Response, Session

TOKEN_FILE = "admin.token"
URL_FILE = "admin.url"
INSTALL_ADVICE = "pip install 'sorcha-peer[admin]'"

_CONNECT_TIMEOUT_S = 5.0
_ANSWER_TIMEOUT_S = 60.0
_FOLLOW_TIMEOUT_S = 45.0
"""A followed log sends a blank line every 15 s; after three missing ones the node is gone."""
_CHUNK_BYTES = 64 * 1024
_MAX_ERROR_BYTES = 64 * 1024

Json = dict[str, Any]


class Refused(PeerError):
    """The node answered with an error; ``code`` is stable, for programs."""

    def __init__(self, message: str, code: str, http_status: int, answer: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.code = code
        self.http_status = http_status
        self.answer = answer
        """The whole JSON body: a batch that was refused half-way says in it what was accepted."""


class Batched(NamedTuple):
    """What became of a batch."""

    accepted: Sequence[str]
    rejected: Sequence[tuple[int, str]]
    """(line from 1, reason)"""


class LogLines(NamedTuple):
    """A part of the arrival log on its way here; ``lines`` can be read once."""

    oldest_seq: int
    log_epoch: str
    lines: Iterator[Json]


def find_node(data_dir: Path, url: str | None, token: str | None) -> tuple[str, str]:
    """URL and token of a node: as given, else from the files it keeps in its data directory while it runs."""
    url = url or _read_line(data_dir / URL_FILE)
    if not url:
        raise NodeUnreachable(
            f"no node with the management API runs on {data_dir} (it has no {URL_FILE}): start one with `sorcha-peer run`, "
            f"install its management API with {INSTALL_ADVICE}, or name a node with --data-dir or with --url and --token"
        )
    if not url.startswith(("http://", "https://")):
        raise NodeUnreachable(f"{url!r} is no address of a management API; one starts with http:// or https://")
    token = token or _read_line(data_dir / TOKEN_FILE)
    if not token:
        raise NodeUnreachable(
            f"no token for the node at {url}: {data_dir} has no {TOKEN_FILE}; give it with --token or --data-dir"
        )
    return url.rstrip("/"), token


def _read_line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise NodeUnreachable(f"{file} cannot be read: {error}") from error


class NodeClient:
    """Asks one node. Every call may raise NodeUnreachable and Refused; calls are made one at a time."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._session = _new_session(token)

    def close(self) -> None:
        """Give up the connection."""
        self._session.close()

    def status(self) -> Json:
        """The node's state right now."""
        return self._json("GET", "/status")

    def peers(self) -> list[Json]:
        """All peers it knows, linked ones first."""
        peers: list[Json] = self._json("GET", "/peers")["peers"]
        return peers

    def submit(self, payload: bytes, content_type: str | None = None, register_id: str | None = None) -> Json:
        """Hand over one payload; returns ``hash`` and ``state`` after it was committed."""
        headers = {"Content-Type": content_type or "application/octet-stream"}
        if register_id:
            headers["X-Register-Id"] = register_id
        return self._json("POST", "/transactions", data=payload, headers=headers)

    def submit_batch(self, payloads: Sequence[bytes], content_type: str | None = None, register_id: str | None = None) -> Batched:
        """Hand over many payloads in one request; a bad one is rejected alone."""
        common = {"content_type": content_type, "register_id": register_id}
        extra = {key: value for key, value in common.items() if value}
        lines = (json.dumps({"payload_b64": b64encode(payload).decode(), **extra}) for payload in payloads)
        body = "\n".join(lines).encode()
        answer = self._json("POST", "/transactions/batch", data=body, headers={"Content-Type": "application/x-ndjson"})
        return Batched(answer["accepted"], [(int(item["line"]), str(item["error"])) for item in answer["rejected"]])

    @contextmanager
    def log(self, after: int, limit: int, register_id: str | None = None, follow: bool = False) -> Iterator[LogLines]:
        """Up to ``limit`` lines of the arrival log beyond ``after``; with ``follow`` they never end."""
        params: dict[str, str | int] = {"after": after, "limit": limit}
        if register_id:
            params["register_id"] = register_id
        if follow:
            params["follow"] = 1
        timeout_s = _FOLLOW_TIMEOUT_S if follow else _ANSWER_TIMEOUT_S
        with self._answer("GET", "/transactions", timeout_s, params=params) as response:
            oldest_seq = int(response.headers.get("X-Oldest-Seq", 0))
            yield LogLines(oldest_seq, response.headers.get("X-Log-Epoch", ""), self._lines(response))

    @contextmanager
    def payload(self, tx_hash: str) -> Iterator[Iterator[bytes]]:
        """The pieces of one payload, in order."""
        with self._answer("GET", f"/transactions/{tx_hash}") as response:
            yield self._pieces(response)

    def trace(self, tx_hash: str) -> Json:
        """The way of one transaction through the node."""
        return self._json("GET", f"/transactions/{tx_hash}/trace")

    def _json(self, method: str, path: str, **content: Any) -> Json:
        with self._answer(method, path, **content) as response:
            return _object_of(b"".join(self._pieces(response)), self._url)

    @contextmanager
    def _answer(self, method: str, path: str, timeout_s: float = _ANSWER_TIMEOUT_S, **content: Any) -> Iterator[Response]:
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
        except requests.RequestException as error:
            raise NodeUnreachable(f"no node answers at {self._url}: {_reason(error)}") from error
        with response:
            if response.status_code >= 300:
                raise self._refusal(response)
            yield response

    def _pieces(self, response: Response) -> Iterator[bytes]:
        import requests

        try:
            # A chunked answer comes chunk by chunk as they arrive, which following a log depends on.
            yield from response.iter_content(_CHUNK_BYTES)
        except requests.RequestException as error:
            raise NodeUnreachable(f"the node at {self._url} broke off its answer: {_reason(error)}") from error

    def _lines(self, response: Response) -> Iterator[Json]:
        pending = b""
        for piece in self._pieces(response):
            *whole, pending = (pending + piece).split(b"\n")
            for line in whole:
                if line:
                    yield _object_of(line, self._url)

    def _refusal(self, response: Response) -> PeerError:
        body = b""
        for piece in self._pieces(response):
            body = (body + piece)[:_MAX_ERROR_BYTES]
        try:
            answer = json.loads(body)
            problem = answer["error"]
            return Refused(str(problem["message"]), str(problem["code"]), response.status_code, answer)
        except (ValueError, KeyError, TypeError):
            return NodeUnreachable(f"what answers at {self._url} is no management API (HTTP {response.status_code})")


def _new_session(token: str) -> Session:
    try:
        import requests
    except ImportError:
        raise PeerError(f"asking a running node needs the management API and its client: {INSTALL_ADVICE}") from None
    session = requests.Session()
    # The token goes to the named node only: no proxy of the environment, no .netrc, no redirect.
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {token}"
    return session


def _object_of(text: bytes, url: str) -> Json:
    try:
        value = json.loads(text)
    except ValueError:
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
