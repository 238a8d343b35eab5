"""The management API as something that runs beside a node: its address, its token, its start and its end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sorcha_peer_admin.app import create_app, create_probes_app
from sorcha_peer_admin.auth import token_of
from sorcha_peer_admin.batch import MAX_BATCH_BYTES
from sorcha_peer_admin.files import replace_file
from sorcha_peer_admin.follow import MOST_FOLLOWERS, Followers
from sorcha_peer_admin.listener import Listener
from sorcha_peer_admin.listening import is_loopback, listening_socket, refuse_beyond_loopback
from sorcha_peer_core.errors import StartError

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from flask import Flask

    from sorcha_peer_core.interfaces.service import NodeApi

log = logging.getLogger(__name__)

URL_FILE = "admin.url"
_READABLE = 0o644
_PROBE_BODY_BYTES = 1024
_LOOPBACKS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class AdminService:
    """Serves the management API of ``node`` on ``listen`` (``host:port``; port 0 lets the system choose)."""

    def __init__(self, node: NodeApi, listen: str) -> None:
        self._node = node
        self._listen = listen
        self._listener: Listener | None = None
        self._probes: Listener | None = None
        self._followers = Followers()
        self._url = ""
        self._metrics_url = ""

    @property
    def name(self) -> str:
        """For logs and the list of plugins."""
        return "admin"

    @property
    def url(self) -> str:
        """Where it answers; empty before the start."""
        return self._url

    @property
    def metrics_url(self) -> str:
        """Where metrics and probes alone are answered; empty before the start, and when ``admin.metrics_listen`` is."""
        return self._metrics_url

    def start(self) -> None:
        """Listen and write ``admin.token`` and ``admin.url``, by which commands find the node."""
        _quieten_waitress()
        settings = self._node.settings("admin")
        if not settings.get("allow_remote"):
            refuse_beyond_loopback("admin.listen", self._listen)
        elif not is_loopback("admin.listen", self._listen) and not settings.get("trusted_proxy"):
            log.warning(
                "other machines reach the management API on %s without TLS: the token is all that protects it", self._listen
            )
        token = token_of(self._node.data_dir)
        listening = listening_socket("admin.listen", self._listen)
        try:
            self._url = _url_of(listening)
            self._write_url()
            self._listener = self._answering(create_app(self._node, token, self._followers), listening, settings)
            self._start_probes(str(settings.get("metrics_listen", "")))
        except BaseException:
            self._listener = None
            self._remove_url()
            listening.close()
            raise
        self._listener.start()
        log.info("the management API answers at %s", self._url)

    def stop(self, grace_s: float) -> None:
        """End the open streams, let requests under way finish, close; commands no longer find the node."""
        self._followers.close()
        listener, self._listener = self._listener, None
        probes, self._probes = self._probes, None
        if listener is not None:
            self._remove_url()
            listener.stop(grace_s)
            log.info("the management API has stopped")
        # Last, so that whoever looks sees that the node stops.
        if probes is not None:
            probes.stop(grace_s / 4)

    def _answering(self, app: Flask, listening: socket.socket, settings: Mapping[str, Any]) -> Listener:
        return Listener(
            app,
            listening,
            max_body_bytes=max(MAX_BATCH_BYTES, self._node.max_transaction_bytes),
            streams=MOST_FOLLOWERS,
            trusted_proxy=str(settings.get("trusted_proxy", "")),
        )

    def _start_probes(self, listen: str) -> None:
        if not listen:
            return
        listening = listening_socket("admin.metrics_listen", listen)
        self._probes = Listener(create_probes_app(self._node), listening, max_body_bytes=_PROBE_BODY_BYTES)
        self._probes.start()
        self._metrics_url = _url_of(listening)
        log.info("metrics and probes are answered at %s", self._metrics_url)

    def _write_url(self) -> None:
        path = self._node.data_dir / URL_FILE
        try:
            replace_file(path, f"{self._url}\n", _READABLE)
        except OSError as error:
            raise StartError(f"{path} cannot be written: {error}") from error

    def _remove_url(self) -> None:
        path = self._node.data_dir / URL_FILE
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s stays behind: %s", path, error)


def _url_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    # Whoever reads it is on this machine.
    host = _LOOPBACKS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _quieten_waitress() -> None:
    # It tells of every reader that left and of every request that waited a moment; neither asks anything of an operator.
    logging.getLogger("waitress").setLevel(logging.WARNING)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
