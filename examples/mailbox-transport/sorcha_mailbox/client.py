"""Requests to the relay."""

from __future__ import annotations

import logging
import time
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from sorcha_peer_core.errors import PeerUnreachable
from sorcha_peer_core.interfaces.transport import MAX_BATCH_BYTES

log = logging.getLogger(__name__)

KEY_HEADER = "X-Mailbox-Key"
_TIMEOUT_S = 35.0
"""Longer than the relay holds a request."""
_RETRY_S = 1.0
_CONNECTIONS = 256
_DONE = (200, 201, 204)
_NO_MAILBOX, _FULL, _TAKEN = 404, 408, 409


class Relay:
    """The relay as a node sees it. Each method raises PeerUnreachable when it does not answer as a relay does.

    Proxies and authorities of the environment (HTTPS_PROXY, REQUESTS_CA_BUNDLE) count.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self.host = urlsplit(url).hostname or ""
        self._session = requests.Session()
        self._session.mount(url, HTTPAdapter(pool_connections=1, pool_maxsize=_CONNECTIONS))

    def claim(self, *names: str, key: str = "") -> bool:
        """Make mailboxes that only those who know the key can empty. False when somebody else has one of these names."""
        return all(self._ask("PUT", name, key=key)[0] != _TAKEN for name in names)

    def put(self, name: str, batch: bytes) -> bool:
        """Put a batch in; blocks while the mailbox is full. False when there is no such mailbox."""
        status = _FULL
        while status == _FULL:
            status, _ = self._ask("POST", name, batch)
        return status != _NO_MAILBOX

    def take(self, name: str, key: str = "") -> bytes | None:
        """Take the next batch out, empty when none came for a while; None when there is no such mailbox."""
        status, batch = self._ask("GET", name, key=key)
        return None if status == _NO_MAILBOX else batch

    def letter(self, name: str, key: str) -> bytes:
        """The same for a mailbox that is to be there for good: it is made again when the relay was restarted."""
        try:
            letter = self.take(name, key)
            if letter is None:
                self.claim(name, key=key)
        except PeerUnreachable as error:
            log.warning("nobody can dial this node now: %s", error)
            time.sleep(_RETRY_S)
            return b""
        return letter or b""

    def close(self, *names: str, key: str = "") -> None:
        """Nothing more goes in; what is in can still be taken. Wakes whoever waits for room or for a batch."""
        try:
            for name in names:
                self._ask("DELETE", name, key=key)
        except PeerUnreachable as error:
            log.debug("mailboxes are left to the relay, which drops what nobody uses: %s", error)

    def _ask(self, method: str, name: str, body: bytes = b"", key: str = "") -> tuple[int, bytes]:
        url, headers = f"{self._url}/{name}", {KEY_HEADER: key}
        try:
            with self._session.request(
                method, url, data=body, headers=headers, timeout=_TIMEOUT_S, allow_redirects=False, stream=True
            ) as response:
                status, answer = response.status_code, response.raw.read(MAX_BATCH_BYTES + 1)
        except (requests.RequestException, HTTPError) as error:
            raise PeerUnreachable(f"the relay at {self.host} does not answer: {type(error).__name__}") from None
        if status not in (*_DONE, _NO_MAILBOX, _FULL, _TAKEN) or len(answer) > MAX_BATCH_BYTES:
            raise PeerUnreachable(f"what answers at {self.host} is no relay for this node: HTTP {status}")
        return status, answer
