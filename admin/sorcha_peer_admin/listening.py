"""The sockets that the management API listens on, and who may reach them."""

from __future__ import annotations

import ipaddress
import os
import socket
from contextlib import suppress
from typing import Any

from sorcha_peer_core.errors import StartError
from sorcha_peer_core.model.peer import parse_host_port


def refuse_beyond_loopback(key: str, listen: str) -> None:
    """Raise StartError when other machines can reach ``listen``; the setting ``key`` says it."""
    _, port = parse_host_port(listen)
    if not is_loopback(key, listen):
        raise StartError(
            f"{key} is {listen}, which other machines can reach, and the management API speaks no TLS: a TLS proxy or an SSH "
            f"tunnel should be in front of it, with {key} = 127.0.0.1:{port}. If you know that nobody can listen in on the way, "
            "set admin.allow_remote = true; the token is then all that protects it"
        )


def is_loopback(key: str, listen: str) -> bool:
    """Whether only this machine can reach it. Raises StartError for what is no address here."""
    return all(ipaddress.ip_address(str(found[4][0]).partition("%")[0]).is_loopback for found in _found(key, listen))


def listening_socket(key: str, listen: str) -> socket.socket:
    """A socket that listens on ``host:port``; on ``[::]`` for IPv4 as well, where the system can.

    Raises:
        StartError: the address is in use, or does not exist here; ``key`` is the setting that says it.
    """
    family, _, _, _, address = _found(key, listen)[0]
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            with suppress(OSError):
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind(address)
        listening.listen()
    except OSError as error:
        listening.close()
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise StartError(f"the management API cannot listen on {listen}: {reason}; change {key}") from error
    return listening


def _found(key: str, listen: str) -> list[Any]:
    host, port = parse_host_port(listen)
    try:
        return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE))
    except socket.gaierror as error:
        raise StartError(f"{key} is {listen}: {host} is no address of this machine ({error.strerror})") from error
