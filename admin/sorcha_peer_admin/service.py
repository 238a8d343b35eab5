"""The management API as something that runs beside a node: its address, its token, its start and its end."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
from typing import TYPE_CHECKING

from sorcha_peer_admin.app import create_app
from sorcha_peer_admin.auth import token_of
from sorcha_peer_admin.batch import MAX_BATCH_BYTES
from sorcha_peer_admin.files import replace_file
from sorcha_peer_admin.follow import MOST_FOLLOWERS, Followers
from sorcha_peer_admin.listener import Listener
from sorcha_peer_core.errors import StartError
from sorcha_peer_core.model.peer import parse_host_port

if TYPE_CHECKING:
    from sorcha_peer_core.interfaces.service import NodeApi

log = logging.getLogger(__name__)

URL_FILE = "admin.url"
_READABLE = 0o644


class AdminService:
    """Serves the management API of ``node`` on ``listen`` (``host:port``; port 0 lets the system choose)."""

    def __init__(self, node: NodeApi, listen: str) -> None:
        self._node = node
        self._listen = listen
        self._listener: Listener | None = None
        self._followers = Followers()
        self._url = ""

    @property
    def name(self) -> str:
        """For logs and the list of plugins."""
        return "admin"

    @property
    def url(self) -> str:
        """Where it answers; empty before the start."""
        return self._url

    def start(self) -> None:
        """Listen and write ``admin.token`` and ``admin.url``, by which commands find the node."""
        _quieten_waitress()
        token = token_of(self._node.data_dir)
        listening = listening_socket(self._listen)
        try:
            self._url = _url_of(listening)
            self._write_url()
            app = create_app(self._node, token, self._followers)
            max_body_bytes = max(MAX_BATCH_BYTES, self._node.max_transaction_bytes)
            self._listener = Listener(app, listening, max_body_bytes=max_body_bytes, streams=MOST_FOLLOWERS)
        except BaseException:
            self._remove_url()
            listening.close()
            raise
        self._listener.start()
        log.info("the management API answers at %s", self._url)

    def stop(self, grace_s: float) -> None:
        """End the open streams, let requests under way finish, close; commands no longer find the node."""
        self._followers.close()
        listener, self._listener = self._listener, None
        if listener is None:
            return
        self._remove_url()
        listener.stop(grace_s)
        log.info("the management API has stopped")

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


def listening_socket(listen: str) -> socket.socket:
    """A socket that listens on ``host:port``, on this machine only.

    Raises:
        StartError: the address is not one of this machine's own loopback, is in use, or does not exist here.
    """
    host, port = parse_host_port(listen)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise StartError(f"admin.listen is {listen}: {host} is no address of this machine ({error.strerror})") from error
    family, _, _, _, address = found[0]
    if not all(_is_loopback(str(candidate[4][0])) for candidate in found):
        raise StartError(
            f"admin.listen is {listen}, which other machines can reach, and the management API has no TLS yet; "
            f"listen on 127.0.0.1:{port} and reach it through an SSH tunnel or a TLS proxy on this machine"
        )
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()
    except OSError as error:
        listening.close()
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise StartError(f"the management API cannot listen on {listen}: {reason}; change admin.listen") from error
    return listening


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


def _url_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _quieten_waitress() -> None:
    # It tells of every reader that left and of every request that waited a moment; neither asks anything of an operator.
    logging.getLogger("waitress").setLevel(logging.WARNING)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
