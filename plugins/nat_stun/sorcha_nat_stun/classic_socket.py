"""What pystun3 takes for a socket: it sees only answers that are checked, and is stopped when it would go on for ever."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable

import gevent

from sorcha_nat_stun.errors import NoAnswer, Refused
from sorcha_nat_stun.exchange import random_id
from sorcha_nat_stun.families import IPV4, Address
from sorcha_nat_stun.names import SocketAddress
from sorcha_nat_stun.stun_message import (
    BINDING_SUCCESS,
    CHANGE_ADDRESS_AND_PORT,
    CHANGED_ADDRESS,
    MAPPED_ADDRESS,
    MAX_DATAGRAM_BYTES,
    Mapped,
    binding_request,
    read_answer,
)

_PAUSE_S = 0.001
_CLASSIC_HEADER_BYTES = 20


class Stopped(BaseException):
    """Ends pystun3 from inside one of its calls. No Exception, because it takes every Exception for a lost datagram."""


class ClassicSocket:
    """Turns the requests of RFC 3489 into those of RFC 8489 and 5780, and the answers back.

    Each request gets an unpredictable id of its own. An answer counts when it has that id and comes from where it has to come
    from: from the server that was asked, or, if another address or port was asked for, from exactly there.
    """

    def __init__(self, udp: socket.socket, end_at: float, answer_within_s: float, why_not: Callable[[Address], str]) -> None:
        """``end_at`` on the monotonic clock; ``why_not`` says why an address must not be asked, or nothing."""
        self._udp = udp
        self._end_at = end_at
        self._answer_within_s = answer_within_s
        self._why_not = why_not
        self._classic_id = b""
        self._wire_id = b""
        self._change = 0
        self._target: SocketAddress = ("", 0)
        self._other: Mapped | None = None

    def sendto(self, request: bytes, target: SocketAddress) -> int:
        """Send, or send again, what pystun3 asks. Raises Stopped."""
        classic_id = request[4:_CLASSIC_HEADER_BYTES]
        if classic_id != self._classic_id:
            self._classic_id, self._wire_id = classic_id, random_id()
        self._change = int.from_bytes(request[_CLASSIC_HEADER_BYTES + 4 :])
        self._target = target
        try:
            self._udp.sendto(binding_request(self._wire_id, self._change), target)
        except OSError as error:
            raise Stopped(f"it cannot be asked: {error.strerror or error}") from None
        return len(request)

    def recvfrom(self, _size: int) -> tuple[bytes, SocketAddress]:
        """The answer, as RFC 3489 has it.

        Raises:
            TimeoutError: none came within ``answer_within_s``; pystun3 asks again, a few times.
            Stopped: none will come, or the time for the whole is up.
        """
        until = time.monotonic() + self._answer_within_s
        while (left_s := min(until, self._end_at) - time.monotonic()) > 0:
            self._udp.settimeout(left_s)
            datagram, source = self._udp.recvfrom(MAX_DATAGRAM_BYTES)
            if mapped := self._read(datagram, source[:2]):
                return _classic(self._classic_id, mapped, self._other), source[:2]
            # A stranger who sends without end must not keep other greenlets from running.
            gevent.sleep(_PAUSE_S)
        if time.monotonic() >= self._end_at:
            raise Stopped("the test took too long")
        raise TimeoutError

    def _read(self, datagram: bytes, source: SocketAddress) -> Mapped | None:
        try:
            answer = read_answer(datagram, self._wire_id)
        except NoAnswer:
            return None
        except Refused as why:
            raise Stopped(str(why)) from None
        if not self._is_from_there(source):
            if self._change and source == self._target:
                raise Stopped(answer.error or "it does not answer from another address when it is asked to")
            return None
        if answer.error:
            raise Stopped(answer.error)
        if answer.mapped is None or answer.mapped.address.version != IPV4.version:
            raise Stopped("its answer has no IPv4 address in it")
        if self._other is None:
            self._other = self._second_address(answer.other)
        return answer.mapped

    def _is_from_there(self, source: SocketAddress) -> bool:
        if self._change == CHANGE_ADDRESS_AND_PORT and self._other:
            return source == (str(self._other.address), self._other.port)
        if self._change:
            return source[0] == self._target[0] and source[1] != self._target[1]
        return source == self._target

    def _second_address(self, other: Mapped | None) -> Mapped:
        if other is None or other.address.version != IPV4.version or str(other.address) == self._target[0]:
            raise Stopped("it has one address only, and two are needed for the test")
        # Requests go there next, and it was a stranger who named it.
        if why := self._why_not(other.address):
            raise Stopped(f"its second address {why}")
        return other


def _classic(transaction_id: bytes, mapped: Mapped, other: Mapped | None) -> bytes:
    attributes = _address(MAPPED_ADDRESS, mapped) + (_address(CHANGED_ADDRESS, other) if other else b"")
    return struct.pack("!HH", BINDING_SUCCESS, len(attributes)) + transaction_id + attributes


def _address(attribute: int, mapped: Mapped) -> bytes:
    return struct.pack("!HHBBH", attribute, 8, 0, 1, mapped.port) + mapped.address.packed
