"""Listening sockets, and how addresses stand in URLs."""

from __future__ import annotations

import errno
import logging
import socket
from typing import Any

from sorcha_peer_core.errors import StartError
from sorcha_peer_core.model.hosts import plain_host
from sorcha_peer_core.model.peer import Endpoint

log = logging.getLogger(__name__)

SCHEME = "rest"
_BACKLOG = 256
_TAKEN = (errno.EADDRINUSE, errno.EACCES)


def url_of(endpoint: Endpoint, url_scheme: str, path: str) -> str:
    """The URL of a path at an endpoint; the zone of an IPv6 address is escaped as RFC 6874 says.

    >>> url_of(Endpoint("rest", "fe80::1%eth0", 5002), "http", "/api")
    'http://[fe80::1%25eth0]:5002/api'
    """
    return f"{url_scheme}://{endpoint.authority.replace('%', '%25')}{path}"


def remote_of(address: str, port: str) -> Endpoint:
    """The other end of a request, as the server sees it; an IPv4 address that came to an IPv6 socket is shown as one.

    >>> remote_of("::ffff:192.0.2.1", "40000")
    Endpoint(scheme='rest', host='192.0.2.1', port=40000)
    """
    return Endpoint(SCHEME, address.removeprefix("::ffff:") if "." in address else address, int(port))


def listen_on(host: str, port: int) -> tuple[str, socket.socket]:
    """A listening socket and the host it listens on; ``::`` takes IPv4 as well, a name stands for its first address.

    On a machine whose system knows no IPv6, ``::`` is all its IPv4 addresses. Raises StartError.
    """
    if plain_host(host) == "::" and _lacks_ipv6():
        log.info("this machine has no IPv6: REST listens on its IPv4 addresses only")
        host = "0.0.0.0"
    wanted = Endpoint(SCHEME, host, port)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartError(f"cannot listen on {wanted.authority}: {error.strerror or error}") from None
    problem = OSError("no address")
    for family, _, _, _, address in sorted(found, key=lambda info: info[0] != socket.AF_INET):
        try:
            return host, _listening(family, address)
        except OSError as error:
            problem = error
            # A name may stand for an address family that this machine lacks; a port in use is no reason to look on.
            if error.errno in _TAKEN:
                break
    raise StartError(f"cannot listen on {wanted.authority}: {problem.strerror or problem}") from problem


def _lacks_ipv6() -> bool:
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close()
    except OSError:
        return True
    return False


def _listening(family: int, address: Any) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if address[0] == "::" else 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening
