"""Carries an exchange out over one socket, so that all servers see the same port of this machine."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping, Sequence

import gevent

from sorcha_nat_stun.exchange import LIMIT_S, Exchange
from sorcha_nat_stun.families import Family
from sorcha_nat_stun.names import SocketAddress
from sorcha_nat_stun.stun_message import MAX_DATAGRAM_BYTES, Mapped

_AT_A_STRETCH = 32
"""Datagrams read before other greenlets get their turn: a socket that always has one more would never give it to them."""
_PAUSE_S = 0.001

Answers = Mapping[SocketAddress, Mapped]


def ask(
    family: Family, servers: Sequence[SocketAddress], is_enough: Callable[[Answers], bool], limit_s: float = LIMIT_S
) -> Exchange:
    """Ask all servers; ends when all are settled, ``is_enough`` says so, or after ``limit_s``."""
    exchange = Exchange(family, servers, time.monotonic(), limit_s)
    turns = 0
    with socket.socket(family.sockets, socket.SOCK_DGRAM) as udp:
        while exchange.next_at() is not None and not is_enough(exchange.answers):
            _send(udp, exchange)
            _receive(udp, exchange)
            turns += 1
            if turns % _AT_A_STRETCH == 0:
                gevent.sleep(_PAUSE_S)
    return exchange


def _send(udp: socket.socket, exchange: Exchange) -> None:
    for server, request in exchange.due(time.monotonic()):
        try:
            udp.sendto(request, server)
        except OSError as error:
            exchange.refuse(server, f"it cannot be asked: {error.strerror or error}")


def _receive(udp: socket.socket, exchange: Exchange) -> None:
    until = exchange.next_at()
    if until is None:
        return
    udp.settimeout(max(_PAUSE_S, until - time.monotonic()))
    try:
        datagram, source = udp.recvfrom(MAX_DATAGRAM_BYTES)
    except TimeoutError:
        return
    except OSError:
        gevent.sleep(_PAUSE_S)  # some systems report here that an earlier datagram was not delivered
        return
    exchange.received(datagram, source[:2])
