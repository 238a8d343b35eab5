"""Asking clients of the published protocol that serve ``GET /api/v1/transactions/{hash}`` themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from urllib3.exceptions import HTTPError

from sorcha_peer_core.errors import LinkTimeout, NotOffered, PeerUnreachable, TransportError
from sorcha_peer_core.model.ids import TxHash
from sorcha_peer_core.model.peer import Endpoint
from sorcha_transport_rest.addresses import SCHEME, url_of
from sorcha_transport_rest.client import failure_of
from sorcha_transport_rest.encryption import Encryption
from sorcha_transport_rest.time_limit import TimeIsUp, time_limit

_PING_PATH = "/api/v1/peers/ping"
_TRANSACTIONS_PATH = "/api/v1/transactions"
_PIECE_BYTES = 64 * 1024
_OK = 200
_SERVER_ERRORS = 500
_TLS_SHARE = 0.5
"""Of the time for a question that is spent on finding out whether the other side speaks TLS."""


class RestForeignClient:
    """See ForeignClient; connects for each question, because clients come and go."""

    protocols = ("Rest",)
    scheme = SCHEME

    def __init__(self, encryption: Encryption, mode: str) -> None:
        """``mode`` is that of the node's credentials, empty where nothing is encrypted."""
        self._encryption = encryption
        self._mode = mode

    def ping(self, endpoint: Endpoint, timeout_s: float) -> None:
        """See ForeignClient; whoever serves transactions alone answers that there is nothing here, which is an answer."""
        with self._answer(endpoint, _PING_PATH, timeout_s) as response:
            if response.status_code >= _SERVER_ERRORS:
                raise PeerUnreachable(f"{endpoint} answers with HTTP {response.status_code}")

    def fetch(self, endpoint: Endpoint, tx_hash: TxHash, size_bytes: int, timeout_s: float) -> bytes:
        """See ForeignClient."""
        with self._answer(endpoint, f"{_TRANSACTIONS_PATH}/{tx_hash.hex()}", timeout_s) as response:
            if response.status_code != _OK:
                raise NotOffered(f"{endpoint} answers with HTTP {response.status_code}")
            payload = bytearray()
            # As it is sent: what was compressed could be anything when it is unpacked.
            while piece := response.raw.read(_PIECE_BYTES):
                payload += piece
                if len(payload) > size_bytes:
                    raise NotOffered(f"{endpoint} sent more than the {size_bytes} bytes that were announced")
            return bytes(payload)

    @contextmanager
    def _answer(self, endpoint: Endpoint, path: str, timeout_s: float) -> Iterator[requests.Response]:
        try:
            with time_limit(timeout_s), requests.Session() as session:
                url_scheme = self._mount(session, endpoint, timeout_s)
                with _get(session, url_of(endpoint, url_scheme, path), timeout_s) as response:
                    yield response
        except TimeIsUp:
            raise LinkTimeout(f"{endpoint} did not answer within {timeout_s:g} s") from None
        except (requests.RequestException, HTTPError) as error:
            raise failure_of(endpoint, error) from None

    def _mount(self, session: requests.Session, endpoint: Endpoint, timeout_s: float) -> str:
        """Prepare for TLS, or for plaintext where no TLS is spoken; returns how addresses begin."""
        # Neither proxies nor passwords from the environment, nor what requests says of itself.
        session.trust_env = False
        session.verify = False
        session.headers.clear()
        if self._mode:
            share_s = timeout_s if self._mode == "ca" else timeout_s * _TLS_SHARE
            try:
                session.mount("https://", self._encryption.dial(endpoint, share_s, 1).adapter)
                return self._encryption.url_scheme
            except TransportError:
                if self._mode == "ca":
                    raise
        plain = Encryption(None)
        session.mount("http://", plain.dial(endpoint, timeout_s, 1).adapter)
        return plain.url_scheme


def _get(session: requests.Session, url: str, timeout_s: float) -> requests.Response:
    return session.get(
        url,
        headers={"Accept-Encoding": "identity", "User-Agent": "sorcha-peer"},
        stream=True,
        timeout=timeout_s,
        allow_redirects=False,
    )
