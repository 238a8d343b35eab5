"""How gRPC and the operating system write addresses."""

from __future__ import annotations

import errno
import socket
from contextlib import closing
from ipaddress import ip_address
from urllib.parse import unquote

from sorcha_peer_core.model.hosts import plain_host
from sorcha_peer_core.model.peer import Endpoint, parse_host_port

_TAKEN = (errno.EADDRINUSE, errno.EACCES)


def target_of(endpoint: Endpoint) -> str:
    """What a channel is opened to; a literal address says its family, so that no resolver is asked.

    >>> target_of(Endpoint("grpc", "::1", 5001))
    'ipv6:[::1]:5001'
    """
    try:
        return f"ipv{ip_address(endpoint.host.partition('%')[0]).version}:{endpoint.authority}"
    except ValueError:
        return f"dns:///{endpoint.authority}"


def remote_of(peer: str) -> Endpoint:
    """The other end of a call, from ``context.peer()``.

    >>> remote_of("ipv6:%5B::1%5D:40000")
    Endpoint(scheme='grpc', host='::1', port=40000)
    """
    text = unquote(peer)
    try:
        host, port = parse_host_port(text.partition(":")[2])
    except ValueError:
        return Endpoint("grpc", text, 0)
    return Endpoint("grpc", host, port)


def listening_host(host: str) -> str:
    """The host to listen on for ``host``: ``::`` means all addresses, also on a machine whose system knows no IPv6.

    >>> listening_host("0.0.0.0"), listening_host("192.0.2.1")
    ('0.0.0.0', '192.0.2.1')
    """
    return "0.0.0.0" if plain_host(host) == "::" and _lacks_ipv6() else host


def bind_problem(host: str, port: int) -> str | None:
    """Why nobody can listen there now; None when somebody can. gRPC itself does not say."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        return error.strerror or str(error)
    problems = [problem for family, _, _, _, address in found if (problem := _bind_error(family, address))]
    taken = [problem for problem in problems if problem.errno in _TAKEN]
    # A name may stand for an address family that this machine lacks; the others will do then.
    if taken or len(problems) == len(found):
        worst = (taken or problems)[0]
        return worst.strerror or str(worst)
    return None


def _lacks_ipv6() -> bool:
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_STREAM).close()
    except OSError:
        return True
    return False


def _bind_error(family: int, address: tuple[object, ...]) -> OSError | None:
    try:
        with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None
